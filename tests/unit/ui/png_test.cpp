#include "ui/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <filesystem>
#include <fstream>

namespace quince::ui {
namespace {

/// Read back by libpng's other half: X8R8G8B8 pixels.
std::vector<u32> pixels_of(const std::vector<u8>& png, Size& size) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, png.data(), png.size()) == 0) return {};
  image.format = PNG_FORMAT_BGRA;
  size = {image.width, image.height};
  std::vector<u32> pixels(std::size_t{image.width} * image.height);
  if (png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) == 0) return {};
  return pixels;
}

TEST(Png, APictureComesBack) {
  Picture p({3, 2});
  for (u32 y = 0; y < 2; ++y)
    for (u32 x = 0; x < 3; ++x) p.row(y)[x] = 0x10'2030 * (x + 1) + y;
  Size size;
  const auto pixels = pixels_of(png_of(p), size);
  ASSERT_EQ(size, p.size());
  for (u32 y = 0; y < 2; ++y)
    for (u32 x = 0; x < 3; ++x) EXPECT_EQ(pixels[y * 3 + x], 0xff00'0000 | p.at(x, y));
}

TEST(Png, NothingIsOneBlackPixel) {
  Size size;
  EXPECT_EQ(pixels_of(png_of(Picture()), size), (std::vector<u32>{0xff00'0000}));
}

TEST(Png, AFileAppearsWholeOrNotAtAll) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "png_test";
  std::filesystem::create_directories(folder);
  const std::string path = folder / "shot.png";
  ASSERT_TRUE(write_png(Picture({2, 2}), path));
  EXPECT_EQ(std::filesystem::file_size(path), png_of(Picture({2, 2})).size());
  const auto error = write_png(Picture({2, 2}), folder / "missing" / "shot.png");
  ASSERT_FALSE(error);
  EXPECT_NE(error.error().message().find("missing/shot.png"), std::string::npos);
  // A folder is in the way of the name.
  std::filesystem::create_directories(folder / "taken.png");
  EXPECT_FALSE(write_png(Picture({2, 2}), folder / "taken.png"));
  EXPECT_FALSE(std::filesystem::exists(folder / "taken.png.partial"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace quince::ui
