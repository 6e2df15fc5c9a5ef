#include "hw/core/archive.h"

#include <gtest/gtest.h>

namespace quince {
namespace {

enum class Mood : u8 { Calm, Busy };

struct Unit {
  u32 a = 0;
  bool b = false;
  Mood m = Mood::Calm;
  std::array<u16, 3> arr{};
  void snapshot(Archive& ar) {
    ar.field("a", a);
    ar.field("b", b);
    ar.section("part", [&](Archive& x) {
      x.field("m", m);
      x.field("arr", arr);
    });
  }
};

TEST(Archive, RoundTripThroughAFileImage) {
  Unit u{7, true, Mood::Busy, {1, 2, 3}};
  Archive save(Archive::Mode::Save);
  save.section("u", [&](Archive& ar) { u.snapshot(ar); });
  auto load = Archive::decode(save.encode());
  ASSERT_TRUE(load);
  Unit v;
  load->section("u", [&](Archive& ar) { v.snapshot(ar); });
  ASSERT_TRUE(load->finish());
  EXPECT_EQ(v.a, 7u);
  EXPECT_TRUE(v.b);
  EXPECT_EQ(v.m, Mood::Busy);
  EXPECT_EQ(v.arr, u.arr);
  EXPECT_EQ(save.schema(), "u.a u32\nu.b bool\nu.part.arr u16[3]\nu.part.m u8\n");
}

TEST(Archive, MissingUnknownAndMistypedFieldsAreRefusedByName) {
  u32 x = 1;
  u16 narrow = 0;
  Archive save(Archive::Mode::Save);
  save.field("x", x);
  save.set_mode(Archive::Mode::Load);
  save.field("y", x);
  EXPECT_EQ(save.finish().error().message(), "snapshot has no field 'y'");
  save.set_mode(Archive::Mode::Load);
  EXPECT_EQ(save.finish().error().message(), "snapshot field 'x' is unknown here");
  save.field("x", narrow);
  EXPECT_EQ(save.finish().error().message(), "snapshot field 'x' is u32, not u16");
  u32 z = 0;
  save.set_mode(Archive::Mode::Load);
  save.field("x", x);
  save.optional("z", z, 9u);
  EXPECT_TRUE(save.finish());
  EXPECT_EQ(z, 9u);
}

TEST(Archive, DiffNamesTheFirstDifference) {
  Unit u, v;
  v.arr[2] = 1;
  Archive a(Archive::Mode::Save), b(Archive::Mode::Save);
  u.snapshot(a);
  v.snapshot(b);
  EXPECT_EQ(Archive::diff(a, b), "'part.arr' differs");
  EXPECT_EQ(Archive::diff(a, a), std::nullopt);
  EXPECT_NE(a.hash(), b.hash());
}

TEST(Archive, DamagedImagesAreRefused) {
  Unit u;
  Archive save(Archive::Mode::Save);
  u.snapshot(save);
  const std::vector<u8> image = save.encode();
  for (std::size_t n = 0; n < image.size(); ++n)
    EXPECT_FALSE(Archive::decode({image.data(), n})) << n;
}

}  // namespace
}  // namespace quince
