// The configuration block, PSCI (Arm DEN 0022) and the calls of Apple's hypervisor (docs/platform.md).
#include "firmware/rom/checks/check.h"
#include "firmware/rom/drivers/cfg.h"
#include "firmware/rom/drivers/psci.h"

enum { kOn = 0, kOff = 1, kOnPending = 2, kNotSupported = -1, kInvalidParameters = -2 };

/// 16 CPUs to a cluster.
static u64 mpidr_of(u32 cpu) { return (cpu / 16) << 8 | cpu % 16; }

// ---- cfg ---------------------------------------------------------------------------------------

/// It has an end, and before that no control characters; it may be empty.
static bool is_text(const char* s) {
  u32 n = 0;
  while (n < kCfgText && (u8)s[n] >= ' ' && s[n] != 0x7f) ++n;
  return n < kCfgText && s[n] == 0;
}

static const char* cfg_cpus(void) {
  const u32 cpus = CFG->cpus;
  WANT_THAT(cpus >= 1 && cpus <= 32, "%u CPUs, not 1 to 32", cpus);
  for (u32 i = 0; i < 128; ++i)
    WANT_THAT(CFG->cpu_ids[i] == (i < cpus ? i : 0), "CPU %u has the id %u", i, CFG->cpu_ids[i]);
  for (u32 i = 0; i < cpus; ++i)
    WANT_THAT(psci(PSCI_AFFINITY_INFO, mpidr_of(i), 0, 0) >= 0, "%u CPUs, and PSCI has no CPU %u",
              cpus, i);
  WANT_THAT(psci(PSCI_AFFINITY_INFO, mpidr_of(cpus), 0, 0) < 0, "%u CPUs, and PSCI has one more",
            cpus);
  return 0;
}

/// The last word of RAM keeps what is written, and is no other one; behind it there is nothing.
static const char* cfg_ram(struct CheckContext* c) {
  WANT_THAT(CFG->ram_bytes != 0 && CFG->ram_bytes % 4096 == 0, "RAM of 0x%lx bytes",
            CFG->ram_bytes);
  volatile u64* const own = TAKE(c, sizeof *own, 8);
  const u64 end = RAM_BASE + CFG->ram_bytes;
  u32 dummy;
  WANT_THAT(attempt_get32(end - 8, &dummy), "there is no RAM at 0x%lx, its last word", end - 8);
  volatile u64* const last = (volatile u64*)(end - 8);
  const u64 was = *last;
  *own = 0x0123456789abcdef;
  *last = 0xfedcba9876543210;
  const u64 seen = *last, seen_own = *own;
  *last = was;
  WANT("the last word of RAM", seen, 0xfedcba9876543210);
  WANT("another word of RAM", seen_own, 0x0123456789abcdef);
  WANT_THAT(!attempt_get32(end, &dummy), "there is something at 0x%lx, behind RAM", end);
  return 0;
}

const char* check_cfg(struct CheckContext* c) {
  WANT("the version", CFG->version, kCfgVersion);
  const u32 first[] = {1, 1, 0x20, 0};
  for (u32 i = 0; i < 4; ++i) WANT("a constant word from 0x8 on", CFG->unknown1[i], first[i]);
  WANT("the word at 0x580", CFG->unknown6, 1);
  WANT_THAT(is_text(CFG->serial) && is_text(CFG->model) && is_text(CFG->soc_name),
            "serial, model or SoC is no text");
  u32 seed = 0;
  for (u32 i = 0; i < 64; ++i) seed |= get8((u64)CFG + 0x5c8 + i);
  WANT_THAT(seed != 0, "the random seed at 0x5c8 is all zeros");
  CHECK(cfg_cpus());
  return cfg_ram(c);
}

// ---- PSCI --------------------------------------------------------------------------------------

/// macOS starts no secondary CPUs with a version after 1.1.
const char* check_psci(struct CheckContext* c) {
  (void)c;
  const u64 version = (u64)psci(kPsciVersion, 0, 0, 0);
  WANT_THAT(version == 0x10000 || version == 0x10001, "version %lu.%lu, not 1.0 or 1.1",
            version >> 16, version & 0xffff);
  static const u64 functions[] = {PSCI_CPU_SUSPEND,   kPsciCpuOff,    PSCI_CPU_ON,
                                  PSCI_AFFINITY_INFO, kPsciSystemOff, kPsciSystemOff + 1};
  for (u32 i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
    const s64 answer = psci(kPsciFeatures, functions[i], 0, 0);
    WANT_THAT(answer >= 0, "PSCI_FEATURES(0x%lx) is %ld", functions[i], answer);
  }
  WANT("PSCI_FEATURES of no function", (u64)psci(kPsciFeatures, 0x8400001f, 0, 0),
       (u64)kNotSupported);
  WANT("a call of no function", (u64)psci(0x8400001f, 0, 0, 0), (u64)kNotSupported);
  WANT("MIGRATE_INFO_TYPE", (u64)psci(kPsciMigrateInfoType, 0, 0, 0), 2);
  const u64 self = READ(mpidr_el1) & 0xff00fffffful;
  WANT("AFFINITY_INFO of this CPU", (u64)psci(PSCI_AFFINITY_INFO, self, 0, 0), kOn);
  WANT("CPU_ON of no CPU", (u64)psci(PSCI_CPU_ON, 0xffff, 0, 0), (u64)kInvalidParameters);
  return 0;
}

// ---- Pointer authentication --------------------------------------------------------------------

enum {
  kPacSetInitialState = 0xc1000000u,
  kPacGetDefaultKeys = 0xc1000001u,
  kPacSetGKey = 0xc1000006u,  // the last of them
  kPacNop = 0xc10000f0u,
};

/// Keys and switches as they were before the check.
struct PacState {
  u64 keys[10], sctlr;
};
// APIAKeyLo_EL1 to APGAKeyHi_EL1.
#define EACH_KEY(do_it)                                                                           \
  do_it(0, s3_0_c2_c1_0) do_it(1, s3_0_c2_c1_1) do_it(2, s3_0_c2_c1_2) do_it(3, s3_0_c2_c1_3)     \
      do_it(4, s3_0_c2_c2_0) do_it(5, s3_0_c2_c2_1) do_it(6, s3_0_c2_c2_2) do_it(7, s3_0_c2_c2_3) \
          do_it(8, s3_0_c2_c3_0) do_it(9, s3_0_c2_c3_1)
#define SAVE(n, reg) state->keys[n] = READ(reg);
#define RESTORE(n, reg) WRITE(reg, state->keys[n]);

static void pac_save(struct PacState* state) {
  EACH_KEY(SAVE)
  state->sctlr = READ(sctlr_el1);
  WRITE(sctlr_el1, state->sctlr | 1ul << 31 | 1ul << 30 | 1ul << 27 | 1ul << 13);  // EnIA to EnDB
}
static void pac_restore(const struct PacState* state) {
  WRITE(sctlr_el1, state->sctlr);
  EACH_KEY(RESTORE)
}

#define OPERATION(name, word)                          \
  static u64 name(u64 pointer, u64 modifier) {         \
    register u64 x0 asm("x0") = pointer;               \
    register u64 x1 asm("x1") = modifier;              \
    asm volatile(".inst " #word : "+r"(x0) : "r"(x1)); \
    return x0;                                         \
  }
OPERATION(pacia, 0xdac10020)
OPERATION(pacib, 0xdac10420)
OPERATION(pacda, 0xdac10820)
OPERATION(pacdb, 0xdac10c20)
OPERATION(autia, 0xdac11020)
OPERATION(autib, 0xdac11420)
OPERATION(autda, 0xdac11820)
OPERATION(autdb, 0xdac11c20)

static const struct {
  const char* name;
  u64 (*sign)(u64, u64);
  u64 (*check)(u64, u64);
} kPacKeys[] = {
    {"IA", pacia, autia}, {"IB", pacib, autib}, {"DA", pacda, autda}, {"DB", pacdb, autdb}};

/// With FEAT_FPAC a wrong code is an exception, without it an address that is none.
static bool authenticates(u32 key, u64 coded, u64 pointer, u64 modifier) {
  u64 result = 0;
  return attempt(kPacKeys[key].check, coded, modifier, &result) == 0 && result == pointer;
}

/// One code in thousands is what it would be without a key: of four, not all are.
static const char* pac_signs(u32 key) {
  u32 coded_as_plain = 0, accepted_wrong = 0;
  for (u32 i = 0; i < 4; ++i) {
    const u64 pointer = RAM_BASE + 0x1230 * i, modifier = 0x77 + i;
    const u64 coded = kPacKeys[key].sign(pointer, modifier);
    coded_as_plain += coded == pointer;
    WANT_THAT(authenticates(key, coded, pointer, modifier),
              "a pointer that key %s signed does not authenticate", kPacKeys[key].name);
    accepted_wrong += authenticates(key, coded, pointer, modifier + 1);
  }
  WANT_THAT(coded_as_plain < 4, "key %s does not sign", kPacKeys[key].name);
  WANT_THAT(accepted_wrong < 4, "key %s accepts a wrong modifier", kPacKeys[key].name);
  return 0;
}

struct PacAnswer {
  u64 x0, x2, x3;
};
static struct PacAnswer pac_call(u64 function, u64 a, u64 b) {
  register u64 x0 asm("x0") = function;
  register u64 x1 asm("x1") = a;
  register u64 x2 asm("x2") = b;
  register u64 x3 asm("x3") = 0;
  asm volatile("hvc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
               :
               : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                 "x16", "x17", "memory");
  return (struct PacAnswer){x0, x2, x3};
}

static const char* pac_calls(void) {
  for (u64 f = kPacGetDefaultKeys + 1; f <= kPacSetGKey; ++f)
    WANT_THAT(pac_call(f, 1, 1).x0 == 0, "the call 0x%lx is refused", f);
  WANT("PAC_SET_INITIAL_STATE", pac_call(kPacSetInitialState, 0, 0).x0, 0);
  const u64 code = pacia(RAM_BASE, 5);
  WANT("PAC_SET_INITIAL_STATE again", pac_call(kPacSetInitialState, 0, 0).x0, 0);
  WANT("what the same key signs", pacia(RAM_BASE, 5), code);
  const struct PacAnswer ids = pac_call(kPacGetDefaultKeys, 0, 0);
  WANT("PAC_GET_DEFAULT_KEYS", ids.x0, 0);
  WANT_THAT(ids.x2 != 0 && ids.x3 != 0, "a default process id is 0");
  WANT_THAT((s64)pac_call(kPacNop, 0, 0).x0 < 0, "PAC_NOP promises an OEM service");
  for (u32 key = 0; key < 4; ++key) CHECK(pac_signs(key));
  return 0;
}

/// The first call of a boot fixes its keys, for the kernel as well: they are the same for every one.
const char* check_pac(struct CheckContext* c) {
  (void)c;
  const u64 isar1 = READ(id_aa64isar1_el1), isar2 = READ(s3_0_c0_c6_2);
  if (((isar1 & 0xff0) | (isar2 & 0xf000)) == 0) return check_absent;
  struct PacState before;
  pac_save(&before);
  const char* const why = pac_calls();
  pac_restore(&before);
  return why;
}
