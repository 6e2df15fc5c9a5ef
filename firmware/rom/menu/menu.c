#include "firmware/rom/menu/menu.h"

#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/format.h"

// A second figure of a number comes within this.
#define FIGURE_US 1000000ul
#define SECOND_US 1000000ul

static void draw(const void* of, struct Grid* g) { menu_draw(of, g); }

/// What the person is told while the usual item is about to happen.
struct Countdown {
  u64 end;  ///< of the counter; 0: it is over
  char text[128];
};

static u32 seconds_left(const struct Countdown* d) {
  const u64 now = counter();
  return now >= d->end ? 0 : (u32)((d->end - now + micros(SECOND_US) - 1) / micros(SECOND_US));
}

static void say_countdown(struct Menu* m, struct Countdown* d) {
  const u32 left = seconds_left(d);
  format_text(d->text, sizeof d->text, "'%s' in %u second%s; any key stops this",
              m->items[m->usual].label, left, left == 1 ? "" : "s");
  m->status = d->text;
}

static int act(const struct Menu* m, struct Console* c, struct Keys* k) {
  const struct MenuItem* const item = &m->items[m->chosen];
  console_page(c, item->label);
  const int result = item->act(item->of);
  if (result == kMenuPause) menu_pause(c, k);
  return result;
}

static void keep(struct Menu* m) {
  const char* const why = m->keep == 0 ? 0 : m->keep(m->keep_of, m->chosen);
  if (m->keep != 0 && why == 0) m->usual = (s32)m->chosen;
  m->status = why;
}

/// The next thing that happens: a key, or kKeyNone when a second is over or there is trouble.
static u32 next_key(struct Keys* k, const struct Countdown* d) {
  if (d->end == 0) return keys_wait(k, ~0ul);
  // Until another number is to be shown.
  const u64 left = seconds_left(d);
  return keys_wait(k, left == 0 ? d->end : d->end - (left - 1) * micros(SECOND_US));
}

static void take_trouble(struct Menu* m, struct Keys* k) {
  if (k->trouble == 0) return;
  m->trouble = k->trouble;
  k->trouble = 0;
}

u32 menu_run(struct Menu* m, struct Console* c, struct Keys* k) {
  struct Countdown d = {0};
  u32 figures = 0;
  u64 typed = 0;
  if (m->usual >= 0) m->chosen = (u32)m->usual;
  if (m->usual >= 0 && m->seconds != 0) d.end = counter() + m->seconds * micros(SECOND_US);
  for (int result = kMenuAgain; result != kMenuLeave;) {
    if (d.end != 0) say_countdown(m, &d);
    console_draw(c, draw, m);
    const u32 key = next_key(k, &d);
    const bool time_over = d.end != 0 && counter() >= d.end;
    if (key == kKeyNone && !time_over) {
      take_trouble(m, k);
      continue;
    }
    d.end = 0;
    m->status = 0;
    if (counter() - typed > micros(FIGURE_US)) figures = 0;
    typed = counter();
    const enum MenuDone done = key == kKeyNone ? kMenuAct : menu_key(m, key, &figures);
    if (done == kMenuKeep) keep(m);
    if (done == kMenuAct) result = act(m, c, k);
  }
  return m->chosen;
}

void menu_pause(struct Console* c, struct Keys* k) {
  console_write(c, kOnBoth, kStyleDim, "\nAny key goes back to the menu.\n");
  while (keys_wait(k, ~0ul) == kKeyNone)
    if (k->trouble != 0) {
      console_write(c, kOnBoth, kStyleBad, "%s\n", k->trouble);
      k->trouble = 0;
    }
}
