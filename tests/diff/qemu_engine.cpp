#include "tests/diff/qemu_engine.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
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
constexpr const char* kOracle = QUINCE_DIFF_ORACLE;

/// The descriptor that the oracle finds the memory at.
constexpr int kSharedFd = 3;

/// The emulator: QUINCE_ISA_QEMU names another one, such as a newer version.
std::string qemu() {
  const char* other = std::getenv("QUINCE_ISA_QEMU");
  return other != nullptr && *other != 0 ? other : kQemu;
}

/// Reads or writes one byte.
bool byte(bool in, int fd) {
  char b = 0;
  for (;;) {
    const ssize_t n = in ? ::read(fd, &b, 1) : ::write(fd, &b, 1);
    if (n < 0 && errno == EINTR) continue;
    return n == 1;
  }
}

}  // namespace

std::string oracle_missing() {
  if (*kOracle == 0) return "no aarch64-linux-gnu-gcc to build the oracle";
  if (qemu().empty() || access(qemu().c_str(), X_OK) != 0)
    return "no qemu-aarch64 to run the oracle";
  return "";
}

Result<std::unique_ptr<QemuEngine>> QemuEngine::create(const char* cpu) {
  if (const std::string why = oracle_missing(); !why.empty()) return fail("{}", why);
  std::unique_ptr<QemuEngine> e(new QemuEngine);
  TRY_VOID(e->spawn(cpu));
  OracleCase c{};
  c.flags = ORACLE_MEMORY;
  const u32 ldar = 0xc8df'fc20;  // LDAR X0, [X1]
  set_code(c, std::span(&ldar, 1));
  c.in.x[1] = ORACLE_DATA + 4;
  e->lse2_ = TRY(run_one(*e, c, false)).signal == kSigtrap;
  return e;
}

Result<void> QemuEngine::spawn(const char* cpu) {
  const Fd memory(memfd_create("oracle", MFD_CLOEXEC));
  if (memory.get() < 0 || ftruncate(memory.get(), sizeof(OracleShared)) != 0)
    return fail("memory for the oracle: {}", std::strerror(errno));
  void* at =
      mmap(nullptr, sizeof(OracleShared), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (at == MAP_FAILED) return fail("memory for the oracle: {}", std::strerror(errno));
  shared_ = static_cast<OracleShared*>(at);
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return fail("a pipe to the oracle: {}", std::strerror(errno));
  to_ = Fd(in[1]);
  const Fd in_end(in[0]);
  if (pipe2(out, O_CLOEXEC) != 0) return fail("a pipe to the oracle: {}", std::strerror(errno));
  from_ = Fd(out[0]);
  const Fd out_end(out[1]);
  signal(SIGPIPE, SIG_IGN);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_end.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, out_end.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, memory.get(), kSharedFd);
  std::string args[] = {qemu(), "-cpu", cpu, kOracle};
  char* argv[] = {args[0].data(), args[1].data(), args[2].data(), args[3].data(), nullptr};
  const int e = posix_spawn(&pid_, argv[0], &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (e == 0) return {};
  pid_ = -1;
  return fail("{}: {}", qemu(), std::strerror(e));
}

QemuEngine::~QemuEngine() {
  (void)gone();
  if (shared_ != nullptr) munmap(shared_, sizeof *shared_);
}

Error QemuEngine::gone() {
  to_ = Fd();
  if (pid_ < 0) return Error("the oracle is gone");
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFSIGNALED(status))
    return Error("the oracle died of signal " + std::to_string(WTERMSIG(status)));
  return Error("the oracle exited with " + std::to_string(WEXITSTATUS(status)));
}

Result<void> QemuEngine::start(std::span<const OracleCase> cases, bool guarded) {
  if (cases.empty() || cases.size() > ORACLE_BATCH) return fail("{} cases", cases.size());
  shared_->count = static_cast<u32>(cases.size());
  shared_->guarded = guarded ? 1 : 0;
  std::memcpy(shared_->cases, cases.data(), cases.size_bytes());
  if (pid_ < 0 || !byte(false, to_.get())) return tl::unexpected(gone());
  return {};
}

Result<std::span<const OracleResult>> QemuEngine::finish() {
  if (pid_ < 0 || !byte(true, from_.get())) return tl::unexpected(gone());
  return std::span<const OracleResult>(shared_->results, shared_->count);
}

}  // namespace quince::test
