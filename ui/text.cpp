#include "ui/text.h"

#include <algorithm>
#include <iterator>

namespace quince::ui {

namespace {

struct FontRow {
  char32_t code;
  Glyph glyph;
};

constexpr FontRow kFont[] = {
#include "ui/font_8x16.inc"
};
static_assert(std::is_sorted(std::begin(kFont), std::end(kFont),
                             [](const FontRow& a, const FontRow& b) { return a.code < b.code; }));

constexpr char32_t kReplacement = 0xfffd;
static_assert(std::end(kFont)[-1].code == kReplacement);

/// Takes one code point from the front of `text`, which is not empty (RFC 3629 section 3).
char32_t next_code(std::string_view& text) {
  const u8 first = static_cast<u8>(text.front());
  text.remove_prefix(1);
  if (first < 0x80) return first;
  const unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4 || text.size() < more) return kReplacement;
  char32_t code = first & (0x3fu >> more);
  for (unsigned i = 0; i < more; ++i) {
    const u8 byte = static_cast<u8>(text[i]);
    if ((byte & 0xc0) != 0x80) return kReplacement;
    code = code << 6 | (byte & 0x3fu);
  }
  constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x1'0000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < kLeast[more] || code > 0x10'ffff || surrogate) return kReplacement;
  text.remove_prefix(more);
  return code;
}

}  // namespace

const Glyph& glyph_of(char32_t code) {
  const auto it = std::lower_bound(std::begin(kFont), std::end(kFont), code,
                                   [](const FontRow& r, char32_t c) { return r.code < c; });
  return it != std::end(kFont) && it->code == code ? it->glyph : std::end(kFont)[-1].glyph;
}

Size text_size(std::string_view utf8, u32 scale) {
  u32 lines = 1, column = 0, widest = 0;
  while (!utf8.empty()) {
    if (next_code(utf8) == '\n') {
      ++lines;
      column = 0;
    } else {
      widest = std::max(widest, ++column);
    }
  }
  return {widest * kGlyphWidth * scale, lines * kGlyphHeight * scale};
}

void draw_text(Picture& on, u32 x, u32 y, std::string_view utf8, u32 colour, u32 scale) {
  u32 at = x;
  while (!utf8.empty()) {
    const char32_t code = next_code(utf8);
    if (code == '\n') {
      at = x;
      y += kGlyphHeight * scale;
      continue;
    }
    const Glyph& glyph = glyph_of(code);
    for (u32 row = 0; row < kGlyphHeight; ++row)
      for (u32 column = 0; column < kGlyphWidth; ++column)
        if ((glyph[row] & 0x80u >> column) != 0)
          on.fill({at + column * scale, y + row * scale, scale, scale}, colour);
    at += kGlyphWidth * scale;
  }
}

}  // namespace quince::ui
