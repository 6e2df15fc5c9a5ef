// The 9P server, and its device, under what a guest may send.  Sanitizers are the judge, and these
// promises: every request has one well-formed answer, nothing outside of the folder changes, and a
// session that was saved and loaded is the same.  QUINCE_FUZZ_ACCESSES and QUINCE_FUZZ_SEED as for
// devices.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "hw/virtio/virtio_9p.h"
#include "tests/support/p9_client.h"
#include "tests/support/pin.h"
#include "tests/support/temp_dir.h"
#include "tests/support/virtio_driver.h"

namespace quince::p9 {
namespace {

using test::P9Client;
using test::P9Fields;

u64 from_environment(const char* name, u64 usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}
/// QUINCE_FUZZ_ACCESSES scales all: 200 000 is a short run.
u64 rounds(u64 usual) {
  return usual * from_environment("QUINCE_FUZZ_ACCESSES", 200'000) / 200'000 + 1;
}

/// Messages that are often nearly right.
class Guest {
 public:
  explicit Guest(u64 seed) : rng_(seed) {}

  u64 below(u64 n) { return rng_() % n; }
  std::vector<u8> message() {
    Msg type = kTypes[below(std::size(kTypes))];
    // What ends a session is seldom; without one nothing happens.
    if (type == Msg::Tversion && below(16) != 0) type = Msg::Tattach;
    P9Fields f = fields(type);
    if (below(8) == 0 && !f.bytes.empty()) f.bytes.resize(below(f.bytes.size()));
    if (below(8) == 0)
      for (u64 n = below(4); n != 0 && !f.bytes.empty(); --n)
        f.bytes[below(f.bytes.size())] = static_cast<u8>(rng_());
    std::vector<u8> m = P9Client::message(type, static_cast<u16>(rng_()), f);
    if (below(32) == 0) m[below(kHeaderSize)] = static_cast<u8>(rng_());
    if (below(64) == 0) m.resize(below(m.size() + 1));
    return m;
  }

 private:
  static constexpr Msg kTypes[] = {
      Msg::Tstatfs,  Msg::Tlopen,    Msg::Tlcreate,     Msg::Tsymlink,  Msg::Tmknod,
      Msg::Trename,  Msg::Treadlink, Msg::Tgetattr,     Msg::Tsetattr,  Msg::Txattrwalk,
      Msg::Treaddir, Msg::Tfsync,    Msg::Txattrcreate, Msg::Tlock,     Msg::Tgetlock,
      Msg::Tlink,    Msg::Tmkdir,    Msg::Trenameat,    Msg::Tunlinkat, Msg::Tversion,
      Msg::Tauth,    Msg::Tattach,   Msg::Tflush,       Msg::Twalk,     Msg::Twalk,
      Msg::Tread,    Msg::Twrite,    Msg::Tclunk,       Msg::Tclunk,    Msg::Tremove,
      Msg::Tlopen,   Msg::Tlcreate,  Msg::Twalk};

  u32 fid() { return static_cast<u32>(below(24)); }
  u32 number() {
    const u64 r = rng_();
    return static_cast<u32>(r % 3 == 0 ? r >> 32 : (r >> 32) % 5000);
  }
  u64 large() { return below(4) == 0 ? rng_() : below(10'000); }
  std::string_view name() {
    constexpr std::string_view kNames[] = {"a",          "b",           "c",   "d",      "file",
                                           "link",       "dir",         "..",  ".",      "",
                                           "../outside", "/etc/passwd", "a/b", "outside"};
    return kNames[below(below(3) == 0 ? std::size(kNames) : 7)];
  }
  std::string_view attribute() {
    constexpr std::string_view kNames[] = {
        "user.a",         "user.b", "", "user.virtfs.mode", "trusted.x", "system.posix_acl_access",
        "user.virtfs.uid"};
    return kNames[below(std::size(kNames))];
  }
  u32 flags() {
    constexpr u32 kFlags[] = {O_RDONLY,         O_WRONLY,        O_RDWR,
                              O_RDWR | O_TRUNC, O_RDWR | O_EXCL, O_WRONLY | O_APPEND,
                              O_DIRECTORY};
    return below(8) == 0 ? static_cast<u32>(rng_()) : kFlags[below(std::size(kFlags))];
  }
  /// The owner keeps access, so that the folder can be removed after the test.
  u32 mode() { return static_cast<u32>(below(010000)) | 0700; }

  P9Fields fields(Msg type) {
    P9Fields f;
    switch (type) {
      case Msg::Tlopen:
        return f << fid() << flags();
      case Msg::Tlcreate:
        return f << fid() << name() << flags() << mode() << number();
      case Msg::Tsymlink:
        return f << fid() << name() << (below(2) != 0 ? "../outside" : "a") << number();
      case Msg::Tmknod: {
        constexpr u32 kTypesOfFiles[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFDIR, 0};
        return f << fid() << name() << (mode() | kTypesOfFiles[below(7)]) << number() << number()
                 << number();
      }
      case Msg::Trename:
        return f << fid() << fid() << name();
      case Msg::Tgetattr:
        return f << fid() << rng_();
      case Msg::Tsetattr:
        return f << fid() << static_cast<u32>(below(0x400)) << mode() << number() << number()
                 << large() << large() << large() << large() << large();
      case Msg::Txattrwalk:
        return f << fid() << fid() << attribute();
      case Msg::Txattrcreate:
        return f << fid() << attribute() << below(below(8) == 0 ? 100'000 : 8)
                 << static_cast<u32>(below(4));
      case Msg::Treaddir:
        return f << fid() << (below(4) == 0 ? rng_() : 0) << number();
      case Msg::Tlock:
        return f << fid() << static_cast<u8>(below(4)) << static_cast<u32>(below(4)) << large()
                 << large() << static_cast<u32>(below(3)) << name();
      case Msg::Tgetlock:
        return f << fid() << static_cast<u8>(below(4)) << large() << large()
                 << static_cast<u32>(below(3)) << name();
      case Msg::Tlink:
        return f << fid() << fid() << name();
      case Msg::Tmkdir:
        return f << fid() << name() << mode() << number();
      case Msg::Trenameat:
        return f << fid() << name() << fid() << name();
      case Msg::Tunlinkat:
        return f << fid() << name() << static_cast<u32>(below(2) * P9_DOTL_AT_REMOVEDIR);
      case Msg::Tversion:
        return f << (below(8) == 0 ? number() : 65536u) << (below(8) != 0 ? "9P2000.L" : "9P2000");
      case Msg::Tattach:
        return f << fid() << number() << name() << name() << number();
      case Msg::Tflush:
        return f << static_cast<u16>(rng_());
      case Msg::Twalk: {
        const u16 n = static_cast<u16>(below(4));
        f << fid() << fid() << n;
        for (u16 i = 0; i < n; ++i) f << name();
        return f;
      }
      case Msg::Tread:
        return f << fid() << large() << number();
      case Msg::Twrite: {
        const std::string data(below(below(8) == 0 ? 5000 : 8), 'x');
        return (f << fid() << large() << static_cast<u32>(data.size())).raw(data);
      }
      case Msg::Tfsync:
        return f << fid() << static_cast<u32>(below(2));
      default:
        return f << fid();
    }
  }

  std::mt19937_64 rng_;
};

struct P9Fuzz : ::testing::Test {
  test::TempDir dir;
  u64 seed = from_environment("QUINCE_FUZZ_SEED", 1);

  P9Fuzz() {
    std::filesystem::create_directories(dir / "share");
    std::filesystem::create_directories(dir / "outside");
    std::ofstream(dir / "outside/file") << "secret";
    (void)!::symlink("../outside", (dir / "share/link").c_str());
  }
  static std::vector<u8> version() {
    return P9Client::message(Msg::Tversion, 1, P9Fields() << u32{65536} << "9P2000.L");
  }
  std::unique_ptr<Folder> folder(SecurityModel model) {
    return std::move(
        *Folder::open({.path = dir / "share", .model = model, .multidevs = MultiDevs::Remap}));
  }
  void expect_outside_untouched() {
    std::ostringstream text;
    text << std::ifstream(dir / "outside/file").rdbuf();
    EXPECT_EQ(text.str(), "secret");
    unsigned names = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(dir / "outside"))
      ++names;
    EXPECT_EQ(names, 1u);
    struct stat st {};
    ASSERT_EQ(::stat((dir / "outside").c_str(), &st), 0);
    EXPECT_EQ(st.st_uid, ::geteuid());
  }
};

TEST_F(P9Fuzz, AnyRequest) {
  for (const SecurityModel model : {SecurityModel::None, SecurityModel::Mapped}) {
    Server server(folder(model));
    Guest guest(seed + static_cast<u64>(model));
    std::map<u8, unsigned> done;  // answers that are no errors
    std::vector<u8> reply, saved, again;
    bool session = false;
    for (u64 n = 0; n < rounds(40'000); ++n) {
      std::vector<u8> m = session ? guest.message() : version();
      const std::vector<u8> exact(m);  // no spare capacity, so that ASan sees the end
      const std::size_t capacity = guest.below(16) == 0 ? kErrorSize + guest.below(200) : 70'000;
      const bool fits = server.handle(exact, capacity, reply);
      ASSERT_LE(reply.size(), capacity) << n;
      if (!fits) continue;
      ASSERT_GE(reply.size(), kHeaderSize);
      ASSERT_EQ(load_le<u32>(reply.data()), reply.size());
      const u8 type = m.size() > 4 ? m[4] : 0;
      const bool error = reply[4] == static_cast<u8>(Msg::Rlerror);
      ASSERT_TRUE(error || reply[4] == type + 1) << n;
      if (m.size() >= kHeaderSize) {
        ASSERT_EQ(load_le<u16>(&reply[5]), load_le<u16>(&m[5]));
      }
      if (error) {
        ASSERT_NE(load_le<u32>(&reply[7]), 0u);
        if (load_le<u32>(&reply[7]) == EPROTO) session = false;
      } else {
        ++done[type];
        if (type == static_cast<u8>(Msg::Tversion)) session = true;
      }
      if (n % 500 == 499) {
        server.save(saved);
        Server other(folder(model));
        ASSERT_TRUE(other.load(saved)) << n;
        other.save(again);
        ASSERT_EQ(saved, again) << n;
        ASSERT_TRUE(server.load(saved)) << n;
      }
    }
    server.reset();
    expect_outside_untouched();
    // The fuzzer gets where it should: most kinds of request succeeded at some time.
    EXPECT_GE(done.size(), 22u);
  }
}

TEST_F(P9Fuzz, AnyBytes) {
  Server server(folder(SecurityModel::Mapped));
  std::mt19937_64 rng(seed);
  std::vector<u8> reply;
  for (u64 n = 0; n < rounds(20'000); ++n) {
    std::vector<u8> m(rng() % 64);
    for (u8& b : m) b = static_cast<u8>(rng());
    if (m.size() > 4 && n % 2 == 0) store_le<u32>(m.data(), static_cast<u32>(m.size()));
    ASSERT_TRUE(server.handle(m, 70'000, reply));
    ASSERT_EQ(load_le<u32>(reply.data()), reply.size());
  }
  expect_outside_untouched();
}

TEST_F(P9Fuzz, AnyChain) {
  test::GuestMemory memory(16 * MiB);
  test::Pin pin;
  hw::TimerQueue timers;
  hw::InlineExecutor executor;
  hw::Virtio9p device("9p", {.mount_tag = "t"}, folder(SecurityModel::None), executor, memory.log(),
                      timers);
  hw::VirtioMmio slot("slot", pin.wire(), memory.port());
  slot.plug(device);
  test::MmioDriverPort port(slot);
  Guest guest(seed);
  const u64 out = memory.alloc(64 * KiB), in = memory.alloc(128 * KiB);
  std::optional<test::VirtioDriver> driver;
  unsigned resets = 0, answers = 0;
  bool session = false;
  for (u64 n = 0; n < rounds(20'000); ++n) {
    if (!driver || driver->needs_reset()) {
      if (++resets > 4000) break;  // rings are never given back
      driver.emplace(port, memory);
      ASSERT_TRUE(driver->start(~u64{0}, 8));
      EXPECT_EQ(device.in_flight(), 0u);
      session = false;
    }
    const std::vector<u8> m = session ? guest.message() : version();
    session = true;
    std::memcpy(memory.host(out), m.data(), m.size());
    std::vector<test::DriverQueue::Buffer> chain;
    for (u32 at = 0; at < m.size() && chain.size() < 3;) {
      const u32 left = static_cast<u32>(m.size()) - at;
      const u32 piece = chain.size() == 2 ? left : 1 + static_cast<u32>(guest.below(left));
      chain.push_back({out + at, piece, false});
      at += piece;
    }
    for (u64 k = guest.below(32) == 0 ? 0 : 1 + guest.below(2); k != 0; --k)
      chain.push_back({in + 64 * KiB * (k - 1),
                       static_cast<u32>(guest.below(32) == 0 ? guest.below(40) : 64 * KiB), true});
    if (chain.empty()) continue;
    driver->queue(0).add(chain);
    driver->kick(0);
    if (driver->queue(0).reap()) ++answers;
  }
  EXPECT_GT(answers, 1000u);
  EXPECT_GT(resets, 1u);
  port.set_status(0);
  expect_outside_untouched();
}

}  // namespace
}  // namespace quince::p9
