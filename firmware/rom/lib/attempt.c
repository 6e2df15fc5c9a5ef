#include "firmware/rom/lib/attempt.h"

#include "firmware/rom/lib/cpu.h"

static u64 load(u64 address, u64 unused) {
  (void)unused;
  return get32(address);
}

bool attempt_get32(u64 address, u32* value) {
  u64 result = 0;
  if (attempt(load, address, 0, &result) != 0) return false;
  *value = (u32)result;
  return true;
}
