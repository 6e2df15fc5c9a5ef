// The boot ROM from reset to its menu.
#include "firmware/rom/checks/payload.h"
#include "firmware/rom/drivers/cfg.h"
#include "firmware/rom/drivers/uart.h"
#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/fault.h"
#include "firmware/rom/hand_over.h"
#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/format.h"
#include "firmware/rom/menu/screens.h"
#include "firmware/rom/menu/start.h"
#include "firmware/rom/start/mmu.h"

#define TITLE "Quince boot ROM 0.1"

void rom_main(u64 device_tree, u64 kernel);

enum { kFactBytes = 160, kPayloadBytes = 512 };
/// Below the framebuffer: what the ROM's own structures and its checks take, or a quarter of a small RAM.
#define ROM_MEMORY 0x1000000ul

static struct Framebuffer framebuffer;
static struct Console console;
static struct Keys keys;
static struct Arena memory;
static struct HandOver hand_over;
static struct Screens screens = {&console, &keys, &memory};
static struct Starter starter = {&console, &keys, &memory, &hand_over, 0, {}, "", {}, 0};

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
  const u64 ram_end = hand_over.ram_end;
  const bool display = framebuffer_find(&framebuffer, RAM_BASE, RAM_BASE + CFG->ram_bytes);
  const bool on_top = display && framebuffer.start >= RAM_BASE + (ram_end - RAM_BASE) / 2;
  const u64 end = on_top && framebuffer.start < ram_end ? framebuffer.start : ram_end;
  const u64 bytes = CFG->ram_bytes / 4 < ROM_MEMORY ? CFG->ram_bytes / 4 : ROM_MEMORY;
  memory = (struct Arena){(end - bytes) & ~0xffful, end};
  hand_over.ram_end = memory.next;  // what is above is the ROM's until the kernel runs
  hand_over_keep(&hand_over, &memory);
  console_open(&console, uart_put, display ? &framebuffer : 0, &memory);
  fault_console(&console);
  starter.display = display ? &framebuffer : 0;
}

/// For whoever reads the serial port, or its log, without a terminal.
static void greet(const struct Menu* m) {
  static char text[kPayloadBytes];
  const char* const why = payload_decrypt(text, sizeof text);
  console_write(&console, kOnTerminal, kStyleText, "\n%s%s", text, why != 0 ? why : "");
  console_write(&console, kOnTerminal, kStyleText, "\n%s\n%s\n", m->title, m->facts);
  for (u32 i = 0; i < m->count; ++i)
    console_write(&console, kOnTerminal, kStyleText, "%2u %s%s\n", i + 1, m->items[i].label,
                  (s32)i == m->usual ? " (default)" : "");
}

static void open_menu(struct Menu* m, struct MenuItem* items) {
  static const struct MenuItem always[] = {
      {"Device tests", "known answers of every device", screen_checks, &screens},
      {"Memory map", "what is where", screen_memory_map, &screens},
      {"Restart", 0, screen_restart, &screens},
      {"Power off", 0, screen_power_off, &screens},
  };
  enum { kAlways = sizeof always / sizeof always[0] };
  static char facts[kFactBytes];
  write_facts(facts);
  u32 count = 0;
  const s32 usual = starter_open(&starter, items, &count);
  for (u32 i = 0; i < kAlways; ++i) items[count + i] = always[i];
  *m = (struct Menu){.title = TITLE,
                     .facts = facts,
                     .items = items,
                     .count = count + kAlways,
                     .usual = usual,
                     .keep = starter_keep,
                     .keep_of = &starter,
                     .trouble = hand_over.trouble != 0 ? hand_over.trouble : starter.disk.trouble};
}

void rom_main(u64 device_tree, u64 kernel) {
  uart_start();
  mmu_on(RAM_BASE + CFG->ram_bytes);
  wait_start();
  hand_over_read(&hand_over, device_tree, kernel);
  open_console();
  keys_open(&keys, &memory);
  static struct MenuItem items[kMaxMenuItems];
  static struct Menu menu;
  open_menu(&menu, items);
  greet(&menu);
  const s64 delay = menu.usual >= 0 ? starter_delay(&starter) : -1;
  if (delay == 0) {
    console_page(&console, items[menu.usual].label);
    if (items[menu.usual].act(items[menu.usual].of) == kMenuPause) menu_pause(&console, &keys);
  }
  menu.seconds = delay > 0 ? (u32)((delay + 999) / 1000) : 0;
  menu_run(&menu, &console, &keys);
}
