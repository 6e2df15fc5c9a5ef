// The CRC of gzip (RFC 1952, section 8) and of GPT (UEFI 2.10, section 5.3.2): polynomial
// 0x04c11db7, reflected, beginning and ending with a complement.
#pragma once

#include "firmware/rom/lib/types.h"

/// The CRC of what gave `crc` and then these bytes; it begins with 0.
u32 crc_update(u32 crc, const void* bytes, u64 count);
