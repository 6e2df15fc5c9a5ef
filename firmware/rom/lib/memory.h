// Bytes and strings, as there is no C library.
#pragma once

#include "firmware/rom/lib/types.h"

// For functions that memcpy() and memset() are made of (lib/compiler.c): a loop that gcc made a
// call of them would call itself.
#if defined(__GNUC__) && !defined(__clang__)
#define NO_CALLS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#else
#define NO_CALLS
#endif

/// The two ranges do not overlap.
void mem_copy(void* to, const void* from, u64 bytes);
void mem_set(void* to, u8 value, u64 bytes);
bool mem_equal(const void* a, const void* b, u64 bytes);

u64 str_length(const char* s);
/// Less than, equal to or greater than 0, in the order of unsigned bytes.
int str_compare(const char* a, const char* b);
bool str_equal(const char* a, const char* b);
/// Without regard to the case of ASCII letters.
bool str_equal_fold(const char* a, const char* b);
/// Whether the `bytes` at `a`, none of them NUL, are the string `b`.
bool str_is(const char* a, u64 bytes, const char* b);

static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static inline bool ascii_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
