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
