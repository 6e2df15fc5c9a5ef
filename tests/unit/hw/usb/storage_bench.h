// The host's side of Bulk-Only Transport, for the tests of usb-storage.
#pragma once

#include <algorithm>
#include <numeric>

#include "hw/usb/storage/usb_storage.h"
#include "tests/support/fake_disk.h"
#include "tests/support/usb_test_host.h"

namespace quince::test {

using Bytes = std::vector<u8>;

/// What a command came to.
struct StorageResult {
  int csw = -1;  ///< bCSWStatus; -1: there was no valid status wrapper
  u32 residue = 0;
  Bytes data;
  bool stalled = false;  ///< the data endpoint
};

class StorageBench {
 public:
  static constexpr u8 kNone = 0, kToHost = 0x80, kFromHost = 0;
  explicit StorageBench(hw::ScsiDiskConfig config = {.serial = "123456789ABC"}, u64 size = 64 * KiB,
                        hw::UsbSpeed speed = hw::UsbSpeed::High)
      : disk(size), device("disk", config, disk), host(device, speed) {
    std::iota(disk.data.begin(), disk.data.end(), u8{0});
    host.configure();
    command({0x00}, 0, kNone);  // takes the unit attention of power-on
  }

  static Bytes wrapper(const Bytes& cdb, u32 expected, u8 flags, u32 tag = 0x1234'5678,
                       u8 lun = 0) {
    Bytes w(31);
    store_le<u32>(&w[0], 0x4342'5355);
    store_le<u32>(&w[4], tag);
    store_le<u32>(&w[8], expected);
    w[12] = flags;
    w[13] = lun;
    w[14] = static_cast<u8>(cdb.size());
    std::copy(cdb.begin(), cdb.end(), w.begin() + 15);
    return w;
  }
  /// A command block of READ (10) and its like.
  static Bytes cdb10(u8 op, u32 lba, u16 count, u8 flags = 0) {
    return {op,
            flags,
            static_cast<u8>(lba >> 24),
            static_cast<u8>(lba >> 16),
            static_cast<u8>(lba >> 8),
            static_cast<u8>(lba),
            0,
            static_cast<u8>(count >> 8),
            static_cast<u8>(count),
            0};
  }

  /// A transfer, with the disk doing what it is asked.
  hw::UsbStatus run(UsbTestPacket& p) {
    const hw::UsbStatus s = device.handle_data(p);
    if (s != hw::UsbStatus::Pending) return s;
    disk.finish_all();
    EXPECT_TRUE(p.done.has_value());
    return p.done.value_or(s);
  }
  hw::UsbStatus out(Bytes bytes) {
    auto p = UsbTestPacket::from_host(2, std::move(bytes));
    return run(p);
  }
  Bytes in(u32 length, hw::UsbStatus* status = nullptr) {
    auto p = UsbTestPacket::to_host(1, length);
    const hw::UsbStatus s = run(p);
    if (status != nullptr) *status = s;
    return s == hw::UsbStatus::Ok || s == hw::UsbStatus::Stall ? p.bytes() : Bytes{};
  }
  void clear_halt(u8 endpoint) { EXPECT_EQ(host.set(0x02, 1, 0, endpoint), hw::UsbStatus::Ok); }

  /// A whole command as hosts do it: wrapper, data in transfers of `piece` bytes, status; a stall is
  /// cleared.
  StorageResult command(const Bytes& cdb, u32 expected, u8 flags, const Bytes& data = {},
                        u8 lun = 0, u32 piece = 1u << 20) {
    StorageResult r;
    EXPECT_EQ(out(wrapper(cdb, expected, flags, ++tag, lun)), hw::UsbStatus::Ok);
    for (u32 at = 0; at < expected;) {
      const u32 n = std::min(piece, expected - at);
      hw::UsbStatus s;
      u32 got = n;
      if (flags == kToHost) {
        const Bytes part = in(n, &s);
        r.data.insert(r.data.end(), part.begin(), part.end());
        got = static_cast<u32>(part.size());
      } else {
        const auto from = data.begin() + std::min<long>(at, static_cast<long>(data.size()));
        const auto to = data.begin() + std::min<long>(at + n, static_cast<long>(data.size()));
        Bytes part(from, to);
        part.resize(n);
        s = out(part);
      }
      if (s == hw::UsbStatus::Stall) {
        r.stalled = true;
        clear_halt(flags == kToHost ? 0x81 : 0x02);
        break;
      }
      EXPECT_EQ(s, hw::UsbStatus::Ok);
      at += n;
      if (got < n) break;
    }
    read_status(r);
    return r;
  }
  void read_status(StorageResult& r) {
    const Bytes c = in(13);
    if (c.size() != 13 || load_le<u32>(&c[0]) != 0x5342'5355 || load_le<u32>(&c[4]) != tag) return;
    r.residue = load_le<u32>(&c[8]);
    r.csw = c[12];
  }
  /// Key, code and qualifier of the last command.
  u32 sense() {
    const Bytes s = command({0x03, 0, 0, 0, 18, 0}, 18, kToHost).data;
    return s.size() == 18 ? u32{s[2]} << 16 | u32{s[12]} << 8 | s[13] : ~0u;
  }
  Bytes get(const Bytes& cdb, u32 length) {
    const StorageResult r = command(cdb, length, kToHost);
    EXPECT_EQ(r.csw, 0);
    return r.data;
  }
  Bytes stored(u64 at, u64 n) const {
    return {disk.data.begin() + static_cast<long>(at),
            disk.data.begin() + static_cast<long>(at + n)};
  }

  FakeDisk disk;
  hw::UsbStorage device;
  UsbTestHost host;
  u32 tag = 0;
};

}  // namespace quince::test
