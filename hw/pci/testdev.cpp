// pci-testdev.  See testdev.h.
#include "hw/pci/testdev.h"

#include <cstring>

namespace quince::hw {

using namespace pci;

namespace {

constexpr PciIdentity kTestdev{.vendor = kVendorRedHat,
                               .device = kDeviceTest,
                               .subsystem_vendor = kSubsystemVendorQumranet,
                               .subsystem = kSubsystemQemu,
                               .class_code = kClassOther,
                               .interrupt_pin = 0};
constexpr u32 kMemoryTarget = 2048, kIoTarget = 128;
constexpr u32 kMatch = 0xfa, kNoMatch = 0xce;
constexpr const char* kNames[] = {"mmio-no-eventfd",         "mmio-wildcard-eventfd",
                                  "mmio-datamatch-eventfd",  "portio-no-eventfd",
                                  "portio-wildcard-eventfd", "portio-datamatch-eventfd"};
constexpr unsigned kWildcard = 1;  // of three

}  // namespace

template <bool Io>
std::span<const Reg<PciTestdev::Window<Io>>> PciTestdev::Window<Io>::regs() {
  using W = Window<Io>;
  using Op = RegOps<W>;
  // clang-format off
  static constexpr std::array<Reg<W>, 7> kRegs{{
      {{.offset = 0x0, .name = "test", .size = 1, .access = 1},
       Op::template get<&W::test>, Op::template set<&W::select>},
      {{.offset = 0x1, .name = "width_type", .size = 1, .access = 1},
       Op::template get<&W::width>, nullptr},
      {{.offset = 0x4, .name = "offset", .access = 1 | 2 | 4},
       Op::template get<&W::offset>, nullptr},
      {{.offset = 0x8, .name = "data", .access = 1 | 2 | 4},
       Op::template get<&W::data>, nullptr},
      {{.offset = 0xc, .name = "count", .access = 1 | 2 | 4},
       Op::template get<&W::count>, nullptr},
      {{.offset = 0x10, .name = "name", .size = 1, .access = 1 | 2 | 4, .count = 32},
       Op::template get<&W::name_byte>, nullptr},
      {{.offset = Io ? kIoTarget + kTests : kMemoryTarget, .name = "target", .size = 1,
        .access = 1, .count = kTests},
       nullptr, Op::template set<&W::hit>},
  }};
  // clang-format on
  static_assert(well_formed(kRegs));
  return kRegs;
}

PciTestdev::PciTestdev(std::string_view name, const FunctionPorts& ports, u64 membar)
    : PciFunction(name, kTestdev, ports),
      memory_(Device::name() + ".mmio", *this),
      io_(Device::name() + ".portio", *this) {
  add_bar(0, BarType::Mem32, kMemorySize, memory_);
  add_bar(1, BarType::Io, kIoSize, io_);
  if (membar != 0) add_bar(2, BarType::Mem64Prefetchable, membar);  // nothing is in it
}

void PciTestdev::reset() {
  PciFunction::reset();
  test_ = kNone;
  count_ = {};
}

void PciTestdev::snapshot(Archive& ar) {
  PciFunction::snapshot(ar);
  ar.field("test", test_);
  ar.field("count", count_);
  if (test_ > kNone) ar.refuse("test", "out of range");
}

u32 PciTestdev::offset_of(unsigned test) {
  return (test < kTests ? kMemoryTarget : kIoTarget) + test;
}

u32 PciTestdev::data_of(unsigned test) { return test % kTests == kWildcard ? kNoMatch : kMatch; }

void PciTestdev::select(unsigned test) {
  test_ = static_cast<u8>(test);
  if (selected()) count_[test] = 0;
}

u8 PciTestdev::name_byte(unsigned i) const {
  if (!selected()) return 0;
  const char* text = kNames[test_];
  return i < std::strlen(text) ? static_cast<u8>(text[i]) : u8{0};
}

void PciTestdev::hit(unsigned test, u8 value) {
  if (test != test_) return;
  if (test % kTests == kWildcard || value == data_of(test)) ++count_[test];
}

}  // namespace quince::hw
