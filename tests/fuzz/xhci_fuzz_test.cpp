// xHCI under a random driver: registers at random, and rings, contexts and event rings in memory
// that mostly make sense and sometimes lie.
#include "hw/core/address_space.h"
#include "hw/core/ram.h"
#include "hw/pci/host_bridge.h"
#include "hw/usb/xhci/xhci_pci.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/usb_test_device.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using hw::UsbSpeed;
using hw::UsbStatus;

constexpr u64 kRam = 0x4000'0000, kRamSize = 128 * KiB;
// What is where in memory.
constexpr u64 kDcbaa = kRam, kContexts = kRam + 0x1000, kInput = kRam + 0x3000,
              kCommands = kRam + 0x4000, kTables = kRam + 0x5000, kEvents = kRam + 0x18000,
              kRings = kRam + 0x8000, kStreams = kRam + 0xc000, kBuffers = kRam + 0x10000;
constexpr unsigned kRingBlocks = 16, kSegmentBlocks = 128;

/// What the runs of one test came to, so that a test which only knocks at the door fails.
struct Reached {
  u64 transfers = 0, requests = 0, streams = 0;
};

/// Whose answers follow from what it was asked; it keeps nothing but numbers.
class FuzzUsb final : public hw::UsbDescribedDevice {
 public:
  FuzzUsb(std::string_view name, FuzzBench& bench, Reached& reached)
      : UsbDescribedDevice(name, UsbTestDevice::description()), bench_(bench), reached_(reached) {}
  void reset() override {
    ready_ = 0;
    count_ = 0;
    UsbDescribedDevice::reset();
  }
  void snapshot(Archive& ar) override {
    UsbDescribedDevice::snapshot(ar);
    ar.field("ready", ready_);
    ar.field("count", count_);
  }
  void something(u8 endpoint) {
    ++ready_;
    notify(endpoint);
  }

 protected:
  UsbStatus class_request(const hw::UsbSetup& s, std::span<const u8> data,
                          hw::UsbReply& reply) override {
    bench_.output(data.size());
    ++reached_.requests;
    reply.assign(s.wLength % 64, s.bRequest);
    return s.bRequest % 3 == 0 ? UsbStatus::Stall : UsbStatus::Ok;
  }
  UsbStatus transfer(hw::UsbPacket& p) override {
    ++count_;
    ++reached_.transfers;
    if (p.stream() != 0) ++reached_.streams;
    if (count_ % 29 == 0) return UsbStatus::Stall;
    if (count_ % 31 == 0) return UsbStatus::Babble;
    if (count_ % 37 == 0) return UsbStatus::TransactionError;
    std::array<u8, 600> bytes;
    bytes.fill(static_cast<u8>(count_));
    if (!p.in()) {
      while (p.left() != 0) bench_.output(p.read(bytes));
      return UsbStatus::Ok;
    }
    if (ready_ == 0) return UsbStatus::Nak;
    --ready_;
    p.write(std::span(bytes).first(count_ * 7 % bytes.size()));
    return UsbStatus::Ok;
  }

 private:
  FuzzBench& bench_;
  Reached& reached_;
  u32 ready_ = 0, count_ = 0;
};

struct World {
  World(FuzzBench& b, const hw::XhciPciConfig& config, Reached& reached)
      : bench(b),
        ram(std::move(*hw::GuestRam::create("ram", kRamSize))),
        host(space, b),
        xhci(b.unit<hw::XhciPci>("xhci", config, *host.bridge.root().claim(1), b.timers())),
        first(b.unit<FuzzUsb>("first", b, reached)),
        second(b.unit<FuzzUsb>("second", b, reached)) {
    if (!space.map_ram(PhysAddr(kRam), *ram)) std::abort();
    b.memory({ram->data(), ram->size()});
    plug(first, 1);
    plug(second, 3);
    auto& c = xhci.controller();
    b.window(c.capability(), hw::XhciCapability::kSize);
    b.window(c.operational(), hw::XhciOperational::kSize);
    b.window(c.runtime(), hw::XhciRuntime::kSize);
    for (const unsigned n : {0u, 1u}) b.window(c.interrupter(n), hw::XhciInterrupter::kSize);
    for (const unsigned n : {1u, 3u, 4u, 5u}) b.window(c.port_registers(n), hw::XhciPort::kSize);
    b.window(c.doorbells(), 4 * 65);
    b.on_event([this](u64 r) { event(r); });
  }

  struct Host {
    Host(hw::AddressSpace& space, FuzzBench& b)
        : bridge(b.unit<hw::PciHostBridge>("pcie", space, wires(b))) {}
    static std::vector<hw::IrqLine> wires(FuzzBench& b) {
      std::vector<hw::IrqLine> w;
      w.push_back(b.wire(0));
      return w;
    }
    hw::PciHostBridge& bridge;
  };

  void plug(FuzzUsb& d, unsigned port) {
    if (!xhci.controller().port(port)->attach(d)) std::abort();
  }
  void put(u64 at, std::span<const u8> bytes) {
    std::copy(bytes.begin(), bytes.end(), ram->data() + (at - kRam));
  }
  void put32(u64 at, u32 v) {
    std::array<u8, 4> b;
    store_le(b.data(), v);
    put(at, b);
  }
  void put64(u64 at, u64 v) {
    put32(at, static_cast<u32>(v));
    put32(at + 4, static_cast<u32>(v >> 32));
  }
  void wr(hw::MmioDevice& d, u64 off, u32 v) {
    bench.output(static_cast<u64>(d.write(off, {}, v)));
  }
  static u64 ring(u64 n) { return kRings + kTrbSize * kRingBlocks * (n % 64); }

  /// Everything from the start, as a driver does: rings, contexts, running.
  void bring_up(u64 r) {
    auto& c = xhci.controller();
    bench.output(1);
    xhci_config(0x04, 6);
    wr(c.operational(), 0x00, kHcReset);
    wr(c.operational(), 0x38, 8);
    wr(c.operational(), 0x30, static_cast<u32>(kDcbaa));
    for (u64 n = 1; n <= 8; ++n) put64(kDcbaa + 8 * n, kContexts + 0x400 * (n - 1));
    for (u64 at = kCommands; at < kCommands + 0x800; at += 4) put32(at, 0);
    for (u64 at = kRings; at < kStreams; at += 4) put32(at, 0);
    wr(c.operational(), 0x18, static_cast<u32>(kCommands) | kRcs);
    wr(c.operational(), 0x1c, 0);
    for (unsigned n = 0; n < 2; ++n) {
      const u64 table = kTables + 0x100 * n, segments = 1 + (r >> (8 * n)) % 3;
      for (u64 i = 0; i < segments; ++i) {
        put64(table + 16 * i, kEvents + 0x2000 * n + kTrbSize * kSegmentBlocks * i);
        put64(table + 16 * i + 8, kSegmentBlocks);
      }
      auto& i = c.interrupter(n);
      wr(i, 0x08, static_cast<u32>(segments));
      wr(i, 0x18, static_cast<u32>(kEvents + 0x2000 * n));
      wr(i, 0x1c, 0);
      wr(i, 0x10, static_cast<u32>(table));
      wr(i, 0x14, 0);
      wr(i, 0x04, static_cast<u32>((r >> 16) % 64));
      wr(i, 0x00, kIe);
    }
    wr(c.operational(), 0x00, kRunStop | kInte);
    command_ = 0;
    for (const unsigned port : {1u, 3u}) wr(c.port_registers(port), 0, kPp | kPr);
  }
  /// A controller that is halted gets a driver again, mostly.
  void ensure(u64 r) {
    u64 status = 0;
    (void)xhci.controller().operational().read(4, {}, status);
    if ((status & (kHcHalted | kHce)) == 0 || r % 8 == 0) return;
    bring_up(r);
    for (const u32 slot : {1u, 2u}) {
      address(slot, slot == 1 ? 1 : 3, r);
      configure(slot, r);
    }
  }
  void xhci_config(unsigned off, u32 v) { xhci.config_write(off, 2, v); }

  void command(TrbType type, u32 control, u64 parameter, u32 status = 0) {
    Trb t{.parameter = parameter, .status = status, .control = Trb::type_bits(type) | control};
    // A fresh ring for each: CRCR only counts while the ring does not run, so it is stopped first.
    auto& op = xhci.controller().operational();
    wr(op, 0x18, kCommandStop);
    t.control |= kCycle;
    put(kCommands, t.bytes());
    put64(kCommands + 16, 0);
    put64(kCommands + 24, 0);
    wr(op, 0x18, static_cast<u32>(kCommands) | kRcs);
    wr(op, 0x1c, 0);
    wr(xhci.controller().doorbells(), 0, 0);
  }

  void address(u32 slot, u32 port, u64 r) {
    command(TrbType::EnableSlot, 0, 0);
    std::vector<u8> nothing(33 * kContextSize);
    put(kInput, nothing);
    put32(kInput + 4, 3);
    put32(kInput + 32, 1u << 27);
    put32(kInput + 36, port << 16);
    put32(kInput + 40, static_cast<u32>((r >> 16) % 3) << 22);
    put32(kInput + 64 + 4, 3 << 1 | 4 << 3 | 512u << 16);
    put64(kInput + 64 + 8, ring(slot * 8 + 1) | 1);
    command(TrbType::AddressDevice, slot << 24 | ((r >> 24) % 5 == 0 ? kBsr : 0), kInput);
  }

  void configure(u32 slot, u64 r) {
    u32 add = 1;
    const bool streams = (r >> 16) % 4 == 0;
    constexpr EpType kTypes[] = {EpType::BulkOut,     EpType::BulkIn,   EpType::InterruptOut,
                                 EpType::InterruptIn, EpType::IsochOut, EpType::IsochIn};
    for (u32 dci = 2; dci < 8; ++dci) {
      add |= 1u << dci;
      const u64 at = kInput + 32 * (dci + 1);
      const bool with = streams && dci < 4;
      put32(at, static_cast<u32>((r >> 24) % 6) << 16 | (with ? 2u << 10 | 1u << 15 : 0));
      put32(at + 4, 3 << 1 | static_cast<u32>(kTypes[dci - 2]) << 3 | 64u << 16);
      put64(at + 8, with ? kStreams + 0x100 * dci : ring(slot * 8 + dci) | 1);
      for (u64 s = 1; with && s < 8; ++s)
        put64(kStreams + 0x100 * dci + 16 * s, ring(slot * 8 + s) | 1 << 1 | 1);
    }
    put32(kInput, (r >> 32) % 2 == 0 ? add & ~3u : 0);
    put32(kInput + 4, add);
    command(TrbType::ConfigureEndpoint, slot << 24, kInput);
    control(slot, {0x00, 9, 1, 0, 0, 0, 0, 0}, 0, 0);
  }

  /// A block at some place of a ring; with the cycle bit that is probably right.
  void block(u64 at, TrbType type, u32 flags, u64 parameter, u32 length, bool cycle = true) {
    put(at, Trb{.parameter = parameter,
                .status = length,
                .control = Trb::type_bits(type) | flags | (cycle ? kCycle : 0)}
                .bytes());
  }

  void control(u32 slot, std::array<u8, 8> setup, u32 length, u64 r) {
    const u64 at = ring(slot * 8 + 1);
    const bool in = bit(setup[0], 7);
    command(TrbType::StopEndpoint, slot << 24 | 1u << 16, 0);
    command(TrbType::SetTrDequeuePointer, slot << 24 | 1u << 16, at | 1);
    u64 next = at;
    block(next, TrbType::SetupStage, kIdt, load_le<u64>(setup.data()), 8);
    if (length != 0)
      block(next += 16, TrbType::DataStage, (in ? kDirIn : 0) | kIsp, kBuffers + r % 0x8000,
            length);
    block(next += 16, TrbType::StatusStage, kIoc, 0, 0);
    block(next + 16, TrbType::Normal, 0, 0, 0, false);
    wr(xhci.controller().doorbells(), 4 * slot, 1);
  }

  /// Some blocks of an endpoint's ring, from its start.
  void transfer(u64 r) {
    const u32 slot = 1 + static_cast<u32>(r % 3), dci = 2 + static_cast<u32>((r >> 8) % 6);
    const u32 stream = dci < 4 ? static_cast<u32>((r >> 53) % 8) : 0;
    const u64 at = ring(slot * 8 + (stream != 0 ? stream : dci));
    command(TrbType::StopEndpoint, slot << 24 | dci << 16, 0);
    command(TrbType::ResetEndpoint, slot << 24 | dci << 16, 0);
    command(TrbType::SetTrDequeuePointer, slot << 24 | dci << 16, at | 1);
    command(TrbType::SetTrDequeuePointer, slot << 24 | dci << 16, at | 1 << 1 | 1, stream << 16);
    const u64 n = 1 + (r >> 16) % 8;
    for (u64 i = 0; i < n; ++i) {
      const u64 pick = r >> (20 + 4 * i) & 15;
      const u32 flags = (pick & 1 ? kChain : 0) | (pick & 2 ? kIoc : 0) | (pick & 4 ? kIsp : 0);
      const TrbType type = pick == 15               ? TrbType::EventData
                           : dci >= 6 && i % 2 == 0 ? TrbType::Isoch
                                                    : TrbType::Normal;
      block(at + 16 * i, type, flags, kBuffers + 0x100 * pick,
            static_cast<u32>(pick * 64 | (pick % 3) << 22));
    }
    if ((r >> 12) % 4 == 0)
      block(at + 16 * n, TrbType::Link, (r >> 14) % 2 ? kToggleCycle : 0, at, 0);
    else
      block(at + 16 * n, TrbType::Normal, 0, 0, 0, false);
    wr(xhci.controller().doorbells(), 4 * slot, dci | stream << 16);
  }

  /// One word of what the controller reads is something else.
  void lie(u64 r) {
    const u64 at = kRam + (r >> 8) % (kBuffers - kRam) / 4 * 4;
    constexpr u32 kLies[] = {0, ~u32{0},    static_cast<u32>(kRings), static_cast<u32>(kBuffers),
                             1, 0x8000'0000};
    put32(at, (r >> 32) % 8 < 6 ? kLies[(r >> 32) % 8] : static_cast<u32>(r >> 32));
  }

  void acknowledge(u64 r) {
    auto& i = xhci.controller().interrupter(r % 2);
    // Somewhere in its first segment.
    const u64 at = kEvents + 0x2000 * (r % 2) + kTrbSize * ((r >> 8) % kSegmentBlocks);
    wr(i, 0x18, static_cast<u32>(at) | kEhb);
    wr(i, 0x00, kIe | kIp);
  }

  void event(u64 r) {
    const u64 rest = r >> 8;
    ensure(rest);
    switch (r % 16) {
      case 0:
        return rest % 8 == 0 ? bring_up(rest) : transfer(rest >> 3);
      case 1:
      case 2:
        return address(1 + static_cast<u32>(rest % 3), (rest >> 8) % 2 == 0 ? 1 : 3, rest);
      case 3:
      case 4:
        return configure(1 + static_cast<u32>(rest % 3), rest);
      case 5:
      case 6:
      case 7:
        return transfer(rest);
      case 8:
        return control(
            1 + static_cast<u32>(rest % 3),
            {static_cast<u8>(rest), static_cast<u8>(rest >> 8), static_cast<u8>(rest >> 16),
             static_cast<u8>((rest >> 24) % 8), 0, 0, static_cast<u8>(rest >> 32), 0},
            static_cast<u32>(rest >> 32) & 0xff, rest);
      case 9:
        return first.something(0x81 + (rest & 1));
      case 10:
        return second.something(0x81 + (rest & 1));
      case 11:
        return lie(rest);
      case 12:
      case 13:
        return acknowledge(rest);
      case 14:
        return command(static_cast<TrbType>(rest % 64), static_cast<u32>(rest >> 8) & 0x031f'0200,
                       rest % 2 != 0 ? kInput : ring(rest >> 8) | 1);
      default:
        return wr(xhci.controller().port_registers((rest & 1) != 0 ? 1 : 3), 0,
                  kPp | (static_cast<u32>(rest >> 8) & 0x8ffe'01f2));
    }
  }

  FuzzBench& bench;
  Log log;
  hw::AddressSpace space{log};
  std::unique_ptr<hw::GuestRam> ram;
  Host host;
  hw::XhciPci& xhci;
  FuzzUsb& first;
  FuzzUsb& second;
  u64 command_ = 0;
};

TEST(XhciFuzz, PinWithMapping) {
  Reached reached;
  fuzz("xhci", [&](FuzzBench& b) {
    b.keep<World>(b, hw::XhciPciConfig{.controller = {.intrs = 2}, .msix = false}, reached);
  });
  const u64 accesses = FuzzOptions::from_environment().accesses;
  EXPECT_GT(reached.transfers, accesses / 300);
  EXPECT_GT(reached.requests, accesses / 10'000);
  EXPECT_GT(reached.streams, accesses / 3'000);
}

TEST(XhciFuzz, NecWithoutStreams) {
  Reached reached;
  fuzz("nec-xhci", [&](FuzzBench& b) {
    b.keep<World>(
        b,
        hw::XhciPciConfig{
            .controller = {.intrs = 4, .streams = false, .conditional_mapping = true, .nec = true},
            .msix = false},
        reached);
  });
  EXPECT_GT(reached.transfers, FuzzOptions::from_environment().accesses / 300);
  EXPECT_EQ(reached.streams, 0u);
}

}  // namespace
}  // namespace quince::test
