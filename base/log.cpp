#include "base/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace quince {

namespace {
constexpr std::array<LogCategoryInfo, 6> kCategories{{
    {LogCategory::GuestErrors, "guest_errors", "invalid operations of the guest"},
    {LogCategory::Unimp, "unimp", "use of unimplemented functionality"},
    {LogCategory::Trace, "trace", "trace points (trace:GLOB)"},
    {LogCategory::Int, "int", "exceptions taken and returned from"},
    {LogCategory::InAsm, "in_asm", "the guest's instructions of each region that is translated"},
    {LogCategory::OutAsm, "out_asm", "the host code that they become"},
}};

/// A full disk or a closed descriptor loses the text and nothing else: fmt::print would throw, and
/// there is nowhere to complain.
void put(std::FILE* out, const std::string& text) {
  (void)std::fwrite(text.data(), 1, text.size(), out);
}

}  // namespace

std::span<const LogCategoryInfo> log_categories() { return kCategories; }

bool glob_match(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0;
  std::size_t star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      mark = t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

TracePoint::TracePoint(Log& log, std::string_view name) : log_(log), name_(name) {
  log_.attach(*this);
}
TracePoint::~TracePoint() { log_.detach(*this); }
void TracePoint::emit(std::string text) { log_.line(fmt::format("{}: {}", name_, text)); }

Log::Log() : out_(stderr) {}
Log::~Log() {
  if (owned_) (void)std::fclose(out_);
}

Result<void> Log::open(const std::string& path) {
  std::FILE* f = std::fopen(path.c_str(), "we");
  if (f == nullptr) return fail("could not open '{}': {}", path, std::strerror(errno));
  std::setvbuf(f, nullptr, _IOLBF, 0);
  const std::lock_guard lock(mutex_);
  if (owned_) (void)std::fclose(out_);
  out_ = f;
  owned_ = true;
  return {};
}

void Log::enable(LogCategory c, bool on) {
  const u32 b = 1u << static_cast<unsigned>(c);
  if (on)
    mask_.fetch_or(b, std::memory_order_relaxed);
  else
    mask_.fetch_and(~b, std::memory_order_relaxed);
}

std::size_t Log::trace(std::string_view glob, bool on) {
  const std::lock_guard lock(mutex_);
  globs_.emplace_back(glob, on);
  std::size_t n = 0;
  for (TracePoint* p : points_)
    if (glob_match(glob, p->name())) {
      p->on_.store(on, std::memory_order_relaxed);
      ++n;
    }
  return n;
}

std::vector<std::string> Log::trace_points() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const TracePoint* p : points_) names.emplace_back(p->name());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void Log::attach(TracePoint& p) {
  const std::lock_guard lock(mutex_);
  points_.push_back(&p);
  for (const auto& [glob, on] : globs_)
    if (glob_match(glob, p.name())) p.on_.store(on, std::memory_order_relaxed);
}

void Log::detach(TracePoint& p) {
  const std::lock_guard lock(mutex_);
  std::erase(points_, &p);
}

void Log::limited(std::string_view key, std::string text) {
  const std::lock_guard lock(mutex_);
  auto it = counts_.find(std::string(key));
  if (it == counts_.end()) {
    if (counts_.size() >= kMaxKeys) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    it = counts_.emplace(std::string(key), 0u).first;
  }
  if (it->second >= kBurst) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const bool last = ++it->second == kBurst;
  text += last ? " (further messages of this kind are not shown)\n" : "\n";
  put(out_, text);
}

void Log::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  put(out_, fmt::format("{}\n", text));
}

}  // namespace quince
