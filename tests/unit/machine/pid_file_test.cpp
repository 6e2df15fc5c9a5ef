// The file of -pidfile: written, locked, and gone at the end.
#include "machine/pid_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "tests/support/temp_dir.h"

namespace quince::machine {
namespace {

namespace fs = std::filesystem;

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string error(const std::string& path) {
  const auto file = PidFile::create(path);
  return file ? "no error" : file.error().message();
}

const std::string kOurs = std::to_string(::getpid()) + "\n";

TEST(PidFile, IsThereWhileTheObjectIs) {
  const test::TempDir folder;
  const std::string path = folder / "pid";
  {
    const auto file = PidFile::create(path);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(contents(path), kOurs);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(PidFile, WhatAKilledMachineLeftIsWrittenAnew) {
  const test::TempDir folder;
  const std::string path = folder / "pid";
  std::ofstream(path) << "123456789012345\n";
  const auto file = PidFile::create(path);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(contents(path), kOurs);
}

TEST(PidFile, OneMachineForOneFile) {
  const test::TempDir folder;
  const std::string path = folder / "pid";
  {
    const auto file = PidFile::create(path);
    ASSERT_TRUE(file);
    EXPECT_EQ(error(path), "'" + path + "' is in use by another process");
    EXPECT_EQ(contents(path), kOurs);  // the loser did not remove it
  }
  EXPECT_EQ(error(path), "no error");
}

TEST(PidFile, OnlyTheOwnFileIsRemoved) {
  const test::TempDir folder;
  const std::string path = folder / "pid", link = folder / "link";
  {
    const auto file = PidFile::create(path);
    ASSERT_TRUE(file);
    fs::rename(path, folder / "moved");
    std::ofstream(path) << "another's";
  }
  EXPECT_EQ(contents(path), "another's");
  EXPECT_EQ(contents(folder / "moved"), kOurs);
  fs::create_symlink(path, link);
  { ASSERT_TRUE(PidFile::create(link)); }
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(contents(path), kOurs);
}

TEST(PidFile, ErrorsNameTheFile) {
  const test::TempDir folder;
  const std::string none = folder / "none/pid";
  EXPECT_EQ(error(none), "could not open '" + none + "': No such file or directory");
  EXPECT_EQ(error(folder.path()), "could not open '" + folder.path() + "': Is a directory");
  EXPECT_EQ(error("/dev/full"), "could not write '/dev/full': No space left on device");
  EXPECT_TRUE(fs::exists("/dev/full"));
}

}  // namespace
}  // namespace quince::machine
