// What can be started from a volume, as its owner wrote it down: Boot Loader Specification (UAPI.1)
// entries of type 1 in /loader/entries and /boot/loader/entries, or else an extlinux.conf (the
// subset of Syslinux's language that U-Boot reads, doc/README.pxe) in /extlinux, /boot/extlinux,
// / or /boot.
//
// Missing on purpose: device tree overlays (an entry with them is left out), `fdtdir` (the board's
// tree comes from the machine), `include`, EFI programs, counting down of boot counters (nothing is
// written).  Words that begin with '$' are variables of GRUB, which have no value here.
#pragma once

#include "firmware/rom/lib/arena.h"
#include "firmware/rom/storage/volume.h"

enum {
  kMaxEntries = 64,
  kMaxInitrds = 8,
  kMaxConfigBytes = 128 << 10,
  kMaxConfigFiles = 512,  ///< looked at in one folder
  kTimeoutNotSaid = -1,
};

/// Strings are in the arena and have no control characters; paths begin at the volume's root.
struct BootEntry {
  const char* title;  ///< for people, different from those of other entries where it can be
  const char* id;     ///< for machines: a file's name without suffix and counters, or a label
  const char* kernel;
  const char* initrds[kMaxInitrds];
  u32 initrd_count;
  const char* devicetree;                       ///< or 0
  const char* options;                          ///< perhaps empty
  const char *version, *sort_key, *machine_id;  ///< or 0
  s32 tries_left, tries_done;                   ///< boot counters; -1: it has none
};

struct BootEntries {
  u32 count;
  u32 default_entry;
  s32 timeout;         ///< tenths of a second before the default one is started; kTimeoutNotSaid
  bool prompt;         ///< a person shall be asked; with a timeout of 0: waited for without limit
  const char* source;  ///< the file or folder that the entries are from; 0: there is none
  u32 left_out;        ///< entries that cannot be started here, or are too many
  const char* why_left_out;  ///< of the last of them; 0: there was none
  struct BootEntry list[kMaxEntries];
};

/// Finds the entries of a volume, in the order in which a menu shows them.  None at all is no error.
const char* entries_read(struct Volume* v, struct Arena* arena, struct BootEntries* out);
