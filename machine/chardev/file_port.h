// Named files as back ends: files, pairs of pipes, serial lines of the host.
#pragma once

#include <memory>

#include "machine/chardev/stdio_port.h"
#include "machine/chardev/stream_port.h"

namespace quince::machine {

/// A file that receives output (`file`), and perhaps one that input is read from.  Either may be
/// any file that can be opened, a pipe or terminal too.
class FilePort final : public StreamPort {
 public:
  /// Truncates `path`, or with `append` adds to it.  An empty `input_path`: no input.
  static Result<std::unique_ptr<CharBackend>> open(const CharHost& host, const std::string& path,
                                                   bool append, const std::string& input_path);
  std::string description() const override { return "file"; }

 private:
  explicit FilePort(const CharHost& host) : StreamPort(host, OnFull::Wait) {}
  void peer_closed() override {}
};

/// Named pipes (`pipe`): the guest reads from `path`.in and writes to `path`.out; where one of the
/// two is missing, `path` serves for both directions.  Somebody else makes them.  They are opened
/// for reading and writing, so a peer may come and go, and there is always "somebody".
class PipePort final : public StreamPort {
 public:
  static Result<std::unique_ptr<CharBackend>> open(const CharHost& host, const std::string& path);
  std::string description() const override { return "pipe"; }

 private:
  explicit PipePort(const CharHost& host) : StreamPort(host, OnFull::Drop) {}
};

/// A serial line of the host (`serial`, also called `tty`), at 115200 8N1.  What the guest
/// programs into its own port does not change the line.
class SerialLinePort final : public StreamPort {
 public:
  static Result<std::unique_ptr<CharBackend>> open(const CharHost& host, const std::string& path);
  ~SerialLinePort() override;
  std::string description() const override { return "serial"; }

 private:
  explicit SerialLinePort(const CharHost& host) : StreamPort(host, OnFull::Drop) {}

  Fd line_;
  RawTerminal terminal_;  // before line_ goes
};

/// The output of a back end, copied to a file as well (`logfile=`).
class LoggedPort final : public CharBackend {
 public:
  /// Truncates the file at `path`, or with `append` adds to it.
  static Result<std::unique_ptr<CharBackend>> open(std::unique_ptr<CharBackend> port,
                                                   const std::string& path, bool append);

  void write(std::span<const u8> data) override;
  void attach(hw::CharReceiver* receiver) override { port_->attach(receiver); }
  void accept_input() override { port_->accept_input(); }
  std::size_t can_write() const override { return port_->can_write(); }
  bool is_connected() const override { return port_->is_connected(); }
  std::string description() const override { return port_->description(); }
  u64 dropped() const override { return port_->dropped(); }

 private:
  LoggedPort(std::unique_ptr<CharBackend> port, Fd log)
      : port_(std::move(port)), log_(std::move(log)) {}

  std::unique_ptr<CharBackend> port_;
  Fd log_;  ///< closed after an error: a full disk ends the log, not the machine
};

}  // namespace quince::machine
