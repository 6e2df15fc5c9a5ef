// The benchmark program: runs the benchmarks one after the other and prints a line for each,
//
//     NAME ITERATIONS NANOSECONDS CHECK
//     NAME skipped WHY
//     NAME WRONG or FAILED: WHY
//
// and `end` when all have run.  The time is that of the fastest of several rounds: what else the machine
// does, and warming up, can only make a round slower.  bench/run.py reads the lines.
//
//     bench [--only PATTERN[,...]] [--except PATTERN[,...]] [--rounds N] [--quick] [--list]
//     bench --program NAME ROUNDS COMMAND...     times a whole program (program.c)
//
// PATTERNs are as in a shell.  --quick does a 64th of the work, to compare check values.  Each benchmark
// has a process of its own: none finds the heap that another one left, and one that dies is only a line.
#include "bench.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct Benchmark* const kTables[] = {
    kLoops,  kSorting, kHashing, kTrees,  kCalls,  kLz,     kInterpreter, kScalarFp,
    kNeonFp, kNeonInt, kCrypto,  kMemory, kChases, kSystem, kCode,        kSmp};

enum { kQuickDivisor = 64, kMostPatterns = 64 };

struct Patterns {
  const char* text[kMostPatterns];
  unsigned count;
};

struct Options {
  struct Patterns only, except;
  unsigned rounds;
  bool quick, list;
};

u64 mix_bytes(u64 check, const void* data, size_t size) {
  const u8* p = data;
  for (; size >= 8; size -= 8, p += 8) {
    u64 word;
    memcpy(&word, p, 8);
    check = mix(check, word);
  }
  for (; size > 0; --size) check = mix(check, *p++);
  return check;
}

void fill_random(void* data, size_t size, u64 seed) {
  u8* p = data;
  for (size_t i = 0; i < size; i += 8) {
    const u64 word = draw(&seed);
    memcpy(p + i, &word, size - i < 8 ? size - i : 8);
  }
}

u64 now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

void die(const char* what) {
  fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
  _exit(1);
}

void* map_memory(size_t size, bool huge_pages) {
  void* p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("mmap");
  // A kernel without huge pages refuses, and has small ones anyway.
  (void)madvise(p, size, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  memset(p, 0, size);
  return p;
}

static bool fits(const struct Patterns* p, const char* name) {
  for (unsigned i = 0; i < p->count; ++i)
    if (fnmatch(p->text[i], name, 0) == 0) return true;
  return false;
}

static bool chosen(const struct Options* o, const char* name) {
  return (o->only.count == 0 || fits(&o->only, name)) && !fits(&o->except, name);
}

/// Runs one benchmark and prints its line; false when rounds of the same work disagree.
static bool measure(const struct Benchmark* b, const struct Options* o) {
  const char* why = b->missing != NULL ? b->missing() : NULL;
  if (why != NULL) {
    printf("%s skipped %s\n", b->name, why);
    return true;
  }
  u64 iterations = o->quick ? b->iterations / kQuickDivisor : b->iterations;
  if (iterations == 0) iterations = 1;
  u64 best = UINT64_MAX, check = 0;
  for (unsigned round = 0; round < o->rounds; ++round) {
    if (b->prepare != NULL) b->prepare(round);
    const u64 start = now_ns();
    const u64 value = b->run(iterations);
    const u64 ns = now_ns() - start;
    if (ns < best) best = ns;
    if (round == 0) check = value;
    if (value != check && !b->varies) {
      printf("%s WRONG: %016" PRIx64 " in one round and %016" PRIx64 " in another\n", b->name,
             check, value);
      return false;
    }
  }
  printf("%s %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", b->name, iterations, best, check);
  return true;
}

/// measure() in a process of its own.
static bool measure_alone(const struct Benchmark* b, const struct Options* o) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const bool good = measure(b, o);
    fflush(stdout);
    _exit(good ? 0 : 1);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child) die("fork or wait");
  if (WIFSIGNALED(status)) printf("%s FAILED: signal %d\n", b->name, WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static unsigned number(const char* text) {
  char* end;
  const unsigned long n = text == NULL ? 0 : strtoul(text, &end, 10);
  if (text == NULL || *end != 0 || n < 1 || n > 1000) {
    fprintf(stderr, "bench: --rounds: a number from 1 to 1000, not '%s'\n", text ? text : "");
    exit(2);
  }
  return (unsigned)n;
}

static void add_patterns(struct Patterns* to, const char* option, char* text) {
  if (text == NULL) {
    fprintf(stderr, "bench: %s: a pattern is missing\n", option);
    exit(2);
  }
  for (char* p = strtok(text, ","); p != NULL; p = strtok(NULL, ",")) {
    if (to->count == kMostPatterns) {
      fprintf(stderr, "bench: %s: more than %d patterns\n", option, kMostPatterns);
      exit(2);
    }
    to->text[to->count++] = p;
  }
}

int main(int argc, char** argv) {
  struct Options o = {.rounds = 10};
  if (argc >= 5 && strcmp(argv[1], "--program") == 0)
    return time_program(argv[2], number(argv[3]), argv + 4);
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--exit") == 0) return 0;  // what system/exec runs
    if (strcmp(argv[i], "--only") == 0) {
      add_patterns(&o.only, "--only", argv[++i]);
    } else if (strcmp(argv[i], "--except") == 0) {
      add_patterns(&o.except, "--except", argv[++i]);
    } else if (strcmp(argv[i], "--rounds") == 0) {
      o.rounds = number(argv[++i]);
    } else if (strcmp(argv[i], "--quick") == 0) {
      o.quick = true;
    } else if (strcmp(argv[i], "--list") == 0) {
      o.list = true;
    } else {
      fprintf(stderr, "bench: unknown option '%s' (--only, --except, --rounds, --quick, --list)\n",
              argv[i]);
      return 2;
    }
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  bool good = true;
  for (size_t t = 0; t < sizeof kTables / sizeof *kTables; ++t)
    for (const struct Benchmark* b = kTables[t]; b->name != NULL; ++b) {
      if (!chosen(&o, b->name)) continue;
      if (o.list)
        printf("%s %" PRIu64 "\n", b->name, b->iterations);
      else
        good &= measure_alone(b, &o);
    }
  puts("end");
  return good ? 0 : 1;
}
