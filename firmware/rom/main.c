// The boot ROM from reset to its menu.
#include "firmware/rom/drivers/cfg.h"
#include "firmware/rom/drivers/uart.h"
#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/fault.h"
#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/format.h"
#include "firmware/rom/menu/screens.h"
#include "firmware/rom/start/mmu.h"

#define TITLE "Quince boot ROM 0.1"

void rom_main(u64 device_tree, u64 kernel);

enum { kFactBytes = 160 };
/// Below the framebuffer: what the ROM's own structures and its checks take, or a quarter of a small RAM.
#define ROM_MEMORY 0x1000000ul

static struct Framebuffer framebuffer;
static struct Console console;
static struct Keys keys;
static struct Arena memory;
static struct Screens screens = {&console, &keys, &memory};

/// A string of the configuration block, which may fill its place.
static const char* cfg_text(const char* field, char* to) {
  u32 length = 0;
  for (; length < kCfgText && field[length] != 0; ++length) to[length] = field[length];
  to[length] = 0;
  return to;
}

static void write_facts(char* to) {
  char model[kCfgText + 1], serial[kCfgText + 1];
  format_text(to, kFactBytes, "%s   serial %s   ECID 0x%lx   %u CPU%s   %lu MiB",
              cfg_text(CFG->model, model), cfg_text(CFG->serial, serial), CFG->ecid, CFG->cpus,
              CFG->cpus == 1 ? "" : "s", CFG->ram_bytes >> 20);
}

/// RAM, a display if there is one, and the console.
static void open_console(void) {
  const u64 ram_end = RAM_BASE + CFG->ram_bytes;
  const bool display = framebuffer_find(&framebuffer, RAM_BASE, ram_end);
  const bool on_top = display && framebuffer.start >= ram_end - (ram_end - RAM_BASE) / 2;
  const u64 end = on_top ? framebuffer.start : ram_end;
  const u64 bytes = CFG->ram_bytes / 4 < ROM_MEMORY ? CFG->ram_bytes / 4 : ROM_MEMORY;
  memory = (struct Arena){(end - bytes) & ~0xffful, end};
  console_open(&console, uart_put, display ? &framebuffer : 0, &memory);
  fault_console(&console);
}

/// For whoever reads the serial port, or its log, without a terminal.
static void greet(const struct Menu* m) {
  console_write(&console, kOnTerminal, kStyleText, "\n%s\n%s\n", m->title, m->facts);
  for (u32 i = 0; i < m->count; ++i)
    console_write(&console, kOnTerminal, kStyleText, "%2u %s%s\n", i + 1, m->items[i].label,
                  (s32)i == m->usual ? " (default)" : "");
}

void rom_main(u64 device_tree, u64 kernel) {
  (void)device_tree;
  (void)kernel;
  uart_start();
  mmu_on(RAM_BASE + CFG->ram_bytes);
  wait_start();
  open_console();
  keys_open(&keys, &memory);
  static char facts[kFactBytes];
  write_facts(facts);
  static const struct MenuItem items[] = {
      {"Device tests", "known answers of every device", screen_checks, &screens},
      {"Memory map", "what is where", screen_memory_map, &screens},
      {"Restart", 0, screen_restart, &screens},
      {"Power off", 0, screen_power_off, &screens},
  };
  struct Menu menu = {.title = TITLE,
                      .facts = facts,
                      .items = items,
                      .count = sizeof items / sizeof items[0],
                      .usual = -1};
  greet(&menu);
  menu_run(&menu, &console, &keys);
}
