// Pictures as PNG files (libpng).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ui/picture.h"

namespace quince::ui {

/// The picture as a PNG of 8-bit RGB.  A picture without pixels becomes one black pixel, because
/// PNG has no empty ones.
std::vector<u8> png_of(const Picture& picture);

/// Writes it to a file that appears whole or not at all.  The error names the file.
Result<void> write_png(const Picture& picture, const std::string& path);

}  // namespace quince::ui
