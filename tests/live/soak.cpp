// Everything at once, at random, for as long as one likes.
//
// Linux draws and sets modes, reads and writes disks and watches its input devices, while windows (or
// heads without one) change their sizes, a person types and points, USB devices come and go, and the
// machine is paused, looked at and reset.  Now and then everything rests: then the guest must
// answer, and the heap must be as large as it was at the first rests.
#include "tests/live/soak.h"

#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/live/memory.h"
#include "tests/support/command.h"

namespace quince::test {

namespace {

using std::chrono::seconds;

constexpr u64 kDiskBytes = 48 * MiB;
constexpr ui::Size kRestSize{1024, 768}, kRestSecond{640, 480};
constexpr seconds kRestEvery{20}, kResetEvery{90}, kReportEvery{10};
/// What the heap may differ by between two rests, and the process between the halves of a run.  Decoded
/// code does not count: it has a limit of its own, and grows towards it with every boot.  A guest's
/// console keeps a picture of the size that its head had while it booted, and so does who shows it: that
/// is up to 17 MiB for two heads as large as the screen.
constexpr u64 kHeapSlack = 24 * MiB, kResidentSlack = 64 * MiB;
/// So many rests of the first half must have been before the second is compared with it: the first boots
/// touch memory of the guest that was not there yet, and fill a sanitizer's quarantine.
constexpr u64 kRestsToCompare = 4;
constexpr int kSettleTries = 100, kSettleMs = 100;
constexpr u64 kMaxLog = 1 * MiB;
constexpr std::chrono::milliseconds kFrame{16};

/// What a kernel says that has seen something impossible.
constexpr const char* kDisasters[] = {"Kernel panic", "Internal error", "Unable to handle kernel",
                                      "BUG: "};

}  // namespace

// ---- The front end without a window ------------------------------------------------------------

Viewers::Viewers(ui::Display& display) {
  for (ui::Console& console : display.consoles())
    threads_.emplace_back([&console](const std::stop_token& end) {
      ui::Console::Viewer viewer(console);
      ui::Picture copy;
      while (!end.stop_requested()) {
        viewer.fetch(copy);
        std::this_thread::sleep_for(kFrame);  // as a screen does
      }
    });
}

// ---- Steps -------------------------------------------------------------------------------------

Soak::Soak(LiveMachine& live, const LiveOptions& options, Desktop* desktop)
    : live_(live), options_(options), desktop_(desktop), random_(options.seed) {}

void Soak::resize() {
  // Mostly as windows are; sometimes absurd.
  const auto side = [&](u64 usual) {
    return static_cast<u32>(below(12) == 0 ? below(9000) : 100 + below(usual));
  };
  const ui::Size size{side(1500), side(900)};
  auto& consoles = live_.machine().display().consoles();
  const u64 head = below(4) == 0 ? consoles.size() - 1 : 0;
  if (desktop_ == nullptr) return consoles[head].wish_size(size);
  const std::string id = window(head);
  if (id.empty()) return;
  desktop_->xdotool({"windowsize", id, std::to_string(100 + size.width % 1400),
                     std::to_string(80 + size.height % 800)});
}

/// A window of ours, by its place in the list.
std::string Soak::window(u64 number) {
  std::istringstream ids(desktop_->xdotool({"search", "--onlyvisible", "--name", "soak"}));
  std::string id, last;
  for (u64 n = 0; n <= number && ids >> id; ++n) last = id;
  return last;
}

void Soak::type() {
  if (desktop_ != nullptr && below(2) == 0) {
    static constexpr const char* kChords[] = {"a",          "Return",     "ctrl+c",    "ctrl+alt+f",
                                              "ctrl+alt+i", "ctrl+alt+u", "ctrl+alt+g"};
    desktop_->xdotool({"key", kChords[below(std::size(kChords))]});
    return;
  }
  // Not PrintScreen and Delete: Linux resets the machine for some who hold others with them.
  constexpr u8 kPrintScreen = 0x46, kFirst = ui::key::kA, kLast = 0x62;
  std::vector<ui::InputEvent> events;
  for (u64 n = 1 + below(12); n != 0; --n) {
    const u8 usage = below(8) == 0 ? static_cast<u8>(ui::key::kLeftControl + below(8))
                                   : static_cast<u8>(kFirst + below(kLast - kFirst + 1));
    if (usage == kPrintScreen || usage == ui::key::kDelete) continue;
    events.push_back(ui::KeyInput{usage, below(2) == 0});
  }
  live_.machine().display().input().send(std::move(events));
}

void Soak::point() {
  if (desktop_ != nullptr && below(2) == 0) {
    desktop_->xdotool({"mousemove", std::to_string(below(Desktop::kSize.width)),
                       std::to_string(below(Desktop::kSize.height)), "click", "1"});
    return;
  }
  const auto small = [&] { return static_cast<s32>(below(61)) - 30; };
  std::vector<ui::InputEvent> events;
  for (u64 n = 1 + below(20); n != 0; --n) {
    switch (below(4)) {
      case 0:
        events.push_back(
            ui::PositionInput{static_cast<u16>(below(0x8000)), static_cast<u16>(below(0x8000))});
        break;
      case 1:
        events.push_back(ui::MotionInput{small(), small()});
        break;
      case 2:
        events.push_back(ui::WheelInput{small() / 10, small() / 10});
        break;
      default:
        events.push_back(ui::ButtonInput{static_cast<ui::PointerButton>(below(ui::kPointerButtons)),
                                         below(2) == 0});
    }
  }
  live_.machine().display().input().send(std::move(events));
}

Result<void> Soak::plug() {
  static constexpr const char* kNames[] = {"kbd", "tablet", "hub", "stick", "fast"};
  const std::string name = kNames[below(std::size(kNames))];
  return live_.on_machine([&m = live_.machine(), name] {
    // Whichever of the two is possible; out of a hub that is out itself, too.
    if (!m.unplug_usb(name)) (void)m.replug_usb(name);
  });
}

Result<void> Soak::plug_all() {
  return live_.on_machine([&m = live_.machine()] {
    for (const char* name : {"hub", "kbd", "tablet", "stick", "fast"}) (void)m.replug_usb(name);
  });
}

void Soak::look() {
  for (ui::Console& c : live_.machine().display().consoles()) {
    const ui::Picture picture = c.picture(true);
    if (!picture.size().empty()) seen_ ^= picture.at(0, 0);
  }
}

Result<void> Soak::stop_and_go() {
  auto& control = live_.control();
  control.pause();
  for (u64 n = below(4); n != 0; --n) type();
  if (below(3) == 0) resize();
  // A reset of a machine that stands still leaves it so.
  if (up_ && below(20) == 0) TRY_VOID(reset());
  control.resume();
  return {};
}

/// Also of a guest that is still booting, now and then.
Result<void> Soak::reset() {
  live_.control().reset();
  up_ = false;
  ++resets_;
  last_reset_ = Clock::now();
  early_.reset();
  if (below(4) == 0) early_ = std::chrono::milliseconds(below(20'000));
  // What the guest said before must not be taken for what it says after.
  TRY_VOID(live_.on_machine([] {}));
  while (!live_.read_for(0).empty()) continue;
  output_.clear();
  return {};
}

Result<void> Soak::step() {
  ++steps_;
  const u64 pick = below(100);
  if (pick < 25)
    resize();
  else if (pick < 50)
    type();
  else if (pick < 70)
    point();
  else if (pick < 84)
    TRY_VOID(plug());
  else if (pick < 92)
    look();
  else if (pick < 98)
    TRY_VOID(stop_and_go());
  else
    live_.control().power_button();
  return {};
}

// ---- The guest ---------------------------------------------------------------------------------

/// Reads what it says for a while; when it is ready, it gets its work.
Result<void> Soak::listen(int ms) {
  output_ += live_.read_for(ms);
  for (const char* disaster : kDisasters)
    if (output_.find(disaster) != std::string::npos)
      return fail("the guest says '{}':\n{}", disaster, output_);
  if (!up_ && output_.find("live: ready") != std::string::npos) {
    up_ = true;
    ++boots_;
    came_up_ = last_rest_ = Clock::now();
    TRY_VOID(live_.send("work\n"));
  }
  constexpr std::size_t kKept = 4096;
  if (output_.size() > 2 * kKept) output_.erase(0, output_.size() - kKept);
  if (!up_ && Clock::now() - last_reset_ > seconds(patience_seconds()))
    return fail("the guest does not come up:\n{}", output_);
  return {};
}

/// Everything is plugged in, the guest does nothing, and what it needs of the host is what it needed
/// at the first rests.
Result<void> Soak::rest() {
  TRY_VOID(plug_all());
  auto& consoles = live_.machine().display().consoles();
  consoles.front().wish_size(kRestSize);
  consoles.back().wish_size(kRestSecond);
  TRY_VOID(live_.send(fmt::format("rest\nping {}\n", steps_)));
  TRY_VOID(live_.expect("live: resting"));
  TRY_VOID(live_.expect(fmt::format("live: pong {}", steps_)));
  ++rests_;
  // Pictures of the old sizes go when the guest has drawn in the new ones.
  const auto decoded = std::make_shared<u64>(0);
  TRY_VOID(live_.on_machine([&m = live_.machine(), decoded] {
    m.pause();
    for (const auto& cpu : m.cpus()) *decoded += cpu->decoded_bytes();
    m.resume();
  }));
  const u64 code = *decoded;
  u64 heap = heap_bytes() - code;
  for (int n = 0; n < kSettleTries && (rests_ <= 2 || heap > heap_limit_); ++n) {
    (void)live_.read_for(kSettleMs);
    heap = std::min(heap, heap_bytes() - code);
    if (rests_ <= 2 && n == kSettleTries / 4) break;
  }
  if (rests_ <= 2)
    heap_limit_ = std::max(heap_limit_, heap + kHeapSlack);
  else if (heap > heap_limit_)
    return fail("the heap grows: {} KiB in use at rest, after at most {} KiB", heap / KiB,
                heap_limit_ / KiB);
  const u64 resident = resident_bytes() - code;
  const bool first_half = Clock::now() < half_;
  if (first_half) ++rests_first_;
  auto& highest = first_half ? highest_first_ : highest_second_;
  highest = std::max(highest, resident);
  fmt::print("rest {}: {} KiB of heap and {} KiB resident, besides {} KiB of decoded code\n",
             rests_, heap / KiB, resident / KiB, code / KiB);
  last_rest_ = Clock::now();
  return live_.send("work\n");
}

void Soak::report() {
  last_report_ = Clock::now();
  fmt::print("soak {:4} s: {} steps, {} boots, {} resets, {} rests; {} MiB resident, {} MiB heap\n",
             std::chrono::duration_cast<seconds>(Clock::now() - start_).count(), steps_, boots_,
             resets_, rests_, resident_bytes() / MiB, heap_bytes() / MiB);
  std::fflush(stdout);
}

Result<void> Soak::run() {
  last_reset_ = Clock::now();
  while (!up_) {
    TRY_VOID(listen(100));
    if (below(4) == 0) TRY_VOID(step());  // boots are disturbed as well
  }
  start_ = Clock::now();
  half_ = start_ + seconds(options_.seconds) / 2;
  const auto end = start_ + seconds(options_.seconds);
  last_rest_ = start_;
  bool first = true;
  while (Clock::now() < end || first) {
    TRY_VOID(step());
    TRY_VOID(listen(static_cast<int>(below(120))));
    if (up_ && (first || Clock::now() - last_rest_ > kRestEvery)) {
      TRY_VOID(rest());
      first = false;
    }
    const bool early = !up_ && early_ && Clock::now() - last_reset_ > *early_;
    if (early || (up_ && Clock::now() - came_up_ > kResetEvery)) TRY_VOID(reset());
    if (Clock::now() - last_report_ > kReportEvery) report();
  }
  while (!up_) TRY_VOID(listen(100));
  TRY_VOID(rest());
  report();
  if (rests_first_ >= kRestsToCompare && highest_second_ > highest_first_ + kResidentSlack)
    return fail("the process grows: {} MiB resident, after {} MiB in the first half",
                highest_second_ / MiB, highest_first_ / MiB);
  return {};
}

// ---- The scenario ------------------------------------------------------------------------------

namespace {

Result<void> make_disk(const std::string& path) {
  std::ofstream(path).close();
  std::error_code ec;
  std::filesystem::resize_file(path, kDiskBytes, ec);
  return ec ? Result<void>(fail("no disk: {}", ec.message())) : Result<void>();
}

/// The person on a thread of its own, because windows want the first one.
Result<void> with_window(LiveMachine& live, const LiveOptions& o, Desktop& desktop) {
  ::setenv("DISPLAY", desktop.display().c_str(), 1);
  ::setenv("SDL_VIDEODRIVER", "x11", 1);
  ::unsetenv("WAYLAND_DISPLAY");
  auto front = TRY(ui::sdl::Front::create(live.machine().display(), live.control(),
                                          {.screenshot = desktop.folder() + "/screen.png"}));
  Result<void> done;
  std::jthread person([&] {
    done = Soak(live, o, &desktop).run();
    front->stop();
  });
  front->run();
  person.join();
  fmt::print("soak: {} pictures were presented\n", front->frames());
  return done;
}

}  // namespace

Result<void> soak(const LiveOptions& o) {
  if (o.window && !Desktop::missing().empty())
    return fail("--window: {} is missing (scripts/install-deps.sh check)", Desktop::missing());
  fmt::print("soak: {} s, seed {}{}\n", o.seconds, o.seed, o.window ? ", in a window" : "");
  const TempDir folder;
  auto args = linux_args(o, "320M");
  for (const char* id : {"stick", "fast"}) {
    TRY_VOID(make_disk(folder / id));
    args.insert(args.end(),
                {"-drive", fmt::format("if=none,id={}-drive,format=raw,file={}", id, folder / id)});
  }
  args.insert(args.end(), {"-name",
                           "soak",
                           "-smp",
                           "2",
                           "-nodefaults",
                           "-device",
                           "virtio-gpu-pci,max_outputs=2",
                           "-device",
                           "qemu-xhci,id=usb",
                           "-device",
                           "usb-kbd,id=kbd",
                           "-device",
                           "usb-tablet,id=tablet",
                           "-device",
                           "usb-hub,id=hub,port=3",
                           "-device",
                           "usb-storage,id=stick,drive=stick-drive,removable=on,port=3.1",
                           "-device",
                           "usb-storage,id=fast,drive=fast-drive",
                           "-device",
                           "virtio-keyboard-pci",
                           "-D",
                           folder / "log",
                           "-d",
                           "guest_errors"});
  std::optional<Desktop> desktop;
  if (o.window) desktop.emplace("soak");
  const auto live = TRY(LiveMachine::start(args));
  if (o.window) {
    TRY_VOID(with_window(*live, o, *desktop));
  } else {
    const Viewers viewers(live->machine().display());
    TRY_VOID(Soak(*live, o, nullptr).run());
  }
  TRY_VOID(live->stop());
  std::error_code none;
  const auto logged = std::filesystem::file_size(folder / "log", none);
  if (!none && logged > kMaxLog) return fail("the log has {} bytes", logged);
  return {};
}

}  // namespace quince::test
