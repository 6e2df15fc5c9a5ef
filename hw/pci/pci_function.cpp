// A function.  See pci_function.h.
#include "hw/pci/pci_function.h"

#include <bit>

#include "hw/pci/pci_bus.h"

namespace quince::hw {

using namespace pci;

// ---- Building ----------------------------------------------------------------------------------

PciFunction::PciFunction(std::string_view name, const PciIdentity& identity,
                         const FunctionPorts& ports, u8 header_type)
    : Device(name),
      bus_(*ports.bus),
      devfn_(ports.devfn),
      multifunction_(ports.multifunction),
      config_(identity.express ? kExpressConfig : kConventionalConfig),
      bar_count_(header_type == kHeaderBridge ? kBridgeBars : kBars),
      dma_(bus_.upstream().space(), 0) {
  ConfigSpace& c = config_;
  c.set<u16>(kVendorId, identity.vendor);
  c.set<u16>(kDeviceId, identity.device);
  c.set<u8>(kRevisionId, identity.revision);
  c.set<u8>(kClassCode, static_cast<u8>(identity.class_code));
  c.set<u16>(kClassCode + 1, static_cast<u16>(identity.class_code >> 8));
  c.set<u8>(kHeaderType, header_type);
  c.status<u8>(kHeaderType, kHeaderMultiFunction);
  c.writable<u16>(kCommand, kIoSpaceEnable | kMemorySpaceEnable | kBusMasterEnable |
                                kParityErrorResponse | kSerrEnable | kInterruptDisable);
  c.status<u16>(kStatus, kInterruptStatus);
  c.write_one_to_clear<u16>(kStatus, kStatusErrors);
  c.writable<u8>(kCacheLineSize, 0xff);
  c.writable<u8>(kInterruptLine, 0xff);
  if (ports.intx && identity.interrupt_pin != 0) {
    QUINCE_ASSERT(identity.interrupt_pin <= 4);
    c.set<u8>(kInterruptPin, identity.interrupt_pin);
    line_ = bus_.upstream().intx(devfn_ / kFunctions, identity.interrupt_pin);
  }
  bus_.attach(*this);
  PciFunction::sync();
}

PciFunction::PciFunction(std::string_view name, const PciIdentity& identity,
                         const FunctionPorts& ports)
    : PciFunction(name, identity, ports, u8{0}) {
  config_.set<u16>(kSubsystemVendorId, identity.subsystem_vendor);
  config_.set<u16>(kSubsystemId, identity.subsystem);
}

PciFunction::PciFunction(std::string_view name, const PciIdentity& identity,
                         const FunctionPorts& ports, BridgeHeader)
    : PciFunction(name, identity, ports, kHeaderBridge) {}

PciFunction::~PciFunction() {
  line_.set(false);
  bus_.detach(*this);
}

AddressSpace& PciFunction::space() const { return bus_.upstream().space(); }
Log& PciFunction::log() const { return space().log(); }

void PciFunction::add_bar(unsigned index, BarType type, u64 size) {
  const bool wide = type == BarType::Mem64 || type == BarType::Mem64Prefetchable;
  QUINCE_ASSERT(index + (wide ? 1 : 0) < bar_count_ && bars_[index].size == 0);
  QUINCE_ASSERT(std::has_single_bit(size) && size >= (type == BarType::Io ? 4 : 16));
  QUINCE_ASSERT(wide || size <= 2 * GiB);
  bars_[index] = {.type = type, .size = size, .regions = {}};
  const unsigned at = kBar0 + 4 * index;
  const u64 mask = ~(size - 1);
  const u32 low = type == BarType::Io ? kBarIo
                                      : (wide ? kBar64 : 0) |
                                            (type == BarType::Mem64Prefetchable ? kBarPrefetch : 0);
  config_.set<u32>(at, low);
  config_.writable<u32>(at, static_cast<u32>(mask));
  if (wide) config_.writable<u32>(at + 4, static_cast<u32>(mask >> 32));
}

void PciFunction::add_bar(unsigned index, BarType type, u64 size, MmioDevice& device) {
  add_bar(index, type, size);
  map_in_bar(index, 0, size, device);
}

void PciFunction::map_in_bar(unsigned index, u64 offset, u64 size, MmioDevice& device) {
  Bar& b = bars_.at(index);
  QUINCE_ASSERT(offset <= b.size && size <= b.size - offset);
  b.regions.push_back({offset, size, &device});
}

void PciFunction::add_msi(unsigned vectors, bool maskable) {
  if (!bus_.upstream().messages()) return;
  msi_.emplace(config_, static_cast<MsiSender&>(*this), vectors, maskable);
}

void PciFunction::add_msix(const MsixLayout& layout) {
  if (!bus_.upstream().messages()) return;
  msix_.emplace(name(), config_, static_cast<MsiSender&>(*this), log(), layout);
  const auto put = [&](unsigned bar, u32 offset, u64 size, MmioDevice& device) {
    map_in_bar(bar, offset, size, device);
    auto& regions = bars_[bar].regions;
    std::rotate(regions.begin(), regions.end() - 1, regions.end());
  };
  put(layout.table_bar, layout.table_offset, layout.table_size(), msix_->table());
  put(layout.pba_bar, layout.pba_offset, layout.pba_size(), msix_->pba());
}

void PciFunction::add_msix(unsigned vectors, unsigned bar) {
  if (!bus_.upstream().messages()) return;
  add_bar(bar, BarType::Mem32, MsixLayout::own_bar_size(vectors));
  add_msix(MsixLayout::own_bar(vectors, bar));
}

void PciFunction::add_express(ExpressType port) {
  const bool behind_port = bus_.slots() == 1;
  if (port == ExpressType::Endpoint && !behind_port) port = ExpressType::IntegratedEndpoint;
  express_ = add_express_capability(config_, port, devfn_);
}

// ---- State -------------------------------------------------------------------------------------

void PciFunction::reset() {
  config_.reset();
  if (msix_) msix_->reset();
  intx_ = false;
  restored();
}

void PciFunction::snapshot(Archive& ar) {
  config_.snapshot(ar, "config");
  ar.field("intx", intx_);
  if (msix_) ar.section("msix", [&](Archive& a) { msix_->snapshot(a); });
}

void PciFunction::restored() {
  sync();
  bars_changed();
}

u16 PciFunction::requester() const {
  return static_cast<u16>(bus_.upstream().bus_number() << 8 | devfn_);
}

void PciFunction::sync() {
  dma_.set_enabled((command() & kBusMasterEnable) != 0 && bus_.upstream().mastering());
  dma_.set_requester(requester());
  const bool level = intx_ && !message_signalled();
  config_.update<u16>(kStatus, kInterruptStatus, level ? kInterruptStatus : u16{0});
  line_.set(level && (command() & kInterruptDisable) == 0);
  const bool several = multifunction_ || bus_.multifunction(devfn_ / kFunctions);
  config_.update<u8>(kHeaderType, kHeaderMultiFunction, several ? kHeaderMultiFunction : u8{0});
}

void PciFunction::upstream_changed() {
  sync();
  if (PciBus* below = secondary(); below != nullptr) below->upstream_changed();
}

// ---- Configuration -----------------------------------------------------------------------------

u32 PciFunction::config_read(unsigned off, unsigned size, bool debug) {
  if (!debug) config_reading(off, size);
  return config_.read(off, size);
}

void PciFunction::config_write(unsigned off, unsigned size, u32 value) {
  config_.write(off, size, value);
  sync();
  if (off < kBar0 + 4 * bar_count_) bars_changed();
  if (msi_ && msi_->holds(off, size)) msi_->changed();
  if (msix_ && msix_->holds(off, size)) msix_->changed();
  config_written(off, size);
}

// ---- BARs --------------------------------------------------------------------------------------

std::optional<u64> PciFunction::bar_address(unsigned index) const {
  const Bar& b = bars_.at(index);
  const bool io = b.type == BarType::Io;
  if (b.size == 0 || (command() & (io ? kIoSpaceEnable : kMemorySpaceEnable)) == 0)
    return std::nullopt;
  const unsigned at = kBar0 + 4 * index;
  u64 address = config_.get<u32>(at);
  if (b.type == BarType::Mem64 || b.type == BarType::Mem64Prefetchable)
    address |= u64{config_.get<u32>(at + 4)} << 32;
  return address & ~(b.size - 1);
}

void PciFunction::bars_changed() {
  bool any = false;
  for (unsigned i = 0; i < bar_count_; ++i) {
    const std::optional<u64> now = bar_address(i);
    if (now == decoded_[i]) continue;
    decoded_[i] = now;
    any = true;
    bar_moved(i);
  }
  if (any) bus_.upstream().decode_changed();
}

PciFunction::Target PciFunction::bar_target(unsigned index, u64 offset) const {
  for (const Region& r : bars_.at(index).regions)
    if (offset >= r.offset && offset - r.offset < r.size) return {r.device, offset - r.offset};
  return {};
}

void PciFunction::decode(PciDecode& map, std::span<const PciRange> memory,
                         std::span<const PciRange> io) {
  for (unsigned i = 0; i < bar_count_; ++i) {
    const std::optional<u64> address = bar_address(i);
    if (!address) continue;
    const bool is_io = bars_[i].type == BarType::Io;
    const PciRange all{*address, *address + (bars_[i].size - 1)};
    for (const PciRange& window : is_io ? io : memory) {
      const PciRange part = all & window;
      (is_io ? map.io : map.memory).add(part, *this, i, part.first - *address);
    }
  }
}

// ---- Interrupts --------------------------------------------------------------------------------

bool PciFunction::message_signalled() const {
  return (msix_ && msix_->enabled()) || (msi_ && msi_->enabled());
}

void PciFunction::set_intx(bool high) {
  if (high == intx_) return;
  intx_ = high;
  sync();
}

bool PciFunction::notify(unsigned vector) {
  if (msix_ && msix_->enabled())
    msix_->signal(vector);
  else if (msi_ && msi_->enabled())
    msi_->signal(vector);
  else
    return false;
  return true;
}

void PciFunction::send_message(const MsiMessage& m, unsigned vector) {
  bus_.upstream().trace_msi()("requester {:#06x}: {:#x} <- {:#x}, vector {}", dma_.requester(),
                              m.address.raw(), m.data, vector);
  std::array<u8, 4> bytes;
  store_le<u32>(bytes.data(), m.data);
  if (!dma_.write(m.address, bytes))
    log().guest_error(name() + " msi", "{}: vector {}: message to {:#x} is not delivered", name(),
                      vector, m.address.raw());
}

}  // namespace quince::hw
