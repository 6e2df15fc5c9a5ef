#include "machine/listing/host_code.h"

#include <gtest/gtest.h>

#include "tests/unit/machine/listing/sample_code.h"

namespace quince::machine {
namespace {

using quince::test::SampleCode;

TEST(HostLines, NamesWhatCodeRefersTo) {
  const SampleCode sample;
  const auto lines = host_lines(sample.code(), Addresses::Symbolic);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[0].text, "mov rbx, [r15+x0]");
  EXPECT_EQ(lines[1].text, "mov [r15+nzcv], eax");
  EXPECT_EQ(lines[2].text, "jz <load missed +0x10>");
  EXPECT_EQ(lines[3].text, "mov rcx, <site>");
  EXPECT_EQ(lines[4].label, "load missed +0x10");
  EXPECT_EQ(lines[4].text, "ret");
  EXPECT_EQ(lines[4].part, 2u);
  EXPECT_EQ(lines[4].need, "BASE");
}

TEST(HostLines, RealAddressesAreNumbers) {
  const SampleCode sample;
  const auto lines = host_lines(sample.code(), Addresses::Real);
  EXPECT_TRUE(lines[2].text.starts_with("jz 0x")) << lines[2].text;
  EXPECT_EQ(lines[3].text, "mov rcx, 0x1122334455667788 <site>");
  EXPECT_EQ(lines[4].label, "");
}

TEST(HostLines, BytesThatAreNoInstructionAreBytes) {
  const SampleCode sample;
  const auto lines = host_lines(sample.code(), Addresses::Real);
  EXPECT_TRUE(lines[4].known);
  EXPECT_FALSE(lines[5].known);
  EXPECT_EQ(lines[5].text, ".byte 0x6");
  u32 at = 0;
  for (const HostLine& l : lines) {
    EXPECT_EQ(l.offset, at);
    at += l.bytes;
  }
  EXPECT_EQ(at, sample.bytes.size());
}

TEST(HostLines, ExtensionsAreThoseOfTheInstruction) {
  SampleCode sample;
  sample.bytes = {0xc4, 0xe2, 0xf9, 0xf7, 0xd9,         // shlx rbx, rcx, rax
                  0xf3, 0x48, 0x0f, 0xbd, 0xc1,         // lzcnt rax, rcx
                  0xc5, 0xf9, 0xef, 0xc0,               // vpxor xmm0, xmm0, xmm0
                  0xc4, 0xe2, 0x79, 0x58, 0xc0,         // vpbroadcastd xmm0, xmm0
                  0x62, 0xf2, 0x7d, 0x08, 0x54, 0xc1};  // vpopcntb xmm0, xmm1
  sample.parts.resize(1);
  sample.pointers.clear();
  const auto lines = host_lines(sample.code(), Addresses::Real);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0].need, "BMI2");
  EXPECT_EQ(lines[1].need, "LZCNT");
  EXPECT_EQ(lines[2].need, "AVX");
  EXPECT_EQ(lines[3].need, "AVX2");
  EXPECT_EQ(lines[4].need, "AVX512EVEX");
}

}  // namespace
}  // namespace quince::machine
