// See registers.h.
#include "hw/usb/xhci/registers.h"

#include "hw/core/archive.h"

namespace quince::hw {

using namespace xhci;

namespace {

constexpr unsigned kAnySize = 1 | 2 | 4;
constexpr unsigned kWide = 4 | 8;  // halves of a 64-bit register

constexpr u32 kVersionAndLength = 0x0100'0000 | XhciCapability::kSize;
// Isochronous Scheduling Threshold: 7 frames.
constexpr u32 kHcsparams2 = 0xf | kErstMax << 4;
constexpr u32 kExtended = 0x20;                         // where the extended capabilities are
constexpr u32 kHccparams1 = 1 | (kExtended / 4) << 16;  // AC64
constexpr u32 kPsaShift = 12;
constexpr u32 kNameUsb = 0x2042'5355;  // "USB "
// Supported Protocol capabilities: revision, offset of the next in words, id 2.
constexpr u32 kProtocol2 = 0x0200'0402, kProtocol3 = 0x0300'0002;

constexpr u32 kUsbcmdStored = kRunStop | kInte | kHsee | kEwe | kEu3s;
constexpr u32 kUsbstsClears = kHse | kEint | kPcd | kSre;

}  // namespace

// clang-format off
constexpr std::array<Reg<XhciCapability>, 16> XhciCapability::kRegs{{
    {{.offset = 0x00, .name = "CAPLENGTH_HCIVERSION", .access = kAnySize}, Op::constant<kVersionAndLength>, nullptr},
    {{.offset = 0x04, .name = "HCSPARAMS1", .access = kAnySize}, Op::get<&XhciCapability::hcsparams1>, nullptr},
    {{.offset = 0x08, .name = "HCSPARAMS2", .access = kAnySize}, Op::constant<kHcsparams2>, nullptr},
    {{.offset = 0x0c, .name = "HCSPARAMS3", .access = kAnySize}, Op::constant<0>, nullptr},
    {{.offset = 0x10, .name = "HCCPARAMS1", .access = kAnySize}, Op::get<&XhciCapability::hccparams1>, nullptr},
    {{.offset = 0x14, .name = "DBOFF", .access = kAnySize}, Op::constant<XhciDoorbells::kOffset>, nullptr},
    {{.offset = 0x18, .name = "RTSOFF", .access = kAnySize}, Op::constant<XhciRuntime::kOffset>, nullptr},
    {{.offset = 0x1c, .name = "HCCPARAMS2", .access = kAnySize}, Op::constant<0>, nullptr},
    {{.offset = 0x20, .name = "USB2_CAP", .access = kAnySize}, Op::constant<kProtocol2>, nullptr},
    {{.offset = 0x24, .name = "USB2_NAME", .access = kAnySize}, Op::constant<kNameUsb>, nullptr},
    {{.offset = 0x28, .name = "USB2_PORTS", .access = kAnySize}, Op::get<&XhciCapability::protocol2>, nullptr},
    {{.offset = 0x2c, .name = "USB2_SLOT_TYPE", .access = kAnySize}, Op::constant<0>, nullptr},
    {{.offset = 0x30, .name = "USB3_CAP", .access = kAnySize}, Op::constant<kProtocol3>, nullptr},
    {{.offset = 0x34, .name = "USB3_NAME", .access = kAnySize}, Op::constant<kNameUsb>, nullptr},
    {{.offset = 0x38, .name = "USB3_PORTS", .access = kAnySize}, Op::get<&XhciCapability::protocol3>, nullptr},
    {{.offset = 0x3c, .name = "USB3_SLOT_TYPE", .access = kAnySize}, Op::constant<0>, nullptr},
}};
constexpr std::array<Reg<XhciOperational>, 9> XhciOperational::kRegs{{
    {{0x00, "USBCMD"},   Op::get<&XhciOperational::usbcmd>, Op::set<&XhciOperational::set_usbcmd>},
    {{0x04, "USBSTS"},   Op::get<&XhciOperational::usbsts>, Op::set<&XhciOperational::set_usbsts>},
    {{0x08, "PAGESIZE"}, Op::constant<1>, nullptr},
    {{0x14, "DNCTRL"},   Op::get<&State::dnctrl>, Op::set_masked<&State::dnctrl, 0xffff>},
    {{.offset = 0x18, .name = "CRCR_LO", .access = kWide},
                         Op::get<&XhciOperational::crcr>, Op::set<&XhciOperational::set_crcr_low>},
    {{.offset = 0x1c, .name = "CRCR_HI", .access = kWide},
                         Op::constant<0>, Op::set<&XhciOperational::set_crcr_high>},
    {{.offset = 0x30, .name = "DCBAAP_LO", .access = kWide},
                         Op::get<&XhciOperational::dcbaap_low>, Op::set<&XhciOperational::set_dcbaap_low>},
    {{.offset = 0x34, .name = "DCBAAP_HI", .access = kWide},
                         Op::get<&XhciOperational::dcbaap_high>, Op::set<&XhciOperational::set_dcbaap_high>},
    {{0x38, "CONFIG"},   Op::get<&XhciOperational::config>, Op::set<&XhciOperational::set_config>},
}};
constexpr std::array<Reg<XhciRuntime>, 1> XhciRuntime::kRegs{{
    {{0x00, "MFINDEX"}, Op::get<&XhciRuntime::mfindex>, nullptr},
}};
constexpr std::array<Reg<XhciDoorbells>, 1> XhciDoorbells::kRegs{{
    {{.offset = 0x00, .name = "DOORBELL", .count = kMaxSlots + 1},
     Op::constant<0>, Op::set<&XhciDoorbells::ring>},
}};
// clang-format on

std::span<const Reg<XhciCapability>> XhciCapability::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}
std::span<const Reg<XhciOperational>> XhciOperational::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}
std::span<const Reg<XhciRuntime>> XhciRuntime::regs() { return kRegs; }
std::span<const Reg<XhciDoorbells>> XhciDoorbells::regs() { return kRegs; }

// ---- Capability --------------------------------------------------------------------------------

XhciCapability::XhciCapability(const XhciCore& core)
    : Stateless(core.name + ".capability"), core_(core) {}

u32 XhciCapability::hcsparams1() const {
  const XhciConfig& c = core_.config;
  return c.ports() << 24 | c.interrupters() << 8 | c.slots;
}

u32 XhciCapability::hccparams1() const {
  return kHccparams1 | (core_.config.streams ? kMaxPsaSize << kPsaShift : 0);
}

u32 XhciCapability::protocol2() const { return core_.config.p2 << 8 | (core_.config.p3 + 1); }
u32 XhciCapability::protocol3() const { return core_.config.p3 << 8 | 1; }

// ---- Operational -------------------------------------------------------------------------------

XhciOperational::XhciOperational(XhciCore& core, XhciControl& control)
    : RegMapDevice(core.name + ".operational"), core_(core), control_(control) {}

void XhciOperational::reset() { s_ = {}; }

void XhciOperational::snapshot(Archive& ar) {
  ar.field("usbcmd", core_.usbcmd);
  ar.field("usbsts", core_.usbsts);
  ar.field("dcbaap", core_.dcbaap);
  ar.field("config", core_.config_reg);
  ar.field("run_since", core_.run_since);
  ar.field("dnctrl", s_.dnctrl);
}

void XhciOperational::set_usbcmd(u32 v) {
  if ((v & kHcReset) != 0) return control_.host_controller_reset();
  const u32 before = core_.usbcmd;
  core_.usbcmd = v & kUsbcmdStored;
  if (((before ^ v) & kRunStop) != 0) control_.run((v & kRunStop) != 0);
  // Both are for a controller that is halted (4.23.2).
  if ((v & kCss) != 0 && !core_.running()) control_.save_state();
  if ((v & kCrs) != 0 && !core_.running()) control_.restore_state();
  control_.command_changed();
}

void XhciOperational::set_usbsts(u32 v) {
  core_.usbsts &= ~(v & kUsbstsClears);
  control_.command_changed();
}

// ---- Runtime and doorbells ---------------------------------------------------------------------

XhciRuntime::XhciRuntime(const XhciCore& core) : Stateless(core.name + ".runtime"), core_(core) {}

u32 XhciRuntime::mfindex() const {
  if (!core_.running()) return 0;
  return static_cast<u32>(((core_.now() - core_.run_since) / kMicroframe) & low_mask(kMfindexBits));
}

XhciDoorbells::XhciDoorbells(const XhciCore& core, XhciControl& control)
    : Stateless(core.name + ".doorbells"), control_(control) {}

}  // namespace quince::hw
