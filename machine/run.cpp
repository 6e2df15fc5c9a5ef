// Running: vCPU threads or one deterministic loop, timers, control requests, the stop order.
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "base/assert.h"
#include "machine/backends.h"
#include "machine/cpu_thread.h"
#include "machine/devices.h"
#include "machine/machine.h"
#include "ui/png.h"

namespace quince::machine {

namespace {

/// Instructions between two looks at the control side of a single-threaded machine.
constexpr u64 kSlice = 50'000;
/// One run of a threaded vCPU: long, because interrupts and requests end it.
constexpr u64 kLongRun = u64{1} << 40;
/// How a DSB waits for the other CPUs: most answer within a few instructions; one whose thread is
/// not running wants the host's CPU.  Not by yield(): Linux (EEVDF) puts a thread back further with
/// each, and on a busy host this one was seen not to run again for minutes.
constexpr unsigned kDsbSpins = 500;
constexpr std::chrono::microseconds kDsbPause{20};

}  // namespace

// ---- Requests ----------------------------------------------------------------------------------

void Machine::request_stop(StopCause cause) {
  const u8 code = static_cast<u8>(static_cast<u8>(cause) + 1);
  u8 none = 0;
  // The host's word is final: a guest that resets or, with -no-shutdown, powers off at that moment
  // must not undo it.  Among vCPUs, several of which may ask at once, the first one counts.
  if (cause == StopCause::HostQuit || cause == StopCause::HostSignal ||
      cause == StopCause::InternalError)
    stop_cause_.store(code);
  else
    stop_cause_.compare_exchange_strong(none, code);
  stop_requested_.store(true);
  for (const auto& c : cpus_) c->request_exit();
  loop_.wake();
}

void Machine::quit(StopCause cause) { request_stop(cause); }

void Machine::exit_by_guest(int status) {
  guest_status_.store(status);
  request_stop(StopCause::GuestExit);
}

void Machine::handle_requests() {
  if (!stop_requested_.exchange(false)) return;
  const u8 code = stop_cause_.exchange(0);
  if (code == 0) return;
  const auto cause = static_cast<StopCause>(code - 1);
  if (cause == StopCause::GuestReset && !config_.actions.reboot_is_shutdown) return reset();
  if (cause == StopCause::GuestShutdown && config_.actions.shutdown_is_pause) return pause();
  if (cause == StopCause::GuestPanic &&
      (config_.actions.panic == PanicAction::Pause ||
       (config_.actions.panic == PanicAction::Shutdown && config_.actions.shutdown_is_pause)))
    return pause();
  finished_ = cause;
}

void Machine::pause() {
  if (state_ != RunState::Running) return;
  stop_cpus();
  clock_.stop();
  // What was due by now has happened: a snapshot must not have a deadline behind it of which the GIC has not heard,
  // for no wire would change when it is loaded.
  run_timers();
  state_ = RunState::Paused;
}

void Machine::resume() {
  if (state_ != RunState::Paused) return;
  state_ = RunState::Running;
  clock_.start();
  start_cpus();
}

void Machine::reset() {
  const bool was_running = state_ == RunState::Running;
  pause();
  {
    const hw::IoLock::Guard held(io_lock_);
    for (hw::Device* d : device_list_) d->reset();
    reported_panic_ = reported_crash_ = false;
    pac_ = {};
    apply_images();
  }
  if (was_running) resume();
}

void Machine::power_button() {
  const hw::IoLock::Guard held(io_lock_);
  devices_->power_key->press();
}

Result<void> Machine::unplug_usb(std::string_view name) {
  const hw::IoLock::Guard held(io_lock_);
  return usb_plugs_.pull(name);
}

Result<void> Machine::replug_usb(std::string_view name) {
  const hw::IoLock::Guard held(io_lock_);
  return usb_plugs_.put_back(name);
}

u64 Machine::look_at_instructions() {
  u64 sum = 0;
  for (const auto& c : cpus_) sum += executed_[c->index()].load(std::memory_order_relaxed);
  if (threaded())
    loop_.post([this] {
      for (const auto& c : cpus_) c->request_exit();
    });
  return sum;
}

// ---- Timers ------------------------------------------------------------------------------------

void Machine::run_timers() {
  const hw::IoLock::Guard held(io_lock_);
  timers_.run_due();
}

u64 Machine::next_deadline() {
  const hw::IoLock::Guard held(io_lock_);
  return timers_.next_deadline();
}

/// The next deadline is now an earlier one, perhaps by a vCPU in the middle of its slice, which was
/// cut for the old one.
void Machine::deadline_moved() {
  loop_.wake();
  if (in_slice_ != nullptr) in_slice_->request_exit();
}

s64 Machine::timeout_until(u64 next) {
  if (state_ != RunState::Running || next == hw::kNever) return -1;
  const u64 now = clock_.now_ns();
  return next <= now ? 0 : static_cast<s64>(std::min<u64>(next - now, hw::kSecond));
}

// ---- One thread per vCPU -----------------------------------------------------------------------

/// Sleeps until the vCPU's wake call, or until a guest time that nothing else announces.
void Machine::wait_for_wake(CpuThread& t, u64 until_ns) {
  t.vcpu.set_parked(true);
  s64 most = -1;
  if (until_ns != hw::kNever)
    most = static_cast<s64>(std::min(until_ns - std::min(clock_.now_ns(), until_ns), hw::kSecond));
  t.sleeper.wait(
      std::chrono::nanoseconds(most),
      [](const void* m) { return static_cast<const Machine*>(m)->work_may_come(); }, this);
}

/// Whether some vCPU runs, which may have work for another one, and the host has a CPU for each.
bool Machine::work_may_come() const {
  if (cpus_.size() > host_cpus_) return false;
  return std::ranges::any_of(cpus_, [](const auto& c) { return !c->parked(); });
}

void Machine::cpu_thread(CpuThread& t) {
  cpu::Vcpu& c = t.vcpu;
  u64 epoch = 0;  // the start that this thread has answered
  GivingWay give_way;
  for (;;) {
    {
      std::unique_lock lock(run_mutex_);
      if (!go_ && !die_) {
        c.set_parked(true);
        --running_;
        run_changed_.notify_all();
        run_changed_.wait(lock, [&] { return epoch != epoch_ || die_; });
        epoch = epoch_;
        if (!go_ && !die_) continue;  // stopped again already
      }
      if (die_) return;
    }
    if (power_[c.index()].load() != CpuPower::On) {
      wait_for_wake(t, hw::kNever);
      continue;
    }
    c.set_parked(false);
    const cpu::RunExit why = c.run(kLongRun);
    executed_[c.index()].store(c.instructions(), std::memory_order_relaxed);
    if (why == cpu::RunExit::Wfi) {
      while (!c.interrupt_pending() && go_now()) wait_for_wake(t, hw::kNever);
    } else if (why == cpu::RunExit::Wfe) {
      while (!c.wfe_ends() && go_now()) wait_for_wake(t, c.next_stream_event());
    } else if (why == cpu::RunExit::Yield) {
      c.set_parked(true);  // a sibling's DSB need not wait for the host to come back to this thread
      give_way(cpus_.size() <= host_cpus_);
    } else if (why == cpu::RunExit::Differs) {
      request_stop(StopCause::InternalError);
      while (go_now()) wait_for_wake(t, hw::kNever);
    } else if (why == cpu::RunExit::Halted) {
      power_[c.index()].store(CpuPower::Off);  // only now may CPU_ON touch its state
    }
  }
}

bool Machine::go_now() {
  const std::lock_guard lock(run_mutex_);
  return go_;
}

void Machine::start_cpus() {
  if (!threaded()) return;
  const std::lock_guard lock(run_mutex_);
  go_ = true;
  ++epoch_;
  running_ = static_cast<unsigned>(threads_.size());
  run_changed_.notify_all();
}

void Machine::stop_cpus() {
  if (!threaded()) return;
  std::unique_lock lock(run_mutex_);
  go_ = false;
  for (const auto& c : cpus_) c->request_exit();
  for (const auto& t : threads_) t->sleeper.wake();
  run_changed_.wait(lock, [&] { return running_ == 0; });
}

void Machine::run_threaded() {
  host_cpus_ = host_cpus();
  for (const auto& c : cpus_) {
    auto t = std::make_unique<CpuThread>(*c);
    c->on_wake([](void* p) { static_cast<CpuThread*>(p)->sleeper.wake(); }, t.get());
    threads_.push_back(std::move(t));
  }
  for (const auto& t : threads_) t->thread = std::jthread([this, &t = *t] { cpu_thread(t); });
  {
    // Threads begin as running and report themselves stopped.
    std::unique_lock lock(run_mutex_);
    running_ += static_cast<unsigned>(threads_.size());
    run_changed_.wait(lock, [&] { return running_ == 0; });
  }
  if (!config_.paused) resume();
  while (!finished_) {
    loop_.run_once(timeout_until(next_deadline()));
    if (state_ == RunState::Running) run_timers();
    handle_requests();
  }
  pause();
  {
    const std::lock_guard lock(run_mutex_);
    die_ = true;
    run_changed_.notify_all();
  }
  for (const auto& t : threads_) t->thread.join();
  for (const auto& c : cpus_) c->on_wake(nullptr, nullptr);
  threads_.clear();
}

// ---- Everything on one thread ------------------------------------------------------------------

/// Whether a CPU has something to do; its wait ends when it does.
bool Machine::can_run(std::size_t index) {
  cpu::Vcpu& c = *cpus_[index];
  if (power_[index].load() != CpuPower::On) return false;
  if (c.s.waiting == cpu::Wait::Interrupt && !c.interrupt_pending()) return false;
  if (c.s.waiting == cpu::Wait::Event && !c.wfe_ends()) return false;  // takes the event
  c.s.waiting = cpu::Wait::No;
  return true;
}

bool Machine::any_can_run() {
  for (std::size_t i = 0; i < cpus_.size(); ++i)
    if (can_run(i)) return true;
  return false;
}

bool Machine::run_slice(std::size_t index) {
  if (!can_run(index)) return false;
  cpu::Vcpu& c = *cpus_[index];
  u64 budget = kSlice;
  if (clock_.config().deterministic)
    budget = std::min(budget, clock_.instructions_until(next_wake()));
  clock_.run(&c, [](const void* v) { return static_cast<const cpu::Vcpu*>(v)->instructions(); });
  c.set_parked(false);
  in_slice_ = &c;
  const cpu::RunExit why = c.run(budget);
  in_slice_ = nullptr;
  executed_[index].store(c.instructions(), std::memory_order_relaxed);
  c.set_parked(true);
  clock_.run(nullptr, nullptr);
  if (why == cpu::RunExit::Wfi) c.s.waiting = cpu::Wait::Interrupt;
  if (why == cpu::RunExit::Wfe) c.s.waiting = cpu::Wait::Event;
  if (why == cpu::RunExit::Halted) power_[index].store(CpuPower::Off);
  if (why == cpu::RunExit::Differs) request_stop(StopCause::InternalError);
  return true;
}

/// When something happens that no CPU does itself: a deadline, or an event of the stream of a CPU
/// that waits for one.
u64 Machine::next_wake() {
  u64 next = next_deadline();
  for (const auto& c : cpus_)
    if (c->s.waiting == cpu::Wait::Event) next = std::min(next, c->next_stream_event());
  return next;
}

/// No CPU made progress: all of them sleep, and nothing happens before the next deadline, event or
/// input.  Deterministic time goes there at once, or, with sleep, as fast as the host's; but not past
/// an input, which would come so much late for the guest.
void Machine::idle_single() {
  const u64 next = next_wake();
  if (!clock_.config().deterministic || next == hw::kNever)
    return loop_.run_once(timeout_until(next));
  const bool sleep = clock_.config().sleep;
  const u64 now = clock_.now_ns();
  const auto before = std::chrono::steady_clock::now();
  loop_.run_once(sleep ? static_cast<s64>(next - std::min(next, now)) : 0);
  if (state_ != RunState::Running) return;
  const auto slept = static_cast<u64>((std::chrono::steady_clock::now() - before).count());
  if (sleep) return clock_.skip_to(std::min(next_wake(), now + slept));
  if (any_can_run() || stop_requested_) return;
  if (const u64 then = next_wake(); then != hw::kNever) clock_.skip_to(then);
}

void Machine::run_single() {
  if (!config_.paused) resume();
  while (!finished_) {
    if (state_ != RunState::Running) {
      loop_.run_once(-1);
      handle_requests();
      continue;
    }
    bool progress = false;
    for (std::size_t i = 0; i < cpus_.size() && !stop_requested_; ++i) {
      run_timers();
      if (run_slice(i)) progress = true;
    }
    run_timers();
    if (!progress && !stop_requested_)
      idle_single();
    else
      loop_.run_once(0);
    handle_requests();
  }
  pause();
}

sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

/// The first head, as it is now.
void Machine::take_screenshot() {
  const std::string& path = config_.display.screenshot;
  if (path.empty()) return;
  const ui::Picture picture = display_.consoles().front().picture(true);
  if (const auto written = ui::write_png(picture, path); !written)
    std::fputs(fmt::format("quince: -screenshot: {}\n", written.error().message()).c_str(), stderr);
}

int Machine::run() {
  const sigset_t set = block_signals();
  const Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  const EventLoop::Watch watch = loop_.watch(signals.get(), EventLoop::Readable, [&](unsigned) {
    signalfd_siginfo info{};
    if (::read(signals.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    if (info.ssi_signo == SIGUSR1) return take_screenshot();
    const std::string who = config_.name.empty() ? "quince" : "quince (" + config_.name + ")";
    const std::string text = fmt::format("{}: terminating on signal {} from pid {}\n", who,
                                         info.ssi_signo, info.ssi_pid);
    std::fputs(text.c_str(), stderr);
    quit(StopCause::HostSignal);
  });
  if (threaded())
    run_threaded();
  else
    run_single();
  state_ = RunState::Stopped;
  take_screenshot();
  if (trace_state_.on()) trace_state_("time {} ns, hash {:#018x}", clock_.now_ns(), state_hash());
  backends_->quiesce();
  if (*finished_ == StopCause::GuestPanic)
    return config_.actions.panic == PanicAction::ExitFailure ? EXIT_FAILURE : 0;
  if (*finished_ == StopCause::InternalError) return kInternalError;
  return *finished_ == StopCause::GuestExit ? guest_status_.load() : 0;
}

// ---- Siblings ----------------------------------------------------------------------------------

void Machine::broadcast(cpu::Vcpu& from, const cpu::Maintenance& m) {
  for (const auto& c : cpus_)
    if (c.get() != &from) c->post_maintenance(m);
}

void Machine::complete(cpu::Vcpu& from) {
  if (!threaded()) return;  // the others are between slices and apply it before they go on
  unsigned turns = 0;
  for (const auto& c : cpus_) {
    if (c.get() == &from) continue;
    const u64 target = c->maintenance_posted();
    while (c->maintenance_applied() < target && !c->parked()) {
      // Two vCPUs may wait for each other.
      if (from.maintenance_applied() != from.maintenance_posted()) from.apply_maintenance();
      if (++turns < kDsbSpins)
        __builtin_ia32_pause();
      else
        std::this_thread::sleep_for(kDsbPause);
    }
  }
}

bool Machine::completed(cpu::Vcpu& from) {
  if (!threaded()) return true;
  for (const auto& c : cpus_)
    if (c->maintenance_applied() < c->maintenance_posted() && (c.get() == &from || !c->parked()))
      return false;
  return true;
}

void Machine::send_event(cpu::Vcpu&) {
  for (const auto& c : cpus_) c->set_event();
}

}  // namespace quince::machine
