// Sockets of the host's side of a test, all without blocking.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/fd.h"
#include "tests/support/packets.h"

namespace quince::net {

inline sockaddr_in loopback(u16 port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

/// A TCP (or UDP) server on a free port of the loopback interface.
class HostServer {
 public:
  explicit HostServer(int type = SOCK_STREAM) : fd_(::socket(AF_INET, type | SOCK_NONBLOCK, 0)) {
    const sockaddr_in a = loopback(0);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    if (type == SOCK_STREAM) ::listen(fd_.get(), 4);
  }
  u16 port() const {
    sockaddr_in a{};
    socklen_t size = sizeof a;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&a), &size);
    return ntohs(a.sin_port);
  }
  /// A connection if one has come.
  bool accept(Fd& out) const {
    out = Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK));
    return static_cast<bool>(out);
  }
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

inline Fd connect_to(u16 port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in a = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) return Fd();
  return fd;
}

inline sockaddr_un unix_name(const std::string& path) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::strncpy(a.sun_path, path.c_str(), sizeof a.sun_path - 1);
  return a;
}

/// Adds what there is to read to `to`.  False at the end of the stream.
inline bool read_more(const Fd& fd, Bytes& to) {
  std::array<u8, 65536> data;
  for (;;) {
    const ssize_t n = ::recv(fd.get(), data.data(), data.size(), MSG_DONTWAIT);
    if (n < 0) return true;
    if (n == 0) return false;
    to.insert(to.end(), data.begin(), data.begin() + n);
  }
}

inline void write_all(const Fd& fd, std::span<const u8> data) {
  ASSERT_EQ(::send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(data.size()));
}

/// A folder that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "quince_net_XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace quince::net
