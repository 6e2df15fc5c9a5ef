// Pointer chases: each load's address is the last load's value, so only its latency counts.  One class stays
// within what small caches of translations hold, the other one misses them: a node on each page.
#include "bench.h"

#include <stdlib.h>
#include <sys/mman.h>

static void** nodes;

/// One cycle through `count` nodes, `stride` bytes apart, in an order that is drawn (Sattolo's shuffle).
static void thread_nodes(size_t count, size_t stride, bool huge_pages, unsigned round) {
  if (round > 0) return;
  u8* memory = map_memory(count * stride, huge_pages);
  u32* order = malloc(count * sizeof *order);
  if (order == NULL) die("malloc");
  for (size_t i = 0; i < count; ++i) order[i] = (u32)i;
  u64 seed = 139;
  for (size_t i = count - 1; i > 0; --i) {
    const size_t k = draw(&seed) % i;
    const u32 t = order[i];
    order[i] = order[k], order[k] = t;
  }
  // Nodes that are a page apart would all want the same set of a cache: another line in each page.
  const size_t lines = stride >= 4096 ? 64 : 1;
  for (size_t i = 0; i < count; ++i) {
    const size_t from = order[i], to = order[(i + 1) % count];
    *(void**)(memory + from * stride + from % lines * 64) = memory + to * stride + to % lines * 64;
  }
  free(order);
  nodes = (void**)memory;  // node 0 is in the cycle like any other
}

static void in_l1(unsigned round) { thread_nodes(256, 64, true, round); }
static void in_l2(unsigned round) { thread_nodes(4096, 64, true, round); }
static void pages_64(unsigned round) { thread_nodes(64, 4096, false, round); }
static void pages_1024(unsigned round) { thread_nodes(1024, 4096, false, round); }
static void pages_16384(unsigned round) { thread_nodes(16384, 4096, false, round); }
static void huge_16384(unsigned round) { thread_nodes(16384, 4096, true, round); }

static u64 chase(u64 n) {
  void** p = nodes;
  for (u64 i = 0; i < n; i += 8) {
    p = *p, p = *p, p = *p, p = *p, p = *p, p = *p, p = *p, p = *p;
    KEEP(p);
  }
  return (u64)((u8*)p - (u8*)nodes);
}

const struct Benchmark kChases[] = {
    {"chase/16-kib", 10000000, chase, in_l1, NULL, false},
    {"chase/256-kib", 5000000, chase, in_l2, NULL, false},
    {"chase/64-pages", 10000000, chase, pages_64, NULL, false},
    {"tlb-miss/1024-pages", 150000, chase, pages_1024, NULL, false},
    {"tlb-miss/16384-pages", 100000, chase, pages_16384, NULL, false},
    {"tlb-miss/huge-pages", 150000, chase, huge_16384, NULL, false},
    {0}};
