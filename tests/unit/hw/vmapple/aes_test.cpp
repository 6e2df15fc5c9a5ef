// The AES engine against NIST's vectors (SP 800-38A, F.1 and F.2), given in every way that it has.
#include "hw/vmapple/aes.h"

#include <gtest/gtest.h>

#include <memory>

#include "hw/core/archive.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using Bytes = std::vector<u8>;

Bytes from_hex(std::string_view text) {
  Bytes b;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    b.push_back(static_cast<u8>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  return b;
}

const Bytes kPlain = from_hex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
const Bytes kIv = from_hex("000102030405060708090a0b0c0d0e0f");

struct Vector {
  Bytes key, ecb, cbc;
};
const Vector kVectors[] = {
    {from_hex("2b7e151628aed2a6abf7158809cf4f3c"),
     from_hex("3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
              "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"),
     from_hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
              "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7")},
    {from_hex("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
     from_hex("bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef"
              "ef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e"),
     from_hex("4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
              "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd")},
    {from_hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
     from_hex("f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
              "b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"),
     from_hex("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
              "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b")},
};

constexpr u64 kStatus = 0x0c, kIrqStatus = 0x18, kIrqEnable = 0x1c, kFlagInfo = 0x30, kFifo = 0x200;
constexpr u32 kInvalid = 1 << 2, kFlagDone = 1 << 5;

struct VmappleAesTest : ::testing::Test {
  static constexpr u64 kIn = test::GuestMemory::kBase, kOut = kIn + 0x4000;
  test::GuestMemory memory{64 * KiB};
  test::Pin pin;
  VmappleAes aes{"aes", pin.wire(), memory.port(), memory.log()};

  u32 rd(u64 off) {
    u64 v = ~u64{0};
    EXPECT_EQ(aes.read(off, {4}, v), Bus::Ok);
    return static_cast<u32>(v);
  }
  void wr(u64 off, u64 v) { EXPECT_EQ(aes.write(off, {4}, v), Bus::Ok); }
  void push(std::initializer_list<u32> words) {
    for (const u32 w : words) wr(kFifo, w);
  }
  void push_bytes(const Bytes& b) {
    for (std::size_t i = 0; i < b.size(); i += 4) wr(kFifo, load_le<u32>(&b[i]));
  }
  void key(const Bytes& k, bool encrypt, bool cbc, u32 context = 0) {
    push({1u << 28 | context << 27 | static_cast<u32>(k.size() - 16) / 8 << 22 |
          u32{encrypt} << 20 | u32{cbc} << 16});
    push_bytes(k);
  }
  void iv(const Bytes& v, u32 context = 0) {
    push({2u << 28 | context << 26});
    push_bytes(v);
  }
  void data(u64 from, u64 to, u32 length, u32 key_context = 0, u32 iv_context = 0) {
    push({5u << 28 | key_context << 27 | iv_context << 25 | length,
          static_cast<u32>(from >> 32) << 16 | static_cast<u32>(to >> 32), static_cast<u32>(from),
          static_cast<u32>(to)});
  }
  Bytes result(u64 at = kOut, std::size_t n = 64) {
    Bytes b(n);
    EXPECT_TRUE(memory.port().read(PhysAddr(at), b));
    return b;
  }
  void place(const Bytes& b, u64 at = kIn) { EXPECT_TRUE(memory.port().write(PhysAddr(at), b)); }
  bool failed() { return (rd(kIrqStatus) & kInvalid) != 0; }
};

TEST_F(VmappleAesTest, WhatAGuestFinds) {
  EXPECT_EQ(rd(kStatus), 0x3f80u);
  EXPECT_EQ(rd(0x24), 2u);
  EXPECT_EQ(rd(0x20), 0u);
  EXPECT_EQ(rd(0x3ffc), 0u);
  wr(kStatus, 0);
  wr(0x100, 7);
  EXPECT_EQ(rd(kStatus), 0x3f80u);
  u64 v = 0;
  EXPECT_EQ(aes.read(kStatus, {2}, v), Bus::BadSize);
  wr(kIrqEnable, 0x24);
  EXPECT_EQ(aes.read(0x18, {8}, v), Bus::Ok);
  EXPECT_EQ(v, 0x24'0000'0000u);
}

// NIST's vectors, with every key size, both modes, both directions.
TEST_F(VmappleAesTest, KnownAnswers) {
  for (const Vector& v : kVectors)
    for (const bool cbc : {false, true})
      for (const bool encrypt : {false, true}) {
        const Bytes& cipher = cbc ? v.cbc : v.ecb;
        place(encrypt ? kPlain : cipher);
        key(v.key, encrypt, cbc);
        iv(kIv);
        data(kIn, kOut, 64);
        EXPECT_EQ(result(), encrypt ? cipher : kPlain) << v.key.size() << cbc << encrypt;
        EXPECT_FALSE(failed());
      }
}

// A message in pieces, from and to several places: the IV context goes on where a piece ended.
TEST_F(VmappleAesTest, ScatteredMemoryAndChainedIvs) {
  for (const bool encrypt : {true, false}) {
    const Vector& v = kVectors[2];
    const Bytes& from = encrypt ? kPlain : v.cbc;
    const Bytes& to = encrypt ? v.cbc : kPlain;
    key(v.key, encrypt, true);
    iv(kIv);
    const u32 pieces[] = {16, 32, 16};
    u32 at = 0;
    Bytes got;
    for (const u32 n : pieces) {
      const u64 in = kIn + 0x100 * at + 4, out = kOut + 0x80 * at + 1;
      place(Bytes(from.begin() + at, from.begin() + at + n), in);
      data(in, out, n);
      const Bytes piece = result(out, n);
      got.insert(got.end(), piece.begin(), piece.end());
      at += n;
    }
    EXPECT_EQ(got, to);
    // What the context holds is the last block of ciphertext.
    push({6u << 28 | static_cast<u32>(kOut >> 32), static_cast<u32>(kOut)});
    EXPECT_EQ(result(kOut, 16), Bytes(v.cbc.end() - 16, v.cbc.end()));
  }
}

TEST_F(VmappleAesTest, SourceAndDestinationMayOverlap) {
  place(kPlain);
  key(kVectors[0].key, true, false);
  data(kIn, kIn + 16, 64);
  EXPECT_EQ(result(kIn + 16), kVectors[0].ecb);
}

// Two key contexts with a direction and a mode each, and four IV contexts, interleaved as macOS does.
TEST_F(VmappleAesTest, ContextsDoNotDisturbEachOther) {
  const Vector &a = kVectors[0], &b = kVectors[1];
  key(a.key, true, true, 0);
  key(b.key, false, false, 1);
  const Bytes zeroes(16);
  for (u32 i = 0; i < 4; ++i) iv(i == 3 ? kIv : zeroes, i);
  place(kPlain);
  place(b.ecb, kIn + 0x100);
  data(kIn, kOut, 64, 0, 3);
  data(kIn + 0x100, kOut + 0x100, 64, 1, 0);
  EXPECT_EQ(result(), a.cbc);
  EXPECT_EQ(result(kOut + 0x100), kPlain);
  for (u32 i = 0; i < 3; ++i) {
    push({6u << 28 | i << 26 | static_cast<u32>(kOut >> 32), static_cast<u32>(kOut)});
    EXPECT_EQ(result(kOut, 16), zeroes) << i;
  }
}

TEST_F(VmappleAesTest, BuiltInKeys) {
  place(kPlain);
  for (u32 n = 1; n <= 3; ++n) {
    Bytes same(32);
    same[0] = static_cast<u8>(n);
    key(same, true, false);
    data(kIn, kOut, 64);
    const Bytes expected = result();
    key(kVectors[0].key, true, false);
    push({1u << 28 | n << 24 | 1u << 20});
    data(kIn, kOut, 64);
    EXPECT_EQ(result(), expected) << n;
  }
  EXPECT_FALSE(failed());
}

TEST_F(VmappleAesTest, FlagsAndTheInterrupt) {
  push({8u << 28 | 0x42});
  EXPECT_EQ(rd(kFlagInfo), 0x42u);
  EXPECT_EQ(rd(kIrqStatus), 0u);
  push({8u << 28 | 1u << 27 | 0x17});
  EXPECT_EQ(rd(kFlagInfo), 0x17u);
  EXPECT_EQ(rd(kIrqStatus), kFlagDone);
  EXPECT_FALSE(pin.high);
  wr(kIrqEnable, kFlagDone | kInvalid);
  EXPECT_TRUE(pin.high);
  wr(kIrqStatus, kInvalid);
  EXPECT_TRUE(pin.high);
  wr(kIrqStatus, kFlagDone);
  EXPECT_FALSE(pin.high);
}

// After whatever went wrong, the next word is a command.
TEST_F(VmappleAesTest, ErrorsNeverDesynchroniseTheFifo) {
  const auto works = [&](const char* after) {
    EXPECT_TRUE(failed()) << after;
    wr(kIrqStatus, kInvalid);
    place(kPlain);
    key(kVectors[0].key, true, true);
    iv(kIv);
    data(kIn, kOut, 64);
    EXPECT_EQ(result(), kVectors[0].cbc) << after;
    EXPECT_FALSE(failed()) << after;
  };
  for (const u32 opcode : {0u, 3u, 4u, 7u, 9u, 15u}) {
    push({opcode << 28});
    works("an unknown opcode");
  }
  push({1u << 28 | 3u << 22});
  works("a key of 64 bytes");
  push({1u << 28 | 5u << 24});
  works("a built-in key that is none");
  push({1u << 28 | 2u << 16, 0, 0, 0, 0});
  works("an unknown mode");
  data(kIn, kOut, 24);
  works("a length that is no multiple of a block");
  data(0x10, kOut, 16);
  works("no memory to read");
  data(kIn, 0x10, 16);
  works("no memory to write");
  push({6u << 28, 0x10});
  works("no memory for an IV");
  aes.reset();
  data(kIn, kOut, 16);
  works("no key");
}

TEST_F(VmappleAesTest, AFailedTransferLeavesTheIvAlone) {
  key(kVectors[0].key, true, true);
  iv(kIv);
  data(kIn, 0x10, 64);
  EXPECT_TRUE(failed());
  place(kPlain);
  data(kIn, kOut, 64);
  EXPECT_EQ(result(), kVectors[0].cbc);
}

TEST_F(VmappleAesTest, ASnapshotInTheMiddleOfACommand) {
  key(kVectors[0].key, true, true);
  push({2u << 28, load_le<u32>(&kIv[0]), load_le<u32>(&kIv[4])});
  Archive ar(Archive::Mode::Save);
  aes.snapshot(ar);
  aes.reset();
  ar.set_mode(Archive::Mode::Load);
  aes.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  aes.restored();
  push({load_le<u32>(&kIv[8]), load_le<u32>(&kIv[12])});
  place(kPlain);
  data(kIn, kOut, 64);
  EXPECT_EQ(result(), kVectors[0].cbc);
}

}  // namespace
}  // namespace quince::hw
