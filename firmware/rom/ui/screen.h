// Text on a framebuffer: the font of the emulator's window (Spleen 8x16), each pixel of it as a square of
// the screen's where the mode is large.
#pragma once

#include "firmware/rom/drivers/framebuffer.h"
#include "firmware/rom/lib/arena.h"
#include "firmware/rom/ui/grid.h"

struct Screen {
  struct Framebuffer fb;
  u32 scale;           ///< pixels of the screen for one of the font
  u32 columns, rows;   ///< characters
  u32 left, top;       ///< pixels of border, so that the text is in the middle
  struct Cell* shown;  ///< what the picture has
  u32 row, column;     ///< where screen_put() goes on
  u32 first;           ///< rows from here on move when the text reaches the end
  u32 margin;          ///< columns that screen_put() leaves free on both sides
};

/// Everything in the background's colour.  False: there is no memory for its characters.
bool screen_open(struct Screen* s, const struct Framebuffer* fb, struct Arena* memory);
/// Clears it, and the text goes on in the first row.
void screen_clear(struct Screen* s);
/// Text goes on at row `row`, above which nothing moves, with a margin.
void screen_page(struct Screen* s, u32 row, u32 margin);
/// Draws the characters that differ from what is there.  The grid is as large as the screen.
void screen_show(struct Screen* s, const struct Grid* g);
/// Writes a character behind the last one; '\n' begins a line, and behind the last line everything moves up.
void screen_put(struct Screen* s, u32 code, enum Style style);
