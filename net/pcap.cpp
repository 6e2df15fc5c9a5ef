#include "net/pcap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace quince::net {

namespace {

struct FileHeader {
  u32 magic = 0xa1b2c3d4;
  u16 major = 2;
  u16 minor = 4;
  s32 zone = 0;
  u32 accuracy = 0;
  u32 snapshot_length = 0;
  u32 link_type = 1;  // LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

struct PacketHeader {
  u32 seconds = 0;
  u32 microseconds = 0;
  u32 captured = 0;
  u32 length = 0;
};
static_assert(sizeof(PacketHeader) == 16);

u64 now_us() {
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::microseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count());
}

}  // namespace

Result<PcapFile> PcapFile::create(const std::string& path, u32 max_length) {
  // Without O_NONBLOCK, opening a pipe would wait for its reader.
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644));
  if (!fd) return fail("could not open '{}': {}", path, std::strerror(errno));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail("could not open '{}': not a regular file", path);
  FileHeader header;
  header.snapshot_length = max_length;
  if (::write(fd.get(), &header, sizeof header) != sizeof header)
    return fail("could not write '{}': {}", path, std::strerror(errno));
  return PcapFile(std::move(fd), max_length);
}

bool PcapFile::write(u64 time_us, std::span<const u8> frame) {
  if (!fd_) return true;
  PacketHeader header;
  header.seconds = static_cast<u32>(time_us / 1'000'000);
  header.microseconds = static_cast<u32>(time_us % 1'000'000);
  header.length = static_cast<u32>(frame.size());
  header.captured = std::min(header.length, max_length_);
  const std::array<iovec, 2> parts{
      {{&header, sizeof header}, {const_cast<u8*>(frame.data()), header.captured}}};
  const ssize_t n = ::writev(fd_.get(), parts.data(), parts.size());
  if (n == static_cast<ssize_t>(sizeof header + header.captured)) return true;
  fd_.reset();
  return false;
}

DumpPort::~DumpPort() { port_->attach(nullptr); }

void DumpPort::dump(std::span<const u8> frame) {
  if (options_.enabled && !file_.write(now_us(), frame))
    host_.report(fmt::format("filter-dump: could not write '{}': {}; the dump ends here",
                             options_.file, std::strerror(errno)));
}

void DumpPort::send(std::span<const u8> frame, const Offload& offload) {
  if (options_.from_guest) dump(frame);
  port_->send(frame, offload);
}

void DumpPort::attach(Receiver* receiver) {
  receiver_ = receiver;
  port_->attach(receiver != nullptr ? &tap_ : nullptr);
}

bool DumpPort::Tap::receive(std::span<const u8> frame, const Offload& offload) {
  if (!dump.receiver_->receive(frame, offload)) return false;
  if (dump.options_.to_guest) dump.dump(frame);
  return true;
}

}  // namespace quince::net
