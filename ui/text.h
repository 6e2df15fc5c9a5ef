// Text on pictures: one bitmap font of 8 x 16 pixels (Spleen), larger by whole factors.
#pragma once

#include <array>
#include <string_view>

#include "ui/picture.h"

namespace quince::ui {

/// One glyph, a byte for each row; the most significant bit is on the left.
using Glyph = std::array<u8, 16>;
inline constexpr u32 kGlyphWidth = 8, kGlyphHeight = 16;

/// The glyph of a code point; that of U+FFFD when the font has none.
const Glyph& glyph_of(char32_t code);

/// How large draw_text() draws: lines end with '\n', every glyph is equally wide.
Size text_size(std::string_view utf8, u32 scale);

/// Draws text with its upper left corner at `x`, `y`; what reaches over the edges is cut off.  A byte
/// that is no UTF-8 becomes U+FFFD.
void draw_text(Picture& on, u32 x, u32 y, std::string_view utf8, u32 colour, u32 scale);

}  // namespace quince::ui
