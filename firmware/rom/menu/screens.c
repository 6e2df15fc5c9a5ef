#include "firmware/rom/menu/screens.h"

#include "firmware/rom/checks/checks.h"
#include "firmware/rom/drivers/psci.h"
#include "firmware/rom/lib/format.h"
#include "firmware/rom/menu/board_map.h"

// ---- Device tests ------------------------------------------------------------------------------

/// One check on a line, in words that a script can read.  Its verdict, of the three below.
enum { kGood, kAbsent, kBad };
static u32 run_check(struct Screens* s, const struct Check* check) {
  const u64 room = s->memory->next;
  const char* const why = check->run(&(struct CheckContext){.memory = s->memory});
  s->memory->next = room;
  const u32 verdict = why == 0 ? kGood : why == check_absent ? kAbsent : kBad;
  static const char* const words[] = {"ok", "absent", "FAIL"};
  static const enum Style styles[] = {kStyleGood, kStyleDim, kStyleBad};
  console_write(s->console, kOnTerminal, kStyleText, "%s", words[verdict]);
  console_write(s->console, kOnScreen, styles[verdict], "%-7s", words[verdict]);
  console_print(s->console, " %s", check->name);
  if (verdict == kBad) console_print(s->console, " %s", why);
  console_print(s->console, "\n");
  return verdict;
}

int screen_checks(void* of) {
  struct Screens* const s = of;
  u32 verdicts[3] = {0};
  for (u32 i = 0; i < check_count; ++i) ++verdicts[run_check(s, &checks[i])];
  console_write(s->console, kOnScreen, kStyleText, "\n");
  char text[64];
  format_text(text, sizeof text, "done: %u passed, %u failed", verdicts[kGood], verdicts[kBad]);
  console_write(s->console, kOnTerminal, kStyleText, "%s\n", text);
  console_write(s->console, kOnScreen, verdicts[kBad] != 0 ? kStyleBad : kStyleGood, "%s\n", text);
  return kMenuPause;
}

// ---- The map of memory -------------------------------------------------------------------------

/// "64 KiB", in the largest unit that leaves a whole number.
static void size_text(char* to, u64 room, u64 bytes) {
  static const char* const units[] = {"bytes", "KiB", "MiB", "GiB"};
  u32 unit = 0;
  for (; unit < 3 && bytes >= 1024 && bytes % 1024 == 0; ++unit) bytes /= 1024;
  format_text(to, room, "%lu %s", bytes, units[unit]);
}

static void map_line(struct Console* c, u64 base, u64 bytes, const char* name, u32 intid,
                     bool there) {
  char size[24], interrupt[8] = "";
  size_text(size, sizeof size, bytes);
  if (intid != 0) format_text(interrupt, sizeof interrupt, "%u", intid);
  console_write(c, kOnBoth, there ? kStyleText : kStyleDim, "0x%09lx  %11s  %-12s %4s%s\n", base,
                size, name, interrupt, there ? "" : "  absent");
}

int screen_memory_map(void* of) {
  struct Console* const c = ((struct Screens*)of)->console;
  console_write(c, kOnBoth, kStyleAccent, "%-11s  %11s  %-12s %s\n", "address", "size", "what",
                "INTID");
  for (u32 i = 0; i < board_map_count; ++i) {
    const struct BoardWindow* const w = &board_map[i];
    map_line(c, w->base, board_map_bytes(w), w->name, w->intid, board_map_present(w));
  }
  return kMenuPause;
}

// ---- The machine -------------------------------------------------------------------------------

/// Both do not return when they work.
static int ask_psci(struct Screens* s, const char* what, u64 function) {
  console_print(s->console, "%s\n", what);
  console_rest(s->console);
  const s64 answer = psci(function, 0, 0, 0);
  console_write(s->console, kOnBoth, kStyleBad, "The machine refuses: PSCI answers %ld\n", answer);
  return kMenuPause;
}

int screen_restart(void* of) { return ask_psci(of, "The machine starts again.", kPsciSystemReset); }
int screen_power_off(void* of) { return ask_psci(of, "The machine is off.", kPsciSystemOff); }
