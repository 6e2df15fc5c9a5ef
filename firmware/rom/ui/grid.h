// A screen of characters as it is to look, on a terminal or on a picture.
#pragma once

#include "firmware/rom/lib/types.h"

/// What a character looks like.  Screens have colours for each, and terminals attributes.
enum Style {
  kStyleText,
  kStyleDim,
  kStyleAccent,
  kStyleGood,
  kStyleBad,
  kStyleBar,
  kStyleBarDim,
  kStyleChosen,
  kStyleChosenDim,
  kStyles,
};

struct Cell {
  u16 code;  ///< Unicode
  u8 style;
  u8 unused;
};

struct Grid {
  u32 columns, rows;
  struct Cell* cells;  ///< row by row
};

enum { kEllipsis = 0x2026 };

/// Writes `cells` blanks; what reaches over the edge is cut off, here and below.
void grid_blank(struct Grid* g, u32 row, u32 column, u32 cells, enum Style style);
void grid_clear(struct Grid* g);
/// Writes one character; a control character becomes U+FFFD.
void grid_put(struct Grid* g, u32 row, u32 column, u32 code, enum Style style);
/// Writes UTF-8 text into at most `room` cells; longer text ends with an ellipsis.  How many cells it took.
u32 grid_text(struct Grid* g, u32 row, u32 column, u32 room, enum Style style, const char* text);
/// An empty box with lines around it, and a title in the upper one.
void grid_box(struct Grid* g, u32 row, u32 column, u32 rows, u32 columns, const char* title);
