// QEMU's 9P server, run live and driven over its qtest protocol: another implementation to compare
// answers and what is left in the folder with.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/types.h"

namespace quince::test {

class Qemu9p {
 public:
  /// Starts qemu-system-aarch64 with a virtio-9p-device over `folder`; `options` follow in its
  /// -fsdev.  Null when there is none, or it does not start.
  static std::unique_ptr<Qemu9p> start(const std::string& folder, const std::string& options);
  ~Qemu9p();
  Qemu9p(const Qemu9p&) = delete;
  Qemu9p& operator=(const Qemu9p&) = delete;

  /// Sends a request and waits for its answer; empty when QEMU has given up.
  std::vector<u8> call(std::span<const u8> request);

 private:
  Qemu9p() = default;
  bool find_device();
  bool setup();
  /// A command and what comes behind its "OK".
  bool command(const std::string& line, std::string& answer);
  u64 read(const char* how, u64 address);
  void write(const char* how, u64 address, u64 value);

  pid_t pid_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  u64 device_ = 0;
  u16 index_ = 0;
};

}  // namespace quince::test
