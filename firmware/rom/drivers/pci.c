// PCI Express Base 4.0: 7.2.2 (ECAM), 7.5 (headers), 7.7.1 (MSI), 7.7.2 (MSI-X).  Functions behind
// bridges, I/O BARs and windows above 4 GiB are not for this driver.
#include "firmware/rom/drivers/pci.h"

enum {
  kSlots = 32,
  kNobody = 0xffff,
  kMemory = 1 << 1,
  kBusMaster = 1 << 2,
  kInterruptDisable = 1 << 10,
  kInterruptStatus = 1 << 3,
  kStatus = 0x06,
  kBarIo = 1,
  kBarType = 6,
  kBar64 = 4,
  // MSI and MSI-X, from the capability's start.
  kControl = 2,
  kMsiEnable = 1,
  kMsi64 = 1 << 7,
  kMsixEnable = 1 << 15,
  kMsixMask = 1 << 14,
  kTable = 4,
  kEntry = 16,
  kVectorMask = 1,
};

static u64 window_next = PCI_WINDOW;

bool pci_find(struct PciFunction* f, u32 class_code) {
  for (u32 slot = 0; slot < kSlots; ++slot) {
    const u64 config = PCI_ECAM + (u64)slot * 0x8000;
    if (get16(config) == kNobody || get32(config + kPciClass) >> 8 != class_code) continue;
    f->slot = slot;
    f->config = config;
    return true;
  }
  return false;
}

u64 pci_map_bar(const struct PciFunction* f, u32 bar) {
  const u64 at = f->config + kPciBar0 + 4 * bar;
  const u32 flags = get32(at);
  if (flags & kBarIo) return 0;
  const u16 command = get16(f->config + kPciCommand);
  const u64 present = flags & ~15u;
  if ((command & kMemory) && present >= PCI_WINDOW && present < window_next) return present;
  put16(f->config + kPciCommand, command & ~kMemory);
  put32(at, ~0u);
  const u32 size = -(get32(at) & ~15u);
  put32(at, flags);
  const u64 place = (window_next + size - 1) & ~((u64)size - 1);
  if (size == 0 || place + size > PCI_WINDOW_END) return 0;
  window_next = place + size;
  put32(at, (u32)place);
  if ((flags & kBarType) == kBar64) put32(at + 4, 0);
  put16(f->config + kPciCommand, command | kMemory | kBusMaster);
  return place;
}

u32 pci_capability(const struct PciFunction* f, u8 id) {
  u32 at = get8(f->config + kPciCapabilities) & ~3u;
  for (int n = 0; at != 0 && n < 48; ++n) {  // more do not fit
    if (get8(f->config + at) == id) return at;
    at = get8(f->config + at + 1) & ~3u;
  }
  return 0;
}

// ---- The wire ----------------------------------------------------------------------------------

u32 pci_wire_intid(const struct PciFunction* f) {
  const u32 pin = get8(f->config + kPciInterruptPin);
  return pin == 0 ? 0 : PCI_FIRST_INTID + (f->slot + pin - 1) % PCI_WIRES;
}

void pci_wire(const struct PciFunction* f, bool on) {
  const u16 command = get16(f->config + kPciCommand);
  put16(f->config + kPciCommand, on ? command & ~kInterruptDisable : command | kInterruptDisable);
}

bool pci_wire_status(const struct PciFunction* f) {
  return (get16(f->config + kStatus) & kInterruptStatus) != 0;
}

// ---- Messages ----------------------------------------------------------------------------------

u32 pci_msi_vectors(const struct PciFunction* f) {
  const u32 at = pci_capability(f, kPciCapMsi);
  return at == 0 ? 0 : 1u << (get16(f->config + at + kControl) >> 1 & 7);
}

void pci_msi_on(const struct PciFunction* f, u32 vectors, struct PciMessage m) {
  const u64 at = f->config + pci_capability(f, kPciCapMsi);
  const u16 control = get16(at + kControl);
  u32 log2 = 0;
  while (1u << log2 < vectors) ++log2;
  put32(at + 4, (u32)m.address);
  if (control & kMsi64) put32(at + 8, (u32)(m.address >> 32));
  put16(at + (control & kMsi64 ? 12 : 8), (u16)m.data);
  put16(at + kControl, (u16)((control & ~0x70) | log2 << 4 | kMsiEnable));
}

u32 pci_msix_vectors(const struct PciFunction* f) {
  const u32 at = pci_capability(f, kPciCapMsix);
  return at == 0 ? 0 : (get16(f->config + at + kControl) & 0x7ffu) + 1;
}

void pci_msix_on(const struct PciFunction* f, const u64* bars, u32 vectors,
                 const struct PciMessage* m) {
  const u64 at = f->config + pci_capability(f, kPciCapMsix);
  const u32 where = get32(at + kTable);
  const u64 table = bars[where & 7] + (where & ~7u);
  const u32 all = pci_msix_vectors(f);
  put16(at + kControl, kMsixEnable | kMsixMask);
  for (u32 v = 0; v < all; ++v) {
    const u64 entry = table + kEntry * v;
    put32(entry + 12, kVectorMask);
    if (v >= vectors) continue;
    put32(entry, (u32)m[v].address);
    put32(entry + 4, (u32)(m[v].address >> 32));
    put32(entry + 8, m[v].data);
    put32(entry + 12, 0);
  }
  put16(at + kControl, kMsixEnable);
}

void pci_messages_off(const struct PciFunction* f) {
  const u32 msi = pci_capability(f, kPciCapMsi), msix = pci_capability(f, kPciCapMsix);
  if (msi != 0) put16(f->config + msi + kControl, get16(f->config + msi + kControl) & ~kMsiEnable);
  if (msix != 0) put16(f->config + msix + kControl, 0);
}
