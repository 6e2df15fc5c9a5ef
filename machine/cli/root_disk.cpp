// GUID partition tables as the UEFI Specification 2.10 has them (5.3), as far as it takes to tell
// whose partitions a disk has.
#include "machine/cli/root_disk.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/bits.h"
#include "block/open.h"

namespace quince::machine::cli {

namespace {

constexpr u64 kSector = 512;
constexpr u32 kMaxEntries = 128, kEntryBytes = 128;
/// All partition types of Apple's end so: XXXXXXXX-XXXX-11AA-AA11-00306543ECAC.
constexpr std::array<u8, 10> kApple = {0xaa, 0x11, 0xaa, 0x11, 0x00, 0x30, 0x65, 0x43, 0xec, 0xac};

bool read(block::Image& image, u64 offset, std::span<u8> to) {
  if (offset > image.size() || to.size() > image.size() - offset) return false;
  const iovec part{to.data(), to.size()};
  return image.read(offset, {&part, 1}) == block::Status{};
}

}  // namespace

Result<RootDisk> parse_root_disk(std::string_view value) {
  if (value == "auto") return RootDisk::Auto;
  if (value == "apple") return RootDisk::Apple;
  if (value == "virtio") return RootDisk::Virtio;
  return fail("root-disk={}: only auto, apple or virtio", value);
}

RootDisk look_at_root_disk(const std::string& file) {
  auto image = block::open_image({.file = file, .read_only = true, .locking = block::Locking::Off});
  if (!image) return RootDisk::Apple;  // whoever opens it for use says why
  std::array<u8, kSector> mbr{}, header{};
  if (!read(**image, 0, mbr) || load_le<u16>(&mbr[510]) != 0xaa55) return RootDisk::Apple;
  constexpr std::string_view kSignature = "EFI PART";
  const bool gpt = read(**image, kSector, header) &&
                   std::equal(kSignature.begin(), kSignature.end(), header.begin());
  // No system of Apple's for this platform is on a disk with the older table.
  if (!gpt) return RootDisk::Virtio;
  const u64 at = load_le<u64>(&header[72]);
  const u32 entries = std::min(load_le<u32>(&header[80]), kMaxEntries);
  if (load_le<u32>(&header[84]) != kEntryBytes || at > (*image)->size() / kSector)
    return RootDisk::Apple;
  std::vector<u8> table(std::size_t{entries} * kEntryBytes);
  if (!read(**image, at * kSector, table)) return RootDisk::Apple;
  bool some = false;
  for (std::size_t e = 0; e < table.size(); e += kEntryBytes) {
    const std::span<const u8> type(&table[e], 16);
    some |= std::any_of(type.begin(), type.end(), [](u8 b) { return b != 0; });
    if (std::equal(kApple.begin(), kApple.end(), type.begin() + 6)) return RootDisk::Apple;
  }
  return some ? RootDisk::Virtio : RootDisk::Apple;
}

}  // namespace quince::machine::cli
