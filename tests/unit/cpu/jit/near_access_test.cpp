// Accesses that share a page pointer, and stores of several vectors, against the interpreter's: across the end of a page,
// and up to the end of memory.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "cpu/model.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

constexpr u64 kData = VcpuHarness::kDataBlock, kBytes = 0x2000;
constexpr u64 kSecondPage = kData + 0x1000, kEnd = kData + kBytes;

class NearAccess : public testing::Test {
 protected:
  void run(VcpuHarness& m, const std::vector<u32>& code, const std::array<u64, 32>& x) {
    for (std::size_t n = 0; n < code.size(); ++n) m.write_insn(VcpuHarness::kCode + 4 * n, code[n]);
    m.write_insn(VcpuHarness::kCode + 4 * code.size(), VcpuHarness::kBrk);
    m.code_changed();
    std::mt19937_64 random(11);
    for (int n = 0; n < 3; ++n) {  // what never ran is not translated
      for (u64 at = kData; at < kEnd; at += 8) {
        const u64 value = random();
        std::memcpy(m.host(at), &value, sizeof value);
      }
      m.prepare(VcpuHarness::kCode);
      auto& s = m.vcpu().s;
      s.x = x;
      for (auto& v : s.v)
        for (u64& half : v.d) half = random();
      constexpr u64 kEnough = 10'000;
      EXPECT_TRUE(m.run_to_exception(kEnough));
    }
  }
  /// `turns` go through a loop; true if it ended with an exception of memory.
  bool compare(const std::vector<u32>& code, const std::array<u64, 32>& x) {
    run(translated_, code, x);
    run(interpreted_, code, x);
    const auto &a = translated_.vcpu().s, &b = interpreted_.vcpu().s;
    EXPECT_EQ(a.x, b.x);
    EXPECT_EQ(std::memcmp(&a.v, &b.v, sizeof a.v), 0);
    EXPECT_EQ(a.sys.elr_el1, b.sys.elr_el1);
    EXPECT_EQ(translated_.exception_class(), interpreted_.exception_class());
    EXPECT_EQ(std::memcmp(translated_.host(kData), interpreted_.host(kData), kBytes), 0);
    return translated_.exception_class() != cpu::ExceptionClass::Brk;
  }

  const VcpuHarness::Translation translation_{};
  VcpuHarness translated_{*cpu::parse_cpu_model(""), kData, kBytes, &translation_};
  VcpuHarness interpreted_{*cpu::parse_cpu_model(""), kData, kBytes};
};

/// Elements that are read and written off a base and an index, whole, or 32 bits of it, shifted.
TEST_F(NearAccess, SumsOfTwoRegisters) {
  const std::vector<u32> code = {0xf8626a83, 0x8b020063, 0xf8226a83, 0xb8655a84, 0x0b030084,
                                 0xb8255a84, 0x91002042, 0x110004a5, 0xf10004c6, 0x54fffee1};
  for (u64 off = 0; off < 8; ++off)
    for (const u64 turns : {40u, 600u}) {
      std::array<u64, 32> x{};
      x[20] = kSecondPage - 100 + off;
      x[6] = turns;
      EXPECT_EQ(compare(code, x), turns == 600);
    }
}

TEST_F(NearAccess, Vectors) {
  // LDR and STR of Q off a sum, ST2 with write-back, ST3 and ST4, LDP of Q, ST1 of one element.
  const std::vector<u32> code = {0x3ce26a80, 0x4ee18400, 0x3ca26a80, 0x4c9f80e0,
                                 0x0c004500, 0x4c000900, 0xad400d02, 0x0d9f5902,
                                 0x91004042, 0xf10004c6, 0x54fffec1};
  for (u64 off = 0; off < 16; off += 3)
    for (const u64 turns : {10u, 300u}) {
      std::array<u64, 32> x{};
      x[20] = kSecondPage - 100 + off;
      x[7] = kSecondPage - 70 + off;
      x[8] = kSecondPage - 50 - off;
      x[6] = turns;
      EXPECT_EQ(compare(code, x), turns == 300);
    }
}

/// With write-back, where the base is one of too many registers for the host's.
TEST_F(NearAccess, WriteBackOfABaseInMemory) {
  const std::vector<u32> code = {0xa9ff368c, 0xf85f8e8e, 0x8b0c0000, 0x8b0d0021,
                                 0x8b0e0042, 0xca000063, 0xca010084, 0xca0200a5,
                                 0x8b0300e7, 0x8b040108, 0x8b050129, 0xca070000,
                                 0xca080021, 0xca090042, 0xf10004c6, 0x54fffe21};
  for (const u64 turns : {10u, 170u}) {
    std::array<u64, 32> x{};
    x[20] = kSecondPage + 100;
    x[6] = turns;
    EXPECT_FALSE(compare(code, x));
  }
}

/// The same place of the first level for both, since tags of addresses are above what its index takes.
TEST_F(NearAccess, PagesThatDisplaceEachOther) {
  const std::vector<u32> copy = {0xa9400680, 0xa9410e82, 0xa90006a0, 0xa9010ea2,
                                 0x91008294, 0x910082b5, 0xf10004c6, 0x54ffff21};
  // Who is read first and then written.
  const std::vector<u32> update = {0xf9400280, 0xf94002a1, 0xf90006a1, 0xf9400682,
                                   0x91008294, 0x910082b5, 0xf10004c6, 0x54ffff21};
  // LDR D0, [X20, X2]; LDR D1, [X21, X2]; FADD D0, D0, D1; STR D0, [X22, X2].
  const std::vector<u32> sums = {0xfc626a80, 0xfc626aa1, 0x1e612800, 0xfc226ac0,
                                 0x91002042, 0xf10004c6, 0x54ffff41};
  for (const auto& code : {copy, update, sums})
    for (u64 off = 0; off < 24; off += 5)
      for (const u64 turns : {30u, 120u, 2000u}) {
        std::array<u64, 32> x{};
        x[20] = kData + 0x800 + off;
        x[21] = (kData + 0x20) | u64{0x5a} << 56;
        x[22] = (kData + 0x7f8 + 2 * off) | u64{0xa5} << 56;
        x[6] = turns;
        EXPECT_EQ(compare(code, x), turns == 2000);
      }
}

}  // namespace
}  // namespace quince::test
