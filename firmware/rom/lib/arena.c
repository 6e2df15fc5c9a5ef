#include "firmware/rom/lib/arena.h"

void* arena_take(struct Arena* a, u64 bytes, u64 align) {
  const u64 at = (a->next + align - 1) & ~(align - 1), whole = (bytes + 7) & ~7ul;
  if (at < a->next || at > a->end || whole < bytes || whole > a->end - at) return 0;
  a->next = at + whole;
  for (u64 i = 0; i < whole; i += 8) *(volatile u64*)(at + i) = 0;
  return (void*)at;
}
