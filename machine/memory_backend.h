// `-object memory-backend-ram`, `-file` and `-memfd`: memory that has a name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/option_values.h"
#include "base/result.h"
#include "hw/core/ram.h"

namespace quince::machine {

/// What the options ask for, as plain data.
struct MemoryBackendOptions {
  std::string id;
  u64 size = 0;  ///< bytes
  HostMemoryOptions memory;
};

/// Whether `type` ("memory-backend-memfd") is one of these objects.
bool is_memory_backend(std::string_view type);

/// Reads the properties of an object of that type, without "qom-type".  An error names the
/// property and the reason.
Result<MemoryBackendOptions> parse_memory_backend(std::string_view type, Properties properties);

/// Makes the memory.  An error names the property that the host cannot satisfy.
/// GuestRam::host().warning() says what it did without.
Result<std::unique_ptr<hw::GuestRam>> create_memory(const MemoryBackendOptions& options);

}  // namespace quince::machine
