// Disks and trees of files for the tests of what the boot ROM reads: images are made by the tools
// that people use (mke2fs, mkfs.fat, mtools, sfdisk), and what is read is compared with what went in.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

extern "C" {
#include "firmware/rom/storage/volume.h"
}

namespace quince::test {

/// A disk in memory that counts what is asked of it.
class RomDisk {
 public:
  struct Request {
    u64 sector;
    u32 count;
    const void* to;
  };

  RomDisk() = default;
  explicit RomDisk(std::vector<u8> bytes) { set(std::move(bytes)); }
  RomDisk(const RomDisk&) = delete;
  RomDisk& operator=(const RomDisk&) = delete;

  void set(std::vector<u8> bytes);
  /// Reads an image file.
  void load(const std::string& path);

  std::vector<u8>& bytes() { return bytes_; }
  const BlockSource& source() const { return source_; }
  u64 sectors() const { return source_.sectors; }
  std::vector<Request>& requests() { return requests_; }
  /// Requests of this sector or later ones fail.
  void fail_from(u64 sector) { fail_from_ = sector; }

 private:
  static bool read(void* owner, u64 sector, u32 count, void* to);

  std::vector<u8> bytes_;
  std::vector<Request> requests_;
  u64 fail_from_ = ~u64{0};
  BlockSource source_{};
};

/// A mounted volume in memory of its own, so that the sanitizer sees its end.
class RomVolume {
 public:
  /// Mounts the whole disk; `error()` says what volume_mount() said.
  explicit RomVolume(const RomDisk& disk) : RomVolume(disk, 0, disk.sectors()) {}
  RomVolume(const RomDisk& disk, u64 first, u64 sectors);

  const std::string& error() const { return error_; }
  Volume* get() { return volume_.get(); }
  Volume* operator->() { return volume_.get(); }

  /// The contents of a file, or "error: " and what was said.
  std::string read(const std::string& path);
  /// The names in a folder, sorted, with a slash behind folders; an error as read() has it.
  std::vector<std::string> list(const std::string& path);

 private:
  std::unique_ptr<Volume> volume_ = std::make_unique<Volume>();
  std::string error_;
};

/// Text of any length that differs from place to place.
std::string rom_text(std::size_t bytes, u64 seed);
void write_file(const std::string& path, const std::string& contents);
std::string read_file(const std::string& path);

/// Runs a command that must work; the test fails with its output otherwise.
std::string must_run(const std::string& command);

/// A test that is skipped where one of these programs is missing (scripts/install-deps.sh check).
class NeedsTools : public testing::Test {
 protected:
  explicit NeedsTools(std::vector<std::string> tools) : tools_(std::move(tools)) {}
  void SetUp() override;

 private:
  std::vector<std::string> tools_;
};

/// Compares a folder of the host with one of a volume, with everything below: names, contents.
/// Symbolic links are compared by where they lead to.
void expect_same_tree(RomVolume& volume, const std::string& host, const std::string& path);

/// Fills a folder with what every file system here can hold: files of sizes around all the limits,
/// many levels of folders, names of many kinds.
void make_tree(const std::string& folder);

}  // namespace quince::test
