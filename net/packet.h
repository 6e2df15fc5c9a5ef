// Big-endian fields of packets, and the numbers of the protocols that we look into.
#pragma once

#include "base/types.h"

namespace quince::net {

constexpr u16 load_be16(const u8* p) { return static_cast<u16>(p[0] << 8 | p[1]); }
constexpr u32 load_be32(const u8* p) {
  return static_cast<u32>(p[0]) << 24 | static_cast<u32>(p[1]) << 16 | static_cast<u32>(p[2]) << 8 |
         p[3];
}
constexpr void store_be16(u8* p, u16 v) {
  p[0] = static_cast<u8>(v >> 8);
  p[1] = static_cast<u8>(v);
}
constexpr void store_be32(u8* p, u32 v) {
  store_be16(p, static_cast<u16>(v >> 16));
  store_be16(p + 2, static_cast<u16>(v));
}

inline constexpr std::size_t kEthernetHeader = 14;
inline constexpr std::size_t kMinEthernetFrame = 60;  ///< without the FCS

inline constexpr u16 kEtherIpv4 = 0x0800;
inline constexpr u16 kEtherArp = 0x0806;
inline constexpr u16 kEtherVlan = 0x8100;
inline constexpr u16 kEtherServiceVlan = 0x88a8;
inline constexpr u16 kEtherIpv6 = 0x86dd;

inline constexpr u8 kIpTcp = 6;
inline constexpr u8 kIpUdp = 17;

}  // namespace quince::net
