// What the pages of the project name must be there: links, and paths in backquotes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace quince::test {
namespace {

namespace fs = std::filesystem;

/// Every page, apart from what a build left behind.
std::vector<fs::path> pages() {
  std::vector<fs::path> found;
  const fs::path root = QUINCE_SOURCE_DIR;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name == "build" || name.starts_with('.')))
      it.disable_recursion_pending();
    else if (it->path().extension() == ".md")
      found.push_back(it->path());
  }
  return found;
}

/// The text of a page without its indented code.
std::string read(const fs::path& p) {
  std::ifstream in(p);
  std::string all;
  for (std::string line; std::getline(in, line);)
    if (!line.starts_with("    ")) all += line + "\n";
  return all;
}

/// What stands between `open` and `close`, wherever that is on one line.
std::vector<std::string> between(const std::string& text, std::string_view open, char close) {
  std::vector<std::string> found;
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    at += open.size();
    const std::size_t end = text.find_first_of(std::string{close, '\n'}, at);
    if (end == std::string::npos) break;
    if (text[end] == close) found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

/// A path of ours: folders and a name that ends as sources and pages do, and no wildcard.
bool looks_like_a_path(const std::string& s) {
  if (s.find_first_of(" *<>{}[]()\\:=,") != std::string::npos || s.find('/') == std::string::npos)
    return false;
  if (s.starts_with("build/")) return false;
  for (const std::string_view end : {".h", ".cpp", ".inc", ".py", ".sh", ".txt", ".md", "/"})
    if (s.ends_with(end)) return true;
  return false;
}

TEST(DocPaths, LinksLeadSomewhere) {
  unsigned links = 0;
  for (const fs::path& page : pages())
    for (const std::string& link : between(read(page), "](", ')')) {
      if (link.starts_with("#") || link.find("://") != std::string::npos) continue;
      EXPECT_TRUE(fs::exists(page.parent_path() / link.substr(0, link.find('#'))))
          << page << " links to " << link;
      ++links;
    }
  EXPECT_GT(links, 10u);
}

TEST(DocPaths, NamedFilesExist) {
  const fs::path root = QUINCE_SOURCE_DIR;
  unsigned named = 0;
  for (const fs::path& page : pages())
    for (const std::string& path : between(read(page), "`", '`')) {
      if (!looks_like_a_path(path)) continue;
      bool found = false;  // from the root, from the page, or from the folder that it is about
      for (fs::path from = page.parent_path(); !found; from = from.parent_path()) {
        found = fs::exists(from / path);
        if (from == root) break;
      }
      // Pages of docs/ may leave out the layer that they talk about.
      for (const char* layer : {"cpu", "hw/core", "hw", "tests"})
        found = found || fs::exists(root / layer / path);
      EXPECT_TRUE(found) << page << " names " << path;
      ++named;
    }
  EXPECT_GT(named, 50u);
}

}  // namespace
}  // namespace quince::test
