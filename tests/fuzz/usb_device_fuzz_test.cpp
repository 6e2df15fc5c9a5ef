// USB devices under hosts that are mostly honest and often are not, and under a person who types.
//
// A host resets and configures its device, sends requests (real ones, and noise), and starts
// transfers of which several may wait; it takes some back, resets the port, unplugs and plugs.
// Everything that an event does follows from its number, so that two copies stay alike; what the
// device does to the host (data, wakeups, ends of transfers) is compared.
#include <gtest/gtest.h>

#include "hw/usb/hid/usb_keyboard.h"
#include "hw/usb/hid/usb_pointer.h"
#include "hw/usb/hub/usb_hub.h"
#include "hw/usb/storage/usb_storage.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_disk.h"
#include "tests/support/ui_host.h"
#include "tests/support/usb_test_host.h"

namespace quince::test {
namespace {

using namespace hw;  // NOLINT: names of requests' types

u64 hash(std::span<const u8> bytes) {
  u64 h = 0xcbf2'9ce4'8422'2325;
  for (u8 b : bytes) h = (h ^ b) * 0x100'0000'01b3;
  return h;
}

/// A host that forgets what waits whenever a snapshot is taken, as a controller does with what it
/// hands over again.
class FuzzHost final : public Device {
 public:
  FuzzHost(FuzzBench& bench, UsbDevice& device, FakeDisk* disk)
      : Device("host"), bench_(bench), bus_({UsbSpeed::High}), device_(device), disk_(disk) {
    EXPECT_TRUE(bus_.port().attach(device_));
    bus_.on_wakeup = [this](UsbDevice&, u8 endpoint) { bench_.output(endpoint); };
  }
  ~FuzzHost() override {
    drop();
    bus_.port().detach();
  }

  void reset() override {
    drop();
    if (device_.port() != nullptr) bus_.port().set_state(UsbPort::State::Disabled);
  }
  void snapshot(Archive& ar) override {
    if (!ar.loading()) drop();
    UsbPort::State state = bus_.port().state();
    bool plugged = device_.port() != nullptr;
    ar.field("state", state);
    ar.field("plugged", plugged);
    if (!ar.loading()) return;
    if (state > UsbPort::State::Suspended) {
      ar.refuse("state", "out of range");
      state = UsbPort::State::Disabled;
    }
    if (plugged && device_.port() == nullptr) {
      EXPECT_TRUE(bus_.port().attach(device_));
    }
    if (!plugged) bus_.port().detach();
    bus_.port().restore_state(plugged ? state : UsbPort::State::Disabled);
  }
  void restored() override {}

  void event(u64 r) {
    const u64 rest = r >> 8;
    switch (r & 15) {
      case 0:
        return start(rest);
      case 1:
        return take_back(rest);
      case 2:
        return plug(rest);
      case 3:
        if (device_.port() != nullptr) bus_.port().set_state(static_cast<UsbPort::State>(rest % 3));
        return;
      case 4:
      case 5:
        return noise(rest);
      case 6:
      case 7:
        return request(rest);
      case 8:
        return finish(rest);
      case 9:
        if (disk_ != nullptr) return command(rest);
        [[fallthrough]];
      default:
        return transfer(rest);
    }
  }
  u64 moved = 0;  ///< bytes, in either direction

 private:
  static constexpr std::size_t kWaiting = 4;

  void report(UsbStatus s, const UsbTestPacket& p) {
    bench_.output(static_cast<u64>(s) | u64{p.moved()} << 8);
    if (p.in()) bench_.output(hash(p.bytes()));
    moved += p.moved();
  }
  void control(const UsbSetup& s, std::vector<u8> out = {}) {
    if (!device_.reachable() || device_.suspended()) return;
    auto p =
        s.in() ? UsbTestPacket::to_host(0, s.wLength) : UsbTestPacket::from_host(0, std::move(out));
    report(device_.handle_control(s, p), p);
    collect();
  }
  void start(u64 r) {
    if (device_.port() == nullptr) return;
    drop();
    bus_.port().reset();
    control({0x00, 5, static_cast<u16>(1 + r % 127), 0, 0});
    control({0x00, 9, 1, 0, 0});
    for (u16 n = 1; n <= device_.ports(); ++n) control({0x23, 3, 8, n, 0});
  }
  void plug(u64 r) {
    if (r % 8 != 0) return;
    if (device_.port() == nullptr) return (void)bus_.port().attach(device_);
    drop();
    bus_.port().detach();
  }
  /// Any request with any data.
  void noise(u64 r) {
    UsbSetup s{static_cast<u8>(r), static_cast<u8>(r >> 8), static_cast<u16>(r >> 16),
               static_cast<u16>(r >> 32 & 0x81), static_cast<u16>((r >> 40) % 300)};
    std::vector<u8> out(s.in() ? 0 : s.wLength, static_cast<u8>(r >> 48));
    control(s, std::move(out));
  }
  /// One that some device knows, with likely values.
  void request(u64 r) {
    static constexpr u16 kRequests[] = {0x8006, 0x8106, 0x8000, 0x8100, 0x8200, 0x0001, 0x0003,
                                        0x0201, 0x0203, 0x0009, 0x010b, 0xa101, 0xa102, 0xa103,
                                        0x2109, 0x210a, 0x210b, 0xa1fe, 0x21ff, 0x2301, 0x2303,
                                        0x2303, 0x2303, 0xa300, 0xa000, 0xa006};
    static constexpr u16 kValues[] = {0, 1, 2, 4, 8, 16, 17, 18, 20, 0x100, 0x200, 0x300, 0x2200};
    static constexpr u16 kIndices[] = {0, 0, 1, 2, 3, 0x81, 0x02};
    const u16 q = kRequests[r % std::size(kRequests)];
    UsbSetup s{static_cast<u8>(q >> 8), static_cast<u8>(q), kValues[(r >> 8) % std::size(kValues)],
               kIndices[(r >> 16) % std::size(kIndices)], static_cast<u16>((r >> 24) % 65)};
    std::vector<u8> out;
    if (!s.in()) {
      out.assign(q == 0x2109 ? s.wLength : 0, static_cast<u8>(r >> 32));
      s.wLength = static_cast<u16>(out.size());
    }
    control(s, std::move(out));
  }
  void transfer(u64 r) {
    static constexpr u32 kLengths[] = {0, 1, 2, 4, 8, 13, 13, 31, 512, 512, 1024, 5000};
    const u32 length = kLengths[(r >> 8) % std::size(kLengths)];
    const bool in = bit(r, 0) || disk_ == nullptr;
    const u64 endpoint = !bit(r, 1) ? r >> 4 & 15 : in ? 1 : 2;
    hand_over(in, endpoint, std::vector<u8>(length, static_cast<u8>(in ? 0 : r >> 16)));
  }
  /// A command wrapper, mostly a good one.
  void command(u64 r) {
    static constexpr u8 kOps[] = {0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x1b, 0x1e, 0x23,
                                  0x25, 0x28, 0x28, 0x28, 0x2a, 0x2a, 0x2a, 0x2f, 0x35,
                                  0x5a, 0x88, 0x8a, 0x8f, 0x91, 0x9e, 0xa0, 0xa8, 0xaa};
    std::vector<u8> w(31);
    store_le<u32>(&w[0], r % 64 == 0 ? 0 : 0x4342'5355);
    store_le<u32>(&w[8], 512u * static_cast<u32>(r >> 8 & 3) + static_cast<u32>(r % 16 == 1));
    w[12] = static_cast<u8>(r >> 3 & 0x80);
    w[14] = 16;
    w[15] = kOps[(r >> 16) % std::size(kOps)];
    for (unsigned i = 1; i < 16; ++i)
      w[15 + i] = (r >> 24 & 7) == 0 ? static_cast<u8>(r >> i * 3) : u8{0};
    const std::size_t count = w[15] >> 5 == 0 ? 4 : w[15] >> 5 == 4 ? 13 : w[15] >> 5 == 5 ? 9 : 8;
    w[15 + count] = static_cast<u8>(r >> 8 & 3);
    hand_over(false, 2, std::move(w));
  }
  void hand_over(bool in, u64 endpoint, std::vector<u8> bytes) {
    if (!device_.reachable() || device_.suspended() || waiting_.size() == kWaiting) return;
    waiting_.push_back(
        std::make_unique<UsbTestPacket>(in, static_cast<u8>(endpoint), u16{0}, std::move(bytes)));
    UsbTestPacket& p = *waiting_.back();
    const UsbStatus s = device_.handle_data(p);
    if (s == UsbStatus::Pending) return;
    report(s, p);
    std::erase_if(waiting_, [&](const auto& q) { return q.get() == &p; });
    collect();
  }
  /// What has ended meanwhile.
  void collect() {
    for (std::size_t i = 0; i < waiting_.size();) {
      if (!waiting_[i]->done) {
        ++i;
        continue;
      }
      EXPECT_NE(*waiting_[i]->done, UsbStatus::Pending);
      EXPECT_NE(*waiting_[i]->done, UsbStatus::Nak);
      report(*waiting_[i]->done, *waiting_[i]);
      waiting_.erase(waiting_.begin() + static_cast<long>(i));
    }
  }
  void take_back(u64 r) {
    if (waiting_.empty()) return;
    const std::size_t i = r % waiting_.size();
    device_.cancel(*waiting_[i]);
    waiting_.erase(waiting_.begin() + static_cast<long>(i));
  }
  void drop() {
    collect();
    while (!waiting_.empty()) take_back(0);
  }
  void finish(u64 r) {
    if (disk_ == nullptr || disk_->waiting.empty()) return;
    disk_->fail = r % 8 == 0 ? std::errc::io_error : std::errc{};
    disk_->finish(r % disk_->waiting.size());
    disk_->fail = {};
    collect();
  }

  FuzzBench& bench_;
  UsbTestBus bus_;
  UsbDevice& device_;
  FakeDisk* disk_;
  std::vector<std::unique_ptr<UsbTestPacket>> waiting_;
};

/// What a copy has besides its devices.
struct Room {
  UiHost ui;
  ui::Input input{ui};
  FakeDisk disk{64 * 512};
};

/// A person: any event.
void person(FuzzBench& b, Room& room, u64 r) {
  std::vector<ui::InputEvent> events;
  for (unsigned n = 0; n <= (r & 3); ++n, r = r >> 9 | r << 55) {
    const bool down = bit(r, 8);
    switch (r >> 2 & 7) {
      case 0:
      case 1:
      case 2:
        events.push_back(ui::KeyInput{static_cast<u8>(r >> 9), down});
        break;
      case 3:
        events.push_back(ui::ButtonInput{static_cast<ui::PointerButton>((r >> 9) % 5), down});
        break;
      case 4:
        events.push_back(ui::PositionInput{static_cast<u16>(r >> 9), static_cast<u16>(r >> 25)});
        break;
      case 5:
        events.push_back(ui::WheelInput{0, static_cast<s32>(r >> 9) % 300});
        break;
      default:
        events.push_back(ui::MotionInput{static_cast<s32>(r >> 9), static_cast<s32>(r >> 20)});
    }
  }
  room.input.send(std::move(events));
  room.ui.run();
  b.output(room.input.lights());
}

/// Fuzzes the device that `make` puts on a bench.
template <class F>
void fuzz_usb(const char* name, bool storage, F&& make) {
  u64 moved = 0;
  fuzz(name, [&](FuzzBench& b) {
    Room& room = b.keep<Room>();
    room.disk.record = false;
    b.memory(room.disk.data);
    UsbDevice& device = make(b, room);
    FuzzHost& host = b.unit<FuzzHost>(b, device, storage ? &room.disk : nullptr);
    b.on_event([&b, &room, &host, &moved](u64 r) {
      if (r % 5 == 0) return person(b, room, r / 5);
      host.event(r / 5);
      moved += std::exchange(host.moved, 0);
    });
  });
  EXPECT_GT(moved, 1000u) << "the host never got through";
}

TEST(UsbDeviceFuzz, Keyboard) {
  fuzz_usb("usb-kbd", false, [](FuzzBench& b, Room& room) -> UsbDevice& {
    return b.unit<UsbKeyboard>("kbd", true, "", b.timers(), room.input);
  });
}

TEST(UsbDeviceFuzz, Mouse) {
  fuzz_usb("usb-mouse", false, [](FuzzBench& b, Room& room) -> UsbDevice& {
    return b.unit<UsbMouse>("mouse", true, "", b.timers(), room.input);
  });
}

TEST(UsbDeviceFuzz, Tablet) {
  fuzz_usb("usb-tablet", false, [](FuzzBench& b, Room& room) -> UsbDevice& {
    return b.unit<UsbTablet>("tablet", true, "", b.timers(), room.input);
  });
}

TEST(UsbDeviceFuzz, HubWithAKeyboard) {
  fuzz_usb("usb-hub", false, [](FuzzBench& b, Room& room) -> UsbDevice& {
    UsbHub& hub = b.unit<UsbHub>("hub", 3u, "");
    UsbKeyboard& keyboard = b.unit<UsbKeyboard>("kbd", true, "", b.timers(), room.input);
    EXPECT_TRUE(hub.downstream(2)->attach(keyboard));
    return hub;
  });
}

TEST(UsbDeviceFuzz, Storage) {
  fuzz_usb("usb-storage", true, [](FuzzBench& b, Room& room) -> UsbDevice& {
    return b.unit<UsbStorage>("disk", ScsiDiskConfig{.removable = true, .serial = "1"}, room.disk);
  });
}

}  // namespace
}  // namespace quince::test
