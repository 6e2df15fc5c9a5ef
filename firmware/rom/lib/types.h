// Integers, as everything that runs on the guest's side has them.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int s32;
typedef long s64;
#ifndef __cplusplus
typedef _Bool bool;
#define true 1
#define false 0
#endif

/// Little-endian values at any address.
static inline u16 le16(const u8* p) { return (u16)(p[0] | p[1] << 8); }
static inline u32 le32(const u8* p) {
  return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}
static inline u64 le64(const u8* p) { return le32(p) | (u64)le32(p + 4) << 32; }

/// Big-endian values at any address.
static inline u32 be32(const u8* p) {
  return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | (u32)p[3];
}
static inline void put_be32(u8* p, u32 v) {
  p[0] = (u8)(v >> 24);
  p[1] = (u8)(v >> 16);
  p[2] = (u8)(v >> 8);
  p[3] = (u8)v;
}

static inline bool is_power_of_two(u64 v) { return v != 0 && (v & (v - 1)) == 0; }
