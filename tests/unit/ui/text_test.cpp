#include "ui/text.h"

#include <gtest/gtest.h>

#include "ui/meter.h"
#include "ui/splash.h"

namespace quince::ui {
namespace {

constexpr u32 kInk = 0x00ff'ffff;

u64 ink(const Picture& p, Rect area) {
  u64 n = 0;
  for (u32 y = area.y; y < area.y + area.height; ++y)
    for (u32 x = area.x; x < area.x + area.width; ++x) n += p.at(x, y) == kInk;
  return n;
}

TEST(Text, GlyphsAreThoseOfTheFont) {
  const Glyph a{0, 0, 0x7c, 0xc6, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6, 0xc6, 0, 0, 0, 0};
  EXPECT_EQ(glyph_of('A'), a);
  EXPECT_EQ(glyph_of(' '), Glyph{});
  EXPECT_EQ(glyph_of(0x2588)[0], 0xff);  // a full block
  EXPECT_EQ(glyph_of(0x1'f600), glyph_of(0xfffd));
  for (char32_t c = 0x21; c < 0x7f; ++c) EXPECT_NE(glyph_of(c), glyph_of(0xfffd)) << unsigned(c);
}

TEST(Text, EveryBitOfAGlyphIsASquare) {
  for (const u32 scale : {1u, 3u}) {
    Picture p({20 * scale, 40 * scale});
    draw_text(p, 2 * scale, 1 * scale, "A", kInk, scale);
    for (u32 y = 0; y < p.size().height; ++y)
      for (u32 x = 0; x < p.size().width; ++x) {
        const s32 column = static_cast<s32>(x / scale) - 2, row = static_cast<s32>(y / scale) - 1;
        const bool set = column >= 0 && column < 8 && row >= 0 && row < 16 &&
                         (glyph_of('A')[static_cast<u32>(row)] & 0x80 >> column) != 0;
        ASSERT_EQ(p.at(x, y), set ? kInk : 0) << x << ' ' << y;
      }
  }
}

TEST(Text, SizesAreOfLinesAndCodePoints) {
  EXPECT_EQ(text_size("", 1), (Size{0, 16}));
  EXPECT_EQ(text_size("2 × a", 2), (Size{5 * 16, 32}));
  EXPECT_EQ(text_size("a\nbcd\n", 1), (Size{24, 48}));
  // Not UTF-8: a glyph for each byte that stands for nothing.
  EXPECT_EQ(text_size("\xff\xc3", 1), (Size{16, 16}));
  EXPECT_EQ(text_size("\xe2\x80z", 1), (Size{24, 16}));
  EXPECT_EQ(text_size("\xc0\x80\xed\xa0\x80", 1), (Size{40, 16}));  // overlong; a surrogate
  EXPECT_EQ(text_size("\xf0\x9f\x98\x80", 1), (Size{8, 16}));
}

TEST(Text, LinesBeginUnderTheFirst) {
  Picture p({40, 40});
  draw_text(p, 8, 0, "\n█", kInk, 1);
  EXPECT_EQ(ink(p, {8, 16, 8, 16}), 8u * 16);
  EXPECT_EQ(ink(p, Rect::all(p.size())), 8u * 16);
}

TEST(Text, IsCutOffAtTheEdges) {
  Picture p({12, 20});
  draw_text(p, 0, 8, "██\n█", kInk, 1);
  EXPECT_EQ(ink(p, Rect::all(p.size())), 12u * 12);
  draw_text(p, 100, 100, "█", kInk, 4);
}

MachineFacts facts() {
  return {.name = "quince",
          .board = "virt",
          .cpu = "2 × quince-v1",
          .memory_bytes = 2 * GiB,
          .boots = "disk.qcow2"};
}

u32 colours(const Picture& p) {
  std::vector<u32> seen;
  for (u32 y = 0; y < p.size().height; ++y)
    for (u32 x = 0; x < p.size().width; ++x)
      if (std::find(seen.begin(), seen.end(), p.at(x, y)) == seen.end()) seen.push_back(p.at(x, y));
  return static_cast<u32>(seen.size());
}

TEST(Splash, SaysWhatTheMachineIs) {
  const Picture p = splash(facts(), "hint", {640, 400});
  EXPECT_EQ(p.size(), (Size{640, 400}));
  EXPECT_EQ(colours(p), 5u);  // ground, name, rule, facts, hint
  MachineFacts other = facts();
  other.memory_bytes = 3 * GiB;
  EXPECT_NE(splash(other, "hint", {640, 400}), p);
  other = facts();
  other.boots = "other.img";
  EXPECT_NE(splash(other, "hint", {640, 400}), p);
}

TEST(Splash, HasAnySize) {
  MachineFacts long_one = facts();
  long_one.name = std::string(10'000, 'x');
  long_one.boots = "é" + std::string(300, 'y');
  for (const Size s : {Size{}, Size{1, 1}, Size{9, 5}, Size{100, 4000}, Size{3840, 2160}})
    EXPECT_EQ(splash(long_one, "hint", s).size(), s);
}

TEST(Splash, MemoryIsSaidInWholeUnits) {
  EXPECT_EQ(memory_text(512 * MiB), "512 MiB");
  EXPECT_EQ(memory_text(4 * GiB), "4 GiB");
  EXPECT_EQ(memory_text(1536 * MiB), "1536 MiB");
}

TEST(Meter, SaysWhatHappenedBetweenTwoLooks) {
  Meter m;
  Status s{
      .running = true, .instructions = 1000, .host_cpu_ns = 0, .disk_bytes = 0, .net_bytes = 7};
  EXPECT_FALSE(m.look(s, 1'000'000'000, 10));
  EXPECT_FALSE(m.look(s, 1'000'000'000, 10));
  s.instructions += 50'000'000;
  s.host_cpu_ns += 750'000'000;
  s.disk_bytes += 2'048'000;
  const auto r = m.look(s, 1'500'000'000, 40);
  ASSERT_TRUE(r);
  EXPECT_DOUBLE_EQ(r->instructions, 100e6);
  EXPECT_DOUBLE_EQ(r->host_cpus, 1.5);
  EXPECT_DOUBLE_EQ(r->frames, 60);
  EXPECT_DOUBLE_EQ(r->disk_bytes, 4'096'000);
  EXPECT_DOUBLE_EQ(r->net_bytes, 0);
  EXPECT_EQ(to_text(*r),
            "guest    100.0 MIPS\nhost CPU      150 %\nframes        60 /s\n"
            "disk       4.1 MB/s\nnetwork       0 B/s");
}

TEST(Meter, AStoppedMachineSaysSo) {
  EXPECT_TRUE(to_text(Rates{}).starts_with("guest       stopped\n"));
}

}  // namespace
}  // namespace quince::ui
