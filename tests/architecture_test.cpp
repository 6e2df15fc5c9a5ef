// The layering of docs/architecture.md, proven: includes point one way.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace fs = std::filesystem;

namespace {

// A layer may include itself and these.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"base", {}},
    {"hw/core", {"base"}},
    {"block", {"base"}},
    {"net", {"base"}},
    {"ui", {"base"}},
    {"cpu", {"base", "hw/core"}},
    {"firmware", {"base", "hw/core"}},
    {"firmware/rom", {}},
    {"hw", {"base", "hw/core", "block", "net", "ui"}},
    {"machine",
     {"base", "hw/core", "hw", "cpu", "block", "net", "ui", "firmware", "machine/listing"}},
    {"machine/listing", {"base", "cpu"}},
};

// A table of numbers: the window and the boot ROM have the same letters.
constexpr const char* kFont = "ui/font_8x16.inc";

std::string layer_of(const std::string& path) {  // longest matching prefix
  std::string best;
  for (const auto& [layer, _] : kMayInclude)
    if (path.starts_with(layer + "/") && layer.size() > best.size()) best = layer;
  return best;
}

bool is_source(const fs::path& p) {
  return p.extension() == ".h" || p.extension() == ".cpp" || p.extension() == ".c" ||
         p.extension() == ".inc";
}

/// The file of an #include "..." line, or nothing.
std::string included(const std::string& line) {
  if (!line.starts_with("#include \"")) return {};
  const std::size_t from = line.find('"') + 1;
  return line.substr(from, line.find('"', from) - from);
}

TEST(Architecture, IncludesOnlyPointDownwards) {
  const fs::path root = QUINCE_SOURCE_DIR;
  unsigned seen = 0;
  for (const auto& [layer, allowed] : kMayInclude) {
    ASSERT_TRUE(fs::exists(root / layer)) << layer;
    for (const auto& f : fs::recursive_directory_iterator(root / layer)) {
      const std::string rel = fs::relative(f.path(), root).generic_string();
      if (!f.is_regular_file() || !is_source(f.path()) || layer_of(rel) != layer) continue;
      std::ifstream in(f.path());
      for (std::string line; std::getline(in, line);)
        if (const std::string file = included(line); !file.empty()) {
          if (file == kFont) continue;
          const std::string to = layer_of(file);
          EXPECT_TRUE(to == layer || allowed.contains(to)) << rel << " includes " << file;
          ++seen;
        }
    }
  }
  EXPECT_GT(seen, 20u);
}

TEST(Architecture, OnlyTheWindowKnowsSdl) {
  const fs::path root = QUINCE_SOURCE_DIR;
  unsigned seen = 0;
  for (const auto& [layer, _] : kMayInclude)
    for (const auto& f : fs::recursive_directory_iterator(root / layer)) {
      const std::string rel = fs::relative(f.path(), root).generic_string();
      if (!f.is_regular_file() || !is_source(f.path()) || rel.starts_with("ui/sdl/")) continue;
      std::ifstream in(f.path());
      for (std::string line; std::getline(in, line);) {
        EXPECT_FALSE(line.starts_with("#include <SDL")) << rel;
        if (!included(line).starts_with("ui/sdl/")) continue;
        EXPECT_EQ(rel, "machine/main.cpp");
        ++seen;
      }
    }
  EXPECT_EQ(seen, 1u);
}

TEST(Architecture, OnlyTheListingKnowsTheDisassembler) {
  const fs::path root = QUINCE_SOURCE_DIR;
  unsigned seen = 0;
  for (const auto& [layer, _] : kMayInclude)
    for (const auto& f : fs::recursive_directory_iterator(root / layer)) {
      if (!f.is_regular_file() || !is_source(f.path())) continue;
      std::ifstream in(f.path());
      for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("#include <Zydis") && !line.starts_with("#include <Zycore")) continue;
        EXPECT_EQ(fs::relative(f.path(), root), "machine/listing/host_code.cpp");
        ++seen;
      }
    }
  EXPECT_GE(seen, 2u);
}

TEST(Architecture, EveryFolderHasAReadme) {
  const fs::path root = QUINCE_SOURCE_DIR;
  for (const auto& [layer, _] : kMayInclude)
    EXPECT_TRUE(fs::exists(root / layer / "README.md")) << layer;
  // Folders at the top, and the parts of the layers that have such.
  unsigned seen = 0;
  for (const char* parent : {"", "cpu", "hw", "tests"})
    for (const auto& f : fs::directory_iterator(root / parent)) {
      const std::string name = f.path().filename().string();
      if (!f.is_directory() || name == "build" || name.starts_with('.')) continue;
      EXPECT_TRUE(fs::exists(f.path() / "README.md")) << f.path();
      ++seen;
    }
  EXPECT_GT(seen, 20u);
  EXPECT_TRUE(fs::exists(root / "README.md"));
}

}  // namespace
