// quince-irq-testdev.  See irq_testdev.h.
#include "hw/pci/irq_testdev.h"

namespace quince::hw {

using namespace pci;

namespace {
constexpr PciIdentity kIdentity{.vendor = IrqTestdev::kVendor,
                                .device = IrqTestdev::kDevice,
                                .subsystem_vendor = IrqTestdev::kVendor,
                                .subsystem = IrqTestdev::kDevice,
                                .class_code = kClassOther};
constexpr u32 kId = 0x5149'5251;
constexpr u64 kSize = 4096;
}  // namespace

// clang-format off
constexpr std::array<Reg<IrqTestdev::Registers>, 14> IrqTestdev::Registers::kRegs{{
    {{0x000, "ID"},         Op::constant<kId>,           nullptr},
    {{0x004, "INTX"},       Op::get<&State::intx>,       Op::set_masked<&State::intx, 1>},
    {{0x008, "NOTIFY"},     nullptr,                     Op::set<&Registers::signal>},
    {{0x00c, "MESSAGES"},   Op::get<&State::messages>,   nullptr},
    {{.offset = 0x010, .name = "DMA_SOURCE", .size = 8, .access = 4 | 8},
                            Op::get<&State::source>,     Op::set<&State::source>},
    {{.offset = 0x018, .name = "DMA_TARGET", .size = 8, .access = 4 | 8},
                            Op::get<&State::target>,     Op::set<&State::target>},
    {{0x020, "DMA_LENGTH"}, Op::get<&State::length>,     Op::set<&State::length>},
    {{0x024, "DMA_START"},  nullptr,                     Op::set<&Registers::copy>},
    {{0x028, "DMA_STATUS"}, Op::get<&State::status>,     nullptr},
    {{.offset = 0x100, .name = "SHADOW_ADDR_LO", .count = kShadows},
                            Op::get<&State::address_lo>, Op::set<&State::address_lo>},
    {{.offset = 0x140, .name = "SHADOW_ADDR_HI", .count = kShadows},
                            Op::get<&State::address_hi>, Op::set<&State::address_hi>},
    {{.offset = 0x180, .name = "SHADOW_DATA", .count = kShadows},
                            Op::get<&State::data>,       Op::set<&State::data>},
    {{.offset = 0x1c0, .name = "SHADOW_ENABLE", .count = kShadows},
                            Op::get<&State::enabled>,    Op::set_masked<&State::enabled, 1>},
    {{0x200, "SHADOW_FIRE"}, nullptr,                    Op::set<&Registers::fire>},
}};
// clang-format on

std::span<const Reg<IrqTestdev::Registers>> IrqTestdev::Registers::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

IrqTestdev::IrqTestdev(std::string_view name, const FunctionPorts& ports)
    : PciFunction(name, kIdentity, ports), registers_(Device::name() + ".regs", *this) {
  add_bar(0, BarType::Mem32, kSize, registers_);
  add_msix(kVectors, 1);
  add_msi(kVectors);
}

void IrqTestdev::reset() {
  s_ = {};
  PciFunction::reset();
}

void IrqTestdev::snapshot(Archive& ar) {
  PciFunction::snapshot(ar);
  ar.field("condition", s_.intx);
  ar.field("messages", s_.messages);
  ar.field("source", s_.source);
  ar.field("target", s_.target);
  ar.field("length", s_.length);
  ar.field("status", s_.status);
  ar.field("address_lo", s_.address_lo);
  ar.field("address_hi", s_.address_hi);
  ar.field("data", s_.data);
  ar.field("enabled", s_.enabled);
  if (s_.status > DmaStatus::Refused) ar.refuse("status", "out of range");
}

void IrqTestdev::restored() {
  PciFunction::restored();
  set_intx(s_.intx);
}

void IrqTestdev::Registers::signal(u32 vector) {
  if (dev_.notify(vector)) ++s_.messages;
}

void IrqTestdev::Registers::copy(u32) { s_.status = dev_.copy(); }

void IrqTestdev::Registers::fire(u32 slot) {
  if (slot >= kShadows || !s_.enabled[slot]) return;
  std::array<u8, 4> bytes;
  store_le<u32>(bytes.data(), s_.data[slot]);
  const PhysAddr to(u64{s_.address_hi[slot]} << 32 | s_.address_lo[slot]);
  (void)dev_.dma().write(to, bytes);  // a posted write: nobody hears whether it arrived
}

IrqTestdev::DmaStatus IrqTestdev::copy() {
  std::array<u8, kMaxCopy> buffer;
  if (s_.length > kMaxCopy) return DmaStatus::Refused;
  const std::span<u8> bytes = std::span(buffer).first(s_.length);
  return dma().read(PhysAddr(s_.source), bytes) && dma().write(PhysAddr(s_.target), bytes)
             ? DmaStatus::Done
             : DmaStatus::Refused;
}

}  // namespace quince::hw
