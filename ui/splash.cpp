#include "ui/splash.h"

#include <fmt/format.h>

#include <algorithm>

#include "ui/text.h"

namespace quince::ui {

namespace {

constexpr u32 kBackground = 0x00141a21, kName = 0x00e6e1d6, kFacts = 0x009aa5b1, kHint = 0x005d6873,
              kLine = 0x00c9a227;
constexpr u32 kLongest = 512;  // bytes of a text: no picture shows more

/// As much of it as fits into a width, in pixels.
std::string fitting(std::string_view utf8, u32 scale, u32 width) {
  std::string text(utf8.substr(0, kLongest));
  if (text_size(text, scale).width <= width) return text;
  constexpr std::string_view kMore = "…";
  while (!text.empty() && text_size(text + std::string(kMore), scale).width > width) do
      text.pop_back();
    while (!text.empty() && (static_cast<u8>(text.back()) & 0xc0) == 0x80);
  if (!text.empty() && static_cast<u8>(text.back()) >= 0xc0) text.pop_back();  // its rest is gone
  return text + std::string(kMore);
}

void draw_centred(Picture& on, u32 y, std::string_view text, u32 colour, u32 scale) {
  const std::string shown = fitting(text, scale, on.size().width);
  const u32 width = std::min(text_size(shown, scale).width, on.size().width);
  draw_text(on, (on.size().width - width) / 2, y, shown, colour, scale);
}

}  // namespace

std::string memory_text(u64 bytes) {
  if (bytes >= GiB && bytes % GiB == 0) return fmt::format("{} GiB", bytes / GiB);
  return fmt::format("{} MiB", bytes / MiB);
}

Picture splash(const MachineFacts& facts, std::string_view hint, Size size) {
  Picture picture(size);
  picture.fill(Rect::all(size), kBackground);
  if (size.empty()) return picture;
  const u32 scale = std::clamp(std::min(size.width / 640, size.height / 400), 1u, 6u);
  const u32 line = kGlyphHeight * scale;
  const u32 block = 8 * line;
  u32 y = size.height > block ? (size.height - block) / 2 : 0;
  draw_centred(picture, y, facts.name, kName, 2 * scale);
  y += 2 * line + line / 2;
  const u32 rule = std::min(size.width, 96 * scale);
  picture.fill({(size.width - rule) / 2, y, rule, scale}, kLine);
  y += line;
  draw_centred(picture, y, fmt::format("machine '{}'", facts.board), kFacts, scale);
  y += line + line / 4;
  draw_centred(picture, y, fmt::format("{}, {}", facts.cpu, memory_text(facts.memory_bytes)),
               kFacts, scale);
  y += line + line / 4;
  if (!facts.boots.empty())
    draw_centred(picture, y, fmt::format("starts {}", facts.boots), kFacts, scale);
  if (size.height > block + 4 * line)
    draw_centred(picture, size.height - 2 * line, hint, kHint, scale);
  return picture;
}

}  // namespace quince::ui
