/* The oracle of the instruction tests: runs single instructions on whatever AArch64 Linux it is
 * started on (qemu-aarch64) and reports what they did.  See protocol.h.
 *
 * Freestanding: no C library.  The whole state of a case is loaded by returning from a signal
 * handler, and saved when the BRK behind the instruction, or a fault, raises the next signal; so
 * no register is lost to a trampoline and a branch may go anywhere. */
#include "protocol.h"

typedef uint64_t u64;
typedef uint32_t u32;

enum { kRead = 63, kWrite = 64, kExit = 94, kSigaltstack = 132, kSigaction = 134 };
enum { kMmap = 222, kMprotect = 226 };
enum { kProtRw = 3, kProtRwx = 7, kProtBti = 0x10, kMapPrivateAnonFixed = 0x32 };
enum { kSigill = 4, kSigtrap = 5, kSigbus = 7, kSigsegv = 11 };
enum { kSaSiginfo = 4, kSaOnstack = 0x08000000, kSaNodefer = 0x40000000 };

/* The kernel's signal ABI: siginfo, sigcontext and the FPSIMD record. */
struct SigInfo {
  u32 signo, err, code, pad;
  u64 address;
};
struct FpsimdRecord {
  u32 magic, size, fpsr, fpcr;
  u64 v[64];
};
struct UserContext {
  u64 flags, link, stack[3], mask, unused[15], align;
  u64 fault_address, regs[31], sp, pc, pstate, align2;
  struct FpsimdRecord fp;
};
_Static_assert(__builtin_offsetof(struct UserContext, fault_address) == 176, "sigcontext");
_Static_assert(__builtin_offsetof(struct UserContext, fp) == 464, "sigcontext.__reserved");
struct SigAction {
  void (*handler)(int, struct SigInfo*, struct UserContext*);
  u64 flags;
  void* restorer;
  u64 mask;
};

static struct BatchHeader header;
static struct OracleCase cases[ORACLE_BATCH];
static struct OracleResult results[ORACLE_BATCH];
static u64 alternate_stack[4096];
static struct UserContext home; /* where the run was started from; only general state is used */
static u32 current;             /* the case that runs */
static int running;

static long call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  register u64 x8 __asm__("x8") = (u64)number;
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x2 __asm__("x2") = c;
  register u64 x3 __asm__("x3") = d;
  register u64 x4 __asm__("x4") = e;
  register u64 x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
                   : "memory");
  return (long)x0;
}

static void die(int status) {
  for (;;) call(kExit, (u64)status, 0, 0, 0, 0, 0);
}

static void copy(volatile u64* to, const volatile u64* from, u64 words) {
  for (u64 i = 0; i < words; ++i) to[i] = from[i];
}

/* The three pieces of the data pages, as one window. */
static void window_in(const u64* w) {
  copy((u64*)ORACLE_DATA, w, ORACLE_EDGE / 8);
  copy((u64*)(ORACLE_DATA + ORACLE_MIDDLE_OFFSET), w + ORACLE_EDGE / 8, ORACLE_MIDDLE / 8);
  copy((u64*)(ORACLE_DATA + ORACLE_LAST_OFFSET), w + (ORACLE_EDGE + ORACLE_MIDDLE) / 8,
       ORACLE_EDGE / 8);
}
static void window_out(u64* w) {
  copy(w, (u64*)ORACLE_DATA, ORACLE_EDGE / 8);
  copy(w + ORACLE_EDGE / 8, (u64*)(ORACLE_DATA + ORACLE_MIDDLE_OFFSET), ORACLE_MIDDLE / 8);
  copy(w + (ORACLE_EDGE + ORACLE_MIDDLE) / 8, (u64*)(ORACLE_DATA + ORACLE_LAST_OFFSET),
       ORACLE_EDGE / 8);
}

static u64 slot_address(u32 slot) { return ORACLE_SLOTS + slot * ORACLE_SLOT_SIZE; }

static void load_case(struct UserContext* c, const struct OracleCase* t) {
  window_in(t->in.window);
  copy(c->regs, t->in.x, 31);
  copy(c->fp.v, t->in.v, 64);
  c->sp = t->in.sp;
  c->pc = slot_address(t->slot);
  c->pstate = t->in.pstate;
  c->fp.fpsr = t->in.fpsr;
  c->fp.fpcr = t->in.fpcr;
}

static void save_result(struct OracleResult* r, const struct UserContext* c, u32 signal, u64 addr) {
  r->signal = signal;
  r->address = addr;
  r->pc = c->pc;
  copy(r->out.x, c->regs, 31);
  copy(r->out.v, c->fp.v, 64);
  r->out.sp = c->sp;
  r->out.pstate = (u32)c->pstate;
  r->out.fpsr = c->fp.fpsr;
  r->out.fpcr = c->fp.fpcr;
  window_out(r->out.window);
}

/* Every signal ends one case and starts the next; the first one, raised by main, starts case 0,
 * the last one goes back there. */
static void on_signal(int signal, struct SigInfo* info, struct UserContext* c) {
  if (c->fp.magic != 0x46508001) die(3);
  if (!running) {
    copy((u64*)&home, (const u64*)c, __builtin_offsetof(struct UserContext, fp) / 8);
    running = 1;
    current = 0;
  } else {
    save_result(&results[current], c, (u32)signal, info->address);
    ++current;
  }
  if (current < header.count) {
    load_case(c, &cases[current]);
    return;
  }
  running = 0;
  copy((u64*)c->regs, (const u64*)home.regs, 31);
  c->sp = home.sp;
  c->pc = home.pc + 4;
  c->pstate = home.pstate;
  c->fp.fpcr = 0;
}

static int transfer(long number, u64 fd, void* data, u64 size) {
  char* p = data;
  while (size > 0) {
    const long n = call(number, fd, (u64)p, size, 0, 0, 0);
    if (n <= 0) return 0;
    p += n;
    size -= (u64)n;
  }
  return 1;
}

static void map(u64 at, u64 size, u64 protection) {
  const long r = call(kMmap, at, size, protection, kMapPrivateAnonFixed, ~0ull, 0);
  if ((u64)r != at) die(2);
}

static void install(int signal) {
  const struct SigAction action = {on_signal, kSaSiginfo | kSaOnstack | kSaNodefer, 0, 0};
  if (call(kSigaction, (u64)signal, (u64)&action, 0, 8, 0, 0) != 0) die(2);
}

static void place_code(void) {
  for (u32 i = 0; i < header.count; ++i)
    for (u32 n = 0; n < ORACLE_INSNS; ++n) {
      volatile u32* at = (volatile u32*)(slot_address(cases[i].slot) + 4 * n);
      if (*at == cases[i].insn[n]) continue;
      *at = cases[i].insn[n];
      __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" : : "r"(at) : "memory");
    }
}

/* Zeroes what is between the pieces, and tells whether something was there. */
static u32 clean_data(void) {
  u32 stray = 0;
  for (u64 o = ORACLE_EDGE; o < ORACLE_LAST_OFFSET; o += 8) {
    if (o == ORACLE_MIDDLE_OFFSET) o += ORACLE_MIDDLE;
    volatile u64* p = (volatile u64*)(ORACLE_DATA + o);
    if (*p == 0) continue;
    *p = 0;
    stray = 1;
  }
  return stray;
}

void _start(void) {
  map(ORACLE_CODE, ORACLE_CODE_SIZE, kProtRwx);
  map(ORACLE_DATA, ORACLE_DATA_SIZE, kProtRw);
  for (u64 a = ORACLE_CODE; a < ORACLE_CODE + ORACLE_CODE_SIZE; a += 4)
    *(volatile u32*)a = ORACLE_BRK;
  const u64 stack[3] = {(u64)alternate_stack, 0, sizeof alternate_stack};
  if (call(kSigaltstack, (u64)stack, 0, 0, 0, 0, 0) != 0) die(2);
  install(kSigill);
  install(kSigtrap);
  install(kSigbus);
  install(kSigsegv);
  u32 guarded = 0;
  while (transfer(kRead, 0, &header, sizeof header)) {
    if (header.count == 0 || header.count > ORACLE_BATCH) die(4);
    if (!transfer(kRead, 0, cases, header.count * sizeof cases[0])) die(5);
    if (header.guarded != guarded) {
      guarded = header.guarded;
      call(kMprotect, ORACLE_CODE, ORACLE_CODE_SIZE, kProtRwx | (guarded ? kProtBti : 0), 0, 0, 0);
    }
    place_code();
    __asm__ volatile("brk #0" : : : "memory");
    results[header.count - 1].stray = clean_data();
    if (!transfer(kWrite, 1, results, header.count * sizeof results[0])) die(5);
  }
  die(0);
}
