#include "hw/core/mmio.h"

#include <fmt/core.h>

namespace quince::hw {

const char* to_string(Bus b) {
  switch (b) {
    case Bus::Ok: return "ok";
    case Bus::BadRegister: return "no such register";
    case Bus::BadSize: return "bad size or alignment";
    case Bus::ReadOnly: return "read-only register";
    case Bus::WriteOnly: return "write-only register";
  }
  return "?";
}

std::string MmioDevice::reg_name(u64 off) const {
  for (std::size_t i = 0; i < reg_count(); ++i) {
    const RegInfo r = reg_info(i);
    if (off < r.offset) continue;
    const u64 rel = off - r.offset;
    const u64 stride = r.stride != 0 ? r.stride : r.size;
    if (rel / stride >= r.count || rel % stride >= r.size) continue;
    if (r.count == 1) return r.name;
    return fmt::format("{}[{}]", r.name, rel / stride);
  }
  return fmt::format("+{:#x}", off);
}

}  // namespace quince::hw
