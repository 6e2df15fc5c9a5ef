// A server over a fresh folder, and a client of it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "hw/virtio/9p/server.h"
#include "tests/support/p9_client.h"
#include "tests/support/temp_dir.h"

namespace quince::p9 {

/// In the temporary folder: "share", which is served, and "outside" with a file "secret".
struct P9Bench : ::testing::Test {
  test::TempDir dir;
  FolderConfig config;
  std::unique_ptr<Server> server;
  test::P9Client c{[this](std::span<const u8> m) {
    std::vector<u8> reply;
    EXPECT_TRUE(server->handle(m, 1 << 20, reply));
    return reply;
  }};

  P9Bench() {
    std::filesystem::create_directories(dir / "share");
    std::filesystem::create_directories(dir / "outside");
    put("outside/secret", "secret");
    config.path = dir / "share";
    config.model = SecurityModel::None;  // so that it works for any user of the host
  }
  /// Starts the server with `config`, and a session whose fid 0 is the folder.
  void start(u32 uid = kNoUid) {
    auto folder = Folder::open(config);
    ASSERT_TRUE(folder) << folder.error().message();
    server = std::make_unique<Server>(std::move(*folder));
    ASSERT_EQ(c.version(), 0);
    ASSERT_EQ(c.attach(0, uid), 0);
  }

  // The host's side; names are from the temporary folder.
  void put(const std::string& name, const std::string& contents) {
    std::ofstream(dir / name) << contents;
  }
  std::string get(const std::string& name) {
    std::ostringstream all;
    all << std::ifstream(dir / name).rdbuf();
    return all.str();
  }
  bool exists(const std::string& name) {
    struct stat st {};
    return ::lstat((dir / name).c_str(), &st) == 0;
  }
  static bool root() { return ::geteuid() == 0; }
  struct stat host(const std::string& name) {
    struct stat st {};
    EXPECT_EQ(::lstat((dir / name).c_str(), &st), 0) << name;
    return st;
  }
};

}  // namespace quince::p9
