// The instruction forms and jumps of x64/assembler.h against xbyak, which is their judge: the same bytes, for every
// register, every shape of a place in memory and numbers around each size.
#include "cpu/jit/x64/assembler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace quince::cpu::jit {
namespace {

using Xbyak::Reg16;
using Xbyak::Reg32;
using Xbyak::Reg64;
using Xbyak::Reg8;

constexpr std::size_t kRoom = 4096;

std::string hex(const u8* p, std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text += fmt::format("{:02x} ", p[i]);
  return text;
}

/// `write` is a generic lambda: it writes with either assembler.
template <class Write>
void expect_same(const std::string& what, Write write) {
  std::vector<u8> mine(kRoom), theirs(kRoom);
  Assembler a(kRoom, mine.data());
  Xbyak::CodeGenerator x(kRoom, theirs.data());
  write(a);
  write(x);
  ASSERT_GT(x.getSize(), 0u) << what;
  EXPECT_EQ(hex(mine.data(), a.getSize()), hex(theirs.data(), x.getSize())) << what;
  Xbyak::ClearError();
}

Reg8 byte_of(int r) { return Reg64(r).cvt8(); }

const std::vector<Mem>& places() {
  static const std::vector<Mem> all = [] {
    std::vector<Mem> m;
    for (int base = 0; base < 16; ++base)
      for (const s32 d : {0, 1, 127, 128, -128, -129, 0x7fff'ffff}) {
        m.push_back(Reg64(base) + d);
        for (int index = 0; index < 16; ++index)
          if (index != 4 && (d == 0 || d == 128))
            m.push_back(Reg64(base) + Reg64(index) * (1 << (index & 3)) + d);
      }
    m.push_back(Reg64(3) + Xbyak::util::rsp);
    return m;
  }();
  return all;
}

Mem sized(Mem m, unsigned bits) {
  m.bits = static_cast<u16>(bits);
  return m;
}

constexpr u32 kNumbers[] = {0,      1,      127,         128,         255,         0x7fff,
                            0x8000, 0xffff, 0x7fff'ffff, 0x8000'0000, 0xffff'ff7f, 0xffff'ff80};

TEST(Assembler, MovesBetweenRegisters) {
  for (int a = 0; a < 16; ++a)
    for (int b = 0; b < 16; ++b)
      expect_same(fmt::format("{} {}", a, b), [&](auto& x) {
        x.mov(Reg64(a), Reg64(b));
        x.mov(Reg32(a), Reg32(b));
        x.mov(Reg16(a), Reg16(b));
        x.mov(byte_of(a), byte_of(b));
        x.movzx(Reg32(a), byte_of(b));
        x.movzx(Reg32(a), Reg16(b));
        x.movsx(Reg64(a), byte_of(b));
        x.movsx(Reg64(a), Reg16(b));
        x.movsxd(Reg64(a), Reg32(b));
        x.rorx(Reg64(a), Reg64(b), 9);
        x.rorx(Reg32(a), Reg32(b), 31);
        x.bextr(Reg32(a), Reg32(b), Reg32(a ^ b));
        x.bextr(Reg64(a), Reg64(b), Reg64(15 - a));
        x.imul(Reg64(a), Reg64(b));
        x.imul(Reg32(a), Reg32(b));
      });
}

TEST(Assembler, MovesNumbers) {
  for (int r = 0; r < 16; ++r) {
    for (const u32 n : kNumbers)
      expect_same(fmt::format("{} {:x}", r, n), [&](auto& x) {
        x.mov(Reg64(r), u64{n});
        x.mov(Reg64(r), static_cast<u64>(static_cast<s64>(static_cast<s32>(n))));
        x.mov(Reg64(r), u64{n} << 16 | 5);
        x.mov(Reg32(r), u64{n});
        x.mov(Reg16(r), u64{n & 0xffff});
        x.mov(byte_of(r), u64{n & 0xff});
      });
    expect_same("wide", [&](auto& x) { x.mov(Reg64(r), 0x1234'5678'9abc'def0); });
  }
}

TEST(Assembler, ReachesMemory) {
  for (const Mem& m : places())
    for (int r = 0; r < 16; ++r)
      expect_same(fmt::format("[{} {} {} {}] {}", m.base, m.index, m.scale, m.distance, r),
                  [&](auto& x) {
                    x.mov(Reg64(r), m);
                    x.mov(Reg32(r), m);
                    x.mov(Reg16(r), m);
                    x.mov(byte_of(r), m);
                    x.mov(m, Reg64(r));
                    x.mov(m, Reg32(r));
                    x.mov(m, Reg16(r));
                    x.mov(m, byte_of(r));
                    x.lea(Reg64(r), m);
                    x.lea(Reg32(r), m);
                    x.movzx(Reg32(r), sized(m, 8));
                    x.movzx(Reg32(r), sized(m, 16));
                    x.movsx(Reg64(r), sized(m, 8));
                    x.movsx(Reg64(r), sized(m, 16));
                    x.movsxd(Reg64(r), sized(m, 32));
                    x.cmp(Reg64(r), m);
                    x.sub(Reg32(r), m);
                    x.add(m, Reg64(r));
                    x.xor_(m, byte_of(r));
                    x.test(m, Reg32(r));
                    x.test(m, byte_of(r));
                    x.pext(Reg32(r), Reg32(15 - r), m);
                    x.pext(Reg64(15 - r), Reg64(r), m);
                    x.pdep(Reg64(r), Reg64(r ^ 5), m);
                    x.pdep(Reg32(r), Reg32(r ^ 9), m);
                  });
}

TEST(Assembler, MovesVectors) {
  for (const Mem& m : places())
    for (int r = 0; r < 16; ++r)
      expect_same(fmt::format("[{} {} {} {}] {}", m.base, m.index, m.scale, m.distance, r),
                  [&](auto& x) {
                    const Xbyak::Xmm v(r);
                    x.vmovdqa(v, sized(m, 128));
                    x.vmovdqa(sized(m, 128), v);
                    x.vmovdqu(v, sized(m, 128));
                    x.vmovdqu(sized(m, 128), v);
                    x.vmovq(v, sized(m, 64));
                    x.vmovq(sized(m, 64), v);
                    x.vmovd(v, sized(m, 32));
                    x.vmovd(sized(m, 32), v);
                  });
}

TEST(Assembler, PutsNumbersIntoMemory) {
  for (const Mem& m : places())
    for (const u32 n : kNumbers)
      expect_same(fmt::format("[{} {} {} {}] {:x}", m.base, m.index, m.scale, m.distance, n),
                  [&](auto& x) {
                    for (const unsigned bits : {32u, 64u}) {
                      x.cmp(sized(m, bits), n);
                      x.or_(sized(m, bits), n);
                      x.test(sized(m, bits), n);
                    }
                    x.test(sized(m, 8), n & 0xff);
                    x.jmp(sized(m, 64));
                    x.mov(sized(m, 32), u64{n & 0x7fff'ffff});
                    x.mov(sized(m, 64), u64{n & 0x7fff'ffff});
                    x.mov(sized(m, 16), u64{n & 0x7fff});
                    x.mov(sized(m, 8), u64{n & 0x7f});
                    x.cmp(sized(m, 8), n & 0x7f);
                  });
}

TEST(Assembler, Calculates) {
  for (int a = 0; a < 16; ++a) {
    for (int b = 0; b < 16; ++b)
      expect_same(fmt::format("{} {}", a, b), [&](auto& x) {
        x.add(Reg64(a), Reg64(b));
        x.or_(Reg32(a), Reg32(b));
        x.adc(Reg64(a), Reg64(b));
        x.sbb(Reg32(a), Reg32(b));
        x.and_(Reg64(a), Reg64(b));
        x.sub(Reg16(a), Reg16(b));
        x.xor_(byte_of(a), byte_of(b));
        x.cmp(Reg64(a), Reg64(b));
        x.test(Reg32(a), Reg32(b));
        x.test(byte_of(a), byte_of(b));
      });
    for (const u32 n : kNumbers)
      expect_same(fmt::format("{} {:x}", a, n), [&](auto& x) {
        x.add(Reg64(a), n);
        x.and_(Reg32(a), n);
        x.cmp(Reg32(a), n);
        x.sub(Reg64(a), n);
        x.add(byte_of(a), n & 0x7f);
        x.test(Reg64(a), n);
        x.test(Reg32(a), n);
        x.test(byte_of(a), n & 0xff);
      });
    for (const int by : {1, 2, 31})
      expect_same(fmt::format("{} by {}", a, by), [&](auto& x) {
        x.shl(Reg64(a), by);
        x.shr(Reg32(a), by);
        x.sar(Reg64(a), by);
        x.ror(Reg32(a), by);
        x.shr(byte_of(a), by);
      });
  }
}

/// The label of an assembler.
Label label_of(const Assembler&) { return {}; }
Xbyak::Label label_of(const Xbyak::CodeGenerator&) { return {}; }

void fill(Xbyak::CodeGenerator& x, unsigned bytes) {
  for (unsigned n = 0; n < bytes; ++n) x.nop();
}

TEST(Assembler, JumpsForwards) {
  for (const unsigned between : {0u, 1u, 100u, 300u})
    expect_same(fmt::format("{}", between), [&](auto& x) {
      auto far = label_of(x), other = label_of(x);
      constexpr auto kNear = Xbyak::CodeGenerator::T_NEAR;
      x.jmp(far, kNear);
      fill(x, between);
      x.jne(far, kNear);
      x.call(other);
      fill(x, between);
      x.jg(far, kNear);
      x.L(far);
      x.js(far);
      x.L(other);
    });
  expect_same("short", [](auto& x) {
    auto near = label_of(x);
    x.jz(near);
    fill(x, 40);
    x.jmp(near);
    x.jc(near);
    x.jrcxz(near);
    fill(x, 60);
    x.L(near);
  });
}

TEST(Assembler, JumpsBackwards) {
  for (const unsigned between : {0u, 125u, 126u, 127u, 128u, 400u})
    expect_same(fmt::format("{}", between), [&](auto& x) {
      auto top = label_of(x);
      fill(x, 3);
      x.L(top);
      fill(x, between);
      x.jle(top);
      x.jmp(top);
      x.jmp(top, Xbyak::CodeGenerator::T_NEAR);
      x.call(top);
    });
}

TEST(Assembler, JumpsToAddresses) {
  std::vector<u8> code(kRoom);
  Assembler a(kRoom, code.data());
  a.jcc(5, code.data() + 100);  // JNE
  a.jcc(14, code.data());       // JLE
  EXPECT_EQ(std::vector<u8>(code.begin(), code.begin() + 12),
            (std::vector<u8>{0x0f, 0x85, 94, 0, 0, 0, 0x0f, 0x8e, 0xf4, 0xff, 0xff, 0xff}));
  EXPECT_EQ(a.getSize(), 12u);
}

TEST(Assembler, SaysThatJumpsLeadNowhere) {
  std::vector<u8> code(kRoom);
  Assembler a(kRoom, code.data());
  Label there;
  EXPECT_FALSE(a.incomplete());
  a.jne(there);
  a.jmp(there, a.T_NEAR);
  EXPECT_TRUE(a.incomplete());
  a.L(there);
  EXPECT_FALSE(a.incomplete());
}

TEST(Assembler, SaysThatShortJumpsDoNotReach) {
  std::vector<u8> code(kRoom);
  Assembler a(kRoom, code.data());
  Label there;
  a.jne(there);
  fill(a, 128);
  a.L(there);
  EXPECT_EQ(Xbyak::GetError(), int{Xbyak::ERR_LABEL_IS_TOO_FAR});
  Xbyak::ClearError();
}

TEST(Assembler, WritesNothingBehindTheRoom) {
  std::vector<u8> code(64, 0xcc);
  Assembler a(40, code.data());
  Label top;
  a.L(top);
  for (int n = 0; n < 20; ++n) {
    a.mov(Xbyak::util::rax, 0x1234'5678'9abc'def0);
    a.jmp(top);
  }
  EXPECT_EQ(Xbyak::GetError(), int{Xbyak::ERR_CODE_IS_TOO_BIG});
  Xbyak::ClearError();
  EXPECT_LE(a.getSize(), 40u);
  for (std::size_t n = 40; n < code.size(); ++n) EXPECT_EQ(code[n], 0xcc) << n;
}

}  // namespace
}  // namespace quince::cpu::jit
