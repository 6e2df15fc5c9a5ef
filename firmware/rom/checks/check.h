// What checks are written with.  A check returns null, check_absent, or what it saw and wanted.
#pragma once

#include "firmware/rom/checks/checks.h"
#include "firmware/rom/drivers/pci.h"
#include "firmware/rom/lib/attempt.h"
#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/format.h"

/// The reason of a failure, in one line; it stays as it is until the next one.
const char* check_failed(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Returns from a check with why `call` was not null.
#define CHECK(call)                  \
  do {                               \
    const char* const why_ = (call); \
    if (why_ != 0) return why_;      \
  } while (0)
/// Returns from a check unless a number is what it must be.
#define WANT(what, got, wanted)                                                              \
  do {                                                                                       \
    const u64 got_ = (got), wanted_ = (wanted);                                              \
    if (got_ != wanted_) return check_failed("%s is 0x%lx, not 0x%lx", what, got_, wanted_); \
  } while (0)
/// Returns from a check unless `condition`; what follows is as for printf.
#define WANT_THAT(condition, ...)                       \
  do {                                                  \
    if (!(condition)) return check_failed(__VA_ARGS__); \
  } while (0)

/// Memory of the check; its caller gives it back.
#define TAKE(c, bytes, align)                                           \
  ({                                                                    \
    void* const p_ = arena_take((c)->memory, bytes, align);             \
    if (p_ == 0) return check_failed("there is no room for the check"); \
    p_;                                                                 \
  })

/// Waits at most `us` microseconds until `condition`, asleep as long as no interrupt comes.
#define SLEEP_UNTIL(condition, us)                                       \
  ({                                                                     \
    const u64 deadline_ = counter() + micros(us);                        \
    while (!(condition) && counter() < deadline_) wait_until(deadline_); \
    (condition);                                                         \
  })

/// PrimeCell identification (the last 32 bytes of 4 KiB): the part's 32 bits, and 0xb105f00d.
const char* check_primecell(u64 base, u32 part);

// ---- The checks --------------------------------------------------------------------------------

const char* check_cpu(struct CheckContext* c);
const char* check_cfg(struct CheckContext* c);
const char* check_psci(struct CheckContext* c);
const char* check_pac(struct CheckContext* c);
const char* check_gic(struct CheckContext* c);
const char* check_timers(struct CheckContext* c);
const char* check_msi_frame(struct CheckContext* c);
const char* check_uart(struct CheckContext* c);
const char* check_rtc(struct CheckContext* c);
const char* check_gpio(struct CheckContext* c);
const char* check_pvpanic(struct CheckContext* c);
const char* check_avp_rtc(struct CheckContext* c);
const char* check_bdif(struct CheckContext* c);
const char* check_gpu(struct CheckContext* c);
const char* check_iosurface(struct CheckContext* c);
const char* check_aes(struct CheckContext* c);
const char* check_aes_2(struct CheckContext* c);
const char* check_payload(struct CheckContext* c);
const char* check_pcie(struct CheckContext* c);
const char* check_xhci(struct CheckContext* c);
const char* check_apple_disks(struct CheckContext* c);

// ---- Functions on bus 0 ------------------------------------------------------------------------

/// A memory BAR as a check reaches it: where it is, or for a while at the end of the board's window.
struct BorrowedBar {
  const struct PciFunction* f;
  u32 bar, low, high;
  u16 command;
  u64 at;  ///< 0: it is no memory BAR
};
struct BorrowedBar borrow_bar(const struct PciFunction* f, u32 bar);
/// Everything as it was.
void give_bar_back(const struct BorrowedBar* b);
/// The bytes of a memory BAR, which must not be in use for the moment; 0: there is none.
u64 bar_size(const struct PciFunction* f, u32 bar);
