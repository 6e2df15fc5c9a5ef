// Drawing is by 64-bit words, two pixels each: a picture of 1920 x 1080 is a million of them.
#include "firmware/rom/ui/screen.h"

#include "firmware/rom/ui/utf8.h"

enum { kWidth = 8, kHeight = 16, kMaxScale = 8, kMaxColumns = 240, kMaxRows = 120 };
// A scale must leave as many characters as the menu wants.
enum { kWideEnough = 960, kHighEnough = 512 };

struct Glyph {
  u16 code;
  u8 rows[kHeight];
};
static const struct Glyph font[] = {
#include "ui/font_8x16.inc"
};
enum { kGlyphs = sizeof font / sizeof font[0] };

static const struct {
  u32 front, back;
} colours[kStyles] = {
    [kStyleText] = {0xe6e1d6, 0x141a21},      [kStyleDim] = {0x7d8995, 0x141a21},
    [kStyleAccent] = {0xe0b63a, 0x141a21},    [kStyleGood] = {0x7cc47c, 0x141a21},
    [kStyleBad] = {0xff7a6b, 0x141a21},       [kStyleBar] = {0xf4efe4, 0x2b3a4a},
    [kStyleBarDim] = {0xb4c0cc, 0x2b3a4a},    [kStyleChosen] = {0x141a21, 0xe0b63a},
    [kStyleChosenDim] = {0x5a4a17, 0xe0b63a},
};

static const struct Glyph* glyph_of(u32 code) {
  u32 low = 0, high = kGlyphs;
  while (low < high) {
    const u32 middle = (low + high) / 2;
    if (font[middle].code == code) return &font[middle];
    if (font[middle].code < code)
      low = middle + 1;
    else
      high = middle;
  }
  // The last one of the font.
  return &font[kGlyphs - 1];
}

// ---- Pixels ------------------------------------------------------------------------------------

static u64* pixels(const struct Screen* s, u32 x, u32 y) {
  return (u64*)(s->fb.start + (u64)y * s->fb.stride + 4ul * x);
}

static void copy_words(u64* to, const u64* from, u64 words) {
  for (; words >= 4; words -= 4, to += 4, from += 4) {
    const u64 a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
  }
  for (; words != 0; --words) *to++ = *from++;
}

static void fill_words(u64* to, u64 value, u64 words) {
  for (; words >= 8; words -= 8, to += 8) {
    to[0] = to[1] = to[2] = to[3] = value;
    to[4] = to[5] = to[6] = to[7] = value;
  }
  for (; words != 0; --words) *to++ = value;
}

/// A row of a glyph, each pixel `scale` times, as words.
static void expand(u64* to, u8 bits, u32 scale, u64 front, u64 back) {
  u32 pixel = 0x80, times = 0;
  for (u32 i = 0; i < kWidth * scale; ++i) {
    const u64 colour = bits & pixel ? front : back;
    if (i % 2 == 0)
      *to = colour;
    else
      *to++ |= colour << 32;
    if (++times < scale) continue;
    times = 0;
    pixel >>= 1;
  }
}

/// Fills rows of pixels as wide as a character.
static void fill_rows(struct Screen* s, u32 column, u32 y, u32 rows, u64 colour) {
  const u32 width = kWidth * s->scale;
  for (u32 i = 0; i < rows; ++i)
    fill_words(pixels(s, s->left + column * width, y + i), colour | colour << 32, width / 2);
}

static void draw(struct Screen* s, u32 row, u32 column, struct Cell cell) {
  const struct Glyph* const glyph = glyph_of(cell.code);
  const u32 style = cell.style < kStyles ? cell.style : kStyleText, scale = s->scale;
  const u64 front = colours[style].front, back = colours[style].back;
  u64* to = pixels(s, s->left + column * kWidth * scale, s->top + row * kHeight * scale);
  const u64 words = kWidth * scale / 2, next = s->fb.stride / 8;
  for (u32 y = 0; y < kHeight; ++y) {
    u64 line[kWidth * kMaxScale / 2];
    expand(line, glyph->rows[y], scale, front, back);
    for (u32 i = 0; i < scale; ++i, to += next) copy_words(to, line, words);
  }
  // The border above and below looks like the row that it touches.
  if (row == 0) fill_rows(s, column, 0, s->top, back);
  const u32 end = s->top + s->rows * kHeight * scale;
  if (row + 1 == s->rows) fill_rows(s, column, end, s->fb.height - end, back);
  s->shown[row * s->columns + column] = cell;
}

static bool differ(struct Cell a, struct Cell b) { return a.code != b.code || a.style != b.style; }

// ---- The screen --------------------------------------------------------------------------------

static u32 scale_for(const struct Framebuffer* fb) {
  u32 scale = 1;
  while (scale < kMaxScale && fb->width >= kWideEnough * (scale + 1) &&
         fb->height >= kHighEnough * (scale + 1))
    ++scale;
  return scale;
}

static u32 least(u32 a, u32 b) { return a < b ? a : b; }

bool screen_open(struct Screen* s, const struct Framebuffer* fb, struct Arena* memory) {
  *s = (struct Screen){.fb = *fb, .scale = scale_for(fb)};
  s->columns = least(fb->width / (kWidth * s->scale), kMaxColumns);
  s->rows = least(fb->height / (kHeight * s->scale), kMaxRows);
  s->left = (fb->width - s->columns * kWidth * s->scale) / 2 & ~1u;  // at a word
  s->top = (fb->height - s->rows * kHeight * s->scale) / 2;
  s->shown = arena_take(memory, sizeof(struct Cell) * s->columns * s->rows, 8);
  if (s->shown == 0) return false;
  screen_clear(s);
  return true;
}

/// Rows of the picture in the background's colour.
static void wipe(struct Screen* s, u32 y, u32 rows) {
  const u64 back = colours[kStyleText].back;
  fill_words(pixels(s, 0, y), back | back << 32, (u64)rows * s->fb.stride / 8);
}

static void forget(struct Screen* s, u32 row, u32 rows) {
  for (u32 i = row * s->columns; i < (row + rows) * s->columns; ++i)
    s->shown[i] = (struct Cell){' ', kStyleText, 0};
}

void screen_clear(struct Screen* s) {
  wipe(s, 0, s->fb.height);
  forget(s, 0, s->rows);
  screen_page(s, 0, 0);
}

void screen_page(struct Screen* s, u32 row, u32 margin) {
  s->first = s->row = row < s->rows ? row : 0;
  s->column = s->margin = 2 * margin < s->columns ? margin : 0;
}

void screen_show(struct Screen* s, const struct Grid* g) {
  for (u32 row = 0; row < s->rows; ++row)
    for (u32 column = 0; column < s->columns; ++column) {
      const struct Cell cell = g->cells[row * g->columns + column];
      if (differ(cell, s->shown[row * s->columns + column])) draw(s, row, column, cell);
    }
}

static void scroll(struct Screen* s) {
  const u32 height = kHeight * s->scale, from = s->top + s->first * height;
  const u32 moved = (s->rows - s->first - 1) * height;
  copy_words(pixels(s, 0, from), pixels(s, 0, from + height), (u64)moved * s->fb.stride / 8);
  wipe(s, from + moved, height);
  for (u32 i = s->first * s->columns; i < (s->rows - 1) * s->columns; ++i)
    s->shown[i] = s->shown[i + s->columns];
  forget(s, s->rows - 1, 1);
}

void screen_put(struct Screen* s, u32 code, enum Style style) {
  if (code == '\n' || s->column == s->columns - s->margin) {
    s->column = s->margin;
    if (s->row + 1 < s->rows)
      ++s->row;
    else
      scroll(s);
    if (code == '\n') return;
  }
  if (code < 0x20) code = kReplacement;
  draw(s, s->row, s->column++, (struct Cell){(u16)code, (u8)style, 0});
}
