// The CPACR_EL1.FPEN trap against unallocated encodings, by every row of the table.
#include <random>
#include <string_view>

#include "cpu/a64/table.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;

constexpr int kFpAccess = 0x07;
constexpr u64 kRam = 0x10'0000;

/// What a vector register holds.
constexpr VReg vector_of(unsigned i) { return {{0x0101'0101'0101'0101u * i, i}}; }

bool fp_group(std::string_view group) {
  for (const char* g : {"fp", "simd_fp", "simd_int", "crypto", "ldst_simd", "ldst_struct"})
    if (group == g) return true;
  return false;
}

struct FpTrap : ::testing::Test {
  Bench b{"max"};

  /// Runs one instruction with known registers; the class of its exception, or -1.
  int run(u32 insn, u64 fpen) {
    b.restart();
    b.c->s.sys.cpacr_el1 = fpen << 20;
    b.c->context_changed();
    for (unsigned i = 0; i < 31; ++i) b.c->s.x[i] = kRam + 64 * i;
    for (unsigned i = 0; i < 32; ++i) b.c->s.v[i] = vector_of(i);
    b.c->s.sp = kRam;
    b.run({insn}, 2);
    return b.exception();
  }
};

// What is UNDEFINED with the trap off is UNDEFINED with it on, and all else is trapped before it
// has done anything.
TEST_F(FpTrap, UnallocatedEncodingsAreUndefinedFirst) {
  std::mt19937 rng(1);
  unsigned reserved = 0, trapped = 0;
  for (const a64::RowInfo& row : a64::rows()) {
    if (!fp_group(row.group)) continue;
    for (unsigned n = 0; n < 24; ++n) {
      const u32 insn = (static_cast<u32>(rng()) & ~row.enc.mask) | row.enc.value;
      if (a64::decode_row(insn) < 0) continue;
      const bool undefined = run(insn, 3) == static_cast<int>(ExceptionClass::Unknown);
      ++(undefined ? reserved : trapped);
      ASSERT_EQ(run(insn, 0), undefined ? static_cast<int>(ExceptionClass::Unknown) : kFpAccess)
          << row.id << fmt::format(" {:08x}", insn);
      if (undefined) continue;
      ASSERT_EQ(b.iss(), 0x1e0'0000u);
      ASSERT_EQ(b.c->s.sys.elr_el1, test::kCode);
      for (unsigned i = 0; i < 31; ++i) ASSERT_EQ(b.c->s.x[i], kRam + 64 * i) << row.id;
      for (unsigned i = 0; i < 32; ++i) ASSERT_EQ(b.c->s.v[i], vector_of(i)) << row.id;
      ASSERT_EQ(b.c->s.fpsr, 0u) << row.id;
    }
  }
  EXPECT_GT(reserved, 200u);  // the table does have such encodings
  EXPECT_GT(trapped, 10'000u);
}

// Writes nothing and reads nothing: the access would fault.
TEST_F(FpTrap, ComesBeforeTheAccess) {
  EXPECT_EQ(run(0x3dc0'0000, 0), kFpAccess);  // LDR Q0, [X0]
  EXPECT_EQ(run(0x4c40'8000, 0), kFpAccess);  // LD2 {V0.16B, V1.16B}, [X0]
  EXPECT_EQ(run(0x0c40'8c00, 0), 0);          // LD2 {V0.1D, V1.1D}, [X0]: unallocated
  EXPECT_EQ(run(0x0c00'0c00, 0), 0);          // ST4 of 1D: unallocated
}

}  // namespace
}  // namespace quince::cpu
