// Descriptors.  See usb_descriptors.h.
#include "hw/usb/usb_descriptors.h"

#include <algorithm>

#include "base/assert.h"

namespace quince::hw {

namespace {

constexpr u16 kLanguage = 0x0409;  // English, United States

/// Appends little-endian fields.
class Writer {
 public:
  Writer& u8_(u64 v) {
    bytes.push_back(static_cast<u8>(v));
    return *this;
  }
  Writer& u16_(u64 v) { return u8_(v).u8_(v >> 8); }
  Writer& u32_(u64 v) { return u16_(v).u16_(v >> 16); }
  Writer& run(std::span<const u8> v) {
    bytes.insert(bytes.end(), v.begin(), v.end());
    return *this;
  }
  std::vector<u8> bytes;
};

u8 max_packet0(const UsbPersonality& p, UsbSpeed speed) {
  return speed == UsbSpeed::Super ? u8{9} : p.max_packet0;
}

void write_endpoint(Writer& w, const UsbEndpointTable& e, UsbSpeed speed) {
  w.u8_(7).u8_(kUsbDescEndpoint).u8_(e.address).u8_(e.attributes).u16_(e.max_packet);
  w.u8_(e.interval);
  if (speed == UsbSpeed::Super)
    w.u8_(6)
        .u8_(kUsbDescEndpointCompanion)
        .u8_(e.max_burst)
        .u8_(e.companion_attributes)
        .u16_(e.bytes_per_interval);
  w.run(e.extra);
}

void write_interface(Writer& w, const UsbInterfaceTable& i, UsbSpeed speed) {
  w.u8_(9).u8_(kUsbDescInterface).u8_(i.number).u8_(i.alternate).u8_(i.endpoints.size());
  w.u8_(i.class_code).u8_(i.subclass).u8_(i.protocol).u8_(i.name);
  w.run(i.extra);
  for (const UsbEndpointTable& e : i.endpoints) write_endpoint(w, e, speed);
}

u64 count_interfaces(const UsbConfigurationTable& c) {
  return static_cast<u64>(std::count_if(c.interfaces.begin(), c.interfaces.end(),
                                        [](const auto& i) { return i.alternate == 0; }));
}

/// The next code point of a text, which is not empty; U+FFFD for a byte that begins none.
char32_t next_code_point(std::string_view& text) {
  const u8 first = static_cast<u8>(text[0]);
  const unsigned n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  char32_t c = n == 1 ? first : first & (0x7fu >> n);
  bool good = n == 1 || (first >= 0xc2 && first < 0xf5 && text.size() >= n);
  for (unsigned i = 1; good && i < n; ++i) {
    const u8 b = static_cast<u8>(text[i]);
    good = (b & 0xc0) == 0x80;
    c = c << 6 | (b & 0x3fu);
  }
  constexpr char32_t kFirst[] = {0, 0, 0x80, 0x800, 0x1'0000};
  good = good && c >= kFirst[n] && c <= 0x10'ffff && (c < 0xd800 || c > 0xdfff);
  text.remove_prefix(good ? n : 1);
  return good ? c : char32_t{0xfffd};
}

}  // namespace

UsbSpeeds UsbTable::speeds() const {
  UsbSpeeds all;
  if (full != nullptr) all = all | UsbSpeeds{low ? UsbSpeed::Low : UsbSpeed::Full};
  if (high != nullptr) all = all | UsbSpeeds{UsbSpeed::High};
  if (super != nullptr) all = all | UsbSpeeds{UsbSpeed::Super};
  return all;
}

const UsbPersonality* UsbTable::at(UsbSpeed s) const {
  switch (s) {
    case UsbSpeed::Low:
      return low ? full : nullptr;
    case UsbSpeed::Full:
      return low ? nullptr : full;
    case UsbSpeed::High:
      return high;
    case UsbSpeed::Super:
      return super;
    case UsbSpeed::None:
      break;
  }
  return nullptr;
}

std::vector<u8> usb_device_descriptor(const UsbTable& t, UsbSpeed speed) {
  const UsbPersonality* p = t.at(speed);
  QUINCE_ASSERT(p != nullptr);
  Writer w;
  w.u8_(18).u8_(kUsbDescDevice).u16_(p->bcd_usb).u8_(p->class_code).u8_(p->subclass);
  w.u8_(p->protocol).u8_(max_packet0(*p, speed)).u16_(t.vendor).u16_(t.product);
  w.u16_(t.bcd_device).u8_(t.manufacturer).u8_(t.product_name).u8_(t.serial);
  w.u8_(p->configurations.size());
  return std::move(w.bytes);
}

std::vector<u8> usb_device_qualifier(const UsbTable& t, UsbSpeed speed) {
  const bool both = t.full != nullptr && t.high != nullptr && !t.low;
  if (!both || (speed != UsbSpeed::Full && speed != UsbSpeed::High)) return {};
  const UsbPersonality& other = speed == UsbSpeed::High ? *t.full : *t.high;
  Writer w;
  w.u8_(10).u8_(kUsbDescDeviceQualifier).u16_(other.bcd_usb).u8_(other.class_code);
  w.u8_(other.subclass).u8_(other.protocol).u8_(other.max_packet0);
  w.u8_(other.configurations.size()).u8_(0);
  return std::move(w.bytes);
}

std::vector<u8> usb_bos_descriptor(const UsbTable& t, UsbSpeed speed) {
  const UsbPersonality* p = t.at(speed);
  if (p == nullptr || p->bcd_usb < 0x201) return {};
  Writer w;
  const bool super = t.super != nullptr;
  w.u8_(5).u8_(kUsbDescBos).u16_(super ? 5 + 7 + 10 : 5 + 7).u8_(super ? 2 : 1);
  // USB 2.0 extension, without link power management.
  w.u8_(7).u8_(kUsbDescDeviceCapability).u8_(2).u32_(0);
  if (super) {
    // The speeds that it has, the lowest one that does everything, and no delay out of U1 and U2.
    const unsigned speeds = (t.full != nullptr && !t.low ? 2u : 0u) |
                            (t.high != nullptr ? 4u : 0u) | (t.full != nullptr && t.low ? 1u : 0u) |
                            8u;
    const unsigned lowest = t.full != nullptr ? (t.low ? 0u : 1u) : t.high != nullptr ? 2u : 3u;
    w.u8_(10).u8_(kUsbDescDeviceCapability).u8_(3).u8_(0).u16_(speeds).u8_(lowest).u8_(0).u16_(0);
  }
  return std::move(w.bytes);
}

std::vector<u8> usb_configuration_descriptor(const UsbConfigurationTable& c, UsbSpeed speed,
                                             u8 type) {
  Writer w;
  const unsigned unit = speed == UsbSpeed::Super ? 8 : 2;
  w.u8_(9).u8_(type).u16_(0).u8_(count_interfaces(c)).u8_(c.value).u8_(c.name);
  w.u8_(0x80u | c.attributes).u8_((c.max_power_ma + unit - 1) / unit);
  for (const UsbInterfaceTable& i : c.interfaces) write_interface(w, i, speed);
  QUINCE_ASSERT(w.bytes.size() <= 0xffff);
  store_le<u16>(&w.bytes[2], static_cast<u16>(w.bytes.size()));
  return std::move(w.bytes);
}

std::vector<u8> usb_string_descriptor(std::string_view text) {
  constexpr std::size_t kMax = 2 + 2 * 126;
  Writer w;
  w.u8_(0).u8_(kUsbDescString);
  while (!text.empty()) {
    const char32_t c = next_code_point(text);
    const std::size_t size = c >= 0x1'0000 ? 4 : 2;
    if (w.bytes.size() + size > kMax) break;
    if (size == 4)
      w.u16_(0xd800 + ((c - 0x1'0000) >> 10)).u16_(0xdc00 + (c & 0x3ff));
    else
      w.u16_(c);
  }
  w.bytes[0] = static_cast<u8>(w.bytes.size());
  return std::move(w.bytes);
}

std::vector<u8> usb_language_descriptor() {
  Writer w;
  w.u8_(4).u8_(kUsbDescString).u16_(kLanguage);
  return std::move(w.bytes);
}

std::span<const u8> usb_find_descriptor(std::span<const u8> run, u8 type) {
  while (run.size() >= 2 && run[0] >= 2 && run[0] <= run.size()) {
    if (run[1] == type) return run.first(run[0]);
    run = run.subspan(run[0]);
  }
  return {};
}

}  // namespace quince::hw
