// What the emulator says about a run: guest errors, unimplemented features and trace points.
//
// One Log belongs to one machine.  Nothing a guest does can make it write without bound: every
// message carries a key, and a key that repeats is printed `kBurst` times and then counted.
#pragma once

#include <fmt/core.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince {

class Log;

/// What `-d` selects.
enum class LogCategory : u8 { GuestErrors, Unimp, Trace, Int, InAsm, OutAsm, kCount };

/// The name of a category in `-d` (QEMU's spelling) and one line about it.
struct LogCategoryInfo {
  LogCategory category;
  const char* name;
  const char* help;
};
std::span<const LogCategoryInfo> log_categories();

/// A trace point: declared as a member where it fires, named "unit.event", off at the price of one
/// predictable branch, and switched at run time by name or glob through the Log.
class TracePoint {
 public:
  TracePoint(Log& log, std::string_view name);
  ~TracePoint();
  TracePoint(const TracePoint&) = delete;
  TracePoint& operator=(const TracePoint&) = delete;

  bool on() const { return on_.load(std::memory_order_relaxed); }
  std::string_view name() const { return name_; }

  /// Writes "name: text" when switched on.
  template <class... A>
  void operator()(fmt::format_string<A...> format, A&&... args) {
    if (on()) [[unlikely]] emit(fmt::vformat(format, fmt::make_format_args(args...)));
  }

 private:
  friend class Log;
  void emit(std::string text);

  Log& log_;
  std::string name_;
  std::atomic<bool> on_{false};
};

/// The log of one machine.  Every function may be called from any thread.
class Log {
 public:
  Log();  ///< To stderr, with every category off.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Sends the output to a file (`-D`).  Call before the machine runs.
  Result<void> open(const std::string& path);

  void enable(LogCategory c, bool on = true);
  bool enabled(LogCategory c) const {
    return (mask_.load(std::memory_order_relaxed) & (1u << static_cast<unsigned>(c))) != 0;
  }

  /// Switches trace points whose name matches a glob ('*' and '?'), present and future ones.
  /// Returns how many are known now.
  std::size_t trace(std::string_view glob, bool on = true);
  std::vector<std::string> trace_points() const;

  /// A guest did something wrong.  `key` identifies the place for rate limiting.
  template <class... A>
  void guest_error(std::string_view key, fmt::format_string<A...> format, A&&... args) {
    if (enabled(LogCategory::GuestErrors)) limited(key, fmt::vformat(format, fmt::make_format_args(args...)));
  }
  /// A guest used something that is not modelled.
  template <class... A>
  void unimp(std::string_view key, fmt::format_string<A...> format, A&&... args) {
    if (enabled(LogCategory::Unimp)) limited(key, fmt::vformat(format, fmt::make_format_args(args...)));
  }

  /// What whoever runs the guest should know whatever `-d` says; limited like the others.
  template <class... A>
  void notice(std::string_view key, fmt::format_string<A...> format, A&&... args) {
    limited(key, fmt::vformat(format, fmt::make_format_args(args...)));
  }

  /// Writes one line, whole, without a limit.  Not for paths that a guest drives.
  void line(std::string_view text);

  /// How many messages were dropped by rate limiting.
  u64 suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

  static constexpr unsigned kBurst = 10;        ///< Messages printed per key.
  static constexpr std::size_t kMaxKeys = 4096;  ///< Keys remembered; later ones are dropped.

 private:
  friend class TracePoint;
  void limited(std::string_view key, std::string text);
  void attach(TracePoint& p);
  void detach(TracePoint& p);

  std::atomic<u32> mask_{0};
  std::atomic<u64> suppressed_{0};
  mutable std::mutex mutex_;
  std::FILE* out_;
  bool owned_ = false;
  std::unordered_map<std::string, unsigned> counts_;
  std::vector<TracePoint*> points_;
  std::vector<std::pair<std::string, bool>> globs_;
};

/// True when `text` matches `glob` ('*' any run, '?' any one character).
bool glob_match(std::string_view glob, std::string_view text);

}  // namespace quince
