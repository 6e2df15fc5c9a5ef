// Loads and stores where the comparison with another implementation (tests/isa) cannot look:
// faults, page crossings, privilege, alignment.
#include <array>
#include <vector>

#include "tests/unit/cpu/interp/ldst_machine.h"

namespace quince::test {
namespace {

using cpu::ExceptionClass;
using M = LdstMachine;

constexpr u32 kLdr = 0xf9400022;        // ldr x2, [x1]
constexpr u32 kStr = 0xf9000022;        // str x2, [x1]
constexpr u32 kLdrPost = 0xf8408422;    // ldr x2, [x1], #8
constexpr u32 kStrPre = 0xf8010c22;     // str x2, [x1, #16]!
constexpr u32 kLdp = 0xa9400c22;        // ldp x2, x3, [x1]
constexpr u32 kLdpPost = 0xa8c10c22;    // ldp x2, x3, [x1], #16
constexpr u32 kLdpswPre = 0x69c10c22;   // ldpsw x2, x3, [x1, #8]!
constexpr u32 kStpPre = 0xa9bf0c22;     // stp x2, x3, [x1, #-16]!
constexpr u32 kLdpQPost = 0xacc10c22;   // ldp q2, q3, [x1], #32
constexpr u32 kLdpD = 0x6d400c22;       // ldp d2, d3, [x1]
constexpr u32 kStpD = 0x6d010c22;       // stp d2, d3, [x1, #16]
constexpr u32 kLd4Post = 0x4cdf0020;    // ld4 { v0.16b - v3.16b }, [x1], #64
constexpr u32 kSt4Post = 0x4c9f0020;    // st4 { v0.16b - v3.16b }, [x1], #64
constexpr u32 kLdtr = 0xf8400822;       // ldtr x2, [x1]
constexpr u32 kSttr = 0xf8000822;       // sttr x2, [x1]
constexpr u32 kLdar = 0xc8dffc20;       // ldar x0, [x1]
constexpr u32 kStlr = 0xc89ffc20;       // stlr x0, [x1]

class Ldst : public ::testing::Test {
 protected:
  M m;
  cpu::CpuState& s = m.vcpu().s;
};

void expect_abort(const Ending& e, u32 fsc, bool write, u64 far) {
  EXPECT_TRUE(e.abort()) << static_cast<unsigned>(e.ec);
  EXPECT_EQ(e.fsc, fsc);
  EXPECT_EQ(e.write, write);
  EXPECT_EQ(e.far, far);
  EXPECT_EQ(e.elr, M::kCode);
}

// ---- A fault leaves every register as it was

TEST_F(Ldst, LoadThatFaultsWritesNothing) {
  s.x[1] = M::kEnd;
  s.x[2] = 22;
  expect_abort(m.run({kLdrPost}), kTranslationL3, false, M::kEnd);
  EXPECT_EQ(s.x[1], M::kEnd);
  EXPECT_EQ(s.x[2], 22u);
}

TEST_F(Ldst, StoreThatFaultsDoesNotWriteBack) {
  s.x[1] = M::kEnd;
  expect_abort(m.run({kStrPre}), kTranslationL3, true, M::kEnd + 16);
  EXPECT_EQ(s.x[1], M::kEnd);
}

TEST_F(Ldst, PairWhoseSecondHalfFaults) {
  s.x[1] = M::kEnd - 8;
  s.x[2] = 22, s.x[3] = 33;
  m.put<u64>(M::kEnd - 8, 77);
  expect_abort(m.run({kLdpPost}), kTranslationL3, false, M::kEnd);
  EXPECT_EQ(s.x[1], M::kEnd - 8);
  EXPECT_EQ(s.x[2], 22u);
  EXPECT_EQ(s.x[3], 33u);
  s.x[1] = M::kEnd + 8;
  expect_abort(m.run({kStpPre}), kTranslationL3, true, M::kEnd);
  EXPECT_EQ(s.x[1], M::kEnd + 8);
}

TEST_F(Ldst, VectorPairWhoseSecondHalfFaults) {
  s.x[1] = M::kEnd - 16;
  s.v[2] = {{1, 2}}, s.v[3] = {{3, 4}};
  expect_abort(m.run({kLdpQPost}), kTranslationL3, false, M::kEnd);
  EXPECT_EQ(s.x[1], M::kEnd - 16);
  EXPECT_EQ(s.v[2], (cpu::VReg{{1, 2}}));
  EXPECT_EQ(s.v[3], (cpu::VReg{{3, 4}}));
}

TEST_F(Ldst, StructureThatFaultsInTheMiddle) {
  s.x[1] = M::kEnd - 33;
  for (unsigned i = 0; i < 4; ++i) s.v[i] = {{i, ~u64{i}}};
  expect_abort(m.run({kLd4Post}), kTranslationL3, false, M::kEnd);
  EXPECT_EQ(s.x[1], M::kEnd - 33);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(s.v[i], (cpu::VReg{{i, ~u64{i}}}));
  expect_abort(m.run({kSt4Post}), kTranslationL3, true, M::kEnd);
  EXPECT_EQ(s.x[1], M::kEnd - 33);
}

TEST_F(Ldst, ReservedStructureIsUndefined) {
  s.x[1] = M::kData;
  EXPECT_TRUE(m.run({0x0c408c20}).undefined());  // ld2 of .1d
  EXPECT_TRUE(m.run({0x0c000c20}).undefined());  // st4 of .1d
  EXPECT_TRUE(m.run({0x0c407c20}).fine());                     // ld1 of .1d
}

// ---- Accesses near each other, off one register

/// Loads and stores off X1, X7 times.
const std::initializer_list<u32> kNeighbours = {
    0xa9000c22,  // stp x2, x3, [x1]
    0xf9400424,  // ldr x4, [x1, #8]
    0xb9002c24,  // str w4, [x1, #44]
    0xad408420,  // ldp q0, q1, [x1, #16]
    0x3940fc25,  // ldrb w5, [x1, #63]
    0xf8438c26,  // ldr x6, [x1, #56]!
    0xf81f0022,  // stur x2, [x1, #-16]
    0xd100e021,  // sub x1, x1, #56
    0xd10004e7,  // sub x7, x7, #1
    0xb5fffee7,  // cbnz x7, .-36
};

TEST_F(Ldst, NeighboursWhereverThePageEnds) {
  const u64 edge = M::kData + 0x1000;
  for (u64 base = edge - 96; base < edge + 16; base += base < edge - 70 ? 8 : 1) {
    std::array<u8, 64> expected;
    for (unsigned i = 0; i < expected.size(); ++i) {
      expected[i] = static_cast<u8>(base + i);
      m.put<u8>(base + i, expected[i]);
    }
    s.x[1] = base, s.x[2] = ~base, s.x[3] = 3 * base, s.x[7] = 3;
    ASSERT_TRUE(m.run(kNeighbours).fine()) << base;
    store_le(&expected[0], s.x[2]);
    store_le(&expected[8], s.x[3]);
    store_le(&expected[44], static_cast<u32>(s.x[3]));
    store_le(&expected[40], s.x[2]);
    EXPECT_EQ(s.x[1], base);
    EXPECT_EQ(s.x[4], s.x[3]);
    EXPECT_EQ(s.x[5], expected[63]);
    EXPECT_EQ(s.x[6], load_le<u64>(&expected[56]));
    // As the third turn found it, what the second had stored among it.
    EXPECT_EQ(s.v[0].d[1], load_le<u64>(&expected[24]));
    EXPECT_EQ(s.v[1].d[0], load_le<u64>(&expected[32]));
    for (unsigned i = 0; i < expected.size(); ++i)
      EXPECT_EQ(m.get<u8>(base + i), expected[i]) << base << " " << i;
  }
}

TEST_F(Ldst, NeighboursOfWhichOneFaults) {
  s.x[1] = M::kEnd - 48, s.x[2] = 2, s.x[3] = 3, s.x[5] = 55, s.x[7] = 3, s.x[8] = M::kEnd - 512;
  m.put<u64>(M::kEnd - 8, 88);
  std::vector<u32> code = {0xf900011f};  // str xzr, [x8]: the page is known
  code.insert(code.end(), kNeighbours);
  const Ending e = m.run(code);
  EXPECT_TRUE(e.abort());
  EXPECT_EQ(e.far, M::kEnd + 15);
  EXPECT_EQ(e.elr, M::kCode + 20);
  EXPECT_FALSE(e.write);
  EXPECT_EQ(s.x[1], M::kEnd - 48);
  EXPECT_EQ(s.x[5], 55u);
  EXPECT_EQ(m.get<u64>(M::kEnd - 48), 2u);
  EXPECT_EQ(m.get<u32>(M::kEnd - 4), 3u);
}

TEST_F(Ldst, NeighboursInAPageThatIsReadOnly) {
  s.x[1] = M::kReadOnly + 64, s.x[8] = M::kReadOnly;
  m.put<u64>(M::kReadOnly + 64, 64), m.put<u64>(M::kReadOnly + 72, 72);
  const Ending e = m.run({
      0xf9400109,  // ldr x9, [x8]
      0xf9400022,  // ldr x2, [x1]
      0xf9400423,  // ldr x3, [x1, #8]
      0xf9000822,  // str x2, [x1, #16]
  });
  EXPECT_TRUE(e.abort());
  EXPECT_EQ(e.fsc, kPermissionL3);
  EXPECT_TRUE(e.write);
  EXPECT_EQ(e.far, M::kReadOnly + 80);
  EXPECT_EQ(e.elr, M::kCode + 12);
  EXPECT_EQ(s.x[2], 64u);
  EXPECT_EQ(s.x[3], 72u);
}

// The second access is on another way than the first.
TEST_F(Ldst, NeighboursInBranches) {
  const u64 edge = M::kData + 0x1000;
  for (const u64 taken : {0, 1}) {
    s.x[1] = edge - 8, s.x[5] = taken;
    m.put<u64>(edge - 8, 8), m.put<u64>(edge, 16), m.put<u64>(edge + 8, 24);
    ASSERT_TRUE(m.run({
                          0xb4000065,  // cbz x5, .+12
                          0xf9400022,  // ldr x2, [x1]
                          0x14000003,  // b .+12
                          0xf9400422,  // ldr x2, [x1, #8]
                          0xf9400823,  // ldr x3, [x1, #16]
                          0xf9400424,  // ldr x4, [x1, #8]
                      })
                    .fine());
    EXPECT_EQ(s.x[2], taken != 0 ? 8u : 16u);
    if (taken == 0) {
      EXPECT_EQ(s.x[3], 24u);
    }
    EXPECT_EQ(s.x[4], 16u);
  }
}

// ---- Page crossings

TEST_F(Ldst, AccessesAcrossPages) {
  const u64 edge = M::kData + 0x1000;
  s.x[1] = edge - 3;
  s.x[2] = 0x1122'3344'5566'7788;
  ASSERT_TRUE(m.run({kStr}).fine());
  EXPECT_EQ(m.get<u8>(edge - 1), 0x66);
  EXPECT_EQ(m.get<u8>(edge), 0x55);
  s.x[2] = 0;
  ASSERT_TRUE(m.run({kLdr}).fine());
  EXPECT_EQ(s.x[2], 0x1122'3344'5566'7788u);

  s.x[1] = edge + 8;
  s.x[2] = 2, s.x[3] = 3;
  ASSERT_TRUE(m.run({kStpPre}).fine());
  EXPECT_EQ(s.x[1], edge - 8);
  EXPECT_EQ(m.get<u64>(edge - 8), 2u);
  EXPECT_EQ(m.get<u64>(edge), 3u);
  s.x[2] = s.x[3] = 0;
  ASSERT_TRUE(m.run({kLdpPost}).fine());
  EXPECT_EQ(s.x[2], 2u);
  EXPECT_EQ(s.x[3], 3u);
}

TEST_F(Ldst, StructuresAcrossPages) {
  const u64 start = M::kData + 0x1000 - 30;
  for (unsigned i = 0; i < 4; ++i)
    for (unsigned lane = 0; lane < 16; ++lane)
      s.v[i].set_lane<u8>(lane, static_cast<u8>(lane * 4 + i));
  s.x[1] = start;
  ASSERT_TRUE(m.run({kSt4Post}).fine());
  EXPECT_EQ(s.x[1], start + 64);
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(m.get<u8>(start + i), i);
  const auto stored = s.v;
  for (unsigned i = 0; i < 4; ++i) s.v[i] = {};
  s.x[1] = start;
  ASSERT_TRUE(m.run({kLd4Post}).fine());
  EXPECT_EQ(s.v, stored);
}

// ---- Writeback to a transferred register: what ldst.h promises

/// With other CPUs there, an aligned pair is one access of 16 bytes.
TEST_F(Ldst, PairsOfVectorsWhileThereAreOtherCpus) {
  m.connect();
  for (const u64 at : {M::kData, M::kData + 8, M::kData + 0xff8}) {
    m.put<u64>(at, 0x1111), m.put<u64>(at + 8, 0x2222);
    for (const u64 v : {u64{0}, ~u64{0}}) {
      s.x[1] = at;
      s.v[2] = s.v[3] = {{v, v}};
      ASSERT_TRUE(m.run({kLdpD, kStpD}).fine());
      EXPECT_EQ(s.v[2], (cpu::VReg{{0x1111, 0}}));
      EXPECT_EQ(s.v[3], (cpu::VReg{{0x2222, 0}}));
      EXPECT_EQ(m.get<u64>(at + 16), 0x1111u);
      EXPECT_EQ(m.get<u64>(at + 24), 0x2222u);
    }
    // Alone, so that no register of the host has them for longer.
    s.v[2] = s.v[3] = {};
    ASSERT_TRUE(m.run({kLdpD}).fine());
    EXPECT_EQ(s.v[2], (cpu::VReg{{0x1111, 0}}));
    EXPECT_EQ(s.v[3], (cpu::VReg{{0x2222, 0}}));
  }
}

TEST_F(Ldst, WritebackOverlap) {
  s.x[1] = M::kData;
  m.put<u64>(M::kData, 99);
  ASSERT_TRUE(m.run({0xf8408421}).fine());  // ldr x1, [x1], #8
  EXPECT_EQ(s.x[1], M::kData + 8);
  ASSERT_TRUE(m.run({0xf8008c21}).fine());  // str x1, [x1, #8]!
  EXPECT_EQ(s.x[1], M::kData + 16);
  EXPECT_EQ(m.get<u64>(M::kData + 16), M::kData + 8);
  m.put<u64>(M::kData + 16, 1), m.put<u64>(M::kData + 24, 2);
  ASSERT_TRUE(m.run({0xa9400822}).fine());  // ldp x2, x2, [x1]
  EXPECT_EQ(s.x[2], 1u);
}

TEST_F(Ldst, LoadToXzr) {
  s.x[1] = M::kData;
  m.put<u64>(M::kData, 99);
  ASSERT_TRUE(m.run({0xf940003f, 0xaa1f03e2}).fine());  // ldr xzr, [x1]; mov x2, xzr
  EXPECT_EQ(s.x[2], 0u);
}

// ---- The base register

TEST_F(Ldst, MisalignedStackPointer) {
  s.sp = M::kData + 8;
  EXPECT_EQ(m.run({0xf94003e2}).ec, ExceptionClass::SpAlignment);  // ldr x2, [sp]
  EXPECT_EQ(m.run({0xa9000fe2}).ec, ExceptionClass::SpAlignment);  // stp x2, x3, [sp]
  EXPECT_EQ(m.run({0xc85f7fe0}).ec, ExceptionClass::SpAlignment);  // ldxr x0, [sp]
  EXPECT_EQ(m.run({0xf82203e3}).ec, ExceptionClass::SpAlignment);  // ldadd x2, x3, [sp]
  EXPECT_EQ(m.run({0x4c4073e0}).ec, ExceptionClass::SpAlignment);  // ld1 { v0.16b }, [sp]
  EXPECT_TRUE(m.run({0xf98003e0}).fine());                         // prfm pldl1keep, [sp]
  EXPECT_EQ(s.sp, M::kData + 8);
}

TEST_F(Ldst, WritebackToTheStackPointer) {
  s.sp = M::kData;
  m.put<u64>(M::kData + 16, 5);
  ASSERT_TRUE(m.run({0xf8410fe2}).fine());  // ldr x2, [sp, #16]!
  EXPECT_EQ(s.sp, M::kData + 16);
  EXPECT_EQ(s.x[2], 5u);
  EXPECT_EQ(s.x[31], 0u);
}

TEST_F(Ldst, PrefetchNeverFaults) {
  s.x[1] = M::kEnd;
  EXPECT_TRUE(m.run({0xf9800020}).fine());  // prfm pldl1keep, [x1]
}

// ---- Unprivileged

TEST_F(Ldst, UnprivilegedAccessesHaveTheRightsOfEl0) {
  s.x[1] = M::kData;
  expect_abort(m.run({kLdtr}), kPermissionL3, false, M::kData);
  expect_abort(m.run({kSttr}), kPermissionL3, true, M::kData);
  s.x[1] = M::kUser;
  m.put<u64>(M::kUser, 7);
  ASSERT_TRUE(m.run({kLdtr}).fine());
  EXPECT_EQ(s.x[2], 7u);
}

TEST_F(Ldst, UnprivilegedWithUaoAndPan) {
  s.x[1] = M::kData;
  m.vcpu().set_uao(true);
  EXPECT_TRUE(m.run({kLdtr}).fine());
  m.vcpu().set_uao(false);
  m.vcpu().set_pan(true);
  s.x[1] = M::kUser;
  expect_abort(m.run({kLdr}), kPermissionL3, false, M::kUser);
  EXPECT_TRUE(m.run({kLdtr}).fine());
  EXPECT_TRUE(m.run({kSttr}).fine());
}

// ---- Alignment

TEST_F(Ldst, AlignmentCheckIsByElement) {
  s.sys.sctlr_el1 |= M::kSctlrA;
  s.x[1] = M::kData + 8;
  EXPECT_TRUE(m.run({kLdp}).fine());
  EXPECT_TRUE(m.run({0x4c407420}).fine());  // ld1 { v0.8h }, [x1]
  expect_abort(m.run({0x3dc00022}), kAlignment, false, M::kData + 8);  // ldr q2, [x1]
  s.x[1] = M::kData + 4;
  expect_abort(m.run({kLdr}), kAlignment, false, M::kData + 4);
  expect_abort(m.run({kLdp}), kAlignment, false, M::kData + 4);
  EXPECT_TRUE(m.run({kLdpswPre}).fine());
  s.x[1] = M::kData + 5;
  EXPECT_TRUE(m.run({0x4c407020}).fine());                             // ld1 { v0.16b }, [x1]
  expect_abort(m.run({0x4c407420}), kAlignment, false, M::kData + 5);  // ld1 { v0.8h }, [x1]
  // The same with the page in the TLB, and without the check.
  s.sys.sctlr_el1 &= ~M::kSctlrA;
  EXPECT_TRUE(m.run({kLdr}).fine());
  EXPECT_TRUE(m.run({kLdp}).fine());
  EXPECT_TRUE(m.run({0x4c407420}).fine());
}

TEST_F(Ldst, OrderedAccessesStayInsideAGranule) {
  m.put<u64>(M::kData + 5, 0x0807'0605'0403'0201);
  s.x[1] = M::kData + 5;
  ASSERT_TRUE(m.run({kLdar}).fine());
  EXPECT_EQ(s.x[0], 0x0807'0605'0403'0201u);
  s.x[1] = M::kData + 8;
  ASSERT_TRUE(m.run({kStlr}).fine());
  EXPECT_EQ(m.get<u64>(M::kData + 8), 0x0807'0605'0403'0201u);
  s.x[1] = M::kData + 9;
  expect_abort(m.run({kLdar}), kAlignment, false, M::kData + 9);
  expect_abort(m.run({kStlr}), kAlignment, true, M::kData + 9);
  s.x[1] = M::kData + 19;
  expect_abort(m.run({0xd95f8020}), kAlignment, false, M::kData + 11);  // ldapur x0, [x1, #-8]
}

TEST_F(Ldst, OrderedAccessesGoAnywhereWithNaa) {
  s.sys.sctlr_el1 |= M::kSctlrNaa;
  for (const u64 at : {M::kData + 9, M::kData + 0xffd}) {  // across a granule, and across pages
    for (u64 i = 0; i < 8; ++i) m.put<u8>(at + i, static_cast<u8>(i + 1));
    s.x[1] = at;
    ASSERT_TRUE(m.run({kLdar}).fine());
    EXPECT_EQ(s.x[0], 0x0807'0605'0403'0201u);
    s.x[0] = 0x1122'3344'5566'7788;
    ASSERT_TRUE(m.run({kStlr}).fine());
    for (u64 i = 0; i < 8; ++i) EXPECT_EQ(m.get<u8>(at + i), 0x88 - 0x11 * i);
  }
  s.x[1] = M::kData + 19;
  EXPECT_TRUE(m.run({0xd95f8020}).fine());  // ldapur x0, [x1, #-8]
  s.sys.sctlr_el1 |= M::kSctlrA;            // A has the last word
  s.x[1] = M::kData + 9;
  expect_abort(m.run({kLdar}), kAlignment, false, M::kData + 9);
}

TEST(LdstWithoutLse2, OrderedAccessesAreAligned) {
  M m(false);
  m.vcpu().s.sys.sctlr_el1 |= M::kSctlrNaa;  // RES0
  m.vcpu().s.x[1] = M::kData + 4;
  expect_abort(m.run({kLdar}), kAlignment, false, M::kData + 4);
  expect_abort(m.run({kStlr}), kAlignment, true, M::kData + 4);
  EXPECT_TRUE(m.run({kLdr}).fine());
}

}  // namespace
}  // namespace quince::test
