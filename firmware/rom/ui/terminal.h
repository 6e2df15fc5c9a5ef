// Text on a terminal behind the serial port (ECMA-48), of 80 x 24 characters, or a file that logs it.
#pragma once

#include "firmware/rom/lib/arena.h"
#include "firmware/rom/ui/grid.h"

enum { kTerminalColumns = 80, kTerminalRows = 24 };

struct Terminal {
  void (*put)(char c);
  struct Cell* shown;  ///< what a grid has drawn
  bool drawn;          ///< a grid is on it: text begins below
  enum Style style;
};

/// `put` takes bytes.  Nothing is written.  False: there is no memory for its characters.
bool terminal_open(struct Terminal* t, void (*put)(char c), struct Arena* memory);
/// Clears it.  What a log has of it stays.
void terminal_clear(struct Terminal* t);
/// Shows a grid of kTerminalColumns x kTerminalRows.  The first time it is lines, for logs, of an empty
/// terminal; later only what differs is written.
void terminal_show(struct Terminal* t, const struct Grid* g);
/// Writes a character where the text is; '\n' begins a line.
void terminal_put(struct Terminal* t, u32 code, enum Style style);
/// Ends a line of text: no attributes, and below what a grid has drawn.
void terminal_rest(struct Terminal* t);
