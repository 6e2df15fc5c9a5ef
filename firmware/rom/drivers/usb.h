// USB devices on the xHCI driver's root ports: enumeration, control transfers, a keyboard in the boot
// protocol.
#pragma once

#include "firmware/rom/drivers/xhci.h"

enum { kUsbConfigBytes = 256 };

struct UsbDevice {
  struct Xhci* x;
  struct XhciDevice xhci;
  u16 vendor, product;
  u8* buffer;  ///< of control transfers
  u8 config[kUsbConfigBytes];
  u32 config_bytes;
};

/// Resets port `port` and enumerates what is there: descriptors, address.  The events of its
/// endpoint 0 go to `interrupter`.  Why it cannot, or null.
const char* usb_attach(struct Xhci* x, struct UsbDevice* d, u32 port, u32 interrupter);

/// A control transfer's setup stage.
struct UsbSetup {
  u8 type, request;
  u16 value, index, length;
};
/// The whole transfer, with `data` of `setup.length` bytes in or out: its code.
u64 usb_control(struct UsbDevice* d, struct UsbSetup setup, void* data);
/// Queues one whose data is in d->buffer, without waiting.
bool usb_queue_control(struct UsbDevice* d, struct UsbSetup setup, struct XhciRequest* r);

/// An interface of a class, and its endpoints, in the configuration.
struct UsbInterface {
  u32 number;
  struct XhciEndpoint endpoints[4];
  u32 count;
};
/// `triple`: class, sub-class, protocol.  False: the device has none.
bool usb_find_interface(const struct UsbDevice* d, u32 triple, struct UsbInterface* out);
/// Chooses the configuration and makes the interface's endpoints ready, their events for `interrupter`.
const char* usb_configure(struct UsbDevice* d, struct UsbInterface* i, u32 interrupter);

// ---- Keyboards ---------------------------------------------------------------------------------

enum { kKeyboardClass = 0x030101 };

struct UsbKeyboard {
  struct UsbDevice* device;
  u32 dci;
  u8* report;  ///< HID 1.11, B.1: modifiers, a reserved byte, six usages
  struct XhciRequest request;
};
const char* keyboard_open(struct UsbKeyboard* k, struct UsbDevice* d, u32 interrupter);
/// Asks for the next report; it has come when k->request.code is not 0.
bool keyboard_ask(struct UsbKeyboard* k);
