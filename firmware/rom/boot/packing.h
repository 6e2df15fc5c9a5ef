// What a kernel's file is packed with: nothing, gzip, or gzip inside an EFI program that unpacks
// itself (Linux, drivers/firmware/efi/libstub/zboot-header.S, "EFI zboot").
#pragma once

#include "firmware/rom/lib/types.h"

struct PackedKernel {
  bool is_gzip;    ///< false: it is not packed
  const u8* data;  ///< what to unpack, or to use as it is
  u64 bytes;
  u64 unpacked;  ///< of gzip: how large it says it becomes (modulo 4 GiB); else as `bytes`
};

/// Looks at the whole of a kernel's file.  Another compression is an error that names it.
const char* kernel_packing(const void* file, u64 bytes, struct PackedKernel* k);
