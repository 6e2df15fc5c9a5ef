// What the files of the suite share: wires, and a handler that keeps a log.
#pragma once

#include "gicv3.h"

/// A source of a level-sensitive interrupt that software can raise and lower at once.
struct Wire {
  const char* name;
  u32 intid;
  void (*prepare)(void);  ///< low
  void (*set)(bool high);
};
extern const struct Wire wires[3];
enum { kGpioWire, kUartWire, kTimerWire, kWires };
/// The one that the case is about.
extern const struct Wire* wire;

enum { kMaxLog = 32 };
/// What CPU 0's handler has seen.
struct Log {
  volatile u64 count;           ///< interrupts acknowledged
  volatile u64 spurious;        ///< acknowledges that gave 1023
  volatile u32 intid[kMaxLog];  ///< in order
  volatile u64 vector[kMaxLog];
  volatile u64 when[kMaxLog];  ///< the counter's value, read behind the acknowledge
};
extern struct Log seen;
extern volatile u64 limit;  ///< with so many, the handler returns with interrupts masked
extern void (*volatile action)(u32 intid);  ///< in the handler, before the end of the interrupt
extern volatile bool split;                 ///< EOImode 1: EOIR, then DIR

/// A fresh GIC, wires low, an empty log, the handler in place with `lower` as its action.
void prepare(void);
/// An action that lowers the wire.
void lower(u32 intid);
/// Waits at most 2 ms of guest time for the log to have `count` interrupts, and then a moment for more.
void settle(u64 count);

void level_cases(void);
void edge_cases(void);
void change_cases(void);
void interface_cases(void);
void register_cases(void);
void cpu_cases(void);
