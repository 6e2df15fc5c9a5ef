// What the benchmarks of this folder share.  Each file has one kind of work and exports a table of
// benchmarks; main.c runs and times them.  The programs are compiled for AArch64 and, from the same
// text, for the host, so every result that is not of the machine's kind can be compared.
#ifndef QUINCE_BENCH_GUEST_BENCH_H
#define QUINCE_BENCH_GUEST_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/// A piece of work that is timed.  A table of them ends with a name of NULL.
struct Benchmark {
  /// CLASS/NAME; the class is a row of the table in docs/performance.md.
  const char* name;
  /// How often `run` repeats its work: 20 to 50 ms in QEMU on a PC of 2023, so that of several rounds
  /// one is likely to pass without other programs of the host.
  u64 iterations;
  /// Does the work and returns its check value, which depends on `iterations` and nothing else.
  u64 (*run)(u64 iterations);
  /// Makes the input anew before each round, outside the time; may be NULL.
  void (*prepare)(unsigned round);
  /// NULL, or says why this CPU cannot run it, or NULL when it can.
  const char* (*missing)(void);
  /// Other work in each round: only the first one's check value counts.
  bool varies;
};

extern const struct Benchmark kLoops[], kSorting[], kHashing[], kTrees[], kCalls[], kLz[],
    kInterpreter[], kScalarFp[], kNeonFp[], kNeonInt[], kCrypto[], kMemory[], kChases[], kSystem[],
    kCode[], kSmp[];

/// The round constants of SHA-256 (FIPS 180-4, 4.2.2), in hashing.c.
extern const u32 kSha256Constants[64];

#define NOINLINE __attribute__((noinline))

/// The compiler may assume nothing about `x` from here on, and has to have computed it.
#define KEEP(x) __asm__ volatile("" : "+r"(x))
/// Memory as well.
#define KEEP_MEMORY() __asm__ volatile("" ::: "memory")

/// The next of a sequence of numbers that look random (xorshift64*, Vigna 2016); *state is not 0.
static inline u64 draw(u64* state) {
  u64 x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dull;
}

/// Adds a value to a check value (FNV-1a over 64-bit words).
static inline u64 mix(u64 check, u64 value) { return (check ^ value) * 0x100000001b3ull; }
#define CHECK_START 0xcbf29ce484222325ull

/// Adds memory to a check value; `size` is in bytes, and what is left over from words counts too.
u64 mix_bytes(u64 check, const void* data, size_t size);

/// Fills memory with numbers of a seed.
void fill_random(void* data, size_t size, u64 seed);

/// Nanoseconds of CLOCK_MONOTONIC, which follow the counter.
u64 now_ns(void);

/// Ends the program with a line that says what failed and why.
void die(const char* what) __attribute__((noreturn));

/// Memory of its own for a benchmark, page-aligned and zero; ends the program when there is none.
/// `huge_pages` false: the kernel is asked for small pages only.
void* map_memory(size_t size, bool huge_pages);

/// Runs a program `rounds` times and prints its shortest time and a check value of its output, which
/// has to be the same each time; program.c.  Returns an exit status.
int time_program(const char* name, unsigned rounds, char** command);

#endif
