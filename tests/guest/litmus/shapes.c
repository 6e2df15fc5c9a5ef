// Litmus tests for AArch64: the shapes of herd's catalogue with their fences and dependencies, and what
// the memory model says of them (Arm DDI 0487, B2.3: external visibility, with its barrier-ordered-before,
// dependency-ordered-before and coherence).  Everything starts as zero.
#include "firmware/rom/lib/types.h"
#include "shapes.h"

// A thread of assembly: %[x], %[y], %[z] are addresses, %[a] and %[b] its registers, X9 is free.
#define THREAD(name, code)                                                           \
  __attribute__((unused)) static void name(Reg *x, Reg *y, Reg *z, Reg *r) {         \
    Reg a = 0, b = 0;                                                                \
    asm volatile(".arch_extension rcpc\n" code                                       \
                 : [a] "+&r"(a), [b] "+&r"(b)                                        \
                 : [x] "r"(x), [y] "r"(y), [z] "r"(z), [one] "r"(1ul), [two] "r"(2ul) \
                 : "x9", "memory");                                                  \
    r[0] = a;                                                                        \
    r[1] = b;                                                                        \
  }

#define W(at, v) "str %[" #v "], [%[" #at "]]\n"     // a plain store of one or two
#define WL(at, v) "stlr %[" #v "], [%[" #at "]]\n"   // a release
#define R(to, at) "ldr %[" #to "], [%[" #at "]]\n"   // a plain load
#define RA(to, at) "ldar %[" #to "], [%[" #at "]]\n" // an acquire
#define RQ(to, at) "ldapr %[" #to "], [%[" #at "]]\n" // an acquire of FEAT_LRCPC
#define PO ""
#define SY "dmb ish\n"
#define ST "dmb ishst\n"
#define LD "dmb ishld\n"
#define DSB_ "dsb ish\n"
#define CTRL "cbnz %[a], 1f\n1:\n"
#define CTRLISB "cbnz %[a], 1f\n1: isb\n"
#define R_ADDR(to, at) "eor x9, %[a], %[a]\n ldr %[" #to "], [%[" #at "], x9]\n"
#define W_ADDR(at, v) "eor x9, %[a], %[a]\n str %[" #v "], [%[" #at "], x9]\n"
#define W_DATA(at, v) "eor x9, %[a], %[a]\n add x9, x9, %[" #v "]\n str x9, [%[" #at "]]\n"

// ---- Threads, by what they do: order of accesses, then what is between ---------------------------

THREAD(wx, W(x, one))
THREAD(wx2, W(x, two))
THREAD(wy, W(y, one))
#define TWO_WRITES(prefix, first, second) \
  THREAD(prefix##_po, first PO second)    \
  THREAD(prefix##_sy, first SY second)    \
  THREAD(prefix##_st, first ST second)    \
  THREAD(prefix##_ld, first LD second)
TWO_WRITES(wxwy, W(x, one), W(y, one))
THREAD(wxwy_rel, W(x, one) WL(y, one))
TWO_WRITES(wx2wy, W(x, two), W(y, one))
THREAD(wx2wy_rel, W(x, two) WL(y, one))
TWO_WRITES(wxwy2, W(x, one), W(y, two))
THREAD(wxwy2_rel, W(x, one) WL(y, two))
TWO_WRITES(wywx2, W(y, one), W(x, two))
THREAD(wywx2_rel, W(y, one) WL(x, two))

#define STORE_LOAD(prefix, store, release, load, acquire, weaker)  \
  THREAD(prefix##_po, store PO load)                               \
  THREAD(prefix##_sy, store SY load)                               \
  THREAD(prefix##_st, store ST load)                               \
  THREAD(prefix##_ld, store LD load)                               \
  THREAD(prefix##_dsb, store DSB_ load)                            \
  THREAD(prefix##_rel_acq, release acquire)                        \
  THREAD(prefix##_rel_rcpc, release weaker)                        \
  THREAD(prefix##_rel_po, release load)
STORE_LOAD(wxry, W(x, one), WL(x, one), R(a, y), RA(a, y), RQ(a, y))
STORE_LOAD(wyrx, W(y, one), WL(y, one), R(a, x), RA(a, x), RQ(a, x))
STORE_LOAD(wy2rx, W(y, two), WL(y, two), R(a, x), RA(a, x), RQ(a, x))

#define TWO_LOADS(prefix, first, acquire, weaker, at)  \
  THREAD(prefix##_po, first PO R(b, at))               \
  THREAD(prefix##_sy, first SY R(b, at))               \
  THREAD(prefix##_st, first ST R(b, at))               \
  THREAD(prefix##_ld, first LD R(b, at))               \
  THREAD(prefix##_addr, first R_ADDR(b, at))           \
  THREAD(prefix##_ctrl, first CTRL R(b, at))           \
  THREAD(prefix##_ctrlisb, first CTRLISB R(b, at))     \
  THREAD(prefix##_acq, acquire R(b, at))               \
  THREAD(prefix##_rcpc, weaker R(b, at))
TWO_LOADS(ryrx, R(a, y), RA(a, y), RQ(a, y), x)
TWO_LOADS(rxry, R(a, x), RA(a, x), RQ(a, x), y)
TWO_LOADS(rzrx, R(a, z), RA(a, z), RQ(a, z), x)
THREAD(rxrx, R(a, x) R(b, x))
THREAD(rxrx_rcpc, RQ(a, x) RQ(b, x))

#define LOAD_STORE(prefix, load, acquire, weaker, at) \
  THREAD(prefix##_po, load PO W(at, one))             \
  THREAD(prefix##_sy, load SY W(at, one))             \
  THREAD(prefix##_ld, load LD W(at, one))             \
  THREAD(prefix##_addr, load W_ADDR(at, one))         \
  THREAD(prefix##_data, load W_DATA(at, one))         \
  THREAD(prefix##_ctrl, load CTRL W(at, one))         \
  THREAD(prefix##_acq, acquire W(at, one))            \
  THREAD(prefix##_rcpc, weaker W(at, one))            \
  THREAD(prefix##_rel, load WL(at, one))
LOAD_STORE(rxwy, R(a, x), RA(a, x), RQ(a, x), y)
LOAD_STORE(rywx, R(a, y), RA(a, y), RQ(a, y), x)
LOAD_STORE(rywz, R(a, y), RA(a, y), RQ(a, y), z)
THREAD(rxwx, R(a, x) W(x, one))
THREAD(wxrx, W(x, one) R(a, x))

// ---- The outcomes ------------------------------------------------------------------------------

#define WEAK(name, condition) \
  static bool name(const struct Outcome *o) { return condition; }
WEAK(mp, o->r[1][0] == 1 && o->r[1][1] == 0)
WEAK(sb, o->r[0][0] == 0 && o->r[1][0] == 0)
WEAK(lb, o->r[0][0] == 1 && o->r[1][0] == 1)
WEAK(s, o->r[1][0] == 1 && o->x == 2)
WEAK(r, o->y == 2 && o->r[1][0] == 0)
WEAK(two_two_w, o->x == 1 && o->y == 1)
WEAK(corr, o->r[1][0] != 0 && o->r[1][1] == 0)
WEAK(corw, o->r[0][0] == 2 && o->x == 2)
WEAK(cowr, o->r[0][0] == 2 && o->x == 1)
WEAK(wrc, o->r[1][0] == 1 && o->r[2][0] == 1 && o->r[2][1] == 0)
WEAK(isa2, o->r[1][0] == 1 && o->r[2][0] == 1 && o->r[2][1] == 0)
WEAK(rwc, o->r[1][0] == 1 && o->r[1][1] == 0 && o->r[2][0] == 0)
WEAK(iriw, o->r[1][0] == 1 && o->r[1][1] == 0 && o->r[3][0] == 1 && o->r[3][1] == 0)

#define FORBID true
#define ALLOW false
const struct Shape shapes[] = {
    {"MP", ALLOW, 2, {wxwy_po, ryrx_po}, mp},
    {"MP+dmb.sys", FORBID, 2, {wxwy_sy, ryrx_sy}, mp},
    {"MP+dmb.st+dmb.ld", FORBID, 2, {wxwy_st, ryrx_ld}, mp},
    {"MP+dmb.sy+addr", FORBID, 2, {wxwy_sy, ryrx_addr}, mp},
    {"MP+dmb.st+addr", FORBID, 2, {wxwy_st, ryrx_addr}, mp},
    {"MP+dmb.sy+ctrl", ALLOW, 2, {wxwy_sy, ryrx_ctrl}, mp},
    {"MP+dmb.sy+ctrlisb", FORBID, 2, {wxwy_sy, ryrx_ctrlisb}, mp},
    {"MP+dmb.sy+po", ALLOW, 2, {wxwy_sy, ryrx_po}, mp},
    {"MP+dmb.sy+dmb.st", ALLOW, 2, {wxwy_sy, ryrx_st}, mp},
    {"MP+dmb.ld+addr", ALLOW, 2, {wxwy_ld, ryrx_addr}, mp},
    {"MP+popl+poap", FORBID, 2, {wxwy_rel, ryrx_acq}, mp},
    {"MP+popl+poqp", FORBID, 2, {wxwy_rel, ryrx_rcpc}, mp},
    {"MP+popl+addr", FORBID, 2, {wxwy_rel, ryrx_addr}, mp},
    {"MP+dmb.st+poqp", FORBID, 2, {wxwy_st, ryrx_rcpc}, mp},
    {"SB", ALLOW, 2, {wxry_po, wyrx_po}, sb},
    {"SB+dmb.sys", FORBID, 2, {wxry_sy, wyrx_sy}, sb},
    {"SB+dsb.sys", FORBID, 2, {wxry_dsb, wyrx_dsb}, sb},
    {"SB+dmb.sts", ALLOW, 2, {wxry_st, wyrx_st}, sb},
    {"SB+dmb.lds", ALLOW, 2, {wxry_ld, wyrx_ld}, sb},
    {"SB+polas", FORBID, 2, {wxry_rel_acq, wyrx_rel_acq}, sb},
    {"SB+polqs", ALLOW, 2, {wxry_rel_rcpc, wyrx_rel_rcpc}, sb},
    {"SB+polps", ALLOW, 2, {wxry_rel_po, wyrx_rel_po}, sb},
    {"SB+dmb.sy+pola", FORBID, 2, {wxry_sy, wyrx_rel_acq}, sb},
    {"LB", ALLOW, 2, {rxwy_po, rywx_po}, lb},
    {"LB+dmb.sys", FORBID, 2, {rxwy_sy, rywx_sy}, lb},
    {"LB+dmb.lds", FORBID, 2, {rxwy_ld, rywx_ld}, lb},
    {"LB+datas", FORBID, 2, {rxwy_data, rywx_data}, lb},
    {"LB+addrs", FORBID, 2, {rxwy_addr, rywx_addr}, lb},
    {"LB+ctrls", FORBID, 2, {rxwy_ctrl, rywx_ctrl}, lb},
    {"LB+poaps", FORBID, 2, {rxwy_acq, rywx_acq}, lb},
    {"LB+poqps", FORBID, 2, {rxwy_rcpc, rywx_rcpc}, lb},
    {"LB+popls", FORBID, 2, {rxwy_rel, rywx_rel}, lb},
    {"S", ALLOW, 2, {wx2wy_po, rywx_po}, s},
    {"S+dmb.sys", FORBID, 2, {wx2wy_sy, rywx_sy}, s},
    {"S+dmb.st+data", FORBID, 2, {wx2wy_st, rywx_data}, s},
    {"S+dmb.st+ctrl", FORBID, 2, {wx2wy_st, rywx_ctrl}, s},
    {"S+dmb.sy+addr", FORBID, 2, {wx2wy_sy, rywx_addr}, s},
    {"S+popl+poap", FORBID, 2, {wx2wy_rel, rywx_acq}, s},
    {"S+popl+poqp", FORBID, 2, {wx2wy_rel, rywx_rcpc}, s},
    {"S+dmb.sy+po", ALLOW, 2, {wx2wy_sy, rywx_po}, s},
    {"R", ALLOW, 2, {wxwy_po, wy2rx_po}, r},
    {"R+dmb.sys", FORBID, 2, {wxwy_sy, wy2rx_sy}, r},
    {"R+dmb.st+dmb.sy", FORBID, 2, {wxwy_st, wy2rx_sy}, r},
    {"R+popl+pola", FORBID, 2, {wxwy_rel, wy2rx_rel_acq}, r},
    {"R+dmb.sy+polq", ALLOW, 2, {wxwy_sy, wy2rx_rel_rcpc}, r},
    {"2+2W", ALLOW, 2, {wxwy2_po, wywx2_po}, two_two_w},
    {"2+2W+dmb.sys", FORBID, 2, {wxwy2_sy, wywx2_sy}, two_two_w},
    {"2+2W+dmb.sts", FORBID, 2, {wxwy2_st, wywx2_st}, two_two_w},
    {"2+2W+popls", FORBID, 2, {wxwy2_rel, wywx2_rel}, two_two_w},
    {"CoRR", FORBID, 2, {wx, rxrx}, corr},
    {"CoRR+poqq", FORBID, 2, {wx, rxrx_rcpc}, corr},
    {"CoRW2", FORBID, 2, {rxwx, wx2}, corw},
    {"CoWR", FORBID, 2, {wxrx, wx2}, cowr},
    {"WRC", ALLOW, 3, {wx, rxwy_po, ryrx_po}, wrc},
    {"WRC+dmb.sys", FORBID, 3, {wx, rxwy_sy, ryrx_sy}, wrc},
    {"WRC+addrs", FORBID, 3, {wx, rxwy_addr, ryrx_addr}, wrc},
    {"WRC+data+addr", FORBID, 3, {wx, rxwy_data, ryrx_addr}, wrc},
    {"WRC+popl+poap", FORBID, 3, {wx, rxwy_rel, ryrx_acq}, wrc},
    {"WRC+poap+poqp", FORBID, 3, {wx, rxwy_acq, ryrx_rcpc}, wrc},
    {"ISA2+dmb.sy+data+addr", FORBID, 3, {wxwy_sy, rywz_data, rzrx_addr}, isa2},
    {"ISA2+popl+poap+poap", FORBID, 3, {wxwy_rel, rywz_acq, rzrx_acq}, isa2},
    {"RWC", ALLOW, 3, {wx, rxry_po, wyrx_po}, rwc},
    {"RWC+dmb.sys", FORBID, 3, {wx, rxry_sy, wyrx_sy}, rwc},
    {"RWC+addr+dmb.sy", FORBID, 3, {wx, rxry_addr, wyrx_sy}, rwc},
    {"IRIW", ALLOW, 4, {wx, rxry_po, wy, ryrx_po}, iriw},
    {"IRIW+dmb.sys", FORBID, 4, {wx, rxry_sy, wy, ryrx_sy}, iriw},
    {"IRIW+dmb.lds", FORBID, 4, {wx, rxry_ld, wy, ryrx_ld}, iriw},
    {"IRIW+addrs", FORBID, 4, {wx, rxry_addr, wy, ryrx_addr}, iriw},
    {"IRIW+poaps", FORBID, 4, {wx, rxry_acq, wy, ryrx_acq}, iriw},
    {"IRIW+poqps", FORBID, 4, {wx, rxry_rcpc, wy, ryrx_rcpc}, iriw},
};
const unsigned shape_count = sizeof shapes / sizeof *shapes;
