// A folder that lives as long as a test.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace quince::test {

class TempDir {
 public:
  /// `in_memory`: on a file system that no flush has to wait for, where there is one.
  explicit TempDir(bool in_memory = false) {
    std::filesystem::path parent = std::filesystem::temp_directory_path();
    if (in_memory && ::access("/dev/shm", W_OK) == 0) parent = "/dev/shm";
    std::string pattern = (parent / "quince.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  /// A path in the folder.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace quince::test
