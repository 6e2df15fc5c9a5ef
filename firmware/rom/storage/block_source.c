#include "firmware/rom/storage/block_source.h"

#include "firmware/rom/lib/memory.h"

static const char kPastTheEnd[] = "the disk is shorter than what is on it says";

const char* block_read(const struct BlockSource* source, u64 sector, u64 count, void* to) {
  if (sector > source->sectors || count > source->sectors - sector) return kPastTheEnd;
  u8* at = to;
  while (count != 0) {
    const u32 now = count < kRequestSectors ? (u32)count : kRequestSectors;
    if (!source->read(source->owner, sector, now, at)) return "the disk cannot be read";
    sector += now;
    count -= now;
    at += (u64)now * kSectorBytes;
  }
  return 0;
}

void cache_open(struct BlockCache* c, const struct BlockSource* source, u64 first, u64 sectors) {
  // No sum of bytes of a stretch wraps.
  const u64 most = (u64)1 << 54;
  const u64 there = first < source->sectors ? source->sectors - first : 0;
  c->source = source;
  c->first = first;
  c->sectors = sectors < there ? sectors : there;
  if (c->sectors > most) c->sectors = most;
  c->clock = 0;
  for (u32 i = 0; i < kCacheLines; ++i) c->tags[i].line = c->tags[i].used = 0;
}

/// Whether the stretch has these bytes.
static bool has(const struct BlockCache* c, u64 at, u64 bytes) {
  const u64 size = c->sectors * kSectorBytes;
  return at <= size && bytes <= size - at;
}

/// Finds a line of the stretch, or reads it in place of the one that was used longest ago.
static const char* line_of(struct BlockCache* c, u64 line, const u8** found) {
  u32 oldest = 0;
  for (u32 i = 0; i < kCacheLines; ++i) {
    if (c->tags[i].line == line + 1) {
      c->tags[i].used = ++c->clock;
      *found = c->lines[i];
      return 0;
    }
    if (c->tags[i].used < c->tags[oldest].used) oldest = i;
  }
  const u64 left = c->sectors - line * kLineSectors;
  c->tags[oldest].line = 0;
  const char* const why = block_read(c->source, c->first + line * kLineSectors,
                                     left < kLineSectors ? left : kLineSectors, c->lines[oldest]);
  if (why != 0) return why;
  c->tags[oldest].line = line + 1;
  c->tags[oldest].used = ++c->clock;
  *found = c->lines[oldest];
  return 0;
}

const char* cache_read(struct BlockCache* c, u64 at, u64 bytes, void* to) {
  if (!has(c, at, bytes)) return kPastTheEnd;
  u8* out = to;
  while (bytes != 0) {
    const u8* data;
    const u64 in = at % kLineBytes, now = bytes < kLineBytes - in ? bytes : kLineBytes - in;
    const char* const why = line_of(c, at / kLineBytes, &data);
    if (why != 0) return why;
    mem_copy(out, data + in, now);
    at += now;
    out += now;
    bytes -= now;
  }
  return 0;
}

const char* cache_read_through(struct BlockCache* c, u64 at, u64 bytes, void* to) {
  if (!has(c, at, bytes)) return kPastTheEnd;
  u8* out = to;
  const u64 gap = -at % kSectorBytes, head = gap < bytes ? gap : bytes;
  const char* why = cache_read(c, at, head, out);
  if (why != 0) return why;
  const u64 sectors = (bytes - head) / kSectorBytes, tail = (bytes - head) % kSectorBytes;
  why = block_read(c->source, c->first + (at + head) / kSectorBytes, sectors, out + head);
  if (why != 0) return why;
  return cache_read(c, at + bytes - tail, tail, out + bytes - tail);
}
