#include "machine/backends.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/assert.h"
#include "base/bits.h"
#include "machine/completions.h"
#include "net/slirp/slirp_port.h"

namespace quince::machine {

namespace {

void say(const std::string& line) { std::fputs(("quince: " + line + "\n").c_str(), stderr); }

/// A guest's open files are files of this process: as many as the host lets it have.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // else with the limit that there is
}

}  // namespace

/// The host's random numbers, or the machine's generator in a deterministic run.
class Backends::Entropy final : public hw::EntropySource {
 public:
  explicit Entropy(const BackendHost& host) : host_(host) {}
  void fill(std::span<u8> out) override {
    while (!out.empty()) {
      u64 drawn = host_.deterministic ? host_.random() : 0;
      // getrandom() blocks at most once in the life of a host, before its pool is first filled.
      const ssize_t n = host_.deterministic
                            ? static_cast<ssize_t>(std::min(out.size(), sizeof drawn))
                            : ::getrandom(out.data(), out.size(), 0);
      if (n <= 0) continue;  // a signal came
      if (host_.deterministic) std::memcpy(out.data(), &drawn, static_cast<std::size_t>(n));
      out = out.subspan(static_cast<std::size_t>(n));
    }
  }

 private:
  const BackendHost& host_;
};

Backends::Backends(BackendHost host)
    : host_(std::move(host)), entropy_(std::make_unique<Entropy>(host_)) {}

hw::EntropySource& Backends::entropy() { return *entropy_; }

Backends::~Backends() { quiesce(); }

Result<void> Backends::open(const MachineConfig& config) {
  objects_ = config.objects;
  for (const CharOptions& c : config.chardevs) {
    auto made = Chardev::open(c, host_.chars);
    if (!made) return tl::unexpected(made.error().in(fmt::format("-chardev {}", c.id)));
    chardevs_.push_back(std::move(*made));
  }
  for (const DriveConfig& d : config.drives) TRY_VOID(open_drive(d));
  TRY_VOID(open_netdevs(config));
  for (const p9::FsdevOptions& f : config.fsdevs) TRY_VOID(open_fsdev(f));
  return {};
}

void Backends::quiesce() {
  const hw::IoLock::Guard held(host_.io_lock);
  for (const auto& d : drives_)
    if (d->disk != nullptr) d->disk->drain();
  for (const auto& f : fsdevs_) f->executor->drain();
}

// ---- Drives ------------------------------------------------------------------------------------

Result<void> Backends::open_drive(DriveConfig config) {
  if (host_.deterministic) config.open.aio = block::Aio::Synchronous;
  config.open.warn = [option = config.option](const std::string& line) {
    say(fmt::format("warning: {}: {}", option, line));
  };
  auto drive = std::make_unique<Drive>();
  auto image = block::open_image(config.open);
  if (!image) return tl::unexpected(image.error().in(config.option));
  drive->config = std::move(config);
  drive->image = std::move(*image);
  drives_.push_back(std::move(drive));
  return {};
}

Result<Backends::Drive*> Backends::take_drive(const std::string& id) {
  Drive* const d = TRY(find_drive(id));
  if (std::exchange(d->taken, true)) return fail("drive '{}' is in use", id);
  return d;
}

Result<Backends::Drive*> Backends::find_drive(const std::string& id) {
  for (const auto& d : drives_)
    if (d->config.id == id) return d.get();
  return fail("there is no drive '{}'", id);
}

Backends::Drive* Backends::take_flash(unsigned unit) {
  for (const auto& d : drives_)
    if (d->config.interface == DriveConfig::Interface::Pflash && d->config.unit == unit) {
      d->taken = true;
      return d.get();
    }
  return nullptr;
}

block::Disk& Backends::disk_of(Drive& drive) {
  if (drive.disk != nullptr) return *drive.disk;
  QUINCE_ASSERT(drive.image != nullptr);
  if (host_.deterministic)
    drive.completions =
        std::make_unique<TimedCompletions>(host_.timers, drive.config.id + "/completions");
  else
    drive.completions = std::make_unique<LoopCompletions>(host_.loop, host_.io_lock);
  drive.disk = std::make_unique<MeteredDisk>(
      block::make_disk(std::move(drive.image), drive.config.open, *drive.completions), meters_);
  return *drive.disk;
}

// ---- Networks ----------------------------------------------------------------------------------

net::Host Backends::net_host() {
  return {.loop = host_.loop,
          .log = host_.log,
          .with_lock =
              [&lock = host_.io_lock](const std::function<void()>& fn) {
                const hw::IoLock::Guard held(lock);
                fn();
              },
          .report = say};
}

Result<void> Backends::open_netdevs(const MachineConfig& config) {
  const net::Host host = net_host();
  const auto take = [this](const std::string& id) -> std::unique_ptr<net::Port> {
    for (const auto& n : netdevs_)
      if (n->netdev.id == id && !std::exchange(n->taken, true)) return std::move(n->netdev.port);
    return nullptr;
  };
  for (const net::NetdevOptions& o : config.netdevs) {
    auto made = net::make_netdev(o, host, hubs_, take);
    if (!made) return tl::unexpected(made.error().in("-netdev"));
    netdevs_.push_back(std::make_unique<Nic>());
    netdevs_.back()->netdev = std::move(*made);
  }
  for (const net::DumpOptions& d : config.dumps) {
    const auto it = std::find_if(netdevs_.begin(), netdevs_.end(),
                                 [&](const auto& n) { return n->netdev.id == d.netdev; });
    if (it == netdevs_.end()) return fail("-object filter-dump: there is no netdev '{}'", d.netdev);
    const auto added = net::add_filter_dump((*it)->netdev, d, host);
    if (!added) return tl::unexpected(added.error().in("-object filter-dump"));
  }
  return {};
}

Result<net::Port*> Backends::take_netdev(const std::string& id) {
  for (const auto& n : netdevs_) {
    if (n->netdev.id != id) continue;
    if (std::exchange(n->taken, true)) return fail("netdev '{}' is in use", id);
    n->metered = std::make_unique<MeteredPort>(*n->netdev.port, meters_);
    return n->metered.get();
  }
  return fail("there is no netdev '{}'", id);
}

net::SlirpPort* Backends::user_network(const std::string& id) {
  for (const auto& n : netdevs_)
    if (n->netdev.id == id) return n->netdev.user;
  return nullptr;
}

// ---- Character devices, folders, objects -------------------------------------------------------

Result<hw::CharPort*> Backends::take_chardev(const std::string& id) {
  for (const auto& c : chardevs_)
    if (c->id() == id) return c->claim();
  return fail("there is no chardev '{}'", id);
}

Result<hw::CharPort*> Backends::open_serial(const CharOptions& options) {
  if (options.kind == CharOptions::Kind::Reference) return take_chardev(options.id);
  chardevs_.push_back(TRY(Chardev::open(options, host_.chars)));
  return chardevs_.back()->claim();
}

Result<void> Backends::open_fsdev(const p9::FsdevOptions& options) {
  auto f = std::make_unique<Fsdev>();
  f->id = options.id;
  auto folder = p9::Folder::open(options.folder);
  if (!folder)
    return tl::unexpected(folder.error().in(fmt::format("{} {}", options.option, options.id)));
  f->folder = std::move(*folder);
  raise_file_limit();
  if (host_.deterministic) {
    f->executor = std::make_unique<hw::InlineExecutor>();
  } else {
    f->completions = std::make_unique<LoopCompletions>(host_.loop, host_.io_lock);
    f->executor = hw::make_worker_thread(*f->completions);
  }
  fsdevs_.push_back(std::move(f));
  return {};
}

Result<Backends::Fsdev*> Backends::take_fsdev(const std::string& id) {
  for (const auto& f : fsdevs_) {
    if (f->id != id) continue;
    if (std::exchange(f->taken, true)) return fail("fsdev '{}' is in use", id);
    return f.get();
  }
  return fail("there is no fsdev '{}'", id);
}

Result<const OptionGroup*> Backends::object(const std::string& id, std::string_view kind) const {
  for (const OptionGroup& o : objects_) {
    if (o.id != id) continue;
    if (o.kind != kind) return fail("object '{}' is a {}, not a {}", id, o.kind, kind);
    return &o;
  }
  return fail("there is no object '{}'", id);
}

}  // namespace quince::machine
