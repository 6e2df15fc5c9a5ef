// Code that changes: an instruction that is written anew before each call, and functions of which each runs
// once, a few times, or never again.  The functions are of instructions that both machines have, on two 32-bit
// registers, so the host computes the same.
#include "bench.h"

#include <string.h>
#include <sys/mman.h>

// Arm ARM DDI 0487 C4.1 and C6.2; Intel SDM volume 2 for the host's.
enum { kFunctions = 16384, kInsns = 15, kMostBytes = 128 };

typedef u32 Function(u32 a, u32 b);
static u8* code;
static u32 starts[kFunctions];

static void map_code(void) {
  if (code != NULL) return;
  void* p = mmap(NULL, kFunctions * kMostBytes, PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("mmap of code");
  code = p;
}

static u8* emit(u8* p, u64 bytes, size_t size) {
  memcpy(p, &bytes, size);
  return p + size;
}

/// a, in w0 or eax, and b, in w1 or ecx: one of six operations with a number.
static u8* emit_insn(u8* p, u32 kind, u32 number) {
#if defined(__aarch64__)
  switch (kind) {
    case 0:
      return emit(p, 0x11000000 | number << 10, 4);  // ADD w0, w0, #number
    case 1:
      return emit(p, 0x51000000 | number << 10, 4);  // SUB w0, w0, #number
    case 2:
      return emit(p, 0x13800000 | (number & 31) << 10, 4);  // ROR w0, w0, #number
    case 3:
      return emit(p, 0x4a010000, 4);  // EOR w0, w0, w1
    case 4:
      return emit(p, 0x1b017c00, 4);  // MUL w0, w0, w1
    default:
      return emit(p, 0x0b000021, 4);  // ADD w1, w1, w0
  }
#else
  switch (kind) {
    case 0:
      return emit(p, 0x05 | (u64)number << 8, 5);  // add eax, number
    case 1:
      return emit(p, 0x2d | (u64)number << 8, 5);  // sub eax, number
    case 2:
      return emit(p, 0xc8c1 | (number & 31) << 16, 3);  // ror eax, number
    case 3:
      return emit(p, 0xc831, 2);  // xor eax, ecx
    case 4:
      return emit(p, 0xc1af0f, 3);  // imul eax, ecx
    default:
      return emit(p, 0xc101, 2);  // add ecx, eax
  }
#endif
}

static u8* emit_function(u8* p, u64* seed, u32 insns) {
#if defined(__x86_64__)
  p = emit(p, 0xf189f889, 4);  // mov eax, edi; mov ecx, esi
#endif
  for (u32 i = 0; i < insns; ++i) {
    const u64 x = draw(seed);
    p = emit_insn(p, (u32)(x >> 60) % 6, (u32)x & 4095);
  }
#if defined(__aarch64__)
  return emit(p, 0xd65f03c0, 4);  // RET
#else
  return emit(p, 0xc3, 1);
#endif
}

static void generate(unsigned round) {
  map_code();
  u64 seed = 149 + round;
  u8* p = code;
  for (u32 i = 0; i < kFunctions; ++i) {
    starts[i] = (u32)(p - code);
    p = emit_function(p, &seed, kInsns);
  }
  __builtin___clear_cache((char*)code, (char*)p);
}

static u64 call_all(u64 n, u64 times) {
  u64 check = CHECK_START;
  for (u64 t = 0; t < times; ++t)
    for (u64 i = 0; i < n; ++i) {
      Function* f;
      const void* at = code + starts[i % kFunctions];
      memcpy(&f, &at, sizeof f);
      check = mix(check, f((u32)check, (u32)i | 1));
    }
  return check;
}

static u64 cold(u64 n) { return call_all(n, 1); }
static u64 lukewarm(u64 n) { return call_all(n / 32, 32); }

static void prepare_patched(unsigned round) {
  (void)round;
  map_code();
}

/// A function of one instruction that is written, made visible and called.
static u64 patched(u64 n) {
  u64 check = CHECK_START, seed = 151;
  Function* f;
  memcpy(&f, &code, sizeof f);
  for (u64 i = 0; i < n; ++i) {
    u8* end = emit_function(code, &seed, 1);
    __builtin___clear_cache((char*)code, (char*)end);
    check = mix(check, f((u32)i, (u32)(i * 7)));
  }
  return check;
}

/// One instruction in the middle of a function of sixteen, on a page with others that stay.
static u64 patched_loop(u64 n) {
  u64 check = CHECK_START, seed = 157;
  u8 *p = code, *neighbour = code + 2048;
  Function *f, *g;
  memcpy(&f, &p, sizeof f);
  memcpy(&g, &neighbour, sizeof g);
  emit_function(neighbour, &seed, kInsns);
  u8* end = emit_function(code, &seed, kInsns);
  __builtin___clear_cache((char*)code, (char*)code + 4096);
#if defined(__x86_64__)
  p += 4;
#endif
  for (u64 i = 0; i < n; ++i) {
    // The first instruction becomes an addition, which has the same size each time but the first.
    if (i == 0) {
      end = emit_insn(p, 0, 1);
      for (u32 k = 1; k < kInsns; ++k) end = emit_insn(end, k % 6, k);
#if defined(__aarch64__)
      end = emit(end, 0xd65f03c0, 4);
#else
      end = emit(end, 0xc3, 1);
#endif
    }
    emit_insn(p, 0, (u32)i & 4095);
    __builtin___clear_cache((char*)p, (char*)(i == 0 ? end : p + 8));
    for (u32 k = 0; k < 4; ++k) check = mix(check, f((u32)i, k) ^ g(k, (u32)i));
  }
  return check;
}

const struct Benchmark kCode[] = {
    {"code/patched", 3800, patched, prepare_patched, NULL, false},
    {"code/patched-among-others", 2500, patched_loop, prepare_patched, NULL, false},
    {"code/cold", kFunctions, cold, generate, NULL, true},
    {"code/lukewarm", kFunctions * 4, lukewarm, generate, NULL, true},
    {0}};
