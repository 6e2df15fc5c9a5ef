#include "tests/isa/oracle_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace quince::test {

namespace {

// From CMake; empty where the tool was not found.
constexpr const char* kQemu = QUINCE_QEMU_AARCH64;
constexpr const char* kOracle = QUINCE_ISA_ORACLE;

/// The emulator: QUINCE_ISA_QEMU names another one, such as a newer version.
std::string qemu() {
  const char* other = std::getenv("QUINCE_ISA_QEMU");
  return other != nullptr && *other != 0 ? other : kQemu;
}

}  // namespace

std::string oracle_missing() {
  if (*kOracle == 0) return "no aarch64-linux-gnu-gcc to build the oracle";
  if (qemu().empty() || access(qemu().c_str(), X_OK) != 0)
    return "no qemu-aarch64 to run the oracle";
  return "";
}

OracleProcess::OracleProcess(std::string& why, const char* cpu) {
  why = oracle_missing();
  if (!why.empty()) return;
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0) {
    why = std::strerror(errno);
    return;
  }
  signal(SIGPIPE, SIG_IGN);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  for (const int fd : {in[0], in[1], out[0], out[1]})
    posix_spawn_file_actions_addclose(&actions, fd);
  std::string args[] = {qemu(), "-cpu", cpu, kOracle};
  char* argv[] = {args[0].data(), args[1].data(), args[2].data(), args[3].data(), nullptr};
  const int e = posix_spawn(&pid_, argv[0], &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  to_ = Fd(in[1]);
  from_ = Fd(out[0]);
  if (e != 0) {
    pid_ = -1;
    why = std::strerror(e);
  }
}

OracleProcess::~OracleProcess() {
  to_ = Fd();
  reap();
}

void OracleProcess::reap() {
  if (pid_ < 0) return;
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFSIGNALED(status))
    error_ = "the oracle died of signal " + std::to_string(WTERMSIG(status));
  else
    error_ = "the oracle exited with " + std::to_string(WEXITSTATUS(status));
}

bool OracleProcess::transfer(bool in, void* data, std::size_t size) {
  auto* p = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = in ? ::read(from_.get(), p, size) : ::write(to_.get(), p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool OracleProcess::run(std::span<const OracleCase> cases, bool guarded,
                        std::vector<OracleResult>& out) {
  BatchHeader header{static_cast<uint32_t>(cases.size()), guarded ? 1u : 0u};
  out.resize(cases.size());
  const bool ok = pid_ >= 0 && transfer(false, &header, sizeof header) &&
                  transfer(false, const_cast<OracleCase*>(cases.data()), cases.size_bytes()) &&
                  transfer(true, out.data(), out.size() * sizeof out[0]);
  if (!ok) {
    to_ = Fd();
    reap();
  }
  return ok;
}

}  // namespace quince::test
