#include "firmware/rom/ui/console.h"

#include "firmware/rom/lib/format.h"
#include "firmware/rom/ui/utf8.h"

enum { kTextBytes = 1024, kTitleRows = 2, kMargin = 2 };

static bool make_grid(struct Grid* g, u32 columns, u32 rows, struct Arena* memory) {
  *g = (struct Grid){columns, rows, arena_take(memory, sizeof(struct Cell) * columns * rows, 8)};
  return g->cells != 0;
}

void console_open(struct Console* c, void (*put)(char byte), const struct Framebuffer* fb,
                  struct Arena* memory) {
  *c = (struct Console){0};
  c->has_terminal = terminal_open(&c->terminal, put, memory) &&
                    make_grid(&c->next[0], kTerminalColumns, kTerminalRows, memory);
  c->has_screen = fb != 0 && screen_open(&c->screen, fb, memory) &&
                  make_grid(&c->next[1], c->screen.columns, c->screen.rows, memory);
}

static void write_list(struct Console* c, u32 on, enum Style style, const char* format,
                       __builtin_va_list list) {
  char text[kTextBytes];
  format_list(text, sizeof text, format, list);
  const char* at = text;
  for (u32 code; (code = utf8_next(&at)) != 0;) {
    if ((on & kOnTerminal) && c->has_terminal) terminal_put(&c->terminal, code, style);
    if ((on & kOnScreen) && c->has_screen) screen_put(&c->screen, code, style);
  }
}

void console_write(struct Console* c, u32 on, enum Style style, const char* format, ...) {
  __builtin_va_list list;
  __builtin_va_start(list, format);
  write_list(c, on, style, format, list);
  __builtin_va_end(list);
}

void console_print(struct Console* c, const char* format, ...) {
  __builtin_va_list list;
  __builtin_va_start(list, format);
  write_list(c, kOnBoth, kStyleText, format, list);
  __builtin_va_end(list);
}

void console_page(struct Console* c, const char* title) {
  if (c->has_terminal) {
    terminal_clear(&c->terminal);
    console_write(c, kOnTerminal, kStyleBar, "%s", title);
    console_write(c, kOnTerminal, kStyleText, "\n\n");
  }
  if (!c->has_screen) return;
  screen_clear(&c->screen);
  struct Grid* const g = &c->next[1];
  grid_clear(g);
  grid_blank(g, 0, 0, g->columns, kStyleBar);
  grid_text(g, 0, kMargin, g->columns - 2 * kMargin, kStyleBar, title);
  screen_show(&c->screen, g);
  screen_page(&c->screen, kTitleRows, kMargin);
}

void console_draw(struct Console* c, void (*draw)(const void* of, struct Grid* g), const void* of) {
  if (c->has_terminal) {
    grid_clear(&c->next[0]);
    draw(of, &c->next[0]);
    terminal_show(&c->terminal, &c->next[0]);
  }
  if (!c->has_screen) return;
  grid_clear(&c->next[1]);
  draw(of, &c->next[1]);
  screen_show(&c->screen, &c->next[1]);
}

void console_rest(struct Console* c) {
  if (c->has_terminal) terminal_rest(&c->terminal);
}
