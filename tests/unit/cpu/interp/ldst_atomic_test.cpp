// The exclusive monitor, the faults of atomics, and atomics of two vCPUs on two threads.
#include <thread>

#include "tests/unit/cpu/interp/ldst_machine.h"

namespace quince::test {
namespace {

using M = LdstMachine;

constexpr u32 kLdxr = 0xc85f7c20;      // ldxr x0, [x1]
constexpr u32 kStxr = 0xc8027c23;      // stxr w2, x3, [x1]
constexpr u32 kStxrOther = 0xc8027cc3; // stxr w2, x3, [x6]
constexpr u32 kLdxrW = 0x885f7c20;     // ldxr w0, [x1]
constexpr u32 kLdxpW = 0x887f1424;     // ldxp w4, w5, [x1]
constexpr u32 kLdaxp = 0xc87f9424;     // ldaxp x4, x5, [x1]
constexpr u32 kStlxp = 0xc8229c26;     // stlxp w2, x6, x7, [x1]
constexpr u32 kClrex = 0xd5033f5f;     // clrex
constexpr u32 kLdadd = 0xf8220023;     // ldadd x2, x3, [x1]
constexpr u32 kLdaddalW = 0xb8e20023;  // ldaddal w2, w3, [x1]
constexpr u32 kLdsmaxH = 0x78224023;   // ldsmaxh w2, w3, [x1]
constexpr u32 kCas = 0xc8a27c23;       // cas x2, x3, [x1]
constexpr u32 kCasahW = 0x48e27c23;    // casah w2, w3, [x1]
constexpr u32 kCaspW = 0x08227c24;     // casp w2, w3, w4, w5, [x1]
constexpr u32 kCaspalX = 0x4862fc24;   // caspal x2, x3, x4, x5, [x1]

class LdstAtomic : public ::testing::Test {
 protected:
  LdstAtomic() {
    s.x[1] = M::kData;
    s.x[2] = 55;  // status
    s.x[3] = 33;  // what is stored
    m.put<u64>(M::kData, 11);
  }
  u64 memory(u64 offset = 0) { return m.get<u64>(M::kData + offset); }

  M m;
  cpu::CpuState& s = m.vcpu().s;
};

void expect_abort(const Ending& e, u32 fsc, bool write, u64 far) {
  EXPECT_TRUE(e.abort()) << static_cast<unsigned>(e.ec);
  EXPECT_EQ(e.fsc, fsc);
  EXPECT_EQ(e.write, write);
  EXPECT_EQ(e.far, far);
}

// ---- The monitor

TEST_F(LdstAtomic, StoreExclusiveSucceedsOnce) {
  ASSERT_TRUE(m.run({kLdxr, kStxr}).fine());
  EXPECT_EQ(s.x[0], 11u);
  EXPECT_EQ(s.x[2], 0u);
  EXPECT_EQ(memory(), 33u);
  s.x[3] = 44;
  ASSERT_TRUE(m.run({kStxr}).fine());
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(memory(), 33u);
}

TEST_F(LdstAtomic, StoreExclusiveFailsAfterAChange) {
  ASSERT_TRUE(m.run({kLdxr}).fine());
  m.put<u64>(M::kData, 12);
  ASSERT_TRUE(m.run({kStxr}).fine());
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(memory(), 12u);
}

TEST_F(LdstAtomic, StoreExclusiveFailsAfterClrex) {
  ASSERT_TRUE(m.run({kLdxr, kClrex, kStxr}).fine());
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(memory(), 11u);
}

TEST_F(LdstAtomic, StoreExclusiveIsForTheSameSize) {
  ASSERT_TRUE(m.run({kLdxrW, kStxr}).fine());
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(memory(), 11u);
  ASSERT_TRUE(m.run({kLdxpW, kStxr}).fine());
  EXPECT_EQ(s.x[2], 0u);
  EXPECT_EQ(memory(), 33u);
}

TEST_F(LdstAtomic, MonitorIsForAPhysicalAddress) {
  s.x[6] = M::kData + 8;
  m.put<u64>(M::kData + 8, 11);
  ASSERT_TRUE(m.run({kLdxr, kStxrOther}).fine());
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(memory(8), 11u);
  s.x[6] = M::kAlias;
  ASSERT_TRUE(m.run({kLdxr, kStxrOther}).fine());
  EXPECT_EQ(s.x[2], 0u);
  EXPECT_EQ(memory(), 33u);
}

TEST_F(LdstAtomic, StoreThatFailsClearsTheMonitor) {
  s.x[6] = M::kData + 8;
  ASSERT_TRUE(m.run({kLdxr, kStxrOther, kStxr}).fine());
  EXPECT_EQ(s.x[2], 1u);
}

TEST_F(LdstAtomic, PairOfDoublewords) {
  m.put<u64>(M::kData + 8, 12);
  s.x[6] = 66, s.x[7] = 77;
  ASSERT_TRUE(m.run({kLdaxp, kStlxp}).fine());
  EXPECT_EQ(s.x[4], 11u);
  EXPECT_EQ(s.x[5], 12u);
  EXPECT_EQ(s.x[2], 0u);
  EXPECT_EQ(memory(), 66u);
  EXPECT_EQ(memory(8), 77u);
  ASSERT_TRUE(m.run({kLdaxp}).fine());
  m.put<u64>(M::kData + 8, 78);  // the upper half counts too
  ASSERT_TRUE(m.run({kStlxp}).fine());
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(memory(), 66u);
  EXPECT_EQ(memory(8), 78u);
}

TEST_F(LdstAtomic, StatusRegisterOverlap) {
  ASSERT_TRUE(m.run({kLdxr, 0xc8037c23}).fine());  // stxr w3, x3, [x1]
  EXPECT_EQ(memory(), 33u);
  EXPECT_EQ(s.x[3], 0u);
  ASSERT_TRUE(m.run({kLdxr, 0xc8017c22}).fine());  // stxr w1, x2, [x1]
  EXPECT_EQ(memory(), 55u);
  EXPECT_EQ(s.x[1], 0u);
}

TEST_F(LdstAtomic, ExclusivesInsideAGranule) {
  m.put<u64>(M::kData, 0x0807'0605'0403'0201);
  m.put<u64>(M::kData + 8, 0x100f'0e0d'0c0b'0a09);
  s.x[1] = M::kData + 5;
  ASSERT_TRUE(m.run({kLdxr}).fine());
  EXPECT_EQ(s.x[0], 0x0d0c'0b0a'0908'0706u);
  s.x[3] = 0x1111'1111'1111'1111;
  ASSERT_TRUE(m.run({kStxr}).fine());
  EXPECT_EQ(s.x[2], 0u);
  EXPECT_EQ(memory(), 0x1111'1105'0403'0201u);
  EXPECT_EQ(memory(8), 0x100f'0e11'1111'1111u);
  ASSERT_TRUE(m.run({kStxr}).fine());  // the monitor is open now
  EXPECT_EQ(s.x[2], 1u);
  ASSERT_TRUE(m.run({kLdxr}).fine());
  m.put<u8>(M::kData + 12, 0);  // the last of its bytes
  ASSERT_TRUE(m.run({kStxr}).fine());
  EXPECT_EQ(s.x[2], 1u);
}

TEST_F(LdstAtomic, ExclusivesFault) {
  s.sys.sctlr_el1 |= M::kSctlrNaa;  // of no use
  s.x[1] = M::kData + 9;
  expect_abort(m.run({kLdxr}), kAlignment, false, M::kData + 9);
  expect_abort(m.run({kStxr}), kAlignment, true, M::kData + 9);
  s.sys.sctlr_el1 ^= M::kSctlrNaa | M::kSctlrA;
  s.x[1] = M::kData + 4;
  expect_abort(m.run({kLdxr}), kAlignment, false, M::kData + 4);
  s.sys.sctlr_el1 ^= M::kSctlrA;
  s.x[1] = M::kData + 8;
  expect_abort(m.run({kLdaxp}), kAlignment, false, M::kData + 8);
  s.x[1] = M::kReadOnly;
  ASSERT_TRUE(m.run({kLdxr}).fine());
  expect_abort(m.run({kStxr}), kPermissionL3, true, M::kReadOnly);
  EXPECT_EQ(s.x[2], 55u);
  EXPECT_TRUE(s.excl_valid);
}

// ---- Atomics

TEST_F(LdstAtomic, AtomicsNeedWritePermission) {
  s.x[1] = M::kReadOnly;
  m.put<u64>(M::kReadOnly, 11);
  expect_abort(m.run({kLdadd}), kPermissionL3, true, M::kReadOnly);
  expect_abort(m.run({kCas}), kPermissionL3, true, M::kReadOnly);  // 55 is not there
  EXPECT_EQ(m.get<u64>(M::kReadOnly), 11u);
  EXPECT_EQ(s.x[3], 33u);
  s.x[1] = M::kEnd;  // a read would fault as well
  expect_abort(m.run({kLdadd}), kTranslationL3, false, M::kEnd);
}

TEST_F(LdstAtomic, AtomicsInsideAGranule) {
  m.put<u64>(M::kData, 0x0807'0605'0403'0201);
  m.put<u64>(M::kData + 8, 0x100f'0e0d'0c0b'0a09);
  s.x[1] = M::kData + 7;
  s.x[2] = 0xffff'ffff;
  ASSERT_TRUE(m.run({kLdaddalW}).fine());
  EXPECT_EQ(s.x[3], 0x0b0a'0908u);
  EXPECT_EQ(memory(), 0x0707'0605'0403'0201u);
  EXPECT_EQ(memory(8), 0x100f'0e0d'0c0b'0a09u);
  s.x[2] = 0x7fff;
  ASSERT_TRUE(m.run({kLdsmaxH}).fine());
  EXPECT_EQ(s.x[3], 0x0907u);
  EXPECT_EQ(m.get<u16>(M::kData + 7), 0x7fffu);
  s.x[2] = 0x7fff, s.x[3] = 0x1234;
  ASSERT_TRUE(m.run({kCasahW}).fine());
  EXPECT_EQ(s.x[2], 0x7fffu);
  EXPECT_EQ(m.get<u16>(M::kData + 7), 0x1234u);
  s.x[3] = 0x5678;
  ASSERT_TRUE(m.run({kCasahW}).fine());  // expects 0x7fff still
  EXPECT_EQ(s.x[2], 0x1234u);
  EXPECT_EQ(m.get<u16>(M::kData + 7), 0x1234u);
  s.x[1] = M::kData + 13;
  expect_abort(m.run({kLdaddalW}), kAlignment, true, M::kData + 13);
  s.sys.sctlr_el1 |= M::kSctlrNaa;  // not for atomics
  expect_abort(m.run({kLdaddalW}), kAlignment, true, M::kData + 13);
}

TEST(LdstAtomicWithoutLse2, AtomicsAndExclusivesAreAligned) {
  M m(false);
  m.vcpu().s.sys.sctlr_el1 |= M::kSctlrNaa;
  m.vcpu().s.x[1] = M::kData + 4;
  expect_abort(m.run({kLdxr}), kAlignment, false, M::kData + 4);
  expect_abort(m.run({kStxr}), kAlignment, true, M::kData + 4);
  expect_abort(m.run({kLdadd}), kAlignment, true, M::kData + 4);
}

TEST_F(LdstAtomic, CompareAndSwapPairs) {
  m.put<u64>(M::kData, 0x0000'0002'0000'0001);
  s.x[2] = 1, s.x[3] = 2, s.x[4] = 3, s.x[5] = 4;
  ASSERT_TRUE(m.run({kCaspW}).fine());
  EXPECT_EQ(memory(), 0x0000'0004'0000'0003u);
  EXPECT_EQ(s.x[2], 1u);
  EXPECT_EQ(s.x[3], 2u);
  m.put<u64>(M::kData + 8, 9);
  ASSERT_TRUE(m.run({kCaspalX}).fine());  // does not match, so loads
  EXPECT_EQ(s.x[2], 0x0000'0004'0000'0003u);
  EXPECT_EQ(s.x[3], 9u);
  ASSERT_TRUE(m.run({kCaspalX}).fine());
  EXPECT_EQ(memory(), 3u);
  EXPECT_EQ(memory(8), 4u);
  EXPECT_TRUE(m.run({kCaspalX | 1u << 16}).undefined());  // Rs is odd
  EXPECT_TRUE(m.run({kCaspalX | 1u}).undefined());        // Rt is odd
  s.x[1] = M::kData + 8;
  expect_abort(m.run({kCaspalX}), kAlignment, true, M::kData + 8);
}

// ---- Two vCPUs

constexpr u64 kRounds = 20'000;

/// Runs a loop that both vCPUs leave after kRounds rounds (X3) on one location (X1).
void run_on_both(M& m, std::initializer_list<u32> code) {
  m.connect();
  m.place(code);
  for (unsigned i = 0; i < 2; ++i) {
    m.vcpu(i).s.x[1] = M::kData;
    m.vcpu(i).s.x[2] = 1;
    m.vcpu(i).s.x[3] = kRounds;
  }
  Ending other{};
  std::thread second([&] { other = m.run_placed(m.vcpu(1)); });
  const Ending mine = m.run_placed(m.vcpu(0));
  second.join();
  EXPECT_TRUE(mine.fine());
  EXPECT_TRUE(other.fine());
}

TEST_F(LdstAtomic, TwoVcpusCountWithExclusives) {
  run_on_both(m, {0xc85f7c20,    // ldxr x0, [x1]
                  0x91000400,    // add x0, x0, #1
                  0xc8027c20,    // stxr w2, x0, [x1]
                  0x35ffffa2,    // cbnz w2, back to ldxr
                  0xd1000463,    // sub x3, x3, #1
                  0xb5ffff63});  // cbnz x3, back to ldxr
  EXPECT_EQ(memory(), 11 + 2 * kRounds);
}

TEST_F(LdstAtomic, TwoVcpusCountWithAtomics) {
  run_on_both(m, {0xf8220020,    // ldadd x2, x0, [x1]
                  0xd1000463,    // sub x3, x3, #1
                  0xb5ffffc3});  // cbnz x3, back to ldadd
  EXPECT_EQ(memory(), 11 + 2 * kRounds);
}

// With plain stores into the same granule, at which the other's store exclusive fails.
TEST_F(LdstAtomic, TwoVcpusWatchEachOthersWrites) {
  for (unsigned i = 0; i < 2; ++i) m.vcpu(i).s.x[4] = 1;
  run_on_both(m, {0xc85f7c20,    // ldxr x0, [x1]
                  0x91000400,    // add x0, x0, #1
                  0xc8027c20,    // stxr w2, x0, [x1]
                  0x35ffffa2,    // cbnz w2, back to ldxr
                  0xf9000423,    // str x3, [x1, #8]
                  0xf8240020,    // ldadd x4, x0, [x1]
                  0xf9000423,    // str x3, [x1, #8]
                  0xd1000463,    // sub x3, x3, #1
                  0xb5ffff03});  // cbnz x3, back to ldxr
  EXPECT_EQ(memory(), 11 + 4 * kRounds);
}

// Ordered accesses that are misaligned inside a granule are never torn: both vCPUs invert a
// doubleword of zeros or ones and look at what they read.
TEST_F(LdstAtomic, TwoVcpusSeeMisalignedOrderedAccessesWhole) {
  m.put<u64>(M::kData, 0), m.put<u64>(M::kData + 8, 0);
  for (unsigned i = 0; i < 2; ++i) m.vcpu(i).s.x[4] = M::kData + 5, m.vcpu(i).s.x[7] = 0;
  run_on_both(m, {0xc8dffc80,    // ldar x0, [x4]
                  0x91000405,    // add x5, x0, #1
                  0xd341fca5,    // lsr x5, x5, #1
                  0xaa0500e7,    // orr x7, x7, x5
                  0xaa2003e0,    // mvn x0, x0
                  0xc89ffc80,    // stlr x0, [x4]
                  0xd1000463,    // sub x3, x3, #1
                  0xb5ffff23});  // cbnz x3, back to ldar
  for (unsigned i = 0; i < 2; ++i) EXPECT_EQ(m.vcpu(i).s.x[7], 0u);
  EXPECT_EQ(memory() & low_mask(40), 0u);
  EXPECT_EQ(memory(8) >> 40, 0u);
}

TEST_F(LdstAtomic, TwoVcpusCountWithExclusivePairs) {
  run_on_both(m, {0xc87f1424,    // ldxp x4, x5, [x1]
                  0x91000484,    // add x4, x4, #1
                  0xd10004a5,    // sub x5, x5, #1
                  0xc8221424,    // stxp w2, x4, x5, [x1]
                  0x35ffff82,    // cbnz w2, back to ldxp
                  0xd1000463,    // sub x3, x3, #1
                  0xb5ffff43});  // cbnz x3, back to ldxp
  EXPECT_EQ(memory(), 11 + 2 * kRounds);
  EXPECT_EQ(memory(8), u64{0} - 2 * kRounds);
}

TEST_F(LdstAtomic, TwoVcpusCountWithCompareAndSwapPairs) {
  run_on_both(m, {0xa9401c26,    // ldp x6, x7, [x1]
                  0x910004c8,    // add x8, x6, #1
                  0xd10004e9,    // sub x9, x7, #1
                  0xaa0603ea,    // mov x10, x6
                  0xaa0703eb,    // mov x11, x7
                  0x48267c28,    // casp x6, x7, x8, x9, [x1]
                  0xeb0a00df,    // cmp x6, x10
                  0xfa4b00e0,    // ccmp x7, x11, #0, eq
                  0x54ffff01,    // b.ne back to ldp
                  0xd1000463,    // sub x3, x3, #1
                  0xb5fffec3});  // cbnz x3, back to ldp
  EXPECT_EQ(memory(), 11 + 2 * kRounds);
  EXPECT_EQ(memory(8), u64{0} - 2 * kRounds);
}

}  // namespace
}  // namespace quince::test
