// A pseudo-terminal of the host as a back end.
#pragma once

#include <memory>
#include <string>

#include "machine/chardev/stream_port.h"

namespace quince::machine {

/// The master's side of a new pseudo-terminal (`pty`).  Somebody is there while a program has the
/// slave open; what the guest writes while nobody is goes nowhere, so that the next one does not
/// begin with old output.
class PtyPort final : public StreamPort {
 public:
  /// `link`: a symbolic link to the slave is made there, and removed at the end; empty for none.
  static Result<std::unique_ptr<CharBackend>> open(const CharHost& host, const std::string& link);
  ~PtyPort() override;

  std::string description() const override { return "pty:" + name_; }
  /// The slave: "/dev/pts/3".
  const std::string& name() const { return name_; }

 private:
  explicit PtyPort(const CharHost& host) : StreamPort(host, OnFull::Drop) {}
  void peer_closed() override;
  void look();
  void on_slave_opened();

  Fd master_;
  Fd opened_;  ///< inotify: says when the slave is opened
  EventLoop::Watch opened_watch_;
  std::string name_, link_;
};

}  // namespace quince::machine
