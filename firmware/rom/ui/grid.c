#include "firmware/rom/ui/grid.h"

#include "firmware/rom/ui/utf8.h"

void grid_put(struct Grid* g, u32 row, u32 column, u32 code, enum Style style) {
  if (row >= g->rows || column >= g->columns) return;
  // Text of a disk must not become a terminal's control sequence (C0, DEL, C1).
  if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code > 0xffff) code = kReplacement;
  g->cells[row * g->columns + column] = (struct Cell){(u16)code, (u8)style, 0};
}

void grid_blank(struct Grid* g, u32 row, u32 column, u32 cells, enum Style style) {
  for (u32 i = 0; i < cells && column + i < g->columns; ++i)
    grid_put(g, row, column + i, ' ', style);
}

void grid_clear(struct Grid* g) {
  for (u32 row = 0; row < g->rows; ++row) grid_blank(g, row, 0, g->columns, kStyleText);
}

u32 grid_text(struct Grid* g, u32 row, u32 column, u32 room, enum Style style, const char* text) {
  u32 used = 0;
  for (u32 code; used < room && (code = utf8_next(&text)) != 0; ++used) {
    const bool cut = used + 1 == room && *text != 0;
    grid_put(g, row, column + used, cut ? kEllipsis : code, style);
  }
  return used;
}

static void line(struct Grid* g, u32 row, u32 column, u32 columns, u32 left, u32 right) {
  grid_put(g, row, column, left, kStyleDim);
  for (u32 i = 1; i + 1 < columns; ++i) grid_put(g, row, column + i, 0x2500, kStyleDim);
  grid_put(g, row, column + columns - 1, right, kStyleDim);
}

void grid_box(struct Grid* g, u32 row, u32 column, u32 rows, u32 columns, const char* title) {
  if (rows < 2 || columns < 8) return;
  line(g, row, column, columns, 0x250c, 0x2510);
  for (u32 i = 1; i + 1 < rows; ++i) {
    grid_put(g, row + i, column, 0x2502, kStyleDim);
    grid_blank(g, row + i, column + 1, columns - 2, kStyleText);
    grid_put(g, row + i, column + columns - 1, 0x2502, kStyleDim);
  }
  line(g, row + rows - 1, column, columns, 0x2514, 0x2518);
  const u32 used = grid_text(g, row, column + 3, columns - 6, kStyleAccent, title);
  grid_put(g, row, column + 2, ' ', kStyleAccent);
  grid_put(g, row, column + 3 + used, ' ', kStyleAccent);
}
