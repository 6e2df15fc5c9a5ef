#include "tests/support/xhci_driver.h"

#include <bit>

#include "base/assert.h"

namespace quince::test {

using namespace hw::xhci;

// ---- Rings -------------------------------------------------------------------------------------

XhciProducerRing::XhciProducerRing(XhciDriverPort& port, std::vector<u64> segments, u32 size)
    : port_(&port), segments_(std::move(segments)), size_(size) {
  const std::vector<u8> nothing(kTrbSize * size);
  for (std::size_t i = 0; i < segments_.size(); ++i) port.write_memory(segments_[i], nothing);
}

u64 XhciProducerRing::push(Trb trb, bool hold) {
  if (index_ == size_ - 1) {
    const bool last = segment_ + 1 == segments_.size();
    // A descriptor that goes on behind the link is chained through it.
    const Trb link{.parameter = segments_[last ? 0 : segment_ + 1],
                   .control = Trb::type_bits(TrbType::Link) | (last ? kToggleCycle : 0) |
                              (trb.control & kChain) | (cycle_ ? kCycle : 0)};
    port_->write_memory(here(), link.bytes());
    if (last) cycle_ = !cycle_;
    segment_ = last ? 0 : segment_ + 1;
    index_ = 0;
  }
  const u64 at = here();
  trb.control = (trb.control & ~kCycle) | (cycle_ ? kCycle : 0);
  if (hold) {
    held_ = {at, trb};
    trb.control ^= kCycle;
  }
  port_->write_memory(at, trb.bytes());
  ++index_;
  return at;
}

void XhciProducerRing::release() {
  QUINCE_ASSERT(held_);
  port_->write_memory(held_->first, held_->second.bytes());
  held_.reset();
}

XhciEventRing::XhciEventRing(XhciDriverPort& port, unsigned interrupter, u64 table,
                             std::vector<u64> segments, u32 size)
    : port_(&port),
      number_(interrupter),
      table_(table),
      segments_(std::move(segments)),
      size_(size) {
  const std::vector<u8> nothing(kTrbSize * size);
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    port.write_memory(segments_[i], nothing);
    std::array<u8, 16> entry{};
    store_le<u64>(&entry[0], segments_[i]);
    store_le<u32>(&entry[8], size);
    port.write_memory(table + entry.size() * i, entry);
  }
}

void XhciEventRing::program() {
  const u64 at = registers();
  port_->write(at + 0x08, static_cast<u32>(segments_.size()));
  port_->write(at + 0x18, static_cast<u32>(dequeue()));
  port_->write(at + 0x1c, static_cast<u32>(dequeue() >> 32));
  port_->write(at + 0x10, static_cast<u32>(table_));
  port_->write(at + 0x14, static_cast<u32>(table_ >> 32));
}

std::optional<Trb> XhciEventRing::next() {
  std::array<u8, kTrbSize> bytes;
  port_->read_memory(dequeue(), bytes);
  const Trb trb = Trb::from_bytes(bytes);
  if (trb.has(kCycle) != cycle_) return std::nullopt;
  if (++index_ == size_) {
    index_ = 0;
    if (++segment_ == segments_.size()) {
      segment_ = 0;
      cycle_ = !cycle_;
    }
  }
  return trb;
}

void XhciEventRing::acknowledge(bool clear_ehb) {
  port_->write(registers() + 0x18, static_cast<u32>(dequeue()) | static_cast<u32>(segment_ & 7) |
                                       (clear_ehb ? kEhb : 0));
  port_->write(registers() + 0x1c, static_cast<u32>(dequeue() >> 32));
}

// ---- The driver --------------------------------------------------------------------------------

XhciDriver::XhciDriver(XhciDriverPort& port, u64 memory, u64 size)
    : port_(&port), next_(memory), end_(memory + size) {}

void XhciDriver::use(XhciDriverPort& port) {
  port_ = &port;
  commands_.use(port);
  for (XhciEventRing& e : events_) e.use(port);
  for (auto& slot : rings_)
    for (XhciProducerRing& r : slot) r.use(port);
}

u64 XhciDriver::allocate(u64 bytes, u64 align) {
  const u64 at = align_up(next_, align);
  next_ = at + bytes;
  QUINCE_ASSERT(next_ <= end_);
  write(at, std::vector<u8>(bytes));
  return at;
}

void XhciDriver::start(unsigned rings, unsigned segments) {
  wr(kUsbcmd, kHcReset);
  wr(kConfig, 64);
  dcbaa_ = allocate(8 * 65);
  wr64(kDcbaap, dcbaa_);
  input_ = allocate(33 * kContextSize);
  commands_ = XhciProducerRing(
      *port_, {allocate(kTrbSize * kSegment), allocate(kTrbSize * kSegment)}, kSegment);
  wr64(kCrcr, commands_.start());
  events_.clear();
  for (unsigned n = 0; n < rings; ++n) {
    std::vector<u64> at;
    for (unsigned i = 0; i < segments; ++i) at.push_back(allocate(kTrbSize * kSegment));
    events_.emplace_back(*port_, n, allocate(16 * segments), at, kSegment);
    events_.back().program();
    wr(events_.back().registers() + 4, 0);  // no moderation
    wr(events_.back().registers(), kIe | kIp);
  }
  wr(kUsbcmd, kRunStop | kInte);
}

std::vector<XhciEvent> XhciDriver::take(unsigned n) {
  std::vector<XhciEvent> all;
  while (const auto trb = events_[n].next()) all.push_back(XhciEvent::of(*trb));
  events_[n].acknowledge();
  return all;
}

XhciEvent XhciDriver::command(TrbType type, u32 control, u64 parameter, u32 status) {
  const u64 at = commands_.push(
      {.parameter = parameter, .status = status, .control = Trb::type_bits(type) | control});
  doorbell(0, 0);
  XhciEvent found;
  for (const XhciEvent& e : take())
    if ((e.type == TrbType::CommandCompletion || e.type == TrbType::NecCommandCompletion) &&
        e.pointer == at)
      found = e;
  return found;
}

void XhciDriver::put_slot_context(unsigned root_port, u32 route, hw::UsbSpeed speed,
                                  unsigned entries, unsigned interrupter) {
  const u64 at = input_ + kContextSize;
  write(at, std::vector<u8>(kContextSize));
  write32(at, route | static_cast<u32>(speed) << 20 | entries << 27);
  write32(at + 4, root_port << 16);
  write32(at + 8, interrupter << 22);
}

void XhciDriver::put_endpoint(unsigned slot, const Endpoint& e) {
  u64 dequeue = 0;
  if (e.max_pstreams == 0) {
    rings_[slot][e.dci] = XhciProducerRing(
        *port_, {allocate(kTrbSize * kSegment), allocate(kTrbSize * kSegment)}, kSegment);
    dequeue = rings_[slot][e.dci].start();
  } else {
    dequeue = allocate(16u << (e.max_pstreams + 1));
  }
  const u64 at = input_ + kContextSize * (e.dci + 1);
  write(at, std::vector<u8>(kContextSize));
  write32(at, u32{e.interval} << 16 | u32{e.max_pstreams} << 10 | (e.lsa ? 1u << 15 : 0));
  write32(at + 4, 3u << 1 | static_cast<u32>(e.type) << 3 | u32{e.max_packet} << 16);
  write64(at + 8, dequeue);
  write32(at + 16, e.max_packet);
}

unsigned XhciDriver::address(unsigned root_port, u32 route, hw::UsbSpeed speed, bool block_request,
                             Code* code, unsigned interrupter) {
  const XhciEvent enabled = command(TrbType::EnableSlot);
  const unsigned slot = enabled.slot;
  if (code != nullptr) *code = enabled.code;
  if (enabled.code != Code::Success) return slot;
  contexts_[slot] = allocate(32 * kContextSize);
  write64(dcbaa_ + 8 * slot, contexts_[slot]);
  write(input_, std::vector<u8>(kContextSize));
  write32(input_ + 4, 3);
  put_slot_context(root_port, route, speed, 1, interrupter);
  const u16 packet = speed == hw::UsbSpeed::Super ? 512 : speed == hw::UsbSpeed::High ? 64 : 8;
  put_endpoint(slot, {1, EpType::Control, packet});
  const XhciEvent done =
      command(TrbType::AddressDevice, slot << 24 | (block_request ? kBsr : 0), input_);
  if (code != nullptr) *code = done.code;
  return slot;
}

Code XhciDriver::configure(unsigned slot, std::vector<Endpoint> endpoints, u32 drop) {
  write(input_, std::vector<u8>(kContextSize));
  u32 add = 1;
  unsigned last = 1;
  for (const Endpoint& e : endpoints) {
    add |= 1u << e.dci;
    last = std::max(last, e.dci);
    put_endpoint(slot, e);
  }
  write32(input_, drop);
  write32(input_ + 4, add);
  // The slot context as it is, with more entries.
  write(input_ + kContextSize, read(contexts_[slot], kContextSize));
  write32(input_ + kContextSize, (context_word(slot, 0, 0) & 0x07ff'ffff) | last << 27);
  return command_on(TrbType::ConfigureEndpoint, slot, 0, input_).code;
}

unsigned XhciDriver::enumerate(unsigned root_port, hw::UsbSpeed speed) {
  set_portsc(root_port, kPr);
  const unsigned slot = address(root_port, 0, speed);
  control(slot, {0x00, 9, 1, 0, 0, 0, 0, 0});
  return slot;
}

u32 XhciDriver::context_word(unsigned slot, unsigned dci, unsigned word) {
  return load_le<u32>(read(contexts_[slot] + kContextSize * dci + 4 * word, 4).data());
}

u64 XhciDriver::push_normal(unsigned slot, unsigned dci, Buffer b, u32 flags,
                            unsigned interrupter) {
  return rings_[slot][dci].push({.parameter = b.address,
                                 .status = b.length | interrupter << 22,
                                 .control = Trb::type_bits(TrbType::Normal) | flags});
}

void XhciDriver::push_control(unsigned slot, std::array<u8, 8> setup, Buffer b) {
  XhciProducerRing& r = rings_[slot][1];
  const bool in = bit(setup[0], 7);
  const u32 trt = b.length == 0 ? 0 : in ? 3u << 16 : 2u << 16;
  r.push({.parameter = load_le<u64>(setup.data()),
          .status = 8,
          .control = Trb::type_bits(TrbType::SetupStage) | kIdt | trt});
  if (b.length != 0)
    r.push({.parameter = b.address,
            .status = b.length,
            .control = Trb::type_bits(TrbType::DataStage) | (in ? kDirIn : 0)});
  const bool status_in = b.length == 0 || !in;
  r.push({.control = Trb::type_bits(TrbType::StatusStage) | kIoc | (status_in ? kDirIn : 0)});
}

XhciEvent XhciDriver::control(unsigned slot, std::array<u8, 8> setup, Buffer b) {
  push_control(slot, setup, b);
  doorbell(slot, 1);
  XhciEvent found;
  for (const XhciEvent& e : take())
    if (e.type == TrbType::TransferEvent && e.slot == slot && e.endpoint == 1) found = e;
  return found;
}

std::vector<u8> XhciDriver::read(u64 address, std::size_t n) {
  std::vector<u8> bytes(n);
  port_->read_memory(address, bytes);
  return bytes;
}

u64 XhciDriver::read64(u64 address) { return load_le<u64>(read(address, 8).data()); }

void XhciDriver::write64(u64 address, u64 v) {
  std::array<u8, 8> b;
  store_le(b.data(), v);
  write(address, b);
}

void XhciDriver::write32(u64 address, u32 v) {
  std::array<u8, 4> b;
  store_le(b.data(), v);
  write(address, b);
}

}  // namespace quince::test
