#include "ui/png.h"

#include <fcntl.h>
#include <png.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/fd.h"

namespace quince::ui {

namespace {

std::vector<u8> rgb_of(const Picture& picture) {
  std::vector<u8> rgb;
  rgb.reserve(std::size_t{picture.size().width} * picture.size().height * 3);
  for (u32 y = 0; y < picture.size().height; ++y)
    for (u32 x = 0; x < picture.size().width; ++x) {
      const u32 p = picture.at(x, y);
      rgb.insert(rgb.end(),
                 {static_cast<u8>(p >> 16), static_cast<u8>(p >> 8), static_cast<u8>(p)});
    }
  return rgb;
}

Result<void> write_file(const std::string& path, const std::vector<u8>& bytes) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd) return fail("'{}': {}", path, std::strerror(errno));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno != EINTR) return fail("'{}': {}", path, std::strerror(errno));
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

std::vector<u8> png_of(const Picture& picture) {
  if (picture.size().empty()) return png_of(Picture({1, 1}));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = picture.size().width;
  image.height = picture.size().height;
  image.format = PNG_FORMAT_RGB;
  const std::vector<u8> rgb = rgb_of(picture);
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<u8> png(size);
  // The only failures are of memory and of what stands above.
  if (png_image_write_to_memory(&image, png.data(), &size, 0, rgb.data(), 0, nullptr) == 0)
    return {};
  png.resize(size);
  return png;
}

Result<void> write_png(const Picture& picture, const std::string& path) {
  const std::string partial = path + ".partial";
  TRY_VOID(write_file(partial, png_of(picture)));
  if (::rename(partial.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(partial.c_str());
    return fail("'{}': {}", path, std::strerror(error));
  }
  return {};
}

}  // namespace quince::ui
