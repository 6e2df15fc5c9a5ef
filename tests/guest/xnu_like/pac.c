// Pointer authentication as XNU uses it under a hypervisor: keys that it never sees (hv_hvc.h,
// pac_asm.h).  What must hold is that codes depend on key, modifier and pointer, and authenticate.
#include "xnu.h"

enum {
  kPacSetInitialState = 0xc1000000u,
  kPacGetDefaultKeys = 0xc1000001u,
  kPacSetGKey = 0xc1000006u,  // the last
  kPacNop = 0xc10000f0u,
  kOemUid = 0x8300ff01u,
};

struct Input {
  u64 pointer, modifier;
};

// By their words: the kernel is compiled for an architecture without them.
#define OPERATION(name, word) CODE(name, "ldp x0, x1, [x0]\n .inst " #word)
OPERATION(pacia, 0xdac10020);
OPERATION(pacib, 0xdac10420);
OPERATION(pacda, 0xdac10820);
OPERATION(pacdb, 0xdac10c20);
OPERATION(autia, 0xdac11020);
OPERATION(autib, 0xdac11420);
OPERATION(autda, 0xdac11820);
OPERATION(autdb, 0xdac11c20);
OPERATION(xpaci, 0xdac143e0);
OPERATION(pacga, 0x9ac13000);  // PACGA X0, X0, X1

enum { kKeys = 4 };
static char* sign_with(unsigned key) {
  return key == 0 ? pacia : key == 1 ? pacib : key == 2 ? pacda : pacdb;
}
static char* check_with(unsigned key) {
  return key == 0 ? autia : key == 1 ? autib : key == 2 ? autda : autdb;
}

static u64 operate(char* code, u64 pointer, u64 modifier) {
  const struct Input in = {pointer, modifier};
  u64 result = 0;
  EXPECT(attempt(code, (u64)&in, &result), 0);
  return result;
}

/// With FEAT_FPAC a wrong code is an exception, without it an address that is none.
static bool authenticates(unsigned key, u64 coded, u64 pointer, u64 modifier) {
  const struct Input in = {coded, modifier};
  u64 result = 0;
  const u64 esr = attempt(check_with(key), (u64)&in, &result);
  if (esr != 0) {
    EXPECT(esr >> 26, 0x1c);  // PAC Fail
    return false;
  }
  return result == pointer;
}

static u64 kernel_pointer(unsigned n) { return (u64)&cpus[n % MAX_CPUS] + n; }

void pac_initial_state_step(void) { EXPECT(self()->pac_result, 0); }

/// A code has 15 bits: that two agree means nothing, that all do means that the input is ignored.
void pac_signing_step(void) {
  enum { kTries = 4 };
  for (unsigned k = 0; k < kKeys; ++k) {
    char* const sign = sign_with(k);
    unsigned by_pointer = 0, by_modifier = 0, by_key = 0, wrong = 0;
    for (unsigned i = 0; i < kTries; ++i) {
      const u64 p = kernel_pointer(i + 1), m = 0x1000 + i;
      const u64 coded = operate(sign, p, m);
      EXPECT_TRUE(coded != p);
      EXPECT(operate(xpaci, coded, 0), p);
      EXPECT_TRUE(authenticates(k, coded, p, m));
      const u64 code = coded ^ p;
      by_pointer += code != (operate(sign, p + 64, m) ^ (p + 64));
      by_modifier += coded != operate(sign, p, m + 1);
      by_key += coded != operate(sign_with((k + 1) % kKeys), p, m);
      wrong += !authenticates(k, coded, p, m + 1);
    }
    EXPECT_TRUE(by_pointer != 0);
    EXPECT_TRUE(by_modifier != 0);
    EXPECT_TRUE(by_key != 0);
    EXPECT_TRUE(wrong != 0);
  }
  // The generic code, with which XNU signs a thread's state.
  const u64 code = operate(pacga, 0x1234, 1);
  EXPECT_TRUE(code != 0);
  EXPECT_TRUE(code != operate(pacga, 0x1235, 1));
  EXPECT_TRUE(code != operate(pacga, 0x1234, 2));
}

void pac_default_keys_step(void) {
  const struct Regs r = hvc(kPacGetDefaultKeys, 0, 0, 0);
  EXPECT(r.x0, 0);
  EXPECT_TRUE(r.x2 != 0);
  EXPECT_TRUE(r.x3 != 0);
}

/// Those of process switches and of signing for user space: a kernel of 2025 spins on any answer
/// but zero.
void pac_calls_step(void) {
  for (u64 f = kPacGetDefaultKeys + 1; f <= kPacSetGKey; ++f) EXPECT(hvc(f, 1, 1, 0).x0, 0);
  const u64 coded = operate(pacia, kernel_pointer(1), 7);
  EXPECT(hvc(0xc1000005, 0, 1, 0).x0, 0);  // the EL0 diversifier is off again
  EXPECT_TRUE(authenticates(0, coded, kernel_pointer(1), 7));
}

void pac_preserves_step(void) {
  for (u64 f = kPacSetInitialState; f <= kPacSetGKey; ++f) EXPECT(hvc_changes(f, 1, 0), 0);
}

/// No OEM service, which the kernel finds by a negative answer.
void pac_nop_step(void) {
  EXPECT_TRUE((s64)hvc(kPacNop, 0, 0, 0).x0 < 0 || (u32)hvc(kPacNop, 0, 0, 0).x0 == 0xffffffff);
  EXPECT((u32)hvc(kOemUid, 0, 0, 0).x0, 0xffffffff);
}

// ---- The same keys on every CPU ----------------------------------------------------------------

static u64 signed_by_0[kKeys];
enum { kSharedModifier = 0x77 };

void sign_for_all(void) {
  for (unsigned k = 0; k < kKeys; ++k) {
    const struct Input in = {kernel_pointer(k), kSharedModifier};
    attempt(sign_with(k), (u64)&in, &signed_by_0[k]);
  }
}

bool authenticate_all(void) {
  for (unsigned k = 0; k < kKeys; ++k) {
    const struct Input in = {signed_by_0[k], kSharedModifier};
    u64 result = 0;
    if (attempt(check_with(k), (u64)&in, &result) != 0 || result != kernel_pointer(k)) return false;
  }
  return true;
}
