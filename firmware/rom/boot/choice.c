#include "firmware/rom/boot/choice.h"

#include "firmware/rom/lib/crc32.h"
#include "firmware/rom/lib/memory.h"

enum { kSector = 512, kCopies = 2 };
static const char kMagic[8] = "QuinceBC";

/// A sector of it.
struct Record {
  char magic[8];
  u32 sequence;  ///< the higher one counts
  u32 crc;       ///< of the whole sector with 0 here
  char name[kChoiceName];
  u8 rest[kSector - 16 - kChoiceName];
};
_Static_assert(sizeof(struct Record) == kSector, "a record is a sector");

enum State { kBlank, kOurs, kBroken, kForeign, kUnreadable };

static u32 crc_of(const struct Record *r) {
  struct Record copy = *r;
  copy.crc = 0;
  return crc_update(0, &copy, sizeof copy);
}

/// What is in a copy's sector.
static enum State look(const struct ChoiceStorage *s, u32 copy, struct Record *r) {
  if (s->sectors < kCopies || !s->read(s->sectors - kCopies + copy, r)) return kUnreadable;
  const u8 *const bytes = (const u8 *)r;
  u32 used = 0;
  for (u32 i = 0; i < kSector; ++i) used |= bytes[i];
  if (used == 0) return kBlank;
  if (!mem_equal(r->magic, kMagic, sizeof kMagic)) return kForeign;
  return r->crc == crc_of(r) && r->name[kChoiceName - 1] == 0 ? kOurs : kBroken;
}

/// The copy that counts, or -1; `records` and `states` are of both.
static int newest(const struct Record *records, const enum State *states) {
  int best = -1;
  for (int i = 0; i < kCopies; ++i)
    if (states[i] == kOurs &&
        (best < 0 || (s32)(records[i].sequence - records[best].sequence) > 0))
      best = i;
  return best;
}

void choice_load(const struct ChoiceStorage *s, char *name) {
  struct Record records[kCopies];
  enum State states[kCopies];
  for (u32 i = 0; i < kCopies; ++i) states[i] = look(s, i, &records[i]);
  const int best = newest(records, states);
  name[0] = 0;
  if (best >= 0) mem_copy(name, records[best].name, kChoiceName);
}

const char *choice_save(const struct ChoiceStorage *s, const char *name) {
  struct Record records[kCopies];
  enum State states[kCopies];
  if (s->sectors < kCopies) return "there is no auxiliary storage (-M vmapple,aux=FILE)";
  if (str_length(name) >= kChoiceName) return "its name is too long to be kept";
  for (u32 i = 0; i < kCopies; ++i) {
    states[i] = look(s, i, &records[i]);
    if (states[i] == kUnreadable) return "auxiliary storage cannot be read";
    if (states[i] == kForeign) return "auxiliary storage holds something else where it would go";
  }
  const int best = newest(records, states);
  struct Record r;
  mem_set(&r, 0, sizeof r);
  mem_copy(r.magic, kMagic, sizeof kMagic);
  r.sequence = best < 0 ? 1 : records[best].sequence + 1;
  mem_copy(r.name, name, str_length(name));
  r.crc = crc_of(&r);
  const u64 at = s->sectors - kCopies + (best == 0 ? 1 : 0);
  return s->write(at, &r) ? 0 : "auxiliary storage cannot be written";
}
