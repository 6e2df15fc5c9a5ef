#include "net/ipv4_reassembly.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstring>

#include "net/offload.h"
#include "net/packet.h"

namespace quince::net {

namespace {

constexpr std::size_t kMinHeader = 20;
constexpr std::size_t kMaxHeader = 60;
constexpr std::size_t kMaxTotal = 0xffff;  // headers and payload
constexpr std::size_t kMaxPayload = kMaxTotal - kMinHeader;
constexpr std::size_t kBlock = 8;  // what offsets count

// The field of flags and offset.
constexpr u16 kMoreFragments = 0x2000;
constexpr u16 kOffset = 0x1fff;

}  // namespace

/// A fragment whose header is sound.
struct Ipv4Reassembler::Fragment {
  std::span<const u8> headers;  ///< Ethernet's and IP's
  std::span<const u8> payload;  ///< never empty
  std::size_t offset = 0;       ///< of the payload in the datagram's
  bool more = false;            ///< it is not the end of the datagram
  std::array<u8, 11> key{};     ///< both addresses, identification, protocol

  std::size_t end() const { return offset + payload.size(); }
};

class Ipv4Reassembler::Datagram {
 public:
  enum class Outcome : u8 { Incomplete, Whole, TooLong };

  Datagram(const Fragment& first, s64 deadline_ns) : key_(first.key), deadline_ns_(deadline_ns) {}

  bool is_of(const Fragment& f) const { return key_ == f.key; }
  s64 deadline_ns() const { return deadline_ns_; }

  Outcome add(const Fragment& f) {
    if (refused_) return Outcome::Incomplete;
    if (contradicts(f)) {
      refused_ = true;
      return Outcome::Incomplete;
    }
    const Presence presence = presence_of(f);
    if (presence == Presence::Copy) return Outcome::Incomplete;
    if (presence == Presence::Overlap) {
      refused_ = true;
      return Outcome::Incomplete;
    }
    for (std::size_t b = f.offset / kBlock; b * kBlock < f.end(); ++b) have_.set(b);
    std::copy(f.payload.begin(), f.payload.end(), payload() + f.offset);
    received_ += f.payload.size();
    if (f.more)
      continues_at_ = std::max(continues_at_, f.end());
    else
      size_ = f.end();
    if (f.offset == 0) {
      headers_size_ = f.headers.size();
      std::copy(f.headers.begin(), f.headers.end(), payload() - headers_size_);
    }
    // Nothing overlaps or lies behind the end, so the count says that nothing is missing.
    return size_ != 0 && received_ == size_ ? finish() : Outcome::Incomplete;
  }

  std::span<const u8> frame() const {
    return {bytes_.data() + kHeaders - headers_size_, headers_size_ + size_};
  }

 private:
  static constexpr std::size_t kHeaders = kEthernetHeader + kMaxHeader;

  enum class Presence : u8 { New, Copy, Overlap };

  /// Whether the end of the datagram cannot be where this fragment or those before say.
  bool contradicts(const Fragment& f) const {
    if (f.more) return size_ != 0 && f.end() >= size_;
    return (size_ != 0 && f.end() != size_) || f.end() <= continues_at_;
  }

  /// How much of it is there already.  All pieces but the last are whole blocks, and nothing comes
  /// behind the last, so blocks are exact.
  Presence presence_of(const Fragment& f) const {
    std::size_t blocks = 0, present = 0;
    for (std::size_t b = f.offset / kBlock; b * kBlock < f.end(); ++b, ++blocks)
      present += have_.test(b) ? 1 : 0;
    if (present == 0) return Presence::New;
    const bool same =
        present == blocks && std::equal(f.payload.begin(), f.payload.end(), payload() + f.offset);
    return same ? Presence::Copy : Presence::Overlap;
  }

  Outcome finish() {
    const std::size_t header = headers_size_ - kEthernetHeader;
    if (header + size_ > kMaxTotal) return Outcome::TooLong;
    u8* const ip = payload() - header;
    store_be16(ip + 2, static_cast<u16>(header + size_));
    store_be16(ip + 6, 0);
    store_be16(ip + 10, 0);
    store_be16(ip + 10, static_cast<u16>(~ones_sum({ip, header})));
    return Outcome::Whole;
  }

  u8* payload() { return bytes_.data() + kHeaders; }
  const u8* payload() const { return bytes_.data() + kHeaders; }

  std::array<u8, 11> key_;
  s64 deadline_ns_;
  bool refused_ = false;
  std::size_t headers_size_ = 0;
  std::size_t received_ = 0;
  std::size_t size_ = 0;          ///< of the payload; 0: the last fragment was not seen
  std::size_t continues_at_ = 0;  ///< the payload goes on here
  std::bitset<kMaxPayload / kBlock + 1> have_;
  std::array<u8, kHeaders + kMaxPayload> bytes_;  ///< headers end where the payload begins
};

Ipv4Reassembler::Ipv4Reassembler() = default;
Ipv4Reassembler::~Ipv4Reassembler() = default;

void Ipv4Reassembler::clear() {
  open_.clear();
  whole_.reset();
}

std::size_t Ipv4Reassembler::held_bytes() const {
  return (open_.size() + (whole_ != nullptr ? 1 : 0)) * sizeof(Datagram);
}

/// False: it is damaged, or not what a fragment can be.
bool Ipv4Reassembler::parse(std::span<const u8> frame, Fragment& out) {
  const std::span<const u8> ip = frame.subspan(kEthernetHeader);
  if (ip.size() < kMinHeader || ip[0] >> 4 != 4) return false;
  const std::size_t header = std::size_t{4} * (ip[0] & 0xf);
  const std::size_t total = load_be16(&ip[2]);
  // The frame may be longer than the packet: short ones are padded.
  if (header < kMinHeader || total <= header || total > ip.size()) return false;
  if (ones_sum(ip.first(header)) != 0xffff) return false;
  out.headers = frame.first(kEthernetHeader + header);
  out.payload = ip.subspan(header, total - header);
  const u16 place = load_be16(&ip[6]);
  out.more = (place & kMoreFragments) != 0;
  out.offset = kBlock * (place & kOffset);
  if ((out.more && out.payload.size() % kBlock != 0) || out.end() > kMaxPayload) return false;
  std::copy_n(&ip[12], 8, out.key.begin());
  std::copy_n(&ip[4], 2, out.key.begin() + 8);
  out.key[10] = ip[9];
  return true;
}

std::span<const u8> Ipv4Reassembler::take(std::span<const u8> frame, s64 now_ns) {
  constexpr std::size_t kPlace = kEthernetHeader + 6;
  if (frame.size() < kPlace + 2 || (load_be16(&frame[kPlace]) & (kMoreFragments | kOffset)) == 0)
    return frame;
  whole_.reset();
  const auto lives = [now_ns](const auto& d) { return d->deadline_ns() > now_ns; };
  open_.erase(open_.begin(), std::find_if(open_.begin(), open_.end(), lives));
  Fragment f;
  return parse(frame, f) ? add(f, now_ns) : std::span<const u8>();
}

std::span<const u8> Ipv4Reassembler::add(const Fragment& f, s64 now_ns) {
  auto at = std::find_if(open_.begin(), open_.end(), [&f](const auto& d) { return d->is_of(f); });
  if (at == open_.end()) {
    if (open_.size() == kMaxOpen) open_.erase(open_.begin());
    open_.push_back(std::make_unique<Datagram>(f, now_ns + kLifetimeNs));
    at = open_.end() - 1;
  }
  switch ((*at)->add(f)) {
    case Datagram::Outcome::Incomplete:
      return {};
    case Datagram::Outcome::TooLong:
      break;
    case Datagram::Outcome::Whole:
      whole_ = std::move(*at);
      break;
  }
  open_.erase(at);
  return whole_ != nullptr ? whole_->frame() : std::span<const u8>();
}

}  // namespace quince::net
