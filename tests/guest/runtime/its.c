// An ITS for one CPU (Arm IHI 0069, chapters 5 and 12.19): tables, LPIs of the redistributor, and the
// few commands that map a device's events.  Every device has LPIs of its own, by its slot.
#include "firmware/rom/drivers/messages.h"
#include "guest.h"

#ifdef GITS_BASE

enum {
  kCtlr = 0x000,
  kTyper = 0x008,
  kCbaser = 0x080,
  kCwriter = 0x088,
  kCreadr = 0x090,
  kBaser = 0x100,
  kTranslater = 0x10040,
  kBasers = 8,
  kDevices = 1,
  kCollections = 4,
  kGicrCtlr = 0x000,
  kGicrTyper = 0x008,
  kPropbaser = 0x070,
  kPendbaser = 0x078,
  kEnableLpis = 1,
  kFirstLpi = 8192,
  kIdBits = 14,
  kEvents = kMaxMessages,
  kQueueBytes = 4096,
  kTableBytes = 65536,
  kLpiPriority = 0xa0,
  kLpiEnable = 1,
  kMapd = 0x08,
  kMapc = 0x09,
  kMapti = 0x0a,
  kInvall = 0x0d,
  kSyncTarget = 0x05,
};
#define VALID (1ul << 63)
// Normal, inner write-back, inner shareable.
#define CACHEABLE (7ul << 59 | 1ul << 10)
#define COMMAND_US 100000ul

struct Command {
  u64 word[4];
};
static struct Command queue[kQueueBytes / sizeof(struct Command)] __attribute__((aligned(65536)));
static u8 devices[kTableBytes] __attribute__((aligned(65536)));
static u8 collections[kTableBytes] __attribute__((aligned(65536)));
static u8 pending[kTableBytes] __attribute__((aligned(65536)));
static u8 properties[1 << kIdBits] __attribute__((aligned(4096)));
static u8 translations[32 * 8][256] __attribute__((aligned(256)));
static u32 tail;
static bool ready;

static u64 get64(u64 a) { return *(volatile u64 *)a; }

static void put_command(u64 a, u64 b, u64 c) {
  queue[tail] = (struct Command){{a, b, c, 0}};
  tail = (tail + 1) % (kQueueBytes / sizeof(struct Command));
}

/// Lets the ITS do what is queued; false: it does not.
static bool run_commands(void) {
  DSB();
  put64(GITS_BASE + kCwriter, tail * sizeof(struct Command));
  const u64 start = counter();
  while (get64(GITS_BASE + kCreadr) != tail * sizeof(struct Command))
    if (counter() - start > micros(COMMAND_US)) return false;
  return true;
}

/// What MAPC and SYNC call the redistributor: its number, or its address (GITS_TYPER.PTA).
static u64 target(void) {
  if (get64(GITS_BASE + kTyper) >> 19 & 1) return GICR_BASE;
  return (get64(GICR_BASE + kGicrTyper) >> 8 & 0xffff) << 16;
}

static void start_lpis(void) {
  put64(GICR_BASE + kPropbaser, (u64)properties | 7ul << 7 | 1ul << 10 | (kIdBits - 1));
  put64(GICR_BASE + kPendbaser, (u64)pending | 7ul << 7 | 1ul << 10 | 1ul << 62);
  put32(GICR_BASE + kGicrCtlr, get32(GICR_BASE + kGicrCtlr) | kEnableLpis);
}

static bool start_its(void) {
  for (u32 n = 0; n < kBasers; ++n) {
    const u64 at = GITS_BASE + kBaser + 8 * n, type = get64(at) >> 56 & 7;
    // One page of 64 KiB each.
    if (type == kDevices) put64(at, VALID | CACHEABLE | (u64)devices | 2ul << 8);
    if (type == kCollections) put64(at, VALID | CACHEABLE | (u64)collections | 2ul << 8);
  }
  put64(GITS_BASE + kCbaser, VALID | CACHEABLE | (u64)queue);
  put64(GITS_BASE + kCwriter, 0);
  start_lpis();
  put32(GITS_BASE + kCtlr, 1);
  put_command(kMapc, 0, VALID | target());  // collection 0 is this CPU
  return run_commands();
}

bool its_open(struct Messages *m, u32 device, u32 count) {
  if (device >= sizeof translations / sizeof translations[0]) return false;
  if (!ready && !start_its()) return false;
  ready = true;
  m->first = kFirstLpi + (device >> 3) * kEvents;
  put_command(kMapd | (u64)device << 32, 3, VALID | (u64)translations[device]);  // 4 bits of events
  for (u32 i = 0; i < count; ++i) {
    properties[m->first + i - kFirstLpi] = kLpiPriority | kLpiEnable;
    put_command(kMapti | (u64)device << 32, i | (u64)(m->first + i) << 32, 0);
    m->m[i] = (struct PciMessage){GITS_BASE + kTranslater, i};
  }
  put_command(kInvall, 0, 0);
  put_command(kSyncTarget, 0, target());
  return run_commands();
}

#else

bool its_open(struct Messages *m, u32 device, u32 count) {
  (void)m, (void)device, (void)count;
  return false;
}

#endif
