// Copies of frames in a file (`-object filter-dump`), in the classic libpcap format: a header of 24
// bytes, then each frame after its time and lengths (pcap-savefile(5)), in the host's byte order.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "net/config.h"
#include "net/host.h"
#include "net/net.h"

namespace quince::net {

/// Writes frames to a regular file, which never makes the writer wait for a reader.
class PcapFile {
 public:
  static Result<PcapFile> create(const std::string& path, u32 max_length);

  /// Adds a frame, seen at `time_us` microseconds after 1970.  After an error nothing more is
  /// written; false says so once.
  bool write(u64 time_us, std::span<const u8> frame);

 private:
  PcapFile(Fd fd, u32 max_length) : fd_(std::move(fd)), max_length_(max_length) {}

  Fd fd_;  ///< none after an error
  u32 max_length_;
};

/// Stands between a device and its port and writes down what passes, as it passes: a checksum that
/// is left to others is not in the file, and a large segment is whole.
class DumpPort final : public Port {
 public:
  DumpPort(const DumpOptions& options, PcapFile file, std::unique_ptr<Port> port, const Host& host)
      : options_(options), file_(std::move(file)), port_(std::move(port)), host_(host) {}
  ~DumpPort() override;
  DumpPort(const DumpPort&) = delete;
  DumpPort& operator=(const DumpPort&) = delete;

  Features features() const override { return port_->features(); }
  void send(std::span<const u8> frame, const Offload& offload) override;
  void attach(Receiver* receiver) override;
  void accept_input() override { port_->accept_input(); }

 private:
  void dump(std::span<const u8> frame);

  /// What the port takes for the device; attached only while there is one.
  struct Tap final : Receiver {
    explicit Tap(DumpPort& d) : dump(d) {}
    Features features() const override { return dump.receiver_->features(); }
    bool can_receive() const override { return dump.receiver_->can_receive(); }
    bool receive(std::span<const u8> frame, const Offload& offload) override;
    void link_changed(bool up) override { dump.receiver_->link_changed(up); }
    DumpPort& dump;
  };

  DumpOptions options_;
  PcapFile file_;
  std::unique_ptr<Port> port_;
  Host host_;
  Receiver* receiver_ = nullptr;
  Tap tap_{*this};
};

}  // namespace quince::net
