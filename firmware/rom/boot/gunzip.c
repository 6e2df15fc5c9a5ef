#include "firmware/rom/boot/gunzip.h"

#include "firmware/rom/lib/crc32.h"
#include "firmware/rom/lib/memory.h"

static const char kTruncated[] = "the compressed data ends too early";
static const char kDamaged[] = "the compressed data is damaged";
static const char kNoRoom[] = "there is no room for the unpacked data";

enum {
  kEndOfBlock = 256,
  kFirstLength = 257,
  kLengthCodes = 29,
  kUsedDistances = 30,
  kCodeLengthCodes = 19,
  // Flags of a member (RFC 1952, 2.3.1).
  kHasHeaderCrc = 1 << 1,
  kHasExtra = 1 << 2,
  kHasName = 1 << 3,
  kHasComment = 1 << 4,
  kReserved = 0xe0,
};

// ---- Bits --------------------------------------------------------------------------------------

static inline void refill(struct Gunzip* g) {
  while (g->held <= 56 && g->in != g->in_end) {
    g->hold |= (u64)*g->in++ << g->held;
    g->held += 8;
  }
}

static inline void drop(struct Gunzip* g, u32 bits) {
  g->hold >>= bits;
  g->held -= bits;
}

/// Up to 16 bits; false: there are not so many.
static inline bool take(struct Gunzip* g, u32 bits, u32* value) {
  if (g->held < bits) refill(g);
  if (g->held < bits) return false;
  *value = (u32)g->hold & ((1u << bits) - 1);
  drop(g, bits);
  return true;
}

// ---- Codes (RFC 1951, 3.2.2) -------------------------------------------------------------------

static u32 reverse(u32 code, u32 bits) {
  u32 r = 0;
  for (u32 i = 0; i < bits; ++i) r |= (code >> i & 1) << (bits - 1 - i);
  return r;
}

/// Makes the code of these lengths; false: there is none, or it leaves values without a meaning.
static bool make_code(struct HuffmanCode* h, const u8* lengths, u32 symbols) {
  u32 first[kMaxCodeBits + 2], next[kMaxCodeBits + 2], used = 0;
  s32 left = 1;
  mem_set(h, 0, sizeof *h);
  for (u32 i = 0; i < symbols; ++i) ++h->count[lengths[i]];
  h->count[0] = 0;
  first[0] = first[1] = next[0] = next[1] = 0;
  for (u32 bits = 1; bits <= kMaxCodeBits; ++bits) {
    left = 2 * left - h->count[bits];
    if (left < 0) return false;
    used += h->count[bits];
    first[bits + 1] = first[bits] + h->count[bits];
    next[bits + 1] = (next[bits] + h->count[bits]) << 1;
  }
  // A code of one symbol has one bit, which is 0 (3.2.7).
  if (left != 0 && used > 1) return false;
  if (used == 1 && h->count[1] != 1) return false;
  for (u32 i = 0; i < symbols; ++i) {
    const u32 bits = lengths[i];
    if (bits == 0) continue;
    h->symbols[first[bits]++] = (u16)i;
    const u32 code = reverse(next[bits]++, bits);
    if (bits <= kFastBits)
      for (u32 at = code; at < 1u << kFastBits; at += 1u << bits)
        h->fast[at] = (u16)(i << 4 | bits);
  }
  return true;
}

/// A code that is longer than the fast table is wide, bit by bit.
static bool decode_slowly(struct Gunzip* g, const struct HuffmanCode* h, u32* symbol) {
  u32 code = 0, first = 0, index = 0;
  u64 hold = g->hold;
  for (u32 bits = 1; bits <= kMaxCodeBits && bits <= g->held; ++bits, hold >>= 1) {
    code |= (u32)hold & 1;
    const u32 count = h->count[bits];
    if (code - first < count) {
      *symbol = h->symbols[index + (code - first)];
      drop(g, bits);
      return true;
    }
    index += count;
    first = (first + count) << 1;
    code <<= 1;
  }
  return false;
}

static inline bool decode(struct Gunzip* g, const struct HuffmanCode* h, u32* symbol) {
  if (g->held < kMaxCodeBits) refill(g);
  const u32 e = h->fast[g->hold & ((1u << kFastBits) - 1)];
  if (e == 0) return decode_slowly(g, h, symbol);
  if ((e & 15) > g->held) return false;
  drop(g, e & 15);
  *symbol = e >> 4;
  return true;
}

/// What a decoder that found nothing means.
static const char* no_code(const struct Gunzip* g) {
  return g->in == g->in_end && g->held < kMaxCodeBits ? kTruncated : kDamaged;
}

// ---- Blocks ------------------------------------------------------------------------------------

static const char* stored(struct Gunzip* g) {
  u32 length, complement;
  drop(g, g->held & 7);
  if (!take(g, 16, &length) || !take(g, 16, &complement)) return kTruncated;
  if (length != (~complement & 0xffff)) return kDamaged;
  if (length > (u64)(g->out_end - g->out)) return kNoRoom;
  for (; length != 0 && g->held != 0; --length) {
    *g->out++ = (u8)g->hold;
    drop(g, 8);
  }
  if (length > (u64)(g->in_end - g->in)) return kTruncated;
  mem_copy(g->out, g->in, length);
  g->in += length;
  g->out += length;
  return 0;
}

/// Repeats what was written `distance` bytes before, perhaps some of what is written now.
static inline const char* repeat(struct Gunzip* g, u32 length, u32 distance) {
  if (distance > (u64)(g->out - g->out_begin)) return kDamaged;
  if (length > (u64)(g->out_end - g->out)) return kNoRoom;
  const u8* from = g->out - distance;
  u8* to = g->out;
  g->out += length;
  while (to != g->out) *to++ = *from++;
  return 0;
}

/// The rest of a pair of length and distance (3.2.5).
static const char* pair(struct Gunzip* g, u32 symbol) {
  static const u16 kLength[kLengthCodes] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                            15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                            67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const u8 kLengthBits[kLengthCodes] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                               2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  u32 extra, far;
  symbol -= kFirstLength;
  if (symbol >= kLengthCodes) return kDamaged;
  if (!take(g, kLengthBits[symbol], &extra)) return kTruncated;
  const u32 length = kLength[symbol] + extra;
  if (!decode(g, &g->distances, &far)) return no_code(g);
  if (far >= kUsedDistances) return kDamaged;
  // Two codes for each number of extra bits, from the third pair on.
  const u32 bits = far < 2 ? 0 : far / 2 - 1;
  if (!take(g, bits, &extra)) return kTruncated;
  return repeat(g, length, (far < 2 ? far : (2 + (far & 1)) << bits) + extra + 1);
}

static const char* compressed(struct Gunzip* g) {
  for (;;) {
    u32 symbol;
    if (!decode(g, &g->literals, &symbol)) return no_code(g);
    if (symbol < kEndOfBlock) {
      if (g->out == g->out_end) return kNoRoom;
      *g->out++ = (u8)symbol;
      continue;
    }
    if (symbol == kEndOfBlock) return 0;
    const char* const why = pair(g, symbol);
    if (why != 0) return why;
  }
}

static void fixed_codes(struct Gunzip* g) {
  u8 lengths[kLiteralCodes];
  for (u32 i = 0; i < kLiteralCodes; ++i)
    lengths[i] = (u8)(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
  make_code(&g->literals, lengths, kLiteralCodes);
  mem_set(lengths, 5, kDistanceCodes);
  make_code(&g->distances, lengths, kDistanceCodes);
}

/// The codes of a block with its own (3.2.7).
static const char* own_codes(struct Gunzip* g) {
  static const u8 kOrder[kCodeLengthCodes] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                              11, 4,  12, 3, 13, 2, 14, 1, 15};
  u8 lengths[kLiteralCodes + kDistanceCodes] = {0};
  u32 literals, distances, codes, value;
  if (!take(g, 5, &literals) || !take(g, 5, &distances) || !take(g, 4, &codes)) return kTruncated;
  literals += 257;
  distances += 1;
  if (literals > 286 || distances > kUsedDistances) return kDamaged;
  for (u32 i = 0; i < codes + 4; ++i) {
    if (!take(g, 3, &value)) return kTruncated;
    lengths[kOrder[i]] = (u8)value;
  }
  // The lengths are written with a code too, for which the place of the other one serves.
  if (!make_code(&g->distances, lengths, kCodeLengthCodes)) return kDamaged;
  mem_set(lengths, 0, sizeof lengths);
  for (u32 i = 0; i < literals + distances;) {
    u32 symbol, times = 1;
    u8 length = 0;
    if (!decode(g, &g->distances, &symbol)) return no_code(g);
    if (symbol < 16) {
      lengths[i++] = (u8)symbol;
      continue;
    }
    if (symbol == 16 && i == 0) return kDamaged;
    if (symbol == 16) length = lengths[i - 1];
    if (!take(g, symbol == 16 ? 2 : symbol == 17 ? 3 : 7, &times)) return kTruncated;
    times += symbol == 18 ? 11 : 3;
    if (times > literals + distances - i) return kDamaged;
    for (; times != 0; --times) lengths[i++] = length;
  }
  if (lengths[kEndOfBlock] == 0) return kDamaged;
  if (!make_code(&g->literals, lengths, literals)) return kDamaged;
  return make_code(&g->distances, lengths + literals, distances) ? 0 : kDamaged;
}

static const char* inflate(struct Gunzip* g) {
  u32 last, type;
  do {
    const char* why = 0;
    if (!take(g, 1, &last) || !take(g, 2, &type)) return kTruncated;
    if (type == 3) return kDamaged;
    if (type == 0) {
      why = stored(g);
    } else {
      if (type == 1)
        fixed_codes(g);
      else
        why = own_codes(g);
      if (why == 0) why = compressed(g);
    }
    if (why != 0) return why;
  } while (last == 0);
  // What was read too much goes back.
  g->in -= g->held / 8;
  g->hold = g->held = 0;
  return 0;
}

// ---- Members (RFC 1952) ------------------------------------------------------------------------

static bool has_member(const struct Gunzip* g) {
  return g->in_end - g->in >= 2 && g->in[0] == 0x1f && g->in[1] == 0x8b;
}

/// Passes a string and its NUL.
static bool skip_string(struct Gunzip* g) {
  while (g->in != g->in_end)
    if (*g->in++ == 0) return true;
  return false;
}

static const char* header(struct Gunzip* g) {
  const u8* const begin = g->in;
  if (g->in_end - begin < 10) return kTruncated;
  const u8 flags = begin[3];
  if (begin[2] != 8 || (flags & kReserved) != 0) return kDamaged;
  g->in += 10;
  if ((flags & kHasExtra) != 0) {
    if (g->in_end - g->in < 2 || g->in_end - g->in - 2 < le16(g->in)) return kTruncated;
    g->in += 2 + le16(g->in);
  }
  if ((flags & kHasName) != 0 && !skip_string(g)) return kTruncated;
  if ((flags & kHasComment) != 0 && !skip_string(g)) return kTruncated;
  if ((flags & kHasHeaderCrc) != 0) {
    if (g->in_end - g->in < 2) return kTruncated;
    if (le16(g->in) != (crc_update(0, begin, (u64)(g->in - begin)) & 0xffff)) return kDamaged;
    g->in += 2;
  }
  return 0;
}

static const char* member(struct Gunzip* g) {
  const char* why = header(g);
  if (why != 0) return why;
  // A member is unpacked by itself: nothing of the one before is repeated.
  g->out_begin = g->out;
  g->hold = g->held = 0;
  why = inflate(g);
  if (why != 0) return why;
  if (g->in_end - g->in < 8) return kTruncated;
  const u64 bytes = (u64)(g->out - g->out_begin);
  if (le32(g->in) != crc_update(0, g->out_begin, bytes) || le32(g->in + 4) != (u32)bytes)
    return "the compressed data is damaged: its checksum is wrong";
  g->in += 8;
  return 0;
}

const char* gunzip(struct Gunzip* g, const void* from, u64 bytes, void* to, u64 room,
                   u64* written) {
  g->in = from;
  g->in_end = g->in + bytes;
  g->out = to;
  g->out_end = g->out + room;
  if (!has_member(g)) return "it is not compressed with gzip";
  do {
    const char* const why = member(g);
    if (why != 0) return why;
  } while (has_member(g));
  *written = (u64)(g->out - (u8*)to);
  return 0;
}
