// Linux from a disk: its files into memory, and a device tree that says where they are (Linux,
// Documentation/arch/arm64/booting.rst).
#pragma once

#include "firmware/rom/boot/disk.h"
#include "firmware/rom/boot/fdt.h"

/// RAM that the kernel and what belongs to it may have, and room for work that is given back.
struct LinuxMemory {
  u64 start, end;
  struct Arena work;
};

/// What is in memory when all went well.
struct LinuxStart {
  u64 pc;           ///< the kernel's first instruction
  u64 device_tree;  ///< for X0
  u64 start, end;   ///< all of it
};

/// Tells a person what is done; `bytes` of a file that is read.
typedef void (*LinuxProgress)(void* of, const char* path, u64 bytes);

/// Loads what an entry names.  `machine`: the tree of this machine, for entries without one; may be null.
/// Why it cannot, or null.
const char* linux_load(const struct Bootable* b, const struct Fdt* machine, struct LinuxMemory m,
                       LinuxProgress progress, void* of, struct LinuxStart* out);
