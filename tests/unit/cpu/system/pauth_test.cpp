// Pointer authentication: the cipher, the codes, the instructions.
#include "cpu/pauth/hash.h"
#include "cpu/pauth/pac.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::pauth {
namespace {

using cpu::test::Bench;

// R. Avanzi, "The QARMA Block Cipher Family", table of test vectors: QARMA-64, r = 5, sigma2.
TEST(Qarma5, PublishedVector) {
  EXPECT_EQ(compute_pac_qarma5(0xfb62'3599'da6e'8127, 0x477d'469d'ec0b'8762,
                               {.hi = 0x84be'85ce'9804'e94b, .lo = 0xec28'02d4'e0a4'88e9}),
            0xc003'b939'99b3'3765u);
}

TEST(Qarma5, PortableCodeIsTheSame) {
  EXPECT_EQ(compute_pac_qarma5_portable(
                0xfb62'3599'da6e'8127, 0x477d'469d'ec0b'8762,
                {.hi = 0x84be'85ce'9804'e94b, .lo = 0xec28'02d4'e0a4'88e9}),
            0xc003'b939'99b3'3765u);
  u64 x = 1, mod = 2;
  Key key{.hi = 3, .lo = 4};
  for (unsigned i = 0; i < 1000; ++i) {  // each code is part of the next one's input
    const u64 code = compute_pac_qarma5(x, mod, key);
    ASSERT_EQ(compute_pac_qarma5_portable(x, mod, key), code) << "at " << i;
    key = {.hi = key.lo ^ mod, .lo = key.hi + code};
    mod = x;
    x = code;
  }
}

TEST(Impdef, DependsOnEveryBit) {
  const Key key{.hi = 0x0123'4567'89ab'cdef, .lo = 0xfedc'ba98'7654'3210};
  const u64 ptr = 0xffff'8000'1234'5678, mod = 0x1111'2222'3333'4444;
  const u64 code = compute_pac_impdef(ptr, mod, key);
  constexpr u64 kUsed = low_mask(55) & ~low_mask(48);  // the fewest bits that a pointer shows
  unsigned same = 0;
  for (unsigned i = 0; i < 64; ++i) {
    const u64 b = u64{1} << i;
    for (const u64 other :
         {compute_pac_impdef(ptr ^ b, mod, key), compute_pac_impdef(ptr, mod ^ b, key),
          compute_pac_impdef(ptr, mod, {.hi = key.hi ^ b, .lo = key.lo}),
          compute_pac_impdef(ptr, mod, {.hi = key.hi, .lo = key.lo ^ b})}) {
      EXPECT_NE(other, code);
      same += ((other ^ code) & kUsed) == 0;
    }
  }
  EXPECT_LT(same, 12u);  // 256 tries of 7 bits: 2 by chance
}

// TCR_EL1: T0SZ = T1SZ = 16 or 25.
constexpr u64 k48 = 16 | 16 << 16, k39 = 25 | 25 << 16;
constexpr u64 kTbi0 = u64{1} << 37, kTbi1 = u64{1} << 38, kTbid0 = u64{1} << 51;
constexpr Key kKey{.hi = 0x1122'3344'5566'7788, .lo = 0x99aa'bbcc'ddee'ff00};
constexpr u64 kUser = 0x0000'7fff'dead'bee0, kKernel = 0xffff'8000'0123'4560;

/// The bits that signing may change.
u64 field(const Regime& r, u64 ptr, bool data) {
  u64 changed = 0;
  for (u64 mod = 0; mod < 200; ++mod) changed |= add_pac(r, ptr, mod, kKey, data) ^ ptr;
  return changed;
}

TEST(Pac, FieldFollowsTcr) {
  for (const bool pauth2 : {false, true}) {
    const auto with = [&](u64 tcr) { return Regime{.tcr = tcr, .pauth2 = pauth2}; };
    EXPECT_EQ(field(with(k48), kUser, true), 0xff7f'0000'0000'0000u);
    EXPECT_EQ(field(with(k39), 0x7f'dead'bee0, true), 0xff7f'ff80'0000'0000u);
    EXPECT_EQ(field(with(k48), kKernel, false), 0xff7f'0000'0000'0000u);
    EXPECT_EQ(field(with(k48 | kTbi0), kUser, true), 0x007f'0000'0000'0000u);
    EXPECT_EQ(field(with(k48 | kTbi0), kKernel, true), 0xff7f'0000'0000'0000u);
    EXPECT_EQ(field(with(k48 | kTbi0 | kTbid0), kUser, false), 0xff7f'0000'0000'0000u);
    EXPECT_EQ(field(with(k48 | kTbi0 | kTbid0), kUser, true), 0x007f'0000'0000'0000u);
    EXPECT_EQ(field(with(k48 | kTbi1), kKernel, true), 0x007f'0000'0000'0000u);
    EXPECT_EQ(field(with(40 | 63u << 16), 0x1234, true), 0xff7f'ffff'fe00'0000u & ~low_mask(25));
  }
}

TEST(Pac, RoundTrips) {
  u64 x = 0x9e37'79b9'7f4a'7c15;
  for (unsigned i = 0; i < 2000; ++i) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    const Regime r{.tcr = (x & 1 ? k48 : k39) | (x & 2 ? kTbi0 : 0) | (x & 4 ? kTbi1 : 0) |
                          (x & 8 ? kTbid0 : 0),
                   .pauth2 = (x & 16) != 0,
                   .fpac = (x & 48) == 48,
                   .qarma5 = (x & 64) != 0};
    const bool data = (x & 128) != 0, b = (x & 256) != 0;
    const u64 ptr = ((x & 512) != 0 ? ~low_mask(38) : 0) | (x >> 26);
    const u64 signed_ptr = add_pac(r, ptr, x, kKey, data);
    const Authenticated good = authenticate(r, signed_ptr, x, kKey, data, b, false);
    EXPECT_EQ(good.ptr, ptr);
    EXPECT_FALSE(good.fault);
    EXPECT_EQ(strip(r, signed_ptr, data), ptr);
    // One wrong bit of the code.
    const Authenticated bad = authenticate(r, signed_ptr ^ u64{1} << 54, x, kKey, data, b, false);
    EXPECT_NE(bad.ptr, ptr);
    EXPECT_EQ(bad.fault, r.fpac);
    EXPECT_FALSE(authenticate(r, signed_ptr ^ u64{1} << 54, x, kKey, data, b, true).fault);
  }
}

TEST(Pac, ErrorCodeWithoutPAuth2) {
  const auto failed = [](u64 tcr, u64 ptr, bool b) {
    const Regime r{.tcr = tcr};
    return authenticate(r, add_pac(r, ptr, 1, kKey, true) ^ u64{1} << 54, 1, kKey, true, b, false)
        .ptr;
  };
  EXPECT_EQ(failed(k48, kUser, false), kUser | u64{1} << 61);
  EXPECT_EQ(failed(k48, kUser, true), kUser | u64{2} << 61);
  EXPECT_EQ(failed(k48, kKernel, false), kKernel & ~(u64{2} << 61));
  EXPECT_EQ(failed(k48 | kTbi0, kUser, false), kUser | u64{1} << 53);
  EXPECT_EQ(failed(k48 | kTbi0, kUser, true), kUser | u64{2} << 53);
}

TEST(Pac, SigningANonCanonicalPointerDoesNotAuthenticate) {
  const Regime r{.tcr = k48};
  const u64 bad = kUser | u64{1} << 50;
  const u64 signed_ptr = add_pac(r, bad, 7, kKey, true);
  EXPECT_NE(authenticate(r, signed_ptr, 7, kKey, true, false, false).ptr, kUser);
  EXPECT_EQ(signed_ptr ^ add_pac(r, kUser, 7, kKey, true), u64{1} << 62);
}

struct Vector {
  const char* op;
  u64 tcr, ptr, modifier, result;
};
constexpr Vector kVectors[] = {
#include "tests/unit/cpu/system/pauth_vectors.inc"
};

TEST(Pac, RecordedVectors) {
  constexpr Key kIa{.hi = 0x84be'85ce'9804'e94b, .lo = 0xec28'02d4'e0a4'88e9};
  constexpr Key kDb{.hi = 0xdead'beef'cafe'f00d, .lo = 0};
  constexpr Key kGa{.hi = 0x5555'aaaa'5555'aaaa, .lo = 0x0f0f'0f0f'f0f0'f0f0};
  for (const Vector& v : kVectors) {
    const Regime r{.tcr = v.tcr, .qarma5 = true};
    const std::string_view op = v.op;
    u64 result = 0;
    if (op == "pacia") result = add_pac(r, v.ptr, v.modifier, kIa, false);
    if (op == "pacdb") result = add_pac(r, v.ptr, v.modifier, kDb, true);
    if (op == "autia") result = authenticate(r, v.ptr, v.modifier, kIa, false, false, false).ptr;
    if (op == "autdb") result = authenticate(r, v.ptr, v.modifier, kDb, true, true, false).ptr;
    if (op == "xpacd") result = strip(r, v.ptr, true);
    if (op == "pacga") result = compute_pac(r, v.ptr, v.modifier, kGa) & ~low_mask(32);
    EXPECT_EQ(result, v.result) << fmt::format("{} {:#x} {:#x} {:#x}", op, v.tcr, v.ptr,
                                               v.modifier);
  }
}

// ---- Instructions ------------------------------------------------------------------------------

constexpr u32 kPacia_x0_x1 = 0xdac1'0020, kAutia_x0_x1 = 0xdac1'1020, kAutdb_x0_x1 = 0xdac1'1c20;
constexpr u32 kPaciasp = 0xd503'233f, kRetaa = 0xd65f'0bff, kPacga_x2_x0_x1 = 0x9ac1'3002;
constexpr u32 kBraa_x0_x1 = 0xd71f'0801, kBlraaz_x0 = 0xd63f'081f, kXpaci_x0 = 0xdac1'43e0;
constexpr u32 kLdraa_x2_x0_8_pre = 0xf820'1c02, kEretaa = 0xd69f'0bff;

/// A vCPU with a 48-bit layout and keys; the instruction keys are enabled.
struct PauthCpu : Bench {
  explicit PauthCpu(const char* option = "max") : Bench(option) {
    c->s.sys.tcr_el1 = k48;
    for (unsigned i = 0; i < 10; ++i) c->s.sys.apkeys[i] = 0x0101'0101'0101'0101 * (i + 1);
    enable(u64{1} << 31 | u64{1} << 30 | u64{1} << 27 | u64{1} << 13);
  }
  void enable(u64 keys) { set("SCTLR_EL1", keys); }
  Key key(unsigned n) const {
    return {.hi = c->s.sys.apkeys[2 * n + 1], .lo = c->s.sys.apkeys[2 * n]};
  }
  Regime regime() const { return {.tcr = k48, .pauth2 = true, .fpac = true, .qarma5 = true}; }
};

TEST(PauthInstructions, SignsAndAuthenticates) {
  PauthCpu b;
  b.c->s.x[0] = kUser;
  b.c->s.x[1] = 42;
  b.run({kPacia_x0_x1});
  EXPECT_EQ(b.c->s.x[0], add_pac(b.regime(), kUser, 42, b.key(0), false));
  EXPECT_NE(b.c->s.x[0], kUser);
  b.run({kAutia_x0_x1});
  EXPECT_EQ(b.c->s.x[0], kUser);
  EXPECT_EQ(b.exception(), -1);
}

TEST(PauthInstructions, DisabledKeyIsANop) {
  PauthCpu b;
  b.enable(u64{1} << 30);
  b.c->s.x[0] = kUser;
  b.run({kPacia_x0_x1});
  EXPECT_EQ(b.c->s.x[0], kUser);
}

TEST(PauthInstructions, HintsAreNopsWithoutTheFeature) {
  PauthCpu b("cortex-a72");
  b.c->s.x[30] = kUser;
  b.run({kPaciasp});
  EXPECT_EQ(b.c->s.x[30], kUser);
  EXPECT_EQ(b.exception(), -1);
  b.run({kPacia_x0_x1});
  EXPECT_EQ(b.exception(), 0);
}

TEST(PauthInstructions, FailureSyndrome) {
  PauthCpu b;
  b.c->s.x[0] = kUser ^ u64 { 1 } << 60;
  b.run({kAutia_x0_x1});
  EXPECT_EQ(b.exception(), 0x1c);
  EXPECT_EQ(b.iss(), 0u);  // instruction key A
  EXPECT_EQ(b.c->s.sys.elr_el1, cpu::test::kCode);
  b.c->s.x[0] = kUser ^ u64 { 1 } << 60;
  b.run({kAutdb_x0_x1});
  EXPECT_EQ(b.exception(), 0x1c);
  EXPECT_EQ(b.iss(), 3u);  // data key B
}

TEST(PauthInstructions, GenericCode) {
  PauthCpu b;
  b.enable(0);  // PACGA has no enable
  b.c->s.x[0] = 5, b.c->s.x[1] = 6;
  b.run({kPacga_x2_x0_x1});
  EXPECT_EQ(b.c->s.x[2], compute_pac_qarma5(5, 6, b.key(4)) & ~low_mask(32));
}

TEST(PauthInstructions, Branches) {
  PauthCpu b;
  constexpr u64 kTarget = 0x2000;
  store_le(b.ram->data() + kTarget, u32{0x1400'0000});
  b.c->s.x[0] = add_pac(b.regime(), kTarget, 9, b.key(0), false);
  b.c->s.x[1] = 9;
  b.run({kBraa_x0_x1});
  EXPECT_EQ(b.c->s.pc, kTarget);
  b.c->s.x[0] = add_pac(b.regime(), kTarget, 0, b.key(0), false);
  b.run({kBlraaz_x0});
  EXPECT_EQ(b.c->s.pc, kTarget);
  EXPECT_EQ(b.c->s.x[30], cpu::test::kCode + 4);
  b.c->s.sp = 0x3000;
  b.c->s.x[30] = add_pac(b.regime(), kTarget, 0x3000, b.key(0), false);
  b.run({kRetaa});
  EXPECT_EQ(b.c->s.pc, kTarget);
  // Combined instructions do not fault on the code, but on the pointer that they get.
  b.c->s.x[30] ^= u64{1} << 54;
  b.run({kRetaa});
  EXPECT_EQ(b.exception(), 0x21);
}

TEST(PauthInstructions, ReturnFromException) {
  PauthCpu b;
  store_le(b.ram->data() + 0x2000, u32{0x1400'0000});
  b.c->s.sp = 0x3000;
  b.c->s.sys.elr_el1 = add_pac(b.regime(), 0x2000, 0x3000, b.key(0), false);
  b.c->s.sys.spsr_el1 = 0;
  b.run({kEretaa});
  EXPECT_EQ(b.c->s.pc, 0x2000u);
  EXPECT_EQ(b.c->s.pstate.el, 0);
  b.run({kEretaa});  // at EL0
  EXPECT_EQ(b.exception(), 0);
}

TEST(PauthInstructions, StripAndLoad) {
  PauthCpu b;
  b.c->s.x[0] = kUser ^ u64 { 0x55 } << 56;
  b.run({kXpaci_x0});
  EXPECT_EQ(b.c->s.x[0], kUser);
  b.store64(0x2008, 0x1234);
  b.c->s.x[0] = add_pac(b.regime(), 0x2000, 0, b.key(2), true);
  b.run({kLdraa_x2_x0_8_pre});
  EXPECT_EQ(b.c->s.x[2], 0x1234u);
  EXPECT_EQ(b.c->s.x[0], 0x2008u);
}

}  // namespace
}  // namespace quince::pauth
