#include "tests/support/qemu_9p.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace quince::test {

namespace {
// The board's memory map, and where the driver keeps its things.
constexpr u64 kFirstSlot = 0x0a00'0000, kSlotSize = 0x200, kSlots = 32;
constexpr u64 kDesc = 0x4010'0000, kAvail = kDesc + 0x1000, kUsed = kDesc + 0x2000;
constexpr u64 kRequest = kDesc + 0x10'0000, kReply = kDesc + 0x20'0000;
constexpr u32 kReplyRoom = 64 * 1024;
}  // namespace

std::unique_ptr<Qemu9p> Qemu9p::start(const std::string& folder, const std::string& options) {
  ::signal(SIGPIPE, SIG_IGN);  // QEMU may end before we do
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) return nullptr;
  const std::string fsdev = "local,id=f,path=" + folder + "," + options;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(to[0], STDIN_FILENO);
    ::dup2(from[1], STDOUT_FILENO);
    ::execlp("qemu-system-aarch64", "qemu-system-aarch64", "-machine", "virt", "-accel", "tcg",
             "-S", "-m", "64", "-display", "none", "-nodefaults", "-qtest", "stdio", "-qtest-log",
             "/dev/null", "-global", "virtio-mmio.force-legacy=false", "-fsdev", fsdev.c_str(),
             "-device", "virtio-9p-device,fsdev=f,mount_tag=t", nullptr);
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  std::unique_ptr<Qemu9p> q(new Qemu9p());
  q->pid_ = pid;
  q->to_ = ::fdopen(to[1], "w");
  q->from_ = ::fdopen(from[0], "r");
  if (pid < 0 || !q->find_device() || !q->setup()) return nullptr;
  return q;
}

Qemu9p::~Qemu9p() {
  if (to_ != nullptr) std::fclose(to_);
  if (from_ != nullptr) std::fclose(from_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Qemu9p::command(const std::string& line, std::string& answer) {
  if (std::fputs((line + "\n").c_str(), to_) < 0 || std::fflush(to_) != 0) return false;
  answer.clear();
  for (int c = 0; (c = std::fgetc(from_)) != EOF && c != '\n';) answer += static_cast<char>(c);
  if (!answer.starts_with("OK")) return false;
  answer.erase(0, answer.size() > 2 ? 3 : 2);
  return true;
}

u64 Qemu9p::read(const char* how, u64 address) {
  std::string text;
  if (!command(fmt::format("{} {:#x}", how, address), text)) return 0;
  return std::stoull(text, nullptr, 16);
}

void Qemu9p::write(const char* how, u64 address, u64 value) {
  std::string ignored;
  (void)command(fmt::format("{} {:#x} {:#x}", how, address, value), ignored);
}

bool Qemu9p::find_device() {
  std::string ignored;
  if (!command("readl 0x0", ignored)) return false;  // not there
  for (u64 n = 0; n < kSlots; ++n) {
    device_ = kFirstSlot + n * kSlotSize;
    if (read("readl", device_ + 8) == 9) return true;
  }
  return false;
}

bool Qemu9p::setup() {
  for (const u64 status : {0, 1, 3}) write("writel", device_ + 0x70, status);
  for (const u64 word : {0, 1}) {
    write("writel", device_ + 0x24, word);
    write("writel", device_ + 0x20, word);  // VIRTIO_F_VERSION_1 and nothing else
  }
  write("writel", device_ + 0x70, 11);
  write("writel", device_ + 0x38, 8);
  write("writel", device_ + 0x80, kDesc);
  write("writel", device_ + 0x90, kAvail);
  write("writel", device_ + 0xa0, kUsed);
  write("writel", device_ + 0x44, 1);
  write("writel", device_ + 0x70, 15);
  return read("readl", device_ + 0x70) == 15;
}

std::vector<u8> Qemu9p::call(std::span<const u8> request) {
  std::string text;
  std::string hex;
  for (const u8 b : request) hex += fmt::format("{:02x}", b);
  if (!command(fmt::format("write {:#x} {} 0x{}", kRequest, request.size(), hex), text)) return {};
  const std::array<std::array<u64, 3>, 2> descs{
      {{kRequest, request.size(), 1 | 1u << 16}, {kReply, kReplyRoom, 2}}};
  for (u64 n = 0; n < 2; ++n) {
    write("writeq", kDesc + 16 * n, descs[n][0]);
    write("writel", kDesc + 16 * n + 8, descs[n][1]);
    write("writel", kDesc + 16 * n + 12, descs[n][2]);
  }
  write("writew", kAvail + 4 + 2 * (index_ % 8), 0);
  write("writew", kAvail + 2, static_cast<u16>(index_ + 1));
  write("writel", device_ + 0x50, 0);
  // Each look is a round trip through QEMU's main loop, which does the work.
  for (int looks = 0; read("readw", kUsed + 2) == index_; ++looks)
    if (looks == 100'000) return {};
  const u64 length = read("readl", kUsed + 4 + 8 * (index_ % 8) + 4);
  ++index_;
  if (length == 0 || !command(fmt::format("read {:#x} {}", kReply, length), text)) return {};
  std::vector<u8> reply;
  for (std::size_t at = 2; at + 2 <= text.size(); at += 2)
    reply.push_back(static_cast<u8>(std::stoul(text.substr(at, 2), nullptr, 16)));
  return reply;
}

}  // namespace quince::test
