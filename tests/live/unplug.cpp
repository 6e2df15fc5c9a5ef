// Disks that go away during a transfer.
#include <fmt/core.h>

#include <fstream>
#include <optional>
#include <random>

#include "tests/live/live_machine.h"
#include "tests/live/scenarios.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

namespace quince::test {

namespace {

// The guest knows the disks by their sizes.
constexpr u64 kSector = 512, kFast = 64 * MiB, kBehindHub = 48 * MiB;
constexpr unsigned kDigestMib = 4;
constexpr u64 kLongestNs = 300 * hw::kMillisecond;

struct Case {
  const char* name;
  u64 bytes;           ///< of the disk
  const char* pulled;  ///< what is pulled
  const char* way;
};
constexpr Case kCases[] = {
    {"a SuperSpeed disk that is read", kFast, "fast", "read"},
    {"a hub with a disk that is written", kBehindHub, "hub", "write"},
    {"a SuperSpeed disk that is written", kFast, "fast", "write"},
    {"a disk behind a hub that is read", kBehindHub, "stick", "read"},
};

/// A disk of random bytes where the guest reads, and room where it writes.
void make_disk(const std::string& path, u64 bytes, std::mt19937_64& random) {
  std::ofstream file(path, std::ios::binary);
  for (u64 n = 0; n < 16 * MiB / sizeof(u64); ++n) {
    const u64 v = random();
    file.write(reinterpret_cast<const char*>(&v), sizeof v);
  }
  file.close();
  std::filesystem::resize_file(path, bytes);
}

std::string digest_of(const std::string& path) {
  const CommandResult r =
      run_command(fmt::format("head -c {}M '{}' | sha256sum", kDigestMib, path));
  return r.output.substr(0, r.output.find(' '));
}

std::vector<std::string> disk_args(const std::string& id, const std::string& path) {
  return {"-drive", fmt::format("if=none,id={}-drive,format=raw,file={}", id, path)};
}

/// Calls a function on the machine thread at a moment of guest time.
class Moment {
 public:
  Moment(machine::Machine& machine, u64 ns, std::function<void()> fn)
      : machine_(machine), fn_(std::move(fn)) {
    const hw::IoLock::Guard held(machine_.io_lock());
    timer_.emplace(
        machine_.timers(), "moment",
        [](void* p) {
          // Not here: it takes the I/O lock.
          auto& self = *static_cast<Moment*>(p);
          self.machine_.loop().post(self.fn_);
        },
        this);
    timer_->arm(machine_.timers().now_ns() + ns);
  }
  ~Moment() {
    const hw::IoLock::Guard held(machine_.io_lock());
    timer_.reset();
  }
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

 private:
  machine::Machine& machine_;
  std::function<void()> fn_;
  std::optional<hw::Timer> timer_;
};

Result<void> check_digest(LiveMachine& live, u64 bytes, const std::string& wanted) {
  TRY_VOID(live.send(fmt::format("digest {} {}\n", bytes / kSector, kDigestMib)));
  const std::string said = TRY(live.expect("live: digest "));
  return said == wanted ? Result<void>() : fail("the guest reads {} and not {}", said, wanted);
}

Result<void> one_round(LiveMachine& live, const Case& c, u64 after_ns, const std::string& digest) {
  TRY_VOID(live.send(fmt::format("transfer {} {}\n", c.bytes / kSector, c.way)));
  TRY_VOID(live.expect("live: began"));
  // Shared: what is posted may come when this has given up.
  const auto pulled = std::make_shared<Result<void>>(fail("was not pulled"));
  {
    const Moment moment(live.machine(), after_ns,
                        [&m = live.machine(), pulled, &c] { *pulled = m.unplug_usb(c.pulled); });
    // It gives up: an error of the medium is the guest's to see.
    TRY_VOID(live.expect("live: failed"));
  }
  TRY_VOID(*pulled);
  const auto back = std::make_shared<Result<void>>();
  TRY_VOID(live.on_machine([&m = live.machine(), back, &c] { *back = m.replug_usb(c.pulled); }));
  TRY_VOID(*back);
  return check_digest(live, c.bytes, digest);
}

}  // namespace

Result<void> unplug_during_transfers(const LiveOptions& o) {
  std::mt19937_64 random(o.seed);
  const TempDir folder;
  const std::string fast = folder / "fast", stick = folder / "stick", log = folder / "log";
  make_disk(fast, kFast, random);
  make_disk(stick, kBehindHub, random);
  const std::string fast_digest = digest_of(fast), stick_digest = digest_of(stick);
  auto args = linux_args(o, "256M");
  for (const auto& more : {disk_args("fast", fast), disk_args("stick", stick)})
    args.insert(args.end(), more.begin(), more.end());
  args.insert(args.end(),
              {"-device", "qemu-xhci,id=usb", "-device", "usb-storage,id=fast,drive=fast-drive",
               "-device", "usb-hub,id=hub,port=2", "-device",
               "usb-storage,id=stick,drive=stick-drive,port=2.3", "-D", log, "-d", "guest_errors"});
  const auto live = TRY(LiveMachine::start(args));
  TRY_VOID(live->expect("live: ready"));
  for (unsigned n = 0; n < o.rounds; ++n) {
    const Case& c = kCases[n % std::size(kCases)];
    const u64 after_ns = random() % kLongestNs;
    const std::string& digest = c.bytes == kFast ? fast_digest : stick_digest;
    if (auto r = one_round(*live, c, after_ns, digest); !r)
      return tl::unexpected(r.error().in(fmt::format("round {}, seed {}: {}", n, o.seed, c.name)));
    fmt::print("unplug {:2}: {}, after {:.3f} ms: the guest has its error, and the disk again\n", n,
               c.name, static_cast<double>(after_ns) / 1e6);
    std::fflush(stdout);
  }
  TRY_VOID(live->stop());
  const auto complaints = TRY(read_file(log));
  if (!complaints.empty())
    return fail("the emulator complains: {}", std::string(complaints.begin(), complaints.end()));
  return {};
}

}  // namespace quince::test
