/* The oracle of the instruction tests: runs cases on whatever AArch64 Linux it is started on
 * (qemu-aarch64) and reports what they did.  See protocol.h.
 *
 * Freestanding: no C library.  A case is entered through gate.S and, when it gets to its end, left
 * the same way.  Whatever else it does raises a signal, whose handler saves the state of the case
 * and returns to where the gate was entered.  Where the gate would be seen, since it changes
 * PSTATE.BTYPE, a case starts in a signal handler as well: behind the door is a BRK. */
#include "protocol.h"

typedef uint64_t u64;
typedef uint32_t u32;

enum { kRead = 63, kWrite = 64, kExit = 94, kSigaltstack = 132, kSigaction = 134 };
enum { kSharedFd = 3, kMapShared = 1 };
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

/* gate.S */
struct GateFrame {
  u64 saved[12]; /* x19 to x30 */
  u64 sp;
  struct OracleState* out;
};
void gate_enter(const struct OracleState* in, u64 entry, struct GateFrame* frame);
extern const u32 gate_exit[], gate_exit_end[], door[];
_Static_assert(__builtin_offsetof(struct GateFrame, out) == 104, "gate.S");
_Static_assert(__builtin_offsetof(struct OracleState, sp) == 248, "gate.S");
_Static_assert(__builtin_offsetof(struct OracleState, v) == 256, "gate.S");
_Static_assert(__builtin_offsetof(struct OracleState, pstate) == 768, "gate.S");

static struct GateFrame* const frame = (struct GateFrame*)(ORACLE_EXIT + 0x1000);
static struct OracleShared* shared;
static u64 alternate_stack[4096];
static volatile u32 current;  /* the case that runs */
static volatile u32 starting; /* the next signal starts it */

__asm__(".pushsection .text\n .global door\ndoor: brk #0\n .popsection");

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

static u64 slot_address(u32 slot) { return ORACLE_SLOTS + slot * (u64)ORACLE_SLOT_SIZE; }

static void load_case(struct UserContext* c, const struct OracleCase* t) {
  copy(c->regs, t->in.x, 31);
  copy(c->fp.v, t->in.v, 64);
  c->sp = t->in.sp;
  c->pc = slot_address(t->slot) + ORACLE_FIRST;
  c->pstate = t->in.pstate;
  c->fp.fpsr = t->in.fpsr;
  c->fp.fpcr = t->in.fpcr;
}

static void save_result(struct OracleResult* r, const struct UserContext* c, u32 signal, u64 addr) {
  r->signal = signal;
  r->address = signal == kSigsegv || signal == kSigbus ? addr : 0;
  r->pc = c->pc;
  copy(r->out.x, c->regs, 31);
  copy(r->out.v, c->fp.v, 64);
  r->out.sp = c->sp;
  r->out.pstate = (u32)c->pstate;
  r->out.fpsr = c->fp.fpsr;
  r->out.fpcr = c->fp.fpcr;
}

/* Ends the case that runs, or starts it when run_guarded() asks for that. */
static void on_signal(int signal, struct SigInfo* info, struct UserContext* c) {
  if (c->fp.magic != 0x46508001) die(3);
  if (starting) {
    starting = 0;
    load_case(c, &shared->cases[current]);
    return;
  }
  save_result(&shared->results[current], c, (u32)signal, info->address);
  copy((u64*)&c->regs[19], frame->saved, 12);
  c->sp = frame->sp;
  c->pc = c->regs[30];
  c->pstate = 0;
  c->fp.fpcr = 0;
}

static int transfer(long number, u64 fd, void* data, u64 size) {
  return call(number, fd, (u64)data, size, 0, 0, 0) == (long)size;
}

static void map(u64 at, u64 size, u64 protection) {
  const long r = call(kMmap, at, size, protection, kMapPrivateAnonFixed, ~0ull, 0);
  if ((u64)r != at) die(2);
}

static void install(int signal) {
  const struct SigAction action = {on_signal, kSaSiginfo | kSaOnstack | kSaNodefer, 0, 0};
  if (call(kSigaction, (u64)signal, (u64)&action, 0, 8, 0, 0) != 0) die(2);
}

static void place(volatile u32* at, u32 insn) {
  if (*at == insn) return;
  *at = insn;
  __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" : : "r"(at) : "memory");
}

static void place_code(void) {
  for (u32 i = 0; i < shared->count; ++i) {
    const struct OracleCase* c = &shared->cases[i];
    if (i != 0 && c->slot == c[-1].slot) continue;
    volatile u32* at = (volatile u32*)(slot_address(c->slot) + ORACLE_FIRST);
    place(at - 1, ORACLE_ENTRY);
    for (u32 n = 0; n < ORACLE_INSNS; ++n) place(at + n, c->insn[n]);
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

static void run_case(void) {
  const struct OracleCase* c = &shared->cases[current];
  struct OracleResult* r = &shared->results[current];
  if (c->flags & ORACLE_MEMORY) window_in(c->in.window);
  r->signal = 0;
  r->address = 0;
  r->pc = ORACLE_EXIT;
  frame->out = &r->out;
  const u64 entry = slot_address(c->slot) + ORACLE_FIRST - 4;
  starting = shared->guarded || (c->flags & ORACLE_BY_SIGNAL) != 0;
  gate_enter(&c->in, starting ? (u64)&door : entry, frame);
  if (c->flags & ORACLE_MEMORY) window_out(r->out.window);
}

static void set_up(void) {
  const long at = call(kMmap, 0, sizeof *shared, kProtRw, kMapShared, kSharedFd, 0);
  if (at < 0 && at > -4096) die(2);
  shared = (struct OracleShared*)at;
  map(ORACLE_CODE, ORACLE_CODE_SIZE, kProtRwx);
  map(ORACLE_DATA, ORACLE_DATA_SIZE, kProtRw);
  map(ORACLE_EXIT, ORACLE_EXIT_SIZE, kProtRwx);
  for (u64 a = ORACLE_CODE; a < ORACLE_CODE + ORACLE_CODE_SIZE; a += 4)
    *(volatile u32*)a = ORACLE_BRK;
  volatile u32* exit_code = (volatile u32*)ORACLE_EXIT;
  for (const u32* p = gate_exit; p != gate_exit_end; ++p, ++exit_code) place(exit_code, *p);
  const u64 stack[3] = {(u64)alternate_stack, 0, sizeof alternate_stack};
  if (call(kSigaltstack, (u64)stack, 0, 0, 0, 0, 0) != 0) die(2);
  install(kSigill);
  install(kSigtrap);
  install(kSigbus);
  install(kSigsegv);
}

void _start(void) {
  set_up();
  u32 guarded = 0;
  char byte;
  while (transfer(kRead, 0, &byte, 1)) {
    if (shared->count == 0 || shared->count > ORACLE_BATCH) die(4);
    if (shared->guarded != guarded) {
      guarded = shared->guarded;
      call(kMprotect, ORACLE_CODE, ORACLE_CODE_SIZE, kProtRwx | (guarded ? kProtBti : 0), 0, 0, 0);
    }
    place_code();
    for (current = 0; current < shared->count; ++current)
      if ((shared->cases[current].flags & ORACLE_SKIP) == 0) run_case();
    shared->stray = clean_data();
    if (!transfer(kWrite, 1, &byte, 1)) die(5);
  }
  die(0);
}
