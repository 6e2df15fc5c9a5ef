// The operands of TLBI instructions.
#include "cpu/mmu/tlbi.h"

#include <gtest/gtest.h>

#include "base/bits.h"

namespace quince::cpu {
namespace {

using Kind = TlbInvalidation::Kind;

TEST(TlbiDecode, All) {
  const TlbInvalidation i = decode_tlbi(TlbiOp::VMALLE1, ~u64{0}, true);
  EXPECT_EQ(i, TlbInvalidation{.kind = Kind::All});
}

TEST(TlbiDecode, Asid) {
  EXPECT_EQ(decode_tlbi(TlbiOp::ASIDE1, 0xabcd'ffff'ffff'ffff, true),
            (TlbInvalidation{.kind = Kind::Asid, .asid = 0xabcd}));
  EXPECT_EQ(decode_tlbi(TlbiOp::ASIDE1, 0xabcd'0000'0000'0000, false).asid, 0xcd);
}

TEST(TlbiDecode, ByAddress) {
  struct Row {
    TlbiOp op;
    bool any_asid, last_level;
  };
  for (const Row& r : {Row{TlbiOp::VAE1, false, false}, Row{TlbiOp::VAAE1, true, false},
                       Row{TlbiOp::VALE1, false, true}, Row{TlbiOp::VAALE1, true, true}})
    for (unsigned ttl = 0; ttl < 16; ++ttl) {
      const u64 hint = u64{ttl} << 44;
      const TlbInvalidation low = decode_tlbi(r.op, 0x0012'0000'1234'5678 | hint, true);
      EXPECT_EQ(low, (TlbInvalidation{.kind = Kind::Va,
                                      .first = VirtAddr(0x123'4567'8000),
                                      .last = VirtAddr(0x123'4567'8fff),
                                      .asid = static_cast<u16>(r.any_asid ? 0 : 0x12),
                                      .any_asid = r.any_asid,
                                      .last_level_only = r.last_level}));
      // VA<55:12> of 0xffff_fe00_0700_0000: bit 55 is the sign.
      const TlbInvalidation high = decode_tlbi(r.op, 0x0000'0fff'e000'7000 | hint, false);
      EXPECT_EQ(high.first.raw(), 0xffff'fe00'0700'0000u);
      EXPECT_EQ(high.last.raw(), 0xffff'fe00'0700'0fffu);
    }
  EXPECT_EQ(decode_tlbi(TlbiOp::VAE1, low_mask(44), true).last.raw(), ~u64{0});
}

u64 range_operand(u64 asid, u64 tg, u64 scale, u64 num, u64 ttl, u64 base) {
  return asid << 48 | tg << 46 | scale << 44 | num << 39 | ttl << 37 | base;
}

TEST(TlbiDecode, Ranges) {
  struct Row {
    u64 tg, scale, num, base;  // base: BaseADDR
    u64 first, last;
  };
  const Row rows[] = {
      {1, 0, 0, 0x1234, 0x123'4000, 0x123'5fff},       // 2 pages
      {1, 0, 31, 0, 0, 64 * 4 * KiB - 1},              // 64
      {1, 1, 0, 0, 0, 64 * 4 * KiB - 1},               // 64
      {1, 3, 31, 0, 0, (u64{1} << 21) * 4 * KiB - 1},  // 2M
      {2, 0, 0, 0x1234, 0x48d'0000, 0x48d'7fff},       // 16 KiB
      {2, 2, 4, 0, 0, 5 * 2048 * 16 * KiB - 1},
      {3, 0, 1, 0x10, 0x10'0000, 0x13'ffff},  // 64 KiB
      {3, 3, 31, 0, 0, (u64{1} << 21) * 64 * KiB - 1},
      // The upper half: BaseADDR's top bit is the sign.
      {1, 0, 0, 0x1f'ffff'0000, 0xffff'ffff'f000'0000, 0xffff'ffff'f000'1fff},
      {2, 0, 0, 0x1f'f800'1c00, 0xffff'fe00'0700'0000, 0xffff'fe00'0700'7fff},
      {3, 0, 0, 0x10'0000'0000, 0xfff0'0000'0000'0000, 0xfff0'0000'0001'ffff},
      // Ranges that leave their half end with it.
      {1, 0, 31, 0x1f'ffff'ffff, 0xffff'ffff'ffff'f000, ~u64{0}},
      {1, 0, 0, 0x1f'ffff'fffe, 0xffff'ffff'ffff'e000, ~u64{0}},
      {3, 0, 31, 0x0f'ffff'ffff, 0x000f'ffff'ffff'0000, 0x000f'ffff'ffff'ffff},
  };
  for (const Row& r : rows)
    for (unsigned ttl = 0; ttl < 4; ++ttl) {
      const u64 xt = range_operand(0x1234, r.tg, r.scale, r.num, ttl, r.base);
      const TlbInvalidation i = decode_tlbi(TlbiOp::RVAE1, xt, false);
      EXPECT_EQ(i, (TlbInvalidation{.kind = Kind::Va,
                                    .first = VirtAddr(r.first),
                                    .last = VirtAddr(r.last),
                                    .asid = 0x34}))
          << "row " << &r - rows;
    }
}

TEST(TlbiDecode, RangeForms) {
  const u64 xt = range_operand(0x1234, 2, 0, 0, 0, 0x99);
  const TlbInvalidation va = decode_tlbi(TlbiOp::RVAE1, xt, true);
  EXPECT_FALSE(va.any_asid || va.last_level_only);
  EXPECT_EQ(va.asid, 0x1234);
  const TlbInvalidation vaa = decode_tlbi(TlbiOp::RVAAE1, xt, true);
  EXPECT_TRUE(vaa.any_asid && !vaa.last_level_only);
  const TlbInvalidation val = decode_tlbi(TlbiOp::RVALE1, xt, true);
  EXPECT_TRUE(!val.any_asid && val.last_level_only);
  const TlbInvalidation vaal = decode_tlbi(TlbiOp::RVAALE1, xt, true);
  EXPECT_TRUE(vaal.any_asid && vaal.last_level_only);
  for (const TlbiOp op : {TlbiOp::RVAE1, TlbiOp::RVAAE1, TlbiOp::RVALE1, TlbiOp::RVAALE1})
    EXPECT_EQ(decode_tlbi(op, range_operand(1, 0, 3, 31, 0, 0), true).kind, Kind::None)
        << "TG = 0 is reserved";
}

TEST(TlbiCovers, AddressesAndAsids) {
  TlbInvalidation i{
      .kind = Kind::Va, .first = VirtAddr(0x4000), .last = VirtAddr(0x4fff), .asid = 7};
  EXPECT_TRUE(i.covers(VirtAddr(0x4000), 12, true, 7));
  EXPECT_FALSE(i.covers(VirtAddr(0x4000), 12, true, 8));
  EXPECT_TRUE(i.covers(VirtAddr(0x4000), 12, false, 8)) << "global";
  EXPECT_FALSE(i.covers(VirtAddr(0x3000), 12, true, 7));
  EXPECT_FALSE(i.covers(VirtAddr(0x5000), 12, true, 7));
  EXPECT_TRUE(i.covers(VirtAddr(0), 21, true, 7)) << "a block around it";
  i.any_asid = true;
  EXPECT_TRUE(i.covers(VirtAddr(0x4000), 12, true, 8));
  i = {.kind = Kind::Asid, .asid = 7};
  EXPECT_TRUE(i.covers(VirtAddr(0x4000), 12, true, 7));
  EXPECT_FALSE(i.covers(VirtAddr(0x4000), 12, false, 7)) << "global";
  EXPECT_FALSE(TlbInvalidation{}.covers(VirtAddr(0), 12, true, 0));
  EXPECT_TRUE(TlbInvalidation{.kind = Kind::All}.covers(VirtAddr(0), 12, true, 0));
}

}  // namespace
}  // namespace quince::cpu
