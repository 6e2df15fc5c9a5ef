#include "tests/window/desktop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/command.h"

namespace quince::test {

namespace {

constexpr std::chrono::seconds kPatience{30};
/// Between two looks at something that does not announce itself.
constexpr int kLookMs = 5;

u32 big_endian(const u8* p) { return u32{p[0]} << 24 | u32{p[1]} << 16 | u32{p[2]} << 8 | p[3]; }

}  // namespace

// ---- Processes ---------------------------------------------------------------------------------

Process::Process(const Args& args, const std::string& folder, const std::string& display) {
  std::array<int, 2> to{}, from{};
  if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) std::abort();
  std::vector<std::string> copy = args;
  std::vector<char*> argv;
  for (std::string& a : copy) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no server behind
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::setenv("DISPLAY", display.c_str(), 1);
    ::setenv("SDL_VIDEODRIVER", "x11", 1);
    ::setenv("HOME", folder.c_str(), 1);
    ::unsetenv("WAYLAND_DISPLAY");
    // What X11's and SDL's libraries keep until the end is not for us to find.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  in_ = Fd(to[1]);
  out_ = Fd(from[0]);
}

Process::~Process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Process::write_line(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(in_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    std::abort();
}

std::string Process::read_line() {
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd p{out_.get(), POLLIN, 0};
    constexpr auto kMs = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
    if (::poll(&p, 1, static_cast<int>(kMs)) <= 0) return {};
    std::array<char, 4096> more;
    const ssize_t n = ::read(out_.get(), more.data(), more.size());
    if (n <= 0) return {};
    buffer_.append(more.data(), static_cast<std::size_t>(n));
  }
}

int Process::wait() {
  int raw = 0;
  ::waitpid(std::exchange(pid_, -1), &raw, 0);
  return WIFEXITED(raw) ? WEXITSTATUS(raw) : -1;
}

// ---- The desktop -------------------------------------------------------------------------------

std::string Desktop::missing() {
  for (const char* name : {"Xvfb", "jwm", "xdotool"})
    if (!have_command(name)) return name;
  return {};
}

Desktop::Desktop(std::string title) : title_(std::move(title)) {
  // The server picks a free number and says it on its output when it is ready.  It must not start
  // anew when its only client goes, which may be an xdotool that was faster than jwm.
  server_ = std::make_unique<Process>(
      Args{"Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-noreset", "-fbdir", folder_.path(),
           "-screen", "0", fmt::format("{}x{}x24", kSize.width, kSize.height)},
      folder_.path(), "");
  display_ = ":" + server_->read_line();
  const Fd file(::open((folder_ / "Xvfb_screen0").c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st {};
  if (!file || ::fstat(file.get(), &st) != 0) std::abort();
  screen_bytes_ = static_cast<std::size_t>(st.st_size);
  void* at = ::mmap(nullptr, screen_bytes_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) std::abort();
  screen_ = static_cast<const u8*>(at);

  // No panel, no menu, a ground of one colour: nothing that could be taken for a window.
  std::ofstream(folder_ / "jwmrc")
      << "<?xml version=\"1.0\"?><JWM><Desktops width=\"1\" height=\"1\">"
         "<Background type=\"solid\">#000000</Background></Desktops>"
         "<Group><Option>noborder</Option><Option>notitle</Option></Group>"
         "<Key mask=\"A\" key=\"F4\">close</Key>"
         "<FocusModel>click</FocusModel></JWM>";
  manager_ =
      std::make_unique<Process>(Args{"jwm", "-f", folder_ / "jwmrc"}, folder_.path(), display_);
  if (!wait_until([&] { return !xdotool({"get_desktop"}).empty(); })) std::abort();
  // The server paints the mouse into its picture: it waits in the corner.
  xdotool({"mousemove", std::to_string(kSize.width - 1), std::to_string(kSize.height - 1)});
}

void Desktop::run(const Args& program) {
  program_ = std::make_unique<Process>(program, folder_.path(), display_);
  if (program_->read_line() != "ready") std::abort();
  if (!wait_until([&] { return !window_id().empty(); })) std::abort();
}

Desktop::~Desktop() {
  program_.reset();
  manager_.reset();
  if (screen_ != nullptr) ::munmap(const_cast<u8*>(screen_), screen_bytes_);
}

std::string Desktop::xdotool(const Args& args) {
  std::string command = fmt::format("DISPLAY={} xdotool", display_);
  for (const std::string& a : args) command += fmt::format(" '{}'", a);
  const CommandResult r = run_command(command);
  return r.status == 0 ? r.output : "";
}

/// XWDFile.h: a header of big-endian words, a name, colours of 12 bytes, then rows.
u32 Desktop::pixel(u32 x, u32 y) const {
  const u32 header = big_endian(screen_), colours = big_endian(screen_ + 19 * 4);
  const u32 row = big_endian(screen_ + 12 * 4);
  const u8* at = screen_ + header + std::size_t{colours} * 12 + std::size_t{y} * row + x * 4;
  return u32{at[2]} << 16 | u32{at[1]} << 8 | at[0];
}

bool Desktop::wait_until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, kLookMs);
  }
  return true;
}

std::string Desktop::window_id() {
  std::string id = xdotool({"search", "--onlyvisible", "--name", "^" + title_});
  return id.substr(0, id.find('\n'));
}

Desktop::Window Desktop::window() {
  Window w;
  std::istringstream in(xdotool({"getwindowgeometry", "--shell", window_id()}));
  for (std::string line; std::getline(in, line);) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = line.substr(0, equals);
    const int value = std::atoi(line.c_str() + equals + 1);
    if (name == "X") w.x = value;
    if (name == "Y") w.y = value;
    if (name == "WIDTH") w.width = static_cast<u32>(value);
    if (name == "HEIGHT") w.height = static_cast<u32>(value);
  }
  return w;
}

}  // namespace quince::test
