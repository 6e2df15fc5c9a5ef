// One machine: everything between power-on and the exit status.
//
// Threads (docs/architecture.md): the machine thread runs timers, back ends and control requests;
// every vCPU has a thread of its own, or, in a deterministic or single-threaded run, shares the
// machine thread.  Devices run on whichever thread, always under the I/O lock.
#pragma once

#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "cpu/vcpu.h"
#include "hw/core/address_space.h"
#include "hw/core/char_port.h"
#include "hw/core/timer.h"
#include "hw/pvpanic/pvpanic.h"
#include "machine/board.h"
#include "machine/clock.h"
#include "machine/config.h"
#include "machine/images.h"
#include "machine/ui_host.h"
#include "machine/usb_plugs.h"
#include "ui/display.h"

namespace quince::firmware {
struct BoardDescription;
struct Range;
}

namespace quince::hw {
class Gicv3;
class GenericTimer;
class GpioKey;
}  // namespace quince::hw

namespace quince::machine {
class Backends;
class BootOrder;
class CodeLog;

/// Created → Paused ⇄ Running → Stopped.
enum class RunState : u8 { Paused, Running, Stopped };

/// Why the machine stopped.
enum class StopCause : u8 {
  GuestShutdown,
  GuestReset,
  GuestPanic,
  GuestExit,
  HostQuit,
  HostSignal,
  InternalError  ///< the emulator found an error of its own
};

/// The exit status of a run that ends with an error of the emulator's own.
inline constexpr int kInternalError = 125;

/// What PSCI AFFINITY_INFO answers.
enum class CpuPower : u8 { On = 0, Off = 1, OnPending = 2 };

/// A machine built from a configuration.  create() does everything that can fail.
class Machine final : public cpu::HypercallPort, public cpu::Siblings, private hw::PvpanicHost {
 public:
  /// Builds devices and loads images.  An error is one line that names the option.
  static Result<std::unique_ptr<Machine>> create(MachineConfig config);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Runs until the machine stops; returns the process's exit status.  By the machine thread.
  int run();

  // Control, on the machine thread (post through loop() from others):
  void pause();
  void resume();
  /// Reset as by a button: devices, CPUs and images as at power-on.
  void reset();
  /// Presses the power button.
  void power_button();
  /// Takes a USB device out of its port, or puts it back: UsbPlugs says what that means.  By -device's
  /// id=, or the name that it has without one ("usb-kbd.0").
  Result<void> unplug_usb(std::string_view name);
  Result<void> replug_usb(std::string_view name);
  /// Ends run(), with status 0.
  void quit(StopCause cause);
  /// Ends run() with a status that the guest chose (a test device).  From any thread.
  void exit_by_guest(int status);
  RunState state() const { return state_; }

  // Meters, on any thread:
  bool running() const { return state_ == RunState::Running; }
  /// Of all CPUs, as of the last time that each left its loop.  Those that run leave it soon after
  /// this was called, unless a run has to be the same with and without somebody who looks.
  u64 look_at_instructions();
  const Backends& backends() const { return *backends_; }

  const MachineConfig& config() const { return config_; }
  const Board& board() const { return *board_; }
  Log& log() { return log_; }
  EventLoop& loop() { return loop_; }
  hw::IoLock& io_lock() { return io_lock_; }
  hw::AddressSpace& space() { return space_; }
  const MachineClock& clock() const { return clock_; }
  /// Deadlines in guest time, for whoever acts on the machine at a certain one.  With the I/O lock
  /// held; callbacks are called on the machine thread.
  hw::TimerQueue& timers() { return timers_; }
  /// The heads and the input, for front ends on other threads.
  ui::Display& display() { return display_; }
  std::span<const std::unique_ptr<cpu::Vcpu>> cpus() const { return cpus_; }
  std::span<hw::Device* const> devices() const { return device_list_; }

  /// Saves the machine but for the contents of RAM.  While paused.
  void snapshot(Archive& ar);
  /// Loads what snapshot() saved of a machine of the same configuration.  While paused.  After an
  /// error, which names the field, the machine is as it was.
  Result<void> restore(Archive& ar);
  /// A hash of every unit and of RAM: equal for equal states.  While paused or stopped.
  u64 state_hash();

  /// The generated device tree.
  const std::vector<u8>& device_tree() const { return device_tree_; }

  // HypercallPort: PSCI (machine/psci.cpp), and Apple's (machine/vmapple/hypercalls.cpp).
  void hvc(cpu::Vcpu& c, u16 imm) override;

  // Siblings.
  void broadcast(cpu::Vcpu& from, const cpu::Maintenance& m) override;
  void complete(cpu::Vcpu& from) override;
  bool completed(cpu::Vcpu& from) override;
  void send_event(cpu::Vcpu& from) override;
  bool multiprocessor() const override { return cpus_.size() > 1; }

 private:
  explicit Machine(MachineConfig config);
  struct Devices;
  struct CpuThread;

  // builder.cpp
  Result<void> build();
  Result<void> build_memory();
  Result<void> build_devices();
  Result<void> build_pcie();      // pcie.cpp
  Result<void> build_its();       // pcie.cpp
  Result<void> build_platform(u32 boot_time);  // platform.cpp
  Result<void> build_cfg(const MapEntry& e);
  void pvpanic(u8 events) override;
  static void report_once(bool& reported, std::string_view what);
  Result<void> build_backends();  // this and the following: peripherals.cpp
  Result<void> build_flash();
  Result<void> build_fw_cfg();
  Result<void> build_virtio_slots();
  Result<void> plug_devices();
  Result<void> build_display();  // display.cpp
  void describe_display(firmware::BoardDescription& b) const;
  u64 framebuffer() const;
  firmware::Range guest_memory() const;
  Result<void> tell_boot_order(const BootOrder& order);
  Result<void> build_code_log(bool translate);
  Result<void> build_cpus(cpu::CpuModel model);
  Result<void> read_firmware();  // this and the following: images.cpp
  Result<void> load_images();
  Result<void> load_for_firmware();
  Result<void> load_firmware_slot();
  Result<Images::Start> load_kernel();
  bool starts_in_firmware() const;
  bool board_display_ = false;  ///< whether the board's own display is there
  bool has_its() const { return config_.msi && config_.its && board_->has(Slot::Its); }
  Result<void> describe_hardware();
  void describe_pcie(firmware::BoardDescription& b) const;         // pcie.cpp
  void describe_peripherals(firmware::BoardDescription& b) const;  // peripherals.cpp
  void apply_images();

  // snapshot.cpp
  void visit(Archive& ar);
  Result<void> load(Archive& ar);
  void snapshot_self(Archive& ar);
  static u64 next_random(void* machine);

  // run.cpp
  void run_threaded();
  void run_single();
  bool run_slice(std::size_t index);
  bool can_run(std::size_t index);
  bool any_can_run();
  void idle_single();
  void deadline_moved();
  void cpu_thread(CpuThread& t);
  void wait_for_wake(CpuThread& t, u64 until_ns);
  bool work_may_come() const;
  void stop_cpus();
  void start_cpus();
  void handle_requests();
  void run_timers();
  void take_screenshot();
  u64 next_deadline();
  u64 next_wake();
  s64 timeout_until(u64 next);
  bool go_now();
  bool threaded() const { return !config_.clock.deterministic && !config_.single_thread; }

  // psci.cpp
  bool apple_call(cpu::Vcpu& c, u32 function);  // vmapple/hypercalls.cpp
  s64 psci(cpu::Vcpu& c, u32 function);
  s64 psci_cpu_on(u64 target, u64 entry, u64 context);
  cpu::Vcpu* cpu_by_mpidr(u64 mpidr) const;
  void request_stop(StopCause cause);

  MachineConfig config_;
  const Board* board_ = nullptr;
  Log log_;
  TracePoint trace_state_{log_, "machine.state"};
  EventLoop loop_;
  hw::IoLock io_lock_;
  UiHost ui_host_{loop_, io_lock_};
  ui::Display display_{ui_host_};
  MachineClock clock_;
  hw::TimerQueue timers_;
  hw::AddressSpace space_;
  std::unique_ptr<hw::GuestRam> ram_, firmware_ram_;
  cpu::CpuModel model_;
  std::unique_ptr<Backends> backends_;
  std::unique_ptr<Devices> devices_;
  UsbPlugs usb_plugs_;
  std::vector<hw::Device*> device_list_;
  std::unique_ptr<CodeLog> code_log_;  ///< null: nobody asked
  std::vector<std::unique_ptr<cpu::Vcpu>> cpus_;
  std::vector<std::unique_ptr<CpuThread>> threads_;
  unsigned host_cpus_ = 1;
  std::vector<u8> device_tree_;
  std::vector<u8> firmware_;  // for the firmware slot
  bool rom_ = false;          // the machine starts in our boot ROM, which is handed what it needs
  std::mt19937_64 random_;   ///< for what is drawn once, while building
  u64 random_state_ = 0;     ///< of RNDR in a deterministic run

  std::unique_ptr<Images> images_;

  /// PSCI power of each CPU.
  std::unique_ptr<std::atomic<CpuPower>[]> power_;
  /// Instructions of each CPU when it last left its loop.
  std::unique_ptr<std::atomic<u64>[]> executed_;

  std::atomic<RunState> state_{RunState::Paused};
  std::atomic<bool> stop_requested_{false};
  std::atomic<u8> stop_cause_{0};
  bool reported_panic_ = false, reported_crash_ = false;  ///< under the I/O lock

  /// Pointer authentication keys of this boot, once a CPU has asked for them; under the I/O lock.
  struct PacKeys {
    bool known = false;
    std::array<u64, 10> keys{};  ///< as SysRegs::apkeys
  } pac_;
  std::atomic<int> guest_status_{0};  ///< of StopCause::GuestExit
  std::optional<StopCause> finished_;

  cpu::Vcpu* in_slice_ = nullptr;  ///< not threaded: the vCPU that runs now

  // Threaded mode: vCPU threads run while `go_` is set.
  std::mutex run_mutex_;
  std::condition_variable run_changed_;
  bool go_ = false;
  bool die_ = false;
  unsigned running_ = 0;  ///< threads that have not answered the last stop
  u64 epoch_ = 0;         ///< counts starts
};

/// Blocks the signals that run() takes from a descriptor, in this thread and those it makes, and
/// returns them.  Called first in main, so that one that comes early ends the machine properly too.
sigset_t block_signals();

}  // namespace quince::machine
