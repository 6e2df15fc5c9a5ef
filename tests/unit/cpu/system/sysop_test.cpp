// Address translation, cache and TLB maintenance instructions.
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;

// Level 3 descriptors: valid page, AF, inner shareable, attribute index 0.
constexpr u64 kPage = 3 | 1u << 10 | 3u << 8;
constexpr u64 kMmu = 1, kCached = kMmu | 1u << 2;  // SCTLR_EL1.M, and C too
constexpr u64 kUser = 1u << 6, kReadOnly = 1u << 7, kDevice = 1u << 2;

/// 4 KiB granule, 39-bit addresses (three levels), one table each at 0x10000, 0x11000, 0x12000.
/// Attribute 0 is Normal write-back, 1 is Device-nGnRE.
struct MmuCpu : Bench {
  explicit MmuCpu(const char* option = "") : Bench(option) {
    store64(0x10000, 0x11003);
    store64(0x11000, 0x12003);
    map(0x1000, 0x1000 | kPage);
    map(0x2000, 0x20'2000 | kPage);
    map(0x3000, 0x20'3000 | kPage | kUser);
    map(0x4000, 0x20'4000 | kPage | kReadOnly);
    map(0x5000, 0x20'5000 | kPage | kDevice);
    map(0x6000, 0x20'6000 | kPage | kUser | kReadOnly);
    map(0x8000, 0x8000 | kPage);
    set("MAIR_EL1", 0x04ff);
    set("TCR_EL1", 25 | 25 << 16 | 1u << 23 | u64{2} << 32);
    set("TTBR0_EL1", 0x10000);
    set("SCTLR_EL1", kCached);
  }
  void map(u64 va, u64 descriptor) { store64(0x12000 + va / 4096 * 8, descriptor); }
  u64 at(const char* op, u64 va) {
    set(op, va);
    return c->s.sys.par_el1;
  }
};

constexpr u64 kRes1 = 1u << 11, kNs = 1u << 9;

TEST(AddressTranslate, Success) {
  MmuCpu b;
  EXPECT_EQ(b.at("at s1e1r", 0x2345), 0xff00'0000'0020'2000u | kRes1 | kNs | 3u << 7);
  EXPECT_EQ(b.at("at s1e1w", 0x2345), 0xff00'0000'0020'2000u | kRes1 | kNs | 3u << 7);
  EXPECT_EQ(b.at("at s1e0w", 0x3fff), 0xff00'0000'0020'3000u | kRes1 | kNs | 3u << 7);
  EXPECT_EQ(b.at("at s1e1r", 0x5000), 0x0400'0000'0020'5000u | kRes1 | kNs | 2u << 7);
}

// With SCTLR_EL1.C clear Normal memory is Non-cacheable and thus Outer Shareable; Device memory is what
// it was.
TEST(AddressTranslate, CachesOff) {
  MmuCpu b;
  b.set("SCTLR_EL1", kMmu);
  for (const char* op : {"at s1e1r", "at s1e1w", "at s1e1rp", "at s1e1wp"}) {
    EXPECT_EQ(b.at(op, 0x2345), 0x4400'0000'0020'2000u | kRes1 | kNs | 2u << 7) << op;
    EXPECT_EQ(b.at(op, 0x5000), 0x0400'0000'0020'5000u | kRes1 | kNs | 2u << 7) << op;
  }
  EXPECT_EQ(b.at("at s1e0r", 0x3000), 0x4400'0000'0020'3000u | kRes1 | kNs | 2u << 7);
  EXPECT_EQ(b.at("at s1e1r", 0x7000), kRes1 | 0x07u << 1 | 1);
  b.set("SCTLR_EL1", kCached);
  EXPECT_EQ(b.at("at s1e1r", 0x2345), 0xff00'0000'0020'2000u | kRes1 | kNs | 3u << 7);
  b.set("SCTLR_EL1", 0);  // without an MMU all data is Device-nGnRnE, whatever C says
  EXPECT_EQ(b.at("at s1e1r", 0x2345), 0x2000u | kRes1 | kNs | 2u << 7);
}

TEST(AddressTranslate, Faults) {
  MmuCpu b;
  EXPECT_EQ(b.at("at s1e1r", 0x7000), kRes1 | 0x07u << 1 | 1);  // translation, level 3
  EXPECT_EQ(b.at("at s1e0r", 0x2000), kRes1 | 0x0fu << 1 | 1);  // permission, level 3
  EXPECT_EQ(b.at("at s1e1w", 0x4000), kRes1 | 0x0fu << 1 | 1);
  EXPECT_EQ(b.at("at s1e0w", 0x6000), kRes1 | 0x0fu << 1 | 1);
  EXPECT_EQ(b.at("at s1e1r", 0x4000'0000), kRes1 | 0x05u << 1 | 1);            // level 1
  EXPECT_EQ(b.at("at s1e1r", 0xffff'ff80'0000'0000), kRes1 | 0x04u << 1 | 1);  // EPD1: level 0
  EXPECT_EQ(b.exception(), -1);
}

TEST(AddressTranslate, Pan) {
  MmuCpu b;
  b.c->set_pan(true);
  EXPECT_EQ(b.at("at s1e1r", 0x3000) & 1, 0u);
  EXPECT_EQ(b.at("at s1e1rp", 0x3000), kRes1 | 0x0fu << 1 | 1);
  EXPECT_EQ(b.at("at s1e1wp", 0x3000), kRes1 | 0x0fu << 1 | 1);
  b.c->set_pan(false);
  EXPECT_EQ(b.at("at s1e1wp", 0x3000) & 1, 0u);
}

TEST(AddressTranslate, ExternalAbortOnWalkIsTaken) {
  MmuCpu b;
  b.store64(0x11008, 0x3fff'f003);  // a table where there is no memory
  EXPECT_TRUE(b.write("at s1e1r", 0x20'0000));
  EXPECT_EQ(b.exception(), 0x25);
  EXPECT_EQ(b.iss() & 0x1ff, 0x17u | 1u << 6 | 1u << 8);  // level 3, WnR, CM
  EXPECT_EQ(b.c->s.sys.far_el1, 0x20'0000u);
}

TEST(CacheMaintenance, TranslatesAndFaults) {
  MmuCpu b;
  for (const char* op : {"dc cvac", "dc cvau", "dc civac", "dc cvap", "dc cvadp", "ic ivau"}) {
    b.c->s.pc = kCode;
    EXPECT_TRUE(b.write(op, 0x4010)) << op;
    EXPECT_EQ(b.exception(), -1) << op;
    b.write(op, 0x7010);
    EXPECT_EQ(b.exception(), 0x25) << op;
    EXPECT_EQ(b.iss(), 0x07u | 1u << 6 | 1u << 8) << op;
    EXPECT_EQ(b.c->s.sys.far_el1, 0x7010u) << op;
  }
  b.c->s.pc = kCode;
  b.write("dc ivac", 0x4010);  // needs to write
  EXPECT_EQ(b.exception(), 0x25);
  EXPECT_EQ(b.iss(), 0x0fu | 1u << 6 | 1u << 8);
}

TEST(CacheMaintenance, FromEl0) {
  MmuCpu b;
  b.c->s.sys.sctlr_el1 |= 1u << 26 | 1u << 14;  // UCI, DZE
  b.set_el(0);
  EXPECT_TRUE(b.write("dc cvac", 0x6000));
  EXPECT_EQ(b.exception(), -1);
  b.write("dc cvac", 0x2000);
  EXPECT_EQ(b.exception(), 0x24);
  EXPECT_EQ(b.iss() & 0x3f, 0x0fu);
}

TEST(DcZva, ZeroesItsBlock) {
  MmuCpu b;
  std::memset(b.ram->data() + 0x20'2000, 0xaa, 4096);
  for (int i = 0; i < 2; ++i) {  // the second time with the translation cached
    std::memset(b.ram->data() + 0x20'2040, 0xaa, 64);
    b.set("dc zva", 0x207f);
    EXPECT_EQ(b.load64(0x20'2038), 0xaaaa'aaaa'aaaa'aaaau);
    for (u64 o = 0x40; o < 0x80; o += 8) EXPECT_EQ(b.load64(0x20'2000 + o), 0u);
    EXPECT_EQ(b.load64(0x20'2080), 0xaaaa'aaaa'aaaa'aaaau);
  }
}

TEST(DcZva, Faults) {
  MmuCpu b;
  std::memset(b.ram->data() + 0x20'4000, 0xaa, 8192);
  b.write("dc zva", 0x4033);
  EXPECT_EQ(b.exception(), 0x25);
  EXPECT_EQ(b.iss(), 0x0fu | 1u << 6);  // a write, not cache maintenance
  EXPECT_EQ(b.c->s.sys.far_el1, 0x4033u);
  b.c->s.pc = kCode;
  b.write("dc zva", 0x5010);  // Device memory
  EXPECT_EQ(b.exception(), 0x25);
  EXPECT_EQ(b.iss(), 0x21u | 1u << 6);
  EXPECT_EQ(b.load64(0x20'4000), 0xaaaa'aaaa'aaaa'aaaau);
  EXPECT_EQ(b.load64(0x20'5000), 0xaaaa'aaaa'aaaa'aaaau);
}

/// Remembers the last broadcast.
struct FakeSiblings final : Siblings {
  void broadcast(Vcpu&, const Maintenance& m) override {
    last = m;
    ++broadcasts;
  }
  void complete(Vcpu&) override {}
  bool completed(Vcpu&) override { return true; }
  void send_event(Vcpu&) override {}
  bool multiprocessor() const override { return true; }
  Maintenance last;
  unsigned broadcasts = 0;
};

TEST(Tlbi, DropsTranslations) {
  for (const char* op : {"tlbi vmalle1*", "tlbi vae1", "tlbi aside1", "tlbi vaae1", "tlbi vale1",
                         "tlbi vaale1", "tlbi vmalle1is*", "tlbi vae1is", "tlbi vae1os",
                         "tlbi rvae1", "tlbi rvaae1is", "tlbi rvaale1os"}) {
    MmuCpu b;
    b.map(0x2000, 0x20'2000 | kPage | 1u << 11);  // not global, for ASID 0
    b.store64(0x20'2000, 1), b.store64(0x20'3000, 2);
    u64 v = 0;
    EXPECT_TRUE(b.c->load(0x2000, v));
    EXPECT_EQ(v, 1u);
    b.map(0x2000, 0x20'3000 | kPage);
    const std::string_view name = op;
    // A range: 4 KiB granule, SCALE 0, NUM 0, from page 2.
    const u64 operand = name.find("rv") != name.npos      ? u64{1} << 46 | 2
                        : name.find("aside") != name.npos ? 0
                                                          : 2;
    b.set(op, operand);
    EXPECT_TRUE(b.c->load(0x2000, v));
    EXPECT_EQ(v, 2u) << op;
  }
}

TEST(Tlbi, OnlyTheShareableFormsAreBroadcast) {
  FakeSiblings siblings;
  MmuCpu b;
  b.ports.siblings = &siblings;
  b.reconnect();
  for (const char* op : {"tlbi vmalle1*", "tlbi vae1", "tlbi rvaale1", "ic iallu*"}) b.set(op, 2);
  EXPECT_EQ(siblings.broadcasts, 0u);
  b.set("tlbi vae1is", u64{5} << 48 | 2);
  EXPECT_EQ(siblings.broadcasts, 1u);
  EXPECT_EQ(siblings.last.tlb, decode_tlbi(TlbiOp::VAE1, u64{5} << 48 | 2, false));
  b.set("TCR_EL1", u64{1} << 36);  // 16-bit ASIDs
  b.set("tlbi vaale1os", 7);
  EXPECT_EQ(siblings.last.tlb, decode_tlbi(TlbiOp::VAALE1, 7, true));
  b.set("tlbi rvale1is", u64{1} << 46 | 2);
  EXPECT_EQ(siblings.last.tlb, decode_tlbi(TlbiOp::RVALE1, u64{1} << 46 | 2, true));
  EXPECT_EQ(siblings.last.kind, Maintenance::Kind::Tlb);
  b.set("ic ialluis*", 0);
  EXPECT_EQ(siblings.last.kind, Maintenance::Kind::AllCode);
  b.set("ic ivau", 0x1234);
  EXPECT_EQ(siblings.last.kind, Maintenance::Kind::CodePage);
  EXPECT_EQ(siblings.last.page, PhysAddr(0x1000));
  EXPECT_EQ(siblings.broadcasts, 5u);
}

TEST(IcIvau, FindsChangedCode) {
  Bench b;
  constexpr u32 kMov1 = 0xd280'0020, kMov2 = 0xd280'0040;  // MOV X0, #1 or #2
  b.run({kMov1});
  EXPECT_EQ(b.c->s.x[0], 1u);
  store_le(b.ram->data() + kCode, kMov2);
  b.c->s.pc = kCode;
  b.c->run(10);
  EXPECT_EQ(b.c->s.x[0], 1u);  // decoded before: DIC is 0
  b.set("ic ivau", kCode + 0x10);
  b.c->s.pc = kCode;
  b.c->run(10);
  EXPECT_EQ(b.c->s.x[0], 2u);
  store_le(b.ram->data() + kCode, kMov1);
  b.set("ic iallu*", 0);
  b.c->s.pc = kCode;
  b.c->run(10);
  EXPECT_EQ(b.c->s.x[0], 1u);
}

/// A CPU that another one turns on has mail from before: the DSB of its sender waits for it.
TEST(Maintenance, OutlivesAReset) {
  Bench b;
  b.c->post_maintenance({.kind = Maintenance::Kind::AllCode});
  EXPECT_NE(b.c->maintenance_applied(), b.c->maintenance_posted());
  b.c->reset(kCode, true);
  b.run({});
  EXPECT_EQ(b.c->maintenance_applied(), b.c->maintenance_posted());
}

}  // namespace
}  // namespace quince::cpu
