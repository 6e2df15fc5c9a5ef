#include "tests/golden/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace quince::test {

namespace {

bool updating() {
  const char* v = std::getenv("QUINCE_UPDATE_GOLDEN");
  return v != nullptr && std::string_view(v) == "1";
}

}  // namespace

void expect_golden(const std::string& path, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(QUINCE_SOURCE_DIR) / path;
  if (updating()) {
    std::ofstream out(file, std::ios::binary);
    out << text;
    ASSERT_TRUE(out.flush()) << "cannot write " << path;
    return;
  }
  std::ifstream in(file, std::ios::binary);
  ASSERT_TRUE(in) << path << " is missing; QUINCE_UPDATE_GOLDEN=1 writes it";
  std::stringstream all;
  all << in.rdbuf();
  if (all.str() == text) return;
  std::istringstream stored(all.str()), made(text);
  std::string was, is;
  for (unsigned n = 1;; ++n) {
    const bool more_stored = static_cast<bool>(std::getline(stored, was));
    const bool more_made = static_cast<bool>(std::getline(made, is));
    if (more_stored && more_made && was == is) continue;
    ADD_FAILURE() << path << ":" << n
                  << " is not what the code says\n  file: " << (more_stored ? was : "(its end)")
                  << "\n  code: " << (more_made ? is : "(its end)")
                  << "\nIf the change is meant, run this test with QUINCE_UPDATE_GOLDEN=1.";
    return;
  }
}

}  // namespace quince::test
