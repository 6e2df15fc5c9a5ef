// What the compiler calls by itself.  The loops must not become calls again:
// -fno-tree-loop-distribute-patterns.
#include "firmware/rom/lib/types.h"

void* memcpy(void* to, const void* from, u64 n);
void* memset(void* to, int c, u64 n);

void* memcpy(void* to, const void* from, u64 n) {
  for (u64 i = 0; i < n; ++i) ((u8*)to)[i] = ((const u8*)from)[i];
  return to;
}

void* memset(void* to, int c, u64 n) {
  for (u64 i = 0; i < n; ++i) ((u8*)to)[i] = (u8)c;
  return to;
}
