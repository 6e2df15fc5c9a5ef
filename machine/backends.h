// The named back ends of a machine: what -drive, -netdev, -chardev, -fsdev and -object made, and
// which device has which.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "block/block.h"
#include "hw/core/entropy.h"
#include "hw/core/io_lock.h"
#include "hw/core/timer.h"
#include "hw/virtio/executor.h"
#include "machine/chardev/chardev.h"
#include "machine/config.h"
#include "machine/drive_config.h"
#include "machine/meters.h"
#include "net/netdev.h"

namespace quince::machine {

/// What back ends need of their machine.  All of it outlives them.
struct BackendHost {
  EventLoop& loop;
  hw::IoLock& io_lock;
  hw::TimerQueue& timers;
  Log& log;
  /// Nothing may happen at a time that the guest did not choose: disks work in submit() and their
  /// completions come in guest time, random numbers are seeded.
  bool deterministic = false;
  /// Draws 64 bits; in a deterministic run from the machine's generator, whose state is saved.
  std::function<u64()> random = nullptr;
  CharHost chars;
};

/// Opened by the machine's builder, given to devices while they are plugged in.  A back end serves
/// one device, but for character devices with mux=on.  Used on the machine thread.
class Backends {
 public:
  explicit Backends(BackendHost host);
  ~Backends();
  Backends(const Backends&) = delete;
  Backends& operator=(const Backends&) = delete;

  /// Opens everything that a configuration names.  An error is one line that names the option.
  Result<void> open(const MachineConfig& config);

  /// A drive, with how it was described.
  struct Drive {
    DriveConfig config;
    std::unique_ptr<block::Image> image;  ///< until a disk or flash takes it
    std::unique_ptr<block::Completions> completions;
    std::unique_ptr<block::Disk> disk;
    bool taken = false;
  };
  /// Marks the drive as in use.  Errors: there is none of that name, or it is in use.
  Result<Drive*> take_drive(const std::string& id);
  /// Without marking it: for a board's own device, which shares it.
  Result<Drive*> find_drive(const std::string& id);
  /// The drive of a flash bank, or null; marks it.
  Drive* take_flash(unsigned unit);
  /// A drive's disk, which the first call makes; its requests end on the machine thread.
  block::Disk& disk_of(Drive& drive);

  Result<net::Port*> take_netdev(const std::string& id);
  /// By -netdev's id; null when it is no user network.
  net::SlirpPort* user_network(const std::string& id);

  Result<hw::CharPort*> take_chardev(const std::string& id);
  /// Opens a back end of its own for an option like -serial, or takes the one that it refers to.
  Result<hw::CharPort*> open_serial(const CharOptions& options);

  /// A folder of the host, and where calls to it run: beside, but for deterministic runs.
  struct Fsdev {
    std::string id;
    std::unique_ptr<p9::Folder> folder;  ///< until a device takes it
    std::unique_ptr<block::Completions> completions;
    std::unique_ptr<hw::Executor> executor;
    bool taken = false;
  };
  /// By -fsdev's id; marks it.  Errors: there is none of that name, or it is in use.
  Result<Fsdev*> take_fsdev(const std::string& id);
  /// An -object by id and kind.
  Result<const OptionGroup*> object(const std::string& id, std::string_view kind) const;

  hw::EntropySource& entropy();

  /// What went through disks and networks; to be read on any thread.
  const Meters& meters() const { return meters_; }

  /// Waits until every disk is idle and has flushed, and every folder is idle: before a snapshot
  /// and at the end.
  void quiesce();

 private:
  Result<void> open_drive(DriveConfig config);
  Result<void> open_fsdev(const p9::FsdevOptions& options);
  Result<void> open_netdevs(const MachineConfig& config);
  net::Host net_host();

  BackendHost host_;
  Meters meters_;
  class Entropy;
  std::unique_ptr<Entropy> entropy_;
  std::vector<std::unique_ptr<Drive>> drives_;
  net::Hubs hubs_;
  struct Nic {
    net::Netdev netdev;
    std::unique_ptr<MeteredPort> metered;  ///< what a device has of it
    bool taken = false;
  };
  std::vector<std::unique_ptr<Nic>> netdevs_;
  std::vector<std::unique_ptr<Chardev>> chardevs_;
  std::vector<std::unique_ptr<Fsdev>> fsdevs_;
  std::vector<OptionGroup> objects_;
};

}  // namespace quince::machine
