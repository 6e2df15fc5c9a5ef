// PCI Express functions of bus 0 as software reaches them: configuration space, memory windows, and
// the three ways of an interrupt: a wire, MSI, MSI-X.
#pragma once

#include "firmware/rom/lib/cpu.h"

struct PciFunction {
  u32 slot;
  u64 config;  ///< its configuration space in the ECAM
};

enum {
  kPciCommand = 0x04,
  kPciClass = 0x08,
  kPciBar0 = 0x10,
  kPciCapabilities = 0x34,
  kPciInterruptPin = 0x3d,
  kPciCapMsi = 0x05,
  kPciCapMsix = 0x11,
};

/// The first function 0 on bus 0 of a class (base class, sub-class, interface); false: there is none.
bool pci_find(struct PciFunction* f, u32 class_code);
/// Gives a memory BAR a place in the board's window, switches memory and bus mastering on, and returns
/// where it is; 0: it is no memory BAR, or there is no room.  One that has its place from here keeps it.
u64 pci_map_bar(const struct PciFunction* f, u32 bar);
/// Where a capability is in configuration space; 0: there is none.
u32 pci_capability(const struct PciFunction* f, u8 id);

/// The INTID at which the function's wire ends, by the board's swizzle; 0: it has none.
u32 pci_wire_intid(const struct PciFunction* f);
/// INTx Disable.
void pci_wire(const struct PciFunction* f, bool on);
/// Interrupt Status: the function asserts its wire, or would if it were not disabled.
bool pci_wire_status(const struct PciFunction* f);

struct PciMessage {
  u64 address;
  u32 data;
};

/// How many vectors MSI can have; 0: the capability is missing.
u32 pci_msi_vectors(const struct PciFunction* f);
/// MSI with `vectors` (a power of two), of which the first is `m`; the wire is silent from here on.
void pci_msi_on(const struct PciFunction* f, u32 vectors, struct PciMessage m);
u32 pci_msix_vectors(const struct PciFunction* f);
/// MSI-X with the messages `m[0]` to `m[vectors - 1]`; the other vectors are masked.  `bars` has the
/// places of the function's BARs.
void pci_msix_on(const struct PciFunction* f, const u64* bars, u32 vectors,
                 const struct PciMessage* m);
void pci_messages_off(const struct PciFunction* f);
