// Character back ends: from the text of an option to a port that a device can use.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/option_values.h"
#include "base/result.h"
#include "machine/chardev/backend.h"
#include "machine/chardev/socket_address.h"

namespace quince::machine {

class MuxPort;
class RingBufPort;

/// What `-chardev` or `-serial` asks for, as plain data.
struct CharOptions {
  enum class Kind : u8 {
    Null,
    Stdio,
    File,
    Socket,
    Pty,
    Pipe,
    RingBuf,
    Serial,
    Testdev,
    Reference,  ///< of `-serial chardev:ID`: the back end that has this id
  };
  Kind kind = Kind::Null;
  std::string id;
  bool mux = false;
  bool signals = true;     ///< Stdio: Ctrl-C raises a signal instead of reaching the guest
  std::string path;        ///< File, Pipe, Serial; Pty: a link to it
  std::string input_path;  ///< File
  bool append = false;     ///< File
  u64 size = 64 * KiB;     ///< RingBuf, a power of two
  SocketOptions socket;
  std::string logfile;  ///< empty: none
  bool log_append = false;
};

/// Reads the properties of `-chardev`: its first one, with the kind, is "backend".  An error names
/// the property and the reason.
Result<CharOptions> parse_chardev(Properties properties);
/// Reads the short form of `-serial` and `-monitor`: "mon:stdio", "unix:PATH,server=on,wait=off",
/// "chardev:ID" and so on.
Result<CharOptions> parse_serial(std::string_view text);
/// The text of `-chardev help`.
std::string chardev_help();

/// Opens the back end that the options describe, with its log, without a mux.  On the loop's
/// thread.  A server that waits for its client blocks.
Result<std::unique_ptr<CharBackend>> open_char(const CharOptions& options, const CharHost& host);

/// A back end with its name, for one device or, with mux, for several.  Lives longer than they.
class Chardev {
 public:
  static Result<std::unique_ptr<Chardev>> open(const CharOptions& options, const CharHost& host);
  ~Chardev();

  const std::string& id() const { return options_.id; }
  const CharOptions& options() const { return options_; }
  /// The port for a device (or a monitor); an error when the back end has no room for one more.
  Result<hw::CharPort*> claim();
  /// Gives a port back, whose device is detached.
  void release(hw::CharPort* port);
  bool claimed() const { return claims_ != 0; }

  /// Where it leads now, as `query-chardev` shows it.  With the I/O lock held.
  std::string description() const { return backend().description(); }
  /// Output that was lost, in bytes.  With the I/O lock held.
  u64 dropped() const { return backend().dropped(); }
  /// Null when this is no ring buffer.
  RingBufPort* ringbuf() const { return ringbuf_; }

 private:
  explicit Chardev(CharOptions options);
  CharBackend& backend() const;

  CharOptions options_;
  unsigned claims_ = 0;
  RingBufPort* ringbuf_ = nullptr;
  std::unique_ptr<CharBackend> port_;  ///< without mux
  std::unique_ptr<MuxPort> mux_;       ///< with mux
};

}  // namespace quince::machine
