#include "tests/support/device_fuzz.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/bits.h"

namespace quince::test {

using hw::Access;
using hw::Bus;
using hw::kNever;

namespace {
constexpr u64 kLongestStep = u64{1} << 42;   // about 73 minutes
constexpr u64 kEndOfTime = u64{1} << 62;     // 146 years: no time steps after that
constexpr unsigned kMaxInstants = 1000;      // of one time step; then the step ends early
constexpr unsigned kMaxAtOneInstant = 1000;  // more timers than that at one instant: time stands
constexpr u64 kPoison = 0x5a17'ed00'dead'beef;
constexpr unsigned kDamagedSteps = 32;
}  // namespace

FuzzBench::~FuzzBench() {
  // What was built last may use what was built before.
  while (!units_.empty()) units_.pop_back();
  while (!kept_.empty()) kept_.pop_back();
}

void FuzzBench::output(u64 value) {
  outputs_ = ((outputs_ ^ value) * 0x9e3779b97f4a7c15) ^ (outputs_ >> 29);
}

void FuzzBench::window(hw::MmioDevice& device, u64 size) {
  Window w{&device, size, {}};
  for (std::size_t i = 0; i < device.reg_count(); ++i) {
    w.rows.push_back(device.reg_info(i));
    if (w.rows.back().stride == 0) w.rows.back().stride = w.rows.back().size;
  }
  windows_.push_back(std::move(w));
}

void FuzzBench::set_line(unsigned line, bool high) {
  if (high)
    high_.insert(line);
  else
    high_.erase(line);
  output(u64{line} << 1 | u64{high});
}

void FuzzBench::reset() {
  for (const auto& u : units_) u->reset();
}

Archive FuzzBench::save() {
  Archive ar(Archive::Mode::Save);
  for (const auto& u : units_) ar.section(u->name(), [&](Archive& a) { u->snapshot(a); });
  return ar;
}

Result<void> FuzzBench::load(Archive& ar) {
  ar.set_mode(Archive::Mode::Load);
  for (const auto& u : units_) ar.section(u->name(), [&](Archive& a) { u->snapshot(a); });
  TRY_VOID(ar.finish());
  for (const auto& u : units_) u->restored();
  return {};
}

u64 FuzzBench::advance(u64 target, unsigned limit) {
  unsigned at_once = 0;
  for (unsigned n = 0; timers_.next_deadline() <= target; ++n) {
    if (n == limit) return clock_.now_ns();
    const u64 at = std::max(timers_.next_deadline(), clock_.now_ns());
    at_once = at == clock_.now_ns() ? at_once + 1 : 0;
    if (at_once > kMaxAtOneInstant) return kNever;
    clock_.set(at);
    timers_.run_due();
  }
  clock_.set(std::max(target, clock_.now_ns()));
  return clock_.now_ns();
}

FuzzOptions FuzzOptions::from_environment() {
  FuzzOptions o;
  if (const char* n = std::getenv("QUINCE_FUZZ_ACCESSES"))
    o.accesses = std::strtoull(n, nullptr, 0);
  if (const char* n = std::getenv("QUINCE_FUZZ_SEED")) o.seed = std::strtoull(n, nullptr, 0);
  return o;
}

std::string FuzzReport::text() const {
  return fmt::format(
      "{} reads, {} writes, {} refused, {} events, {} resets, {} time steps, {} snapshots, damaged "
      "ones: {} loaded, {} refused",
      reads, writes, refused, events, resets, time_steps, snapshots, damaged_loaded,
      damaged_refused);
}

/// One run over one target.
class DeviceFuzzer {
 public:
  DeviceFuzzer(const FuzzTarget& target, const FuzzOptions& options)
      : target_(target), options_(options), random_(options.seed) {}
  Result<FuzzReport> run();

 private:
  using Bench = std::unique_ptr<FuzzBench>;
  enum class Kind : u8 { Read, DebugRead, Write, Time, Late, Event, Reset };
  struct Step {
    Kind kind = Kind::Read;
    unsigned window = 0, size = 0;
    u16 requester = 0;
    u64 off = 0;
    u64 value = 0;  // to write; the time to go to; the random number of an event
    int row = -1;   // whose first byte is accessed, or -1
  };
  struct Outcome {
    Bus bus = Bus::Ok;
    u64 value = 0;
    bool operator==(const Outcome&) const = default;
  };
  struct Touched {
    u64 reads = 0, writes = 0;
  };

  Bench make() const;
  Step next_step(FuzzBench& b);
  void choose_place(FuzzBench& b, Step& s);
  u64 choose_value();
  u64 choose_time(FuzzBench& b);
  Result<Outcome> apply(FuzzBench& b, Step& s, bool leads);
  Result<void> access(FuzzBench& b, const Step& s, Outcome& out);
  Result<void> one_step(FuzzBench& a, FuzzBench& b);
  void count(const Step& s, const Outcome& out);
  Result<Bench> twin(FuzzBench& a);
  Result<void> same(FuzzBench& a, FuzzBench& b) const;
  Result<void> load_damaged(FuzzBench& a);
  Result<void> rounds();
  std::string history(FuzzBench& b) const;

  const FuzzTarget& target_;
  const FuzzOptions& options_;
  FuzzRandom random_;
  FuzzReport report_;
  u64 accesses_ = 0;
  std::array<u64, 4> recent_{};  // values that were read, to write back
  std::vector<std::vector<Touched>> touched_;
  std::array<Step, 16> last_{};
  u64 steps_ = 0;
};

DeviceFuzzer::Bench DeviceFuzzer::make() const {
  auto b = std::make_unique<FuzzBench>();
  target_.build(*b);
  return b;
}

// A place: mostly a register of the table, sometimes its neighbourhood, sometimes anywhere; mostly
// a size that the register takes.
void DeviceFuzzer::choose_place(FuzzBench& b, Step& s) {
  s.window = static_cast<unsigned>(random_.below(b.windows_.size()));
  const FuzzBench::Window& w = b.windows_[s.window];
  s.size = 1u << random_.below(4);
  while (s.size > w.size) s.size /= 2;
  s.off = random_.next();
  if (!w.rows.empty() && !random_.one_in(8)) {
    const u64 row = random_.below(w.rows.size());
    const hw::RegInfo& r = w.rows[row];
    const u64 pick = random_.next();
    const u64 index = (pick & 3) == 0 ? 0 : (pick & 3) == 1 ? r.count - 1u : (pick >> 2) % r.count;
    s.off = r.offset + index * r.stride;
    if (random_.one_in(8))
      s.off += random_.below(17) - 8;
    else
      s.row = static_cast<int>(row);
    if (!random_.one_in(8))
      for (u64 n = 4, from = random_.below(4); n != 0; --n, ++from)
        if (const unsigned wish = 1u << (from % 4); (r.access & wish) != 0 && wish <= w.size)
          s.size = wish;
  }
  s.off = align_down(s.off % w.size, s.size);
  if (s.off + s.size > w.size) s.off -= s.size;  // a window that is no multiple of the size
  if (s.row >= 0) {
    const hw::RegInfo& r = w.rows[static_cast<std::size_t>(s.row)];
    if (s.off < r.offset || (s.off - r.offset) % r.stride != 0) s.row = -1;
  }
}

u64 DeviceFuzzer::choose_value() {
  const u64 r = random_.next();
  const u64 one = u64{1} << ((r >> 8) & 63);
  switch (r & 7) {
    case 0:
      return 0;
    case 1:
      return ~u64{0};
    case 2:
      return one;
    case 3:
      return one - 1;
    case 4:
      return ~one;
    case 5:
      return (r >> 8) & 0xff;
    case 6:
      return recent_[(r >> 8) & 3] + ((r >> 16) & 7) - 3;
    default:
      return random_.next();
  }
}

u64 DeviceFuzzer::choose_time(FuzzBench& b) {
  const u64 now = b.clock_.now_ns(), next = b.timers_.next_deadline();
  if (now >= kEndOfTime) return now;
  if (next > now && next - now < kLongestStep && random_.one_in(2))
    return next + random_.below(3) - 1;  // just before, at or just after the next deadline
  return now + ((random_.next() & (kLongestStep - 1)) >> random_.below(42));
}

DeviceFuzzer::Step DeviceFuzzer::next_step(FuzzBench& b) {
  Step s;
  const u64 pick = random_.below(1024);
  if (pick == 0) {
    s.kind = Kind::Reset;
  } else if (pick < 40) {
    s.kind = Kind::Time;
    s.value = choose_time(b);
  } else if (pick < 48) {
    s.kind = Kind::Late;
    s.value = choose_time(b);
  } else if (b.event_ && (pick < 112 || b.windows_.empty())) {
    s.kind = Kind::Event;
    s.value = random_.next();
  } else {
    s.kind = pick < 140 ? Kind::DebugRead : pick % 2 != 0 ? Kind::Read : Kind::Write;
    s.requester = static_cast<u16>(random_.below(target_.requesters));
    choose_place(b, s);
    s.value = choose_value();
  }
  return s;
}

Result<void> DeviceFuzzer::access(FuzzBench& b, const Step& s, Outcome& out) {
  hw::MmioDevice& d = *b.windows_[s.window].device;
  const Access how{.size = s.size, .requester = s.requester, .debug = s.kind == Kind::DebugRead};
  if (s.kind == Kind::Write) {
    out.bus = d.write(s.off, how, s.value);
    return {};
  }
  out.value = kPoison;
  out.bus = d.read(s.off, how, out.value);
  if (out.bus != Bus::Ok && out.value != kPoison) return fail("a failed read wrote its output");
  if (out.bus == Bus::Ok && (out.value & ~low_mask(8 * s.size)) != 0)
    return fail("a read of {} bytes gave {:#x}", s.size, out.value);
  return {};
}

/// Does a step on one copy.  The leading copy decides how far a time step goes.
Result<DeviceFuzzer::Outcome> DeviceFuzzer::apply(FuzzBench& b, Step& s, bool leads) {
  Outcome out;
  switch (s.kind) {
    case Kind::Read:
    case Kind::DebugRead:
    case Kind::Write:
      TRY_VOID(access(b, s, out));
      break;
    case Kind::Time: {
      const u64 reached = b.advance(s.value, leads ? kMaxInstants : 2 * kMaxInstants);
      if (reached == kNever) return fail("timers keep an instant from passing");
      if (leads) s.value = reached;
      break;
    }
    case Kind::Late:
      b.clock_.set(std::max(s.value, b.clock_.now_ns()));
      break;
    case Kind::Event:
      if (b.event_) b.event_(s.value);
      break;
    case Kind::Reset:
      b.reset();
      break;
  }
  return out;
}

void DeviceFuzzer::count(const Step& s, const Outcome& out) {
  switch (s.kind) {
    case Kind::Time:
    case Kind::Late:
      ++report_.time_steps;
      return;
    case Kind::Event:
      ++report_.events;
      if (touched_.empty()) ++accesses_;  // there are no windows
      return;
    case Kind::Reset:
      ++report_.resets;
      return;
    case Kind::DebugRead:
      ++accesses_;
      return;
    case Kind::Read:
    case Kind::Write:
      break;
  }
  ++accesses_;
  if (out.bus != Bus::Ok) {
    ++report_.refused;
    return;
  }
  ++(s.kind == Kind::Read ? report_.reads : report_.writes);
  if (s.kind == Kind::Read) recent_[accesses_ & 3] = out.value;
  if (s.row < 0) return;
  Touched& t = touched_[s.window][static_cast<std::size_t>(s.row)];
  ++(s.kind == Kind::Read ? t.reads : t.writes);
}

Result<void> DeviceFuzzer::one_step(FuzzBench& a, FuzzBench& b) {
  Step& s = last_[steps_++ % last_.size()] = next_step(a);
  const Outcome first = TRY(apply(a, s, true));
  count(s, first);
  // A debugger reads only the leading copy: if that had an effect, the two would differ.
  if (s.kind != Kind::DebugRead) {
    const Outcome second = TRY(apply(b, s, false));
    if (first != second)
      return fail("the restored copy gives {} {:#x}, not {} {:#x}", hw::to_string(second.bus),
                  second.value, hw::to_string(first.bus), first.value);
  }
  if (a.outputs_ != b.outputs_) return fail("the outputs of the restored copy differ");
  if (a.clock_.now_ns() != b.clock_.now_ns()) return fail("the restored copy sets more timers");
  return {};
}

/// Equal snapshots, equal memory and equal levels.
Result<void> DeviceFuzzer::same(FuzzBench& a, FuzzBench& b) const {
  if (const auto difference = Archive::diff(a.save(), b.save()))
    return fail("snapshot field {}", *difference);
  for (std::size_t i = 0; i < a.memory_.size(); ++i)
    if (std::memcmp(a.memory_[i].data(), b.memory_[i].data(), a.memory_[i].size()) != 0)
      return fail("guest memory differs");
  if (a.high_ != b.high_) return fail("the lines have other levels");
  return {};
}

/// A fresh copy in the state of `a`, through a snapshot's file image.
Result<DeviceFuzzer::Bench> DeviceFuzzer::twin(FuzzBench& a) {
  Bench b = make();
  b->clock_.set(a.clock_.now_ns());
  Archive saved = a.save();
  TRY_VOID(saved.finish());
  Archive image = TRY(Archive::decode(saved.encode()));
  for (std::size_t i = 0; i < a.memory_.size(); ++i)
    std::memcpy(b->memory_[i].data(), a.memory_[i].data(), a.memory_[i].size());
  TRY_VOID(b->load(image));
  if (const auto r = same(a, *b); !r) return tl::unexpected(r.error().in("after loading"));
  b->outputs_ = a.outputs_;
  ++report_.snapshots;
  return b;
}

/// Damages a snapshot: it must be refused, or make a device that does no harm.
Result<void> DeviceFuzzer::load_damaged(FuzzBench& a) {
  std::vector<u8> image = a.save().encode();
  for (u64 n = 1 + random_.below(3); n != 0; --n)
    image[random_.below(image.size())] = static_cast<u8>(choose_value());
  Bench c = make();
  c->clock_.set(a.clock_.now_ns());
  auto ar = Archive::decode(image);
  if (!ar || !c->load(*ar)) {
    ++report_.damaged_refused;
    return {};
  }
  ++report_.damaged_loaded;
  for (unsigned n = 0; n < kDamagedSteps; ++n) {
    Step& s = last_[steps_++ % last_.size()] = next_step(*c);
    if (const auto r = apply(*c, s, true); !r)
      return tl::unexpected(r.error().in("damaged snapshot"));
  }
  return {};
}

Result<void> DeviceFuzzer::rounds() {
  Bench a = make();
  for (const auto& w : a->windows_) touched_.emplace_back(w.rows.size());
  const auto explain = [&](const Error& e) {
    return fail("{}: seed {}, access {}: {}\n{}", target_.name, options_.seed, accesses_,
                e.message(), history(*a));
  };
  while (accesses_ < options_.accesses) {
    auto b = twin(*a);
    if (!b) return explain(b.error());
    for (u64 n = 0; n < options_.round; ++n)
      if (const auto r = one_step(*a, **b); !r) return explain(r.error());
    if (const auto r = same(*a, **b); !r) return explain(r.error().in("after running on"));
    if (const auto r = load_damaged(*a); !r) return explain(r.error());
    a = std::move(*b);  // go on with the restored one: what it lost stays lost
  }
  for (std::size_t w = 0; w < touched_.size(); ++w)
    for (std::size_t i = 0; i < touched_[w].size(); ++i) {
      const hw::RegInfo& r = a->windows_[w].rows[i];
      if (r.readable && touched_[w][i].reads == 0)
        report_.untouched.push_back(std::string(r.name) + " read");
      if (r.writable && touched_[w][i].writes == 0)
        report_.untouched.push_back(std::string(r.name) + " write");
    }
  return {};
}

Result<FuzzReport> DeviceFuzzer::run() {
  TRY_VOID(rounds());
  return report_;
}

std::string DeviceFuzzer::history(FuzzBench& b) const {
  constexpr std::array<const char*, 7> kNames{"read",      "debug read", "write", "time",
                                              "late time", "event",      "reset"};
  std::string out = "  the last steps:\n";
  for (u64 n = steps_ > last_.size() ? steps_ - last_.size() : 0; n < steps_; ++n) {
    const Step& s = last_[n % last_.size()];
    const char* name = kNames[static_cast<unsigned>(s.kind)];
    if (s.kind <= Kind::Write)
      out += fmt::format("  {} {} bytes at {:#x} ({}), requester {}, value {:#x}\n", name, s.size,
                         s.off, b.windows_[s.window].device->reg_name(s.off), s.requester, s.value);
    else
      out += fmt::format("  {} {:#x}\n", name, s.value);
  }
  return out;
}

Result<FuzzReport> fuzz_device(const FuzzTarget& target, const FuzzOptions& options) {
  return DeviceFuzzer(target, options).run();
}

}  // namespace quince::test
