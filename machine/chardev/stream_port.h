// A back end on file descriptors: sockets, terminals, pipes, files.
//
// Input is read ahead a little, so that the end of a connection is seen although the guest does
// not read, and all that a peer sent before it went is kept for the guest: up to kInputBound bytes,
// so that peers of a guest that never reads cannot fill the host's memory.
//
// Output that the host does not take at once is queued up to kOutputBound bytes.  Beyond that a
// terminal or file makes the guest wait (OnFull::Wait), because its output should be complete: for
// at most kPatience without progress, so that a stopped reader does not stop the machine for ever.
// Other peers lose bytes (OnFull::Drop), which are counted.
#pragma once

#include "base/event_loop.h"
#include "base/fd.h"
#include "machine/chardev/backend.h"
#include "machine/chardev/byte_queue.h"
#include "machine/chardev/loop_task.h"

namespace quince::machine {

class StreamPort : public CharBackend {
 public:
  static constexpr std::size_t kReadAhead = 4 * KiB;
  static constexpr std::size_t kInputBound = MiB;
  static constexpr std::size_t kOutputBound = MiB;
  static constexpr int kPatienceMs = 10'000;  ///< OnFull::Wait, while the machine runs
  static constexpr int kGraceMs = 1'000;      ///< OnFull::Drop, when the port is closed

  enum class OnFull : u8 { Wait, Drop };

  ~StreamPort() override { close(); }

  void write(std::span<const u8> data) override;
  void attach(hw::CharReceiver* receiver) override;
  void accept_input() override;
  std::size_t can_write() const override;
  bool is_connected() const override { return announced_; }
  u64 dropped() const override { return dropped_; }

 protected:
  StreamPort(const CharHost& host, OnFull on_full);

  /// Descriptors to read from and write to; either may be missing, both may be one.  They are
  /// non-blocking, or sockets, or at least such that one write after POLLOUT does not block long.
  struct Ends {
    Fd owned_in, owned_out;  ///< closed with the connection
    int in = -1, out = -1;
    static Ends one(Fd fd);  ///< for both directions
    static Ends two(Fd input, Fd output);
  };
  /// Begins a connection.  On the loop's thread with the I/O lock held, or before a device knows
  /// the port; tells the device.
  void connect(Ends ends);
  /// Ends it.  On the loop's thread, with the I/O lock held.  Output that was not taken is lost.
  /// Input that was read stays for the device, which hears of the end only when it has it all: what
  /// a guest reads after the end of a connection is the end of the file.
  void disconnect();
  /// Ends for good, in the destructor of a port whose descriptors are its own: writes out what is
  /// queued, as far as the policy waits for it.
  void close();
  /// The peer went: everything that it sent has been read.  On the loop's thread, with the I/O lock
  /// held.  Without an override, the connection ends and nothing follows.
  virtual void peer_closed() { disconnect(); }

  /// Whether there is a connection, whatever the device knows of it.
  bool is_streaming() const { return connected_; }
  const CharHost& host() const { return host_; }

 private:
  void on_input(unsigned events);
  void on_output();
  void update();
  void settle();
  void rearm();
  void deliver();
  void announce();
  void flush();
  bool read_once(std::size_t limit);
  void end_of_input();
  ssize_t write_some(std::span<const u8> data);
  bool wait_for_room();

  CharHost host_;
  OnFull on_full_;
  hw::CharReceiver* receiver_ = nullptr;
  Ends ends_;
  bool connected_ = false;
  bool announced_ = false;  ///< what the device was told: lags behind while input is left
  bool in_is_socket_ = false, out_is_socket_ = false;
  bool out_may_block_ = false;  ///< the descriptor lacks O_NONBLOCK
  bool in_open_ = false;        ///< input has not ended
  bool out_broken_ = false;
  bool stalled_ = false;    ///< OnFull::Wait gave up: drop until something is taken again
  bool told_full_ = false;  ///< the queue was more than half full: on_writable() is owed
  ByteQueue input_{kInputBound};
  ByteQueue output_{kOutputBound};
  u64 dropped_ = 0;
  LoopTask update_;
  // The loop's thread only.
  EventLoop::Watch in_watch_, out_watch_;
  unsigned in_events_ = 0;
};

/// A second open file description of what `fd` leads to, with O_NONBLOCK of its own: the first may
/// be shared with other programs.  Empty where that cannot be had (sockets, files).
Fd reopen_nonblocking(int fd, int access);

/// Waits until one of `events` (poll's) holds, for at most `timeout_ms` (negative: no limit).  The
/// signals that end a program end it during an unlimited wait, even when they are blocked.
bool wait_for_fd(int fd, short events, int timeout_ms);

}  // namespace quince::machine
