// The boot ROM's checks (firmware/rom/checks): on the platform as it is every one passes, what an option takes
// away is absent, and on a platform that is broken in one place the check that is about it fails, and no
// other.
#include <gtest/gtest.h>
#include <nettle/aes.h>
#include <nettle/cbc.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/bits.h"
#include "firmware/rom/checks/payload.inc"
#include "hw/core/dma.h"
#include "tests/guest/guest_run.h"
#include "tests/guest/xnu_like/broken_platform.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace quince;
using namespace quince::test;
using Names = std::vector<std::string>;

const Names kChecks = {"cpu",   "cfg",   "psci",    "pac",     "gic",  "timers", "msi-frame",
                       "uart0", "rtc",   "gpio",    "pvpanic", "bdif", "gpu",    "iosurface",
                       "aes",   "aes-2", "payload", "avp-rtc", "pcie", "xhci",   "apple-disks"};

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// Two disks of other sizes and with other bytes, which nobody may write.
class Disks {
 public:
  Disks() {
    for (std::size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<char>(i * 7 + (i >> 9));
    std::ofstream(dir_ / "root", std::ios::binary) << root_;
    std::ofstream(dir_ / "aux", std::ios::binary) << aux_;
  }
  Options options(const Options& more) const {
    Options o = {"-M", "vmapple,root=" + (dir_ / "root") + ",aux=" + (dir_ / "aux")};
    o.insert(o.end(), more.begin(), more.end());
    return o;
  }
  void expect_unchanged() const {
    EXPECT_EQ(contents(dir_ / "root"), root_);
    EXPECT_EQ(contents(dir_ / "aux"), aux_);
  }

 private:
  TempDir dir_;
  std::string root_ = std::string(1001 * 512, 0), aux_ = std::string(64 * 512, '\xa5');
};

/// What a round of all checks said.
struct Round {
  Names passed, absent, failed;
};

std::vector<Round> rounds_of(const std::string& output) {
  std::vector<Round> rounds(1);
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    const auto name = [&](std::size_t from) {
      return line.substr(from, line.find_first_of(" \r", from) - from);
    };
    Round& r = rounds.back();
    if (line.starts_with("ok ")) r.passed.push_back(name(3));
    if (line.starts_with("absent ")) r.absent.push_back(name(7));
    if (line.starts_with("FAIL ")) r.failed.push_back(name(5));
    if (line.starts_with("round")) rounds.emplace_back();
    at = end + 1;
  }
  rounds.pop_back();
  return rounds;
}

Names without(const Names& some) {
  Names rest;
  std::copy_if(kChecks.begin(), kChecks.end(), std::back_inserter(rest), [&](const auto& name) {
    return std::find(some.begin(), some.end(), name) == some.end();
  });
  return rest;
}

/// 32 ns to an instruction.
const Options kCounted = {"-icount", "shift=5", "-smp", "2"};

// ---- The platform as it is ---------------------------------------------------------------------

/// Runs the program, which makes two rounds: a check leaves everything as it found it.
std::string expect_rounds(const Options& options, const Names& absent) {
  Emulator emulator("rom_checks", options);
  EXPECT_TRUE(emulator.started());
  EXPECT_TRUE(emulator.read_until(""));
  const testing::ScopedTrace trace(__FILE__, __LINE__, emulator.output());
  EXPECT_EQ(emulator.wait(), 0);
  const std::vector<Round> rounds = rounds_of(emulator.output());
  EXPECT_EQ(rounds.size(), 2u);
  for (const Round& r : rounds) {
    EXPECT_EQ(r.failed, Names{});
    EXPECT_EQ(r.absent, absent);
    EXPECT_EQ(r.passed, without(absent));
  }
  return emulator.output();
}

unsigned long value_of(const std::string& output, const std::string& name) {
  const std::size_t at = output.find("value " + name + " ");
  return at == std::string::npos ? 0 : std::stoul(output.substr(at + name.size() + 7), nullptr, 0);
}

/// 001a, 001f, 001g, 001h, 001i, 001j: the platform's devices, by the ROM's drivers.
TEST(RomChecks, EveryCheckPasses) {
  NEED_GUESTS();
  for (const Options& mode : {kCounted, Options{}, Options{"-smp", "17"}, Options{"-cpu", "max"}}) {
    const Disks disks;
    const std::string output = expect_rounds(disks.options(mode), {});
    disks.expect_unchanged();
    EXPECT_EQ(value_of(output, "checks"), kChecks.size());
    EXPECT_NE(output.find("deciphered by the AES engine"), std::string::npos);
    EXPECT_NE(output.find("typed qw"), std::string::npos) << "the UART's FIFO lost something";
  }
}

/// Instructions are time here, and a fast host does more than the 31 millions in a second of this.
TEST(RomChecks, AllOfThemAreQuick) {
  NEED_GUESTS();
  const Disks disks;
  const unsigned long us = value_of(expect_rounds(disks.options(kCounted), {}), "us");
  EXPECT_GT(us, 2000u) << "one of them sleeps so long";
  EXPECT_LT(us, 50'000u);
}

TEST(RomChecks, WhatIsNotThereIsAbsent) {
  NEED_GUESTS();
  expect_rounds({"-M", "vmapple,display=off,msi=off,usb=off"},
                {"msi-frame", "gpu", "xhci", "apple-disks"});
  expect_rounds({"-nodefaults"}, {"xhci", "apple-disks"});
}

/// 128 MiB and a sector of a disk in one go, and 16 MiB through the engine: there and back.
TEST(RomChecks, DriversTakeLargePieces) {
  NEED_GUESTS();
  constexpr u64 kBytes = 130 * MiB, kLarge = 16 * MiB + 32;
  const u64 from = kBytes - 128 * MiB - 512;
  const TempDir dir;
  std::ofstream file(dir / "root", std::ios::binary);
  const auto put = [&](u64 at, std::string_view word) {
    file.seekp(static_cast<std::streamoff>(at));
    file << word;
  };
  put(from, "1st.");
  put(from + kLarge - 4, "edge");
  put(kBytes - 512, "last");
  put(kBytes - 1, "x");
  file.close();
  Emulator emulator("rom_checks", {"-M", "vmapple,root=" + (dir / "root")});
  ASSERT_TRUE(emulator.started());
  ASSERT_TRUE(emulator.read_until(""));
  const std::string& output = emulator.output();
  const testing::ScopedTrace trace(__FILE__, __LINE__, output);
  EXPECT_EQ(emulator.wait(), 0);
  const auto word = [](std::string_view text) { return u64{load_le<u32>(text.data())}; };
  EXPECT_EQ(value_of(output, "first"), word("1st."));
  EXPECT_EQ(value_of(output, "last"), word("last"));
  // openssl enc -aes-256-cbc with the key 02 00... and the IV 01 00..., of the same bytes.
  EXPECT_EQ(value_of(output, "enciphered"), 0x7626'09a6u);
  EXPECT_EQ(value_of(output, "deciphered"), word("edge"));
  EXPECT_EQ(value_of(output, "deciphered_first"), word("1st."));
}

/// The text in the ROM is payload.txt, says another implementation of AES.
TEST(RomChecks, PayloadIsItsText) {
  const u8 key[AES256_KEY_SIZE] = {1};
  aes256_ctx context;
  nettle_aes256_set_decrypt_key(&context, key);
  std::vector<u8> iv(std::begin(payload_iv), std::end(payload_iv));
  std::string text(sizeof payload_cipher, 0);
  nettle_cbc_decrypt(&context, reinterpret_cast<nettle_cipher_func*>(nettle_aes256_decrypt),
                     AES_BLOCK_SIZE, iv.data(), text.size(), reinterpret_cast<u8*>(text.data()),
                     payload_cipher);
  const std::string wanted = contents(QUINCE_SOURCE_DIR "/firmware/rom/checks/payload.txt");
  ASSERT_EQ(wanted.size(), static_cast<std::size_t>(kPayloadLength));
  EXPECT_EQ(text, wanted + std::string(sizeof payload_cipher - kPayloadLength, 0));
  EXPECT_TRUE(wanted.starts_with(payload_prefix));
}

// ---- Broken platforms --------------------------------------------------------------------------

struct Quirk {
  Names checks;  ///< those that must fail
  const char* what;
  Options options = {};
  void (*platform)(BrokenPlatform& p) = nullptr;
};

/// A register of a device reads as another value.
template <u64 Base, u64 Offset, u64 Value>
void reads_as(BrokenPlatform& p) {
  p.on_mmio(Base, [](u64 off, bool write, u64& v) {
    if (off == Offset && !write) v = Value;
    return true;
  });
}

constexpr u64 kBdif = 0x3000'0000, kAes = 0x3022'0000, kUart = 0x2001'0000, kGicr = 0x1001'0000,
              kEcam = 0x4000'0000, kFifo = 0x200;

bool is_key(u32 word) { return word >> 28 == 1; }
bool encrypts(u32 word) { return (word & 1u << 20) != 0; }
u32 key_select(u32 word) { return word >> 24 & 7; }

/// Changes a request of the bdif.
void second_for_first(machine::Machine& m, u64 request) {
  hw::DmaPort port(m.space(), 0);
  port.set_enabled(true);
  std::array<u8, 8> where{}, sector{};
  EXPECT_TRUE(port.read(PhysAddr(request), where));
  const PhysAddr at(load_le<u64>(where.data()) + 8);
  EXPECT_TRUE(port.read(at, sector));
  if (load_le<u64>(sector.data()) == 0) sector[0] = 1;
  EXPECT_TRUE(port.write(at, sector));
}

const Quirk kQuirks[] = {
    {{"cpu"}, "no FEAT_LSE", {"-cpu", "quince-v1,lse=off"}},
    {{"cpu"},
     "16 KiB pages are promised and do not work",
     {},
     [](BrokenPlatform& p) { p.model().stage1.gran16 = false; }},
    {{"cfg"},
     "the cfg block counts one CPU more",
     {},
     [](BrokenPlatform& p) {
       p.write_memory(0x40'0004, std::vector<u8>{3, 0, 0, 0});
     }},
    {{"cfg"},
     "the cfg block has a page more of RAM",
     {},
     [](BrokenPlatform& p) {
       p.write_memory(0x40'0020, std::vector<u8>{0, 0x10, 0, 0x10});
     }},
    {{"psci"}, "PSCI 1.3", {}, [](BrokenPlatform& p) { p.answer(0x8400'0000, 0x1'0003); }},
    {{"pac"},
     "a process id is zero",
     {},
     [](BrokenPlatform& p) {
       p.on_hvc([](cpu::Vcpu& c, u32 function, const std::function<void()>& forward) {
         forward();
         if (function == 0xc100'0001) c.s.x[3] = 0;
       });
     }},
    {{"pac"},
     "other keys at each call",
     {},
     [](BrokenPlatform& p) {
       p.after_pac_start(0, [n = u64{0}](cpu::CpuState& s) mutable { s.sys.apkeys[0] ^= ++n; });
     }},
    {{"gic"},
     "the priority of an SGI is not kept",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kGicr, [](u64 off, bool write, u64&) { return !write || off != 0x1'0409; });
     }},
    {{"gic"},
     "Group 0 arrives as Group 1",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kGicr, [](u64 off, bool write, u64& v) {
         if (off == 0x1'0080 && write) v = 0xffff'ffff;
         return true;
       });
     }},
    {{"timers"},
     "the counter of another board",
     {},
     [](BrokenPlatform& p) { p.set_counter_hz(62'500'000); }},
    {{"timers"},
     "the virtual timer has another INTID",
     {},
     [](BrokenPlatform& p) {
       p.on_gic(0, [](cpu::Vcpu&, hw::SysRegId id, bool write, u64& v) {
         constexpr hw::SysRegId kIar1(3, 0, 12, 12, 0), kEoir1(3, 0, 12, 12, 1);
         if (id == kIar1 && !write && v == 27) v = 26;
         if (id == kEoir1 && write && v == 26) v = 27;
         return true;
       });
     }},
    {{"timers"},
     "a counter that is slow against another clock",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(0x3024'0000, [first = u64{0}](u64 off, bool write, u64& v) mutable {
         if (off != 0 || write) return true;
         if (first == 0) first = v;
         v += (v - first) / 2;
         return true;
       });
     }},
    {{"msi-frame"},
     "MSI_TYPER without bit 31",
     {},
     [](BrokenPlatform& p) { reads_as<0x1fff'0000, 0x8, 0xa0'0080>(p); }},
    {{"msi-frame"},
     "no message arrives",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(0x1fff'0000, [](u64 off, bool write, u64&) { return !write || off != 0x40; });
     }},
    {{"uart0"},
     "no loop",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kUart, [](u64 off, bool write, u64& v) {
         if (off == 0x30 && write) v &= ~u64{0x80};
         return true;
       });
     }},
    {{"rtc"},
     "RTCICR does nothing",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(0x2005'0000, [](u64 off, bool write, u64&) { return !write || off != 0x1c; });
     }},
    {{"gpio"},
     "no interrupt from a line",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(0x2006'0000, [](u64 off, bool write, u64&) { return !write || off != 0x410; });
     }},
    {{"pvpanic"},
     "no panics",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(0x2007'0000, [](u64, bool write, u64& v) {
         if (!write) v = 2;
         return true;
       });
     }},
    {{"bdif", "apple-disks"},
     "the capacity of QEMU's root disk",
     {},
     [](BrokenPlatform& p) { reads_as<kBdif, 0x420, 0x800'0000>(p); }},
    {{"bdif"},
     "the USB port has a packet",
     {},
     [](BrokenPlatform& p) { reads_as<kBdif, 0x10'0010, 1>(p); }},
    {{"gpu"},
     "FB_START and the like lose their high half",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(0x3020'0000, [](u64 off, bool write, u64& v) {
         if (off == 0x1030 && write) v &= 0xffff'ffff;
         return true;
       });
     }},
    {{"iosurface"},
     "a producer that waits",
     {},
     [](BrokenPlatform& p) { reads_as<0x3021'0000, 0x1018, 1>(p); }},
    {{"aes"},
     "a wrong answer when it encrypts",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kAes, [](u64 off, bool write, u64& v) {
         const u32 word = static_cast<u32>(v);
         if (off == kFifo && write && is_key(word) && encrypts(word)) v &= ~u64{1 << 16};
         return true;
       });
     }},
    {{"aes", "payload"},
     "its interrupt does not come",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kAes, [](u64 off, bool write, u64&) { return !write || off != 0x1c; });
     }},
    {{"aes"},
     "an invalid command is not told of",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kAes, [](u64 off, bool write, u64& v) {
         if (off == 0x18 && !write) v &= ~u64{4};
         return true;
       });
     }},
    {{"aes-2"},
     "the second window is a second engine",
     {},
     [](BrokenPlatform& p) { reads_as<0x3023'0000, 0xc, 0x3f80>(p); }},
    {{"payload"},
     "another fused key",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kAes, [](u64 off, bool write, u64& v) {
         const u32 word = static_cast<u32>(v);
         if (off == kFifo && write && is_key(word) && !encrypts(word) && key_select(word) == 1)
           v += 1 << 24;
         return true;
       });
     }},
    {{"avp-rtc"},
     "another clock",
     {},
     [](BrokenPlatform& p) { reads_as<0x3024'0000, 0x40, 0xf002>(p); }},
    {{"pcie"},
     "another host bridge",
     {},
     [](BrokenPlatform& p) { reads_as<kEcam, 0, 0x1'1b36>(p); }},
    {{"xhci"}, "two interrupters", {"-M", "vmapple,usb=off", "-device", "nec-usb-xhci,intrs=2"}},
    {{"apple-disks"},
     "another subsystem",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kEcam, [](u64 off, bool write, u64& v) {
         if ((off & 0xfff) == 0x2c && !write && v == 0x1100'1af4) v = 0x2'1af4;
         return true;
       });
     }},
    {{"apple-disks"},
     "the bdif gives the second sector for the first",
     {},
     [](BrokenPlatform& p) {
       p.on_mmio(kBdif, [&p](u64 off, bool write, u64& v) {
         if (off == 0x408 && write) second_for_first(p.machine(), v);
         return true;
       });
     }},
};

void PrintTo(const Quirk& q, std::ostream* out) { *out << q.what; }

class RomCheckQuirk : public testing::TestWithParam<Quirk> {};

TEST_P(RomCheckQuirk, FailsItsCheckAlone) {
  NEED_GUESTS();
  const Quirk& q = GetParam();
  const Disks disks;
  Options options = disks.options(kCounted);
  options.insert(options.end(), q.options.begin(), q.options.end());
  BrokenPlatform broken;
  GuestMachine guest("rom_checks", options, [&](machine::Machine& m) {
    broken.attach(m);
    if (q.platform != nullptr) q.platform(broken);
  });
  ASSERT_EQ(guest.error(), "");
  ASSERT_TRUE(guest.read_until("")) << guest.output();
  const testing::ScopedTrace trace(__FILE__, __LINE__, guest.output());
  EXPECT_EQ(guest.wait(), 0);
  const std::vector<Round> rounds = rounds_of(guest.output());
  ASSERT_EQ(rounds.size(), 2u);
  EXPECT_EQ(rounds[0].failed, q.checks);
  EXPECT_EQ(rounds[0].absent, Names{});
  EXPECT_EQ(rounds[0].passed, without(q.checks));
  disks.expect_unchanged();
}

INSTANTIATE_TEST_SUITE_P(All, RomCheckQuirk, testing::ValuesIn(kQuirks), [](const auto& quirk) {
  std::string name = quirk.param.what;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

/// No check without its quirk.
TEST(RomChecks, EveryCheckHasAQuirk) {
  for (const std::string& name : kChecks)
    EXPECT_TRUE(std::ranges::any_of(kQuirks, [&](const Quirk& q) { return q.checks[0] == name; }))
        << name;
}

}  // namespace
