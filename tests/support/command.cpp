#include "tests/support/command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace quince::test {

namespace {
int exit_status(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }
}  // namespace

CommandResult run_command(const std::string& command) {
  CommandResult r;
  std::FILE* p = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (p == nullptr) return r;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), p))
    r.output.append(buffer.data(), n);
  r.status = exit_status(::pclose(p));
  return r;
}

bool have_command(const std::string& name) { return run_command("command -v " + name).status == 0; }

Pipe::Pipe(const std::string& command) {
  std::array<int, 2> to{}, from{};
  if (::pipe(to.data()) != 0 || ::pipe(from.data()) != 0) std::abort();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::dup2(from[1], 2);
    for (const int fd : {to[0], to[1], from[0], from[1]}) ::close(fd);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  in_ = to[1];
  out_ = from[0];
}

void Pipe::write(const std::string& text) {
  if (::write(in_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

bool Pipe::wait_for(const std::string& text) {
  std::array<char, 4096> buffer;
  while (seen_.find(text) == std::string::npos) {
    const ssize_t n = ::read(out_, buffer.data(), buffer.size());
    if (n <= 0) return false;
    seen_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  seen_.clear();
  return true;
}

int Pipe::close() {
  if (pid_ < 0) return status_;
  ::close(in_);
  std::array<char, 4096> buffer;
  while (::read(out_, buffer.data(), buffer.size()) > 0) {
  }
  ::close(out_);
  int raw = 0;
  ::waitpid(pid_, &raw, 0);
  pid_ = -1;
  status_ = exit_status(raw);
  return status_;
}

}  // namespace quince::test
