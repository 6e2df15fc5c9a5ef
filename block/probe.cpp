#include "block/probe.h"

#include <array>
#include <cstring>

namespace quince::block {

std::string_view probe_format(std::span<const u8> start) {
  struct Magic {
    std::string_view bytes, name;
  };
  using namespace std::string_view_literals;
  // Each format's own specification; those that are not read here are known so that a raw guess
  // does not make garbage of them, and so that no guest can turn its disk into one.  LUKS is not
  // among them: guests encrypt whole disks, and the host has nothing to do with that.
  static constexpr std::array<Magic, 8> kMagics{{
      {"QFI\xfb\0\0\0\2"sv, "qcow2"},
      {"QFI\xfb\0\0\0\3"sv, "qcow2"},
      {"QFI\xfb"sv, "qcow"},
      {"QED\0"sv, "qed"},
      {"KDMV"sv, "vmdk"},
      {"COWD"sv, "vmdk"},
      {"vhdxfile"sv, "vhdx"},
      {"conectix"sv, "vpc"},
  }};
  for (const Magic& m : kMagics)
    if (start.size() >= m.bytes.size() &&
        std::memcmp(start.data(), m.bytes.data(), m.bytes.size()) == 0)
      return m.name;
  static constexpr std::string_view kDescriptor = "# Disk DescriptorFile";
  if (start.size() >= kDescriptor.size() &&
      std::memcmp(start.data(), kDescriptor.data(), kDescriptor.size()) == 0)
    return "vmdk";
  // VirtualBox keeps its signature after a line of text.
  if (start.size() >= 68 && std::memcmp(start.data() + 64, "\x7f\x10\xda\xbe", 4) == 0)
    return "vdi";
  return {};
}

}  // namespace quince::block
