// Used of ECMA-48 (5th edition): CUP (8.3.21), ED (8.3.39), SGR (8.3.117), and DEC's private mode 25, the
// cursor.  Missing on purpose: the terminal's size, which a serial port does not tell.
#include "firmware/rom/ui/terminal.h"

#include "firmware/rom/lib/format.h"
#include "firmware/rom/ui/utf8.h"

static const char* const attributes[kStyles] = {
    [kStyleText] = "0",     [kStyleDim] = "0;36",        [kStyleAccent] = "0;1;33",
    [kStyleGood] = "0;32",  [kStyleBad] = "0;1;31",      [kStyleBar] = "0;7",
    [kStyleBarDim] = "0;7", [kStyleChosen] = "0;1;7;33", [kStyleChosenDim] = "0;7;33",
};

static void write(struct Terminal* t, const char* text) {
  for (; *text != 0; ++text) t->put(*text);
}

static void use_style(struct Terminal* t, enum Style style) {
  if (style == t->style || style >= kStyles) return;
  write(t, "\x1b[");
  write(t, attributes[style]);
  t->put('m');
  t->style = style;
}

static void write_code(struct Terminal* t, u32 code) {
  char bytes[3];
  const u32 count = utf8_put(bytes, code);
  for (u32 i = 0; i < count; ++i) t->put(bytes[i]);
}

static void move(struct Terminal* t, u32 row, u32 column) {
  char text[24];
  format_text(text, sizeof text, "\x1b[%u;%uH", row + 1, column + 1);
  write(t, text);
}

bool terminal_open(struct Terminal* t, void (*put)(char c), struct Arena* memory) {
  *t = (struct Terminal){.put = put, .style = kStyleText};
  t->shown = arena_take(memory, sizeof(struct Cell) * kTerminalColumns * kTerminalRows, 8);
  return t->shown != 0;
}

void terminal_clear(struct Terminal* t) {
  use_style(t, kStyleText);
  write(t, "\x1b[2J\x1b[H");
  if (t->drawn) write(t, "\x1b[?25h");
  t->drawn = false;
}

/// Columns up to the last one that shows something.
static u32 end_of_line(const struct Cell* line) {
  u32 end = kTerminalColumns;
  while (end != 0 && line[end - 1].code == ' ' && line[end - 1].style == kStyleText) --end;
  return end;
}

/// All of it as lines.  The cursor passes over several empty ones, of which a log would be no better.
static void show_lines(struct Terminal* t, const struct Grid* g) {
  u32 at = 0;  // the cursor's row
  for (u32 row = 0; row < kTerminalRows; ++row) {
    const struct Cell* const line = g->cells + row * kTerminalColumns;
    const u32 end = end_of_line(line);
    if (end == 0) continue;
    if (row - at > 2) {
      write(t, "\r\n");
      move(t, row, 0);
    }
    for (; row - at <= 2 && at < row; ++at) write(t, "\r\n");
    at = row;
    for (u32 column = 0; column < end; ++column) {
      use_style(t, (enum Style)line[column].style);
      write_code(t, line[column].code);
    }
    use_style(t, kStyleText);
  }
}

static void show_changes(struct Terminal* t, const struct Grid* g) {
  for (u32 row = 0; row < kTerminalRows; ++row) {
    bool there = false;  // the cursor is at this column
    for (u32 column = 0; column < kTerminalColumns; ++column) {
      const struct Cell to = g->cells[row * kTerminalColumns + column];
      const struct Cell from = t->shown[row * kTerminalColumns + column];
      if (to.code == from.code && to.style == from.style) {
        there = false;
        continue;
      }
      if (!there) move(t, row, column);
      there = true;
      use_style(t, (enum Style)to.style);
      write_code(t, to.code);
    }
  }
  use_style(t, kStyleText);
}

void terminal_show(struct Terminal* t, const struct Grid* g) {
  if (t->drawn) {
    show_changes(t, g);
  } else {
    terminal_clear(t);
    write(t, "\x1b[?25l");
    show_lines(t, g);
  }
  t->drawn = true;
  for (u32 i = 0; i < kTerminalColumns * kTerminalRows; ++i) t->shown[i] = g->cells[i];
}

void terminal_put(struct Terminal* t, u32 code, enum Style style) {
  if (code == '\n') {
    use_style(t, kStyleText);
    write(t, "\r\n");
    return;
  }
  use_style(t, style);
  write_code(t, code < 0x20 || (code >= 0x7f && code < 0xa0) ? kReplacement : code);
}

void terminal_rest(struct Terminal* t) {
  use_style(t, kStyleText);
  if (!t->drawn) return;
  move(t, kTerminalRows - 1, 0);
  write(t, "\x1b[?25h\r\n");
  t->drawn = false;
}
