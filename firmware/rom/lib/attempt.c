#include "firmware/rom/lib/attempt.h"

#include "firmware/rom/lib/cpu.h"

static u64 load32(u64 address, u64 unused) {
  (void)unused;
  return get32(address);
}

static u64 load8(u64 address, u64 unused) {
  (void)unused;
  return get8(address);
}

bool attempt_get32(u64 address, u32* value) {
  u64 result = 0;
  if (attempt(load32, address, 0, &result) != 0) return false;
  *value = (u32)result;
  return true;
}

bool attempt_get8(u64 address, u8* value) {
  u64 result = 0;
  if (attempt(load8, address, 0, &result) != 0) return false;
  *value = (u8)result;
  return true;
}
