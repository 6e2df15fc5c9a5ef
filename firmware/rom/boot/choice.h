// The boot entry that a person made the default, in auxiliary storage.
//
// It is kept twice, in the last two sectors, and each is written in turn: when power fails in the middle,
// the older one still counts.  Auxiliary storage belongs to the operating system that was installed
// with it, so a sector that holds anything else is never touched.
#pragma once

#include "firmware/rom/lib/types.h"

enum { kChoiceName = 128 };

/// Auxiliary storage, in sectors of 512 bytes.
struct ChoiceStorage {
  bool (*read)(u64 sector, void *to);
  bool (*write)(u64 sector, const void *from);
  u64 sectors;
};

/// Reads the choice into `name` (kChoiceName bytes); empty when there is none.
void choice_load(const struct ChoiceStorage *s, char *name);
/// Keeps a choice; an empty one forgets what was there.  Why it cannot, or null.
const char *choice_save(const struct ChoiceStorage *s, const char *name);
