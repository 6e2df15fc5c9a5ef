// What the boot loader hands over: boot_args and the device tree in Apple's binary format
// (pexpert/pexpert/arm64/boot.h, device_tree.h of XNU), and the cfg block that they agree with.
#include "xnu.h"

const struct BootArgs* boot_args;
struct Platform platform;

enum { kBlock32M = 1 << 25 };

void boot_args_step(void) {
  const struct BootArgs* a = boot_args;
  EXPECT(a->revision, 2);
  EXPECT(a->version, 2);
  EXPECT(a->phys_base, RAM_BASE);
  EXPECT((a->virt_base - a->phys_base) % kBlock32M, 0);
  EXPECT_TRUE(a->virt_base >> 47 == 0x1ffff);
  EXPECT_TRUE(a->mem_size >= 4ul * kBlock32M);
  EXPECT_TRUE(a->mem_size_actual >= a->mem_size);
  EXPECT_TRUE(a->top_of_kernel_data > a->phys_base);
  EXPECT_TRUE(a->top_of_kernel_data < a->phys_base + a->mem_size);
  EXPECT(a->top_of_kernel_data % kPageSize, 0);
  EXPECT_TRUE(a->device_tree > a->virt_base);
  EXPECT_TRUE(a->device_tree - a->virt_base + a->device_tree_length < a->mem_size);
  EXPECT_TRUE(a->command_line[0] != 0);
  EXPECT(a->command_line[sizeof a->command_line - 1], 0);
  EXPECT(a->boot_flags, 0);
}

// ---- The device tree ---------------------------------------------------------------------------

struct Property {
  char name[32];
  u32 length;  ///< the top bit is the build tools' flag
  u8 value[];
};

/// A walk through the tree: `at` never passes `end`.
struct Walk {
  u64 at, end;
  bool bad;
};

static bool same(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return *a == *b;
}

static u32 take32(struct Walk* w) {
  if (w->end - w->at < 4) {
    w->bad = true;
    return 0;
  }
  w->at += 4;
  return get32(w->at - 4);
}

/// The property at the walk, behind which it goes; null when the tree is cut off.
static const struct Property* take_property(struct Walk* w) {
  const struct Property* p = (const struct Property*)w->at;
  if (w->end - w->at < sizeof *p || p->name[31] != 0) {
    w->bad = true;
    return 0;
  }
  const u64 size = (sizeof *p + (p->length & 0x7fffffff) + 3) & ~3ul;
  if (size > w->end - w->at) {
    w->bad = true;
    return 0;
  }
  w->at += size;
  return p;
}

static u64 word(const struct Property* p, u32 i) {
  if (((u64)i + 1) * 8 > (p->length & 0x7fffffff)) return 0;
  u64 v;
  memcpy(&v, p->value + i * 8ul, 8);
  return v;
}

/// A node's parent, as far as a property's meaning depends on it.
enum Place { kRoot, kUnderRoot, kUnderArmIo, kUnderCpus, kElsewhere };

static void look(enum Place place, const char* node, const struct Property* p) {
  if (place == kUnderRoot && same(node, "arm-io") && same(p->name, "ranges"))
    platform.soc_base = word(p, 1);
  if (place == kUnderArmIo && same(p->name, "reg")) {
    const u64 base = platform.soc_base;
    if (same(node, "gic")) {
      platform.gicd = base + word(p, 0);
      platform.gicd_size = word(p, 1);
      platform.gicr = base + word(p, 2);
      platform.gicr_size = word(p, 3);
    }
    if (same(node, "rtc")) platform.rtc = base + word(p, 0);
    if (same(node, "uart0")) platform.uart = base + word(p, 0);
  }
  if (place != kUnderCpus || platform.cpus >= MAX_CPUS) return;
  if (same(p->name, "reg")) platform.cpu_mpidr[platform.cpus] = *(const u32*)p->value;
  if (same(p->name, "timebase-frequency") && platform.cpus == 0) platform.timebase = word(p, 0);
  if (same(p->name, "state") && platform.cpus == 0)
    platform.boot_cpu_runs = same((const char*)p->value, "running");
}

/// The node at the walk and what is below it; nesting beyond `depth` is bad.
static void walk_node(struct Walk* w, enum Place place, unsigned depth) {
  const u32 properties = take32(w), children = take32(w);
  const char* node = "";
  // A node's name is one of its properties, wherever among them.
  struct Walk names = *w;
  for (u32 i = 0; i < properties && !names.bad; ++i) {
    const struct Property* p = take_property(&names);
    if (p != 0 && same(p->name, "name")) node = (const char*)p->value;
  }
  for (u32 i = 0; i < properties && !w->bad; ++i) {
    const struct Property* p = take_property(w);
    if (p != 0) look(place, node, p);
  }
  enum Place below = kElsewhere;
  if (place == kRoot) below = kUnderRoot;
  if (place == kUnderRoot && same(node, "arm-io")) below = kUnderArmIo;
  if (place == kUnderRoot && same(node, "cpus")) below = kUnderCpus;
  if (depth == 0 && children != 0) w->bad = true;
  for (u32 i = 0; i < children && !w->bad; ++i) walk_node(w, below, depth - 1);
  if (place == kUnderCpus) ++platform.cpus;
}

void device_tree_step(void) {
  struct Walk w = {.at = boot_args->device_tree, .end = 0, .bad = false};
  w.end = w.at + boot_args->device_tree_length;
  walk_node(&w, kRoot, 8);
  EXPECT_TRUE(!w.bad);
  EXPECT(w.at, w.end);
  EXPECT(platform.soc_base, 0x10000000);
  EXPECT(platform.gicd, GICD_BASE);
  EXPECT_TRUE(platform.gicd_size >= 0x10000);
  EXPECT(platform.gicr, GICR_BASE);
  EXPECT(platform.uart, UART_BASE);
  EXPECT_TRUE(platform.cpus >= 1);
  EXPECT_TRUE(platform.gicr_size >= platform.cpus * 0x20000);
  EXPECT(platform.timebase, 24000000);
  EXPECT_TRUE(platform.boot_cpu_runs);
  EXPECT(platform.cpu_mpidr[0], READ(mpidr_el1) & 0xffffff);
}

// ---- The cfg block -----------------------------------------------------------------------------

enum { kCfg = 0x400000, kCfgCpus = 4, kCfgRam = 0x20, kCfgIds = 0x100 };

void config_step(void) {
  const u64 cfg = io(kCfg);
  EXPECT(get32(cfg), 2);
  EXPECT(get32(cfg + kCfgCpus), platform.cpus);
  EXPECT(*(volatile u64*)(cfg + kCfgRam), boot_args->mem_size_actual);
  for (u32 n = 0; n < platform.cpus; ++n) EXPECT(get32(cfg + kCfgIds + 4 * n), n);
}
