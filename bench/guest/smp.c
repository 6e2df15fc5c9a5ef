// Two threads: work that shares nothing, allocation, a mutex, and a pipe between them.  bench/run.py runs them
// with one vCPU and with two; each does the same amount of work in both.
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// What a thread counts in. Each has cache lines of its own, and the neighbour that a host fetches with them: else the
/// threads would share what is counted, and the caches' traffic would be measured.
struct Job {
  _Alignas(128) u64 n;
  u64 seed, check;
};

/// Runs two of `work` side by side, half of the iterations each.
static u64 both(u64 n, void* (*work)(void*)) {
  struct Job jobs[2] = {{n / 2, 163, 0}, {n - n / 2, 167, 0}};
  pthread_t other;
  if (pthread_create(&other, NULL, work, &jobs[1]) != 0) die("pthread_create");
  work(&jobs[0]);
  pthread_join(other, NULL);
  return mix(jobs[0].check, jobs[1].check);
}

/// Some arithmetic and memory of the thread's own.
static u64 work_alone(u64* seed) {
  u64 table[64], x = 0;
  for (int i = 0; i < 64; ++i) table[i] = draw(seed);
  for (int i = 0; i < 256; ++i) x = x * 5 + (table[i % 64] ^ table[x % 64]);
  return x;
}

static void* independent_half(void* job) {
  struct Job* j = job;
  for (u64 i = 0; i < j->n; ++i) j->check = mix(j->check, work_alone(&j->seed));
  return NULL;
}

static u64 independent(u64 n) { return both(n, independent_half); }

static void* malloc_half(void* job) {
  struct Job* j = job;
  void* kept[64] = {0};
  for (u64 i = 0; i < j->n; ++i) {
    const u64 x = draw(&j->seed), at = x % 64, size = 16 + (x >> 8) % 2000;
    if (kept[at] != NULL) j->check += *(u8*)kept[at];
    free(kept[at]);
    if ((kept[at] = malloc(size)) == NULL) die("malloc");
    memset(kept[at], (int)(x >> 32 & 255), 32 < size ? 32 : size);
  }
  for (int i = 0; i < 64; ++i) free(kept[i]);
  return NULL;
}

static u64 allocate(u64 n) { return both(n, malloc_half); }

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static u64 shared;

/// Most of the time outside of the mutex, as in programs that scale at all.
static void* mutex_half(void* job) {
  struct Job* j = job;
  for (u64 i = 0; i < j->n; ++i) {
    const u64 x = work_alone(&j->seed);
    pthread_mutex_lock(&mutex);
    shared += x;
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

static u64 with_mutex(u64 n) {
  shared = 0;
  both(n, mutex_half);
  return shared;
}

enum { kBlock = 4096 };
static int ends[2];

/// Letters by a generator that is slow enough to be worth a thread of its own.
static void* write_blocks(void* job) {
  struct Job* j = job;
  u8 block[kBlock];
  for (u64 i = 0; i < j->n; ++i) {
    for (int k = 0; k < kBlock; ++k) block[k] = (u8)('a' + draw(&j->seed) % 26);
    if (write(ends[1], block, sizeof block) != (ssize_t)sizeof block) die("write to a pipe");
  }
  return NULL;
}

/// One thread makes blocks, the other one hashes them by the byte.
static u64 through_pipe(u64 n) {
  if (pipe(ends) != 0) die("pipe");
  struct Job job = {n, 173, 0};
  pthread_t other;
  if (pthread_create(&other, NULL, write_blocks, &job) != 0) die("pthread_create");
  u64 check = CHECK_START;
  u8 block[kBlock];
  for (u64 left = n * kBlock; left > 0;) {
    const ssize_t got = read(ends[0], block, sizeof block);
    if (got <= 0) die("read from a pipe");
    for (ssize_t k = 0; k < got; ++k) check = mix(check, block[k]);
    left -= (u64)got;
  }
  pthread_join(other, NULL);
  close(ends[0]), close(ends[1]);
  return check;
}

const struct Benchmark kSmp[] = {{"smp/independent", 100000, independent, NULL, NULL, false},
                                 {"smp/malloc", 250000, allocate, NULL, NULL, false},
                                 {"smp/mutex", 80000, with_mutex, NULL, NULL, false},
                                 {"smp/pipe", 600, through_pipe, NULL, NULL, false},
                                 {0}};
