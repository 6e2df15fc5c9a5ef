// Flattened device trees (Devicetree Specification 0.4, chapter 5), versions 16 and 17: look at
// one that somebody gave, and copy it with other properties in /chosen.
#pragma once

#include "firmware/rom/lib/types.h"

/// A tree that was checked as a whole: what follows needs no more checks.
struct Fdt {
  const u8* tree;
  u32 bytes;      ///< of all of it
  u32 structure;  ///< where the structure block is
  u32 structure_bytes;
  u32 strings;  ///< where the strings block is
  u32 strings_bytes;
  u32 reservations;        ///< where the memory reservation block is
  u32 reservations_bytes;  ///< with the entry that ends it
};

/// A property to put into /chosen; one without `data` is taken away.
struct FdtProperty {
  const char* name;
  const void* data;
  u32 bytes;
};

enum { kFdtMaxDepth = 32, kFdtPathBytes = 256 };

/// Checks every token, name and offset of a tree that has at most `bytes`.
const char* fdt_open(struct Fdt* f, const void* tree, u64 bytes);
/// A property's value; 0: it is not there.  In the path, a name without "@" finds a node with one.
const u8* fdt_value(const struct Fdt* f, const char* path, const char* name, u32* bytes);
/// Copies the tree to `to` with these properties in /chosen, which is made where it is missing.
/// `to` is aligned to 8 bytes; the two do not overlap.
const char* fdt_copy_with(const struct Fdt* f, const struct FdtProperty* changes, u32 count,
                          void* to, u64 room, u64* written);
