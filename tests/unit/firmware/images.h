// Small images of each format, and guest memory to load them into.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/log.h"
#include "firmware/load_list.h"
#include "hw/core/address_space.h"
#include "hw/core/dma.h"

namespace quince::firmware {

using Bytes = std::vector<u8>;

/// `n` bytes that do not repeat soon.
Bytes pattern(std::size_t n, u32 seed = 1);
Bytes bytes_of(std::string_view text);
/// Puts a little-endian number into bytes.
template <class T>
void put(Bytes& b, std::size_t at, T v) {
  std::memcpy(b.data() + at, &v, sizeof v);
}

/// What a Linux Image's header says.
struct ImageHeader {
  u64 text_offset = 0;
  u64 image_size = 0x20000;
  u64 flags = 0xa;  // 4 KiB pages, anywhere in RAM, little-endian
};
Bytes linux_image(std::size_t size, ImageHeader header = {});

struct ElfSegment {
  u64 vaddr, paddr;
  Bytes bytes;
  u64 memory_size;
  u32 type = 1;
};
Bytes elf(u64 entry, const std::vector<ElfSegment>& segments);

Bytes gzip(const Bytes& in);
Bytes zstd(const Bytes& in);
/// An EFI zboot image around a payload.
Bytes zboot(const Bytes& payload, std::string_view type);

/// Two banks of RAM next to each other at 1 GiB, 4 MiB and 60 MiB.
struct Memory {
  Memory();
  /// The bytes in guest memory.
  Bytes read(PhysAddr a, u64 size);

  static constexpr Range kRange{PhysAddr(0x4000'0000), 64 * MiB};
  Log log;
  hw::AddressSpace space{log};
  std::unique_ptr<hw::GuestRam> low, high;
  hw::DmaPort dma{space, 0};
};

/// The message of a failed Result, or "(no error)".
template <class T>
std::string message(const Result<T>& r) {
  return r ? "(no error)" : r.error().message();
}

}  // namespace quince::firmware
