// USB without a controller, and a device to test controllers with.
//
// UsbTestPacket is a transfer over a vector: a device is called as a controller would call it.
// UsbTestDevice has a bulk pair, an interrupt endpoint and an isochronous pair, and does with
// transfers what the test says.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <vector>

#include "hw/core/archive.h"
#include "hw/usb/usb_described_device.h"

namespace quince::test {

/// A transfer whose buffer is a vector.
class UsbTestPacket final : public hw::UsbPacket {
 public:
  /// IN, with room for `length` bytes.
  static UsbTestPacket to_host(u8 endpoint, u32 length, u16 stream = 0) {
    return UsbTestPacket(true, endpoint, stream, std::vector<u8>(length));
  }
  /// OUT, with these bytes.
  static UsbTestPacket from_host(u8 endpoint, std::vector<u8> bytes, u16 stream = 0) {
    return UsbTestPacket(false, endpoint, stream, std::move(bytes));
  }
  UsbTestPacket(bool in, u8 endpoint, u16 stream, std::vector<u8> bytes)
      : buffer_(std::move(bytes)) {
    start(in, endpoint, stream, static_cast<u32>(buffer_.size()));
  }
  /// What was moved.
  std::vector<u8> bytes() const { return {buffer_.begin(), buffer_.begin() + moved()}; }
  /// How a pending transfer ended.
  std::optional<hw::UsbStatus> done;

 private:
  bool put(u32 at, std::span<const u8> in) override {
    std::copy(in.begin(), in.end(), buffer_.begin() + at);
    return true;
  }
  bool get(u32 at, std::span<u8> out) override {
    std::copy_n(buffer_.begin() + at, out.size(), out.begin());
    return true;
  }
  void completed(hw::UsbStatus s) override { done = s; }
  std::vector<u8> buffer_;
};

/// A control transfer without a controller: what came back, or how it failed.
struct UsbTestControl {
  hw::UsbStatus status;
  std::vector<u8> data;
};
inline UsbTestControl usb_control(hw::UsbDevice& device, hw::UsbSetup setup,
                                  std::vector<u8> out = {}) {
  if (!setup.in()) setup.wLength = static_cast<u16>(out.size());
  auto p = setup.in() ? UsbTestPacket::to_host(0, setup.wLength)
                      : UsbTestPacket::from_host(0, std::move(out));
  hw::UsbStatus s = device.handle_control(setup, p);
  if (s == hw::UsbStatus::Pending) s = p.done.value_or(s);
  return {s, p.bytes()};
}

/// Vendor-specific; endpoints 1 (bulk), 2 IN (interrupt) and 3 (isochronous).  Full, high and super
/// speed.
class UsbTestDevice final : public hw::UsbDescribedDevice {
 public:
  static constexpr u8 kBulkOut = 0x01, kBulkIn = 0x81, kInterruptIn = 0x82, kIsochOut = 0x03,
                      kIsochIn = 0x83;
  static constexpr u16 kVendor = 0x1234, kProduct = 0x5553;
  /// A vendor request that reads back what its sibling (0x40, kVendorWrite) wrote.
  static constexpr u8 kVendorWrite = 1, kVendorRead = 2;

  explicit UsbTestDevice(std::string_view name) : UsbDescribedDevice(name, description()) {}
  /// With another table: other speeds.
  UsbTestDevice(std::string_view name, const hw::UsbTable& table)
      : UsbDescribedDevice(name, table) {}

  static const hw::UsbTable& description();

  // What the test says.  IN endpoints send what is queued, one entry a transfer, and answer Nak when
  // there is nothing; OUT endpoints take everything.

  /// For the host; wakes it up.
  void queue(u8 endpoint, std::vector<u8> bytes) {
    to_host[endpoint & 15u].push_back(std::move(bytes));
    notify(endpoint);
  }
  /// Answers every transfer of data with Pending from now on; finish() ends the oldest.
  bool pend = false;
  /// Answers transfers of data with this when it is not Ok.
  hw::UsbStatus answer = hw::UsbStatus::Ok;

  void finish(hw::UsbStatus status = hw::UsbStatus::Ok) {
    hw::UsbPacket* p = pending.front();
    pending.pop_front();
    p->complete(status == hw::UsbStatus::Ok ? move(*p) : status);
  }

  std::array<std::deque<std::vector<u8>>, 16> to_host;
  std::vector<std::pair<u8, std::vector<u8>>> from_host;  ///< endpoint number, bytes
  std::deque<hw::UsbPacket*> pending;
  std::vector<u8> written;             ///< by the vendor request
  std::vector<hw::UsbSetup> requests;  ///< of the vendor
  unsigned resets = 0, cancels = 0, transfers = 0;

  void snapshot(Archive& ar) override {
    UsbDescribedDevice::snapshot(ar);
    ar.blob("written", written, kMaxRequest);
    for (unsigned n = 0; n < to_host.size(); ++n)
      ar.section("to_host" + std::to_string(n), [&](Archive& a) { queue_snapshot(a, to_host[n]); });
  }
  void usb_reset() override {
    UsbDescribedDevice::usb_reset();
    ++resets;
  }
  void cancel(hw::UsbPacket& p) override {
    ++cancels;
    std::erase(pending, &p);
  }

 protected:
  hw::UsbStatus class_request(const hw::UsbSetup& s, std::span<const u8> data,
                              hw::UsbReply& reply) override {
    requests.push_back(s);
    if (s.request() == (0x4000 | kVendorWrite)) {
      written.assign(data.begin(), data.end());
      return hw::UsbStatus::Ok;
    }
    if (s.request() == (0xc000 | kVendorRead)) {
      reply = written;
      return hw::UsbStatus::Ok;
    }
    return hw::UsbStatus::Stall;
  }
  hw::UsbStatus transfer(hw::UsbPacket& p) override {
    ++transfers;
    if (answer != hw::UsbStatus::Ok) return answer;
    if (pend) {
      pending.push_back(&p);
      return hw::UsbStatus::Pending;
    }
    return move(p);
  }

 private:
  hw::UsbStatus move(hw::UsbPacket& p) {
    if (!p.in()) {
      std::vector<u8> bytes(p.length());
      p.read(bytes);
      from_host.emplace_back(p.endpoint(), std::move(bytes));
      return hw::UsbStatus::Ok;
    }
    auto& q = to_host[p.endpoint()];
    if (q.empty()) return hw::UsbStatus::Nak;
    p.write(q.front());
    q.pop_front();
    return hw::UsbStatus::Ok;
  }
  static void queue_snapshot(Archive& ar, std::deque<std::vector<u8>>& q) {
    std::vector<u8> packed;
    for (const auto& entry : q) {
      packed.push_back(static_cast<u8>(entry.size()));
      packed.push_back(static_cast<u8>(entry.size() >> 8));
      packed.insert(packed.end(), entry.begin(), entry.end());
    }
    ar.blob("packed", packed, 1u << 20);
    if (!ar.loading()) return;
    q.clear();
    for (std::size_t at = 0; at + 2 <= packed.size();) {
      const std::size_t n =
          std::min<std::size_t>(load_le<u16>(&packed[at]), packed.size() - at - 2);
      q.emplace_back(packed.begin() + static_cast<long>(at) + 2,
                     packed.begin() + static_cast<long>(at + 2 + n));
      at += 2 + n;
    }
  }
};

inline const hw::UsbTable& UsbTestDevice::description() {
  using namespace hw;
  struct Tables {
    static constexpr std::array<UsbEndpointTable, 5> endpoints(u16 bulk, u8 interval) {
      return {{{.address = kBulkOut, .attributes = kUsbBulk, .max_packet = bulk},
               {.address = kBulkIn, .attributes = kUsbBulk, .max_packet = bulk},
               {.address = kInterruptIn,
                .attributes = kUsbInterrupt,
                .max_packet = 8,
                .interval = interval,
                .bytes_per_interval = 8},
               {.address = kIsochOut,
                .attributes = kUsbIsochronous,
                .max_packet = 64,
                .interval = 1,
                .bytes_per_interval = 64},
               {.address = kIsochIn,
                .attributes = kUsbIsochronous,
                .max_packet = 64,
                .interval = 1,
                .bytes_per_interval = 64}}};
    }
  };
  static constexpr auto kFullEndpoints = Tables::endpoints(64, 10);
  static constexpr auto kHighEndpoints = Tables::endpoints(512, 7);
  static constexpr auto kSuperEndpoints = Tables::endpoints(1024, 7);
  static constexpr UsbInterfaceTable kFull[] = {{.class_code = 0xff, .endpoints = kFullEndpoints}};
  static constexpr UsbInterfaceTable kHigh[] = {{.class_code = 0xff, .endpoints = kHighEndpoints}};
  static constexpr UsbInterfaceTable kSuper[] = {
      {.class_code = 0xff, .endpoints = kSuperEndpoints}};
  static constexpr UsbConfigurationTable kFullC[] = {
      {.attributes = kUsbRemoteWakeup, .max_power_ma = 100, .interfaces = kFull}};
  static constexpr UsbConfigurationTable kHighC[] = {
      {.attributes = kUsbRemoteWakeup, .max_power_ma = 100, .interfaces = kHigh}};
  static constexpr UsbConfigurationTable kSuperC[] = {
      {.attributes = kUsbRemoteWakeup, .max_power_ma = 100, .interfaces = kSuper}};
  static constexpr UsbPersonality kAtFull{
      .bcd_usb = 0x110, .max_packet0 = 8, .configurations = kFullC};
  static constexpr UsbPersonality kAtHigh{
      .bcd_usb = 0x200, .max_packet0 = 64, .configurations = kHighC};
  static constexpr UsbPersonality kAtSuper{.bcd_usb = 0x300, .configurations = kSuperC};
  static constexpr std::string_view kStrings[] = {"Quince", "test device", "1"};
  static constexpr UsbTable kTable{.vendor = kVendor,
                                   .product = kProduct,
                                   .bcd_device = 1,
                                   .full = &kAtFull,
                                   .high = &kAtHigh,
                                   .super = &kAtSuper,
                                   .strings = kStrings,
                                   .manufacturer = 1,
                                   .product_name = 2,
                                   .serial = 3};
  return kTable;
}

}  // namespace quince::test
