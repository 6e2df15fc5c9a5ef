// Alignment on the vCPU: of Device memory, which a page that is in use does not lose and both pages of an
// access have (Arm ARM DDI 0487, B2.7.2), and of SP, by exception level (D1.3.4).
#include <fmt/core.h>

#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;
using test::kCode;

constexpr u64 kTables = 0x10000, kNormal = 0x20000, kDevice = 0x21000, kAfter = 0x22000;
constexpr u64 kPage = 0x703, kForEl0 = 1 << 6, kReadOnly = 1 << 7, kAttr1 = 1 << 2;
constexpr u32 kLdrX1X0 = 0xf940'0001, kStrX1X0 = 0xf900'0001, kLdrX1Sp = 0xf940'03e1;
constexpr u32 kLdrX3X2 = 0xf940'0043, kStrX3X2 = 0xf900'0043;
constexpr int kDataAbortLower = 0x24, kSpAlignment = 0x26;

/// A page of Device memory between two of Normal memory; RAM is behind all of them.
struct AlignmentBench : Bench {
  explicit AlignmentBench(unsigned el, u64 sctlr = 0) {
    store64(kTables, (kTables + 0x1000) | 3);
    for (u64 page = 0; page < 0x20; ++page)
      store64(kTables + 0x1000 + 8 * page, page << 12 | kPage | kReadOnly | kForEl0);
    for (const u64 page : {kNormal, kDevice, kAfter})
      store64(kTables + 0x1000 + 8 * (page >> 12),
              page | kPage | kForEl0 | (page == kDevice ? kAttr1 : 0));
    restart(el);
    SysRegs& r = c->s.sys;
    r.ttbr0_el1 = kTables;
    r.mair_el1 = 0x00ff;
    r.tcr_el1 = 34 | u64{2} << 32;  // 30 bits: levels 2 and 3
    r.sctlr_el1 = 1 | u64{1} << 23 | sctlr;
    c->context_changed();
  }
  void expect_alignment_fault(unsigned el, bool write, u64 at, u64 elr) {
    EXPECT_EQ(exception(), kDataAbortLower + static_cast<int>(el));
    EXPECT_EQ(iss(), 0x21u | (write ? 1u << 6 : 0));
    EXPECT_EQ(c->s.sys.far_el1, at);
    EXPECT_EQ(c->s.sys.elr_el1, elr);
  }
};

TEST(Alignment, DeviceMemoryThatIsInUseIsStillChecked) {
  for (const unsigned el : {0u, 1u})
    for (const bool write : {false, true}) {
      SCOPED_TRACE(fmt::format("EL{} {}", el, write ? "write" : "read"));
      AlignmentBench b(el);
      b.c->s.x[0] = kDevice + 4;
      b.c->s.x[2] = kDevice + 8;
      b.run({write ? kStrX3X2 : kLdrX3X2, write ? kStrX1X0 : kLdrX1X0});
      b.expect_alignment_fault(el, write, kDevice + 4, kCode + 4);
    }
}

TEST(Alignment, EachPageOfAnAccessIsChecked) {
  for (const bool write : {false, true})
    for (const bool device_first : {false, true}) {
      SCOPED_TRACE(fmt::format("{}, Device memory {}", write ? "write" : "read",
                               device_first ? "first" : "second"));
      AlignmentBench b(1);
      const u64 at = device_first ? kAfter - 4 : kDevice - 4;
      b.store64(at, 99);
      b.c->s.x[0] = at;
      b.c->s.x[1] = 5;
      b.run({write ? kStrX1X0 : kLdrX1X0});
      b.expect_alignment_fault(1, write, device_first ? at : kDevice, kCode);
      EXPECT_EQ(b.load64(at), 99u);
      EXPECT_EQ(b.c->s.x[1], 5u);
    }
}

TEST(Alignment, NormalMemoryIsAnywhere) {
  AlignmentBench b(1);
  b.store64(kNormal + 0x104, 0x1122'3344'5566'7788);
  b.c->s.x[0] = kNormal + 0x104;
  b.run({kLdrX1X0});
  EXPECT_EQ(b.exception(), -1);
  EXPECT_EQ(b.c->s.x[1], 0x1122'3344'5566'7788u);
}

TEST(Alignment, OfSpIsByLevel) {
  constexpr u64 kSa = 1 << 3, kSa0 = 1 << 4;
  for (const unsigned el : {0u, 1u})
    for (const u64 on : {u64{0}, kSa, kSa0, kSa | kSa0})
      for (const u64 off : {0, 8}) {
        SCOPED_TRACE(fmt::format("EL{} SCTLR {:#x} SP + {}", el, on, off));
        AlignmentBench b(el, on);
        b.c->s.sp = kNormal + off;
        b.run({kLdrX1Sp});
        const bool checked = (on & (el == 0 ? kSa0 : kSa)) != 0;
        EXPECT_EQ(b.exception(), checked && off != 0 ? kSpAlignment : -1);
      }
}

}  // namespace
}  // namespace quince::cpu
