// DEFLATE (RFC 1951) in gzip's format (RFC 1952), in memory: a file of one or more members, with
// their checksums.  Bytes behind the last member are ignored, as gzip does.
#pragma once

#include "firmware/rom/lib/types.h"

enum { kFastBits = 10, kMaxCodeBits = 15, kLiteralCodes = 288, kDistanceCodes = 32 };

/// A Huffman code.
struct HuffmanCode {
  u16 count[kMaxCodeBits + 1];  ///< how many symbols have codes of a length
  u16 symbols[kLiteralCodes];   ///< in the order of their codes
  u16 fast[1 << kFastBits];     ///< of the next bits: symbol << 4 | length; 0: the code is longer
};

/// Where it works: 8 KiB, not on the stack.
struct Gunzip {
  const u8 *in, *in_end;
  u8 *out_begin, *out, *out_end;
  u64 hold;  ///< bits that were read and not used, the next one lowest
  u32 held;
  struct HuffmanCode literals, distances;
};

/// Unpacks `bytes` at `from` to at most `room` bytes at `to`, which do not overlap.
const char* gunzip(struct Gunzip* g, const void* from, u64 bytes, void* to, u64 room, u64* written);
