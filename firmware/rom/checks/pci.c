// The host bridge and what is plugged in (PCI Express Base 4.0, 7.5), and the USB controller's capability
// registers (xHCI 1.2, 5.3, 7.2).
#include "firmware/rom/checks/check.h"

enum {
  kSlots = 32,
  kHeaderType = 0x0e,
  kBridgeHeader = 1,
  kBars = 6,
  kBridgeBars = 2,
  kMemory = 1 << 1,
  kBarIo = 1,
  kBarType = 6,
  kBar64 = 4,
  kHostBridge = 0x00081b36,
  kHostBridgeClass = 0x060000,
  kXhciClass = 0x0c0330,
};

static u64 config_of(u32 slot, u32 function) {
  return PCI_ECAM + (u64)slot * 0x8000 + function * 0x1000;
}

// ---- BARs --------------------------------------------------------------------------------------

/// What stays zero of all ones is inside of the BAR; 0: it is not there.
static u64 sized(u64 at, bool wide) {
  const u32 low = get32(at), high = wide ? get32(at + 4) : 0;
  put32(at, ~0u);
  if (wide) put32(at + 4, ~0u);
  u64 mask = get32(at) & ~15u;
  if (wide)
    mask |= (u64)get32(at + 4) << 32;
  else if (mask != 0)
    mask |= 0xffffffff00000000;
  put32(at, low);
  if (wide) put32(at + 4, high);
  return -mask;
}

u64 bar_size(const struct PciFunction* f, u32 bar) {
  const u64 at = f->config + kPciBar0 + 4 * bar;
  const u32 flags = get32(at);
  if (flags & kBarIo) return 0;
  const u16 command = get16(f->config + kPciCommand);
  put16(f->config + kPciCommand, command & ~kMemory);
  const u64 size = sized(at, (flags & kBarType) == kBar64);
  put16(f->config + kPciCommand, command);
  return size;
}

struct BorrowedBar borrow_bar(const struct PciFunction* f, u32 bar) {
  const u64 at = f->config + kPciBar0 + 4 * bar;
  struct BorrowedBar b = {
      .f = f, .bar = bar, .low = get32(at), .command = get16(f->config + kPciCommand)};
  const bool wide = (b.low & kBarType) == kBar64;
  b.high = wide ? get32(at + 4) : 0;
  if (b.low & kBarIo) return b;
  b.at = (u64)b.high << 32 | (b.low & ~15u);
  if (b.command & kMemory) return b;
  const u64 size = bar_size(f, bar);
  if (size == 0 || size > PCI_WINDOW_END - PCI_WINDOW) {
    b.at = 0;
    return b;
  }
  b.at = (PCI_WINDOW_END - size) & ~(size - 1);
  put32(at, (u32)b.at);
  if (wide) put32(at + 4, 0);
  put16(f->config + kPciCommand, b.command | kMemory);
  return b;
}

void give_bar_back(const struct BorrowedBar* b) {
  if (b->at == 0 || (b->command & kMemory)) return;
  put16(b->f->config + kPciCommand, b->command);
  put32(b->f->config + kPciBar0 + 4 * b->bar, b->low);
  if ((b->low & kBarType) == kBar64) put32(b->f->config + kPciBar0 + 4 * b->bar + 4, b->high);
}

// ---- pcie --------------------------------------------------------------------------------------

/// Sizes are powers of two, and the BARs fit into the window.
static const char* pcie_function(u32 slot) {
  const struct PciFunction f = {slot, config_of(slot, 0)};
  const u32 bars = (get8(f.config + kHeaderType) & 0x7f) == kBridgeHeader ? kBridgeBars : kBars;
  for (u32 bar = 0; bar < bars; ++bar) {
    const u64 at = f.config + kPciBar0 + 4 * bar;
    const u32 before = get32(at);
    const u64 size = bar_size(&f, bar);
    WANT_THAT(get32(at) == before, "BAR %u of slot %u is 0x%x after 0x%x", bar, slot, get32(at),
              before);
    WANT_THAT(size == 0 ||
                  (size >= 16 && (size & (size - 1)) == 0 && size <= PCI_WINDOW_END - PCI_WINDOW),
              "BAR %u of slot %u has 0x%lx bytes", bar, slot, size);
    if ((before & (kBarIo | kBarType)) == kBar64) ++bar;
  }
  return 0;
}

const char* check_pcie(struct CheckContext* c) {
  (void)c;
  WANT("the host bridge's identification", get32(config_of(0, 0)), kHostBridge);
  WANT("the host bridge's class", get32(config_of(0, 0) + kPciClass) >> 8, kHostBridgeClass);
  WANT("function 7 of slot 0, which is not there", get32(config_of(0, 7)), ~0u);
  WANT("bus 255, which is not there", get32(PCI_ECAM + (255ul << 20)), ~0u);
  for (u32 slot = 0; slot < kSlots; ++slot) {
    if (get32(config_of(slot, 0)) == ~0u) continue;
    CHECK(pcie_function(slot));
  }
  return 0;
}

// ---- xhci --------------------------------------------------------------------------------------

enum {
  kHcsParams1 = 0x04,
  kHccParams1 = 0x10,
  kSupportedProtocol = 2,
  kUsbName = 0x20425355,
  kNeededInterrupters = 4,  // macOS takes no controller with fewer
  kMostCapabilities = 16,
};

/// Every port belongs to one protocol.
static const char* xhci_protocols(u64 registers, u32 ports) {
  u32 seen = 0, offset = get32(registers + kHccParams1) >> 16 << 2;
  for (u32 n = 0; offset != 0 && n < kMostCapabilities; ++n) {
    const u32 header = get32(registers + offset);
    if ((header & 0xff) == kSupportedProtocol) {
      WANT("a protocol's name", get32(registers + offset + 4), kUsbName);
      seen += get32(registers + offset + 8) >> 8 & 0xff;
    }
    const u32 next = header >> 8 & 0xff;
    offset = next == 0 ? 0 : offset + next * 4;
  }
  WANT("ports of all protocols", seen, ports);
  return 0;
}

static const char* xhci_registers(u64 registers) {
  const u32 version = get32(registers) >> 16, length = get32(registers) & 0xff;
  const u32 p1 = get32(registers + kHcsParams1);
  const u32 slots = p1 & 0xff, interrupters = p1 >> 8 & 0x7ff, ports = p1 >> 24;
  WANT_THAT(version >= 0x100 && version <= 0x120, "HCIVERSION is 0x%x, not 0x100 to 0x120",
            version);
  WANT_THAT(length >= 0x20, "CAPLENGTH is 0x%x", length);
  WANT_THAT(slots != 0 && ports != 0, "%u slots and %u ports", slots, ports);
  WANT_THAT(interrupters >= kNeededInterrupters, "%u interrupters: macOS needs %u", interrupters,
            (u32)kNeededInterrupters);
  return xhci_protocols(registers, ports);
}

const char* check_xhci(struct CheckContext* c) {
  (void)c;
  struct PciFunction f;
  if (!pci_find(&f, kXhciClass)) return check_absent;
  const struct BorrowedBar bar = borrow_bar(&f, 0);
  const char* const why = bar.at == 0 ? check_failed("BAR 0 is no memory") : xhci_registers(bar.at);
  give_bar_back(&bar);
  return why;
}
