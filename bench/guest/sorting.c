// Sorting: quicksort and heapsort on numbers, a merge sort of strings by pointers, and the C library's
// qsort with its calls of a comparison.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { kCount = 4096, kNames = 1024 };
static u32 unsorted[kCount], numbers[kCount];
static char names[kNames][16];
static const char *order[kNames], *spare[kNames];

static void draw_numbers(unsigned round) {
  (void)round;
  fill_random(unsorted, sizeof unsorted, 31);
}

static void quick(u32* a, long low, long high) {
  while (low < high) {
    const u32 pivot = a[(low + high) / 2];
    long i = low, k = high;
    while (i <= k) {
      while (a[i] < pivot) ++i;
      while (a[k] > pivot) --k;
      if (i <= k) {
        const u32 t = a[i];
        a[i++] = a[k];
        a[k--] = t;
      }
    }
    // The smaller part by a call: the depth stays logarithmic.
    if (k - low < high - i) {
      quick(a, low, k);
      low = i;
    } else {
      quick(a, i, high);
      high = k;
    }
  }
}

static void sink(u32* a, u32 at, u32 size) {
  const u32 value = a[at];
  for (u32 child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && a[child + 1] > a[child]) ++child;
    if (a[child] <= value) break;
    a[at] = a[child];
  }
  a[at] = value;
}

static void heap(u32* a, u32 size) {
  for (u32 i = size / 2; i-- > 0;) sink(a, i, size);
  for (u32 end = size - 1; end > 0; --end) {
    const u32 t = a[0];
    a[0] = a[end];
    a[end] = t;
    sink(a, 0, end);
  }
}

static u64 sort_check(u64 check) { return mix_bytes(check, numbers, sizeof numbers); }

static u64 quicksort(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    memcpy(numbers, unsorted, sizeof numbers);
    quick(numbers, 0, kCount - 1);
  }
  return sort_check(CHECK_START);
}

static u64 heapsort_numbers(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    memcpy(numbers, unsorted, sizeof numbers);
    heap(numbers, kCount);
  }
  return sort_check(CHECK_START);
}

static int compare(const void* a, const void* b) {
  const u32 x = *(const u32*)a, y = *(const u32*)b;
  return x < y ? -1 : x > y;
}

static u64 library(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    memcpy(numbers, unsorted, sizeof numbers);
    qsort(numbers, kCount, sizeof *numbers, compare);
  }
  return sort_check(CHECK_START);
}

static void draw_names(unsigned round) {
  (void)round;
  u64 seed = 37;
  for (int i = 0; i < kNames; ++i)
    for (int k = 0; k < 15; ++k) names[i][k] = (char)('a' + draw(&seed) % (k < 4 ? 2 : 26));
}

static int before(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return (u8)*a - (u8)*b;
}

static void merge_sort(const char** a, const char** scratch, size_t size) {
  if (size < 2) return;
  const size_t half = size / 2;
  merge_sort(a, scratch, half);
  merge_sort(a + half, scratch, size - half);
  memcpy(scratch, a, half * sizeof *a);
  for (size_t i = 0, k = half, to = 0; i < half; ++to)
    a[to] = k < size && before(a[k], scratch[i]) < 0 ? a[k++] : scratch[i++];
}

static u64 strings(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    for (int i = 0; i < kNames; ++i) order[i] = names[i];
    merge_sort(order, spare, kNames);
  }
  u64 check = CHECK_START;
  for (int i = 0; i < kNames; ++i) check = mix_bytes(check, order[i], 16);
  return check;
}

const struct Benchmark kSorting[] = {
    {"integer/quicksort", 75, quicksort, draw_numbers, NULL, false},
    {"integer/heapsort", 37, heapsort_numbers, draw_numbers, NULL, false},
    {"integer/qsort", 20, library, draw_numbers, NULL, false},
    {"integer/sort-strings", 120, strings, draw_names, NULL, false},
    {0}};
