// Counters of what a machine moves, for whoever shows them, on any thread.
//
// Disks and networks are counted where a device meets its back end: there every request passes
// once, whatever the device and whatever the format.
#pragma once

#include <atomic>
#include <memory>

#include "block/block.h"
#include "net/net.h"

namespace quince::machine {

struct Meters {
  std::atomic<u64> disk_bytes{0};  ///< read, written and zeroed by devices
  std::atomic<u64> net_bytes{0};   ///< of frames, both ways
};

/// A disk whose requests are counted when they are submitted.
class MeteredDisk final : public block::Disk {
 public:
  MeteredDisk(std::unique_ptr<block::Disk> disk, Meters& meters)
      : disk_(std::move(disk)), meters_(meters) {}
  u64 size() const override { return disk_->size(); }
  bool read_only() const override { return disk_->read_only(); }
  bool can_discard() const override { return disk_->can_discard(); }
  void submit(block::Request& request) override {
    using enum block::Op;
    if (request.op == Read || request.op == Write || request.op == WriteZeroes)
      meters_.disk_bytes.fetch_add(request.length, std::memory_order_relaxed);
    disk_->submit(request);
  }
  void drain() override { disk_->drain(); }

 private:
  std::unique_ptr<block::Disk> disk_;
  Meters& meters_;
};

/// A network's end whose frames are counted.
class MeteredPort final : public net::Port {
 public:
  MeteredPort(net::Port& port, Meters& meters) : port_(port), meters_(meters) {}
  ~MeteredPort() override { port_.attach(nullptr); }
  MeteredPort(const MeteredPort&) = delete;
  MeteredPort& operator=(const MeteredPort&) = delete;

  net::Features features() const override { return port_.features(); }
  void send(std::span<const u8> frame, const net::Offload& offload) override {
    count(frame);
    port_.send(frame, offload);
  }
  void attach(net::Receiver* receiver) override {
    receiver_ = receiver;
    port_.attach(receiver != nullptr ? &tap_ : nullptr);
  }
  void accept_input() override { port_.accept_input(); }

 private:
  /// What the port takes for the device; attached only while there is one.
  struct Tap final : net::Receiver {
    explicit Tap(MeteredPort& p) : port(p) {}
    net::Features features() const override { return port.receiver_->features(); }
    bool can_receive() const override { return port.receiver_->can_receive(); }
    bool receive(std::span<const u8> frame, const net::Offload& offload) override {
      const bool taken = port.receiver_->receive(frame, offload);
      if (taken) port.count(frame);
      return taken;
    }
    void link_changed(bool up) override { port.receiver_->link_changed(up); }
    MeteredPort& port;
  };
  void count(std::span<const u8> frame) {
    meters_.net_bytes.fetch_add(frame.size(), std::memory_order_relaxed);
  }

  net::Port& port_;
  Meters& meters_;
  net::Receiver* receiver_ = nullptr;
  Tap tap_{*this};
};

}  // namespace quince::machine
