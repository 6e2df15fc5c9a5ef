// What this process takes of the host.
#pragma once

#include "base/types.h"

namespace quince::test {

/// Bytes of the heap that are in use: neither free nor in a sanitizer's quarantine.
u64 heap_bytes();
/// Bytes that are resident, guest memory included.
u64 resident_bytes();

}  // namespace quince::test
