#include "firmware/rom/lib/format.h"
#include "firmware/rom/menu/menu.h"
#include "firmware/rom/ui/utf8.h"

enum { kWidest = 100, kBarRows = 2, kNumber = 4, kMark = 2, kLeastLabel = 16 };

/// A list of `rows` lines that shows the chosen one in its middle, unless an end is near.
static u32 first_shown(const struct Menu* m, u32 rows) {
  if (m->count <= rows || m->chosen < rows / 2) return 0;
  const u32 first = m->chosen - rows / 2, last = m->count - rows;
  return first < last ? first : last;
}

/// "12* A label                 its note"
static void draw_item(const struct Menu* m, u32 n, struct Grid* g, u32 row, u32 column, u32 room) {
  const struct MenuItem* const item = &m->items[n];
  const bool chosen = n == m->chosen, usual = (s32)n == m->usual;
  const enum Style style = chosen ? kStyleChosen : kStyleText;
  const enum Style dim = chosen ? kStyleChosenDim : kStyleDim;
  char number[8];
  grid_blank(g, row, column, room, style);
  // For terminals without colours, and people who do not see them.
  if (chosen) grid_text(g, row, column, 1, style, ">");
  format_text(number, sizeof number, "%2u", n + 1);
  grid_text(g, row, column + 2, 2, dim, number);
  if (usual) grid_text(g, row, column + 4, 1, chosen ? style : kStyleAccent, "*");
  const u32 at = 2 + kNumber;
  if (room <= at + 1) return;
  const u32 space = room - at - 1;  // a blank at the end
  const u32 used = grid_text(g, row, column + at, space, style, item->label);
  if (item->note == 0 || space < used + 2 + 4) return;
  const u32 length = utf8_length(item->note), most = space - used - 2;
  const u32 note = length < most ? length : most;
  grid_text(g, row, column + at + space - note, note, dim, item->note);
}

static void draw_bars(const struct Menu* m, struct Grid* g) {
  for (u32 row = 0; row < kBarRows; ++row) grid_blank(g, row, 0, g->columns, kStyleBar);
  const u32 room = g->columns > 4 ? g->columns - 4 : 0;
  grid_text(g, 0, 2, room, kStyleBar, m->title);
  grid_text(g, 1, 2, room, kStyleBarDim, m->facts);
}

static void draw_list(const struct Menu* m, struct Grid* g, u32 row, u32 rows) {
  const u32 width = g->columns < kWidest + 4 ? g->columns - 4 : kWidest;
  const u32 column = (g->columns - width) / 2, first = first_shown(m, rows);
  const u32 shown = m->count - first < rows ? m->count - first : rows;
  grid_box(g, row, column, shown + 2, width, "What to do");
  for (u32 i = 0; i < shown; ++i) draw_item(m, first + i, g, row + 1 + i, column + 1, width - 2);
  if (first != 0) grid_text(g, row, column + width - 9, 6, kStyleAccent, " more ");
  if (first + shown < m->count)
    grid_text(g, row + shown + 1, column + width - 9, 6, kStyleAccent, " more ");
}

void menu_draw(const struct Menu* m, struct Grid* g) {
  // A box of one item, the bars, trouble, the status and the hints, and a line of air.
  enum { kLeastRows = 10, kLeastColumns = 16, kAround = 8 };
  if (g->rows < kLeastRows || g->columns < kLeastColumns) return;
  draw_bars(m, g);
  const u32 room = g->columns - 4, most = g->rows - kAround;
  draw_list(m, g, kBarRows + 1, most < m->count ? most : m->count);
  if (m->trouble != 0) grid_text(g, g->rows - 3, 2, room, kStyleBad, m->trouble);
  if (m->status != 0) grid_text(g, g->rows - 2, 2, room, kStyleAccent, m->status);
  grid_blank(g, g->rows - 1, 0, g->columns, kStyleBarDim);
  grid_text(g, g->rows - 1, 2, room, kStyleBarDim,
            m->keep != 0
                ? "Up, Down or a number: choose   Enter: do it   d: make it the default (*)"
                : "Up, Down or a number: choose   Enter: do it");
}
