// A guest that expects what an XNU kernel expects passes every step, and on a platform that is
// broken in one place fails the step that is about it, by name, and no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/guest/guest_run.h"
#include "tests/guest/xnu_like/broken_platform.h"
#include "tests/guest/xnu_like/hand_over.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace quince;
using namespace quince::test;
using Names = std::vector<std::string>;

/// The guest's steps in their order; the last one is the end of the run.
const Names kSteps = {
    "granule_16k",
    "entry_state",
    "registers",
    "boot_args",
    "device_tree",
    "config",
    "kernel_map",
    "granule_4k",
    "tlbi_range",
    "pan",
    "uao",
    "lse",
    "dit",
    "sb",
    "apple_registers",
    "pac_initial_state",
    "pac_signing",
    "pac_default_keys",
    "pac_calls",
    "pac_preserves",
    "pac_nop",
    "gic_frame",
    "gic_groups",
    "gic_enable",
    "gic_interface",
    "counter",
    "timer_fiq",
    "timer_drops",
    "wfe",
    "psci_version",
    "psci_features",
    "cpu_on",
    "secondary_pac",
    "secondary_timer",
    "ipi",
    "cpu_off",
    "system_off",
};

/// The steps that passed and that failed, from the report.
struct Outcome {
  Names passed, failed;
};

Outcome outcome_of(const std::string& output) {
  Outcome o;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    const auto word = [&](std::size_t from) {
      return line.substr(from, line.find_first_of(" \r", from) - from);
    };
    if (line.starts_with("ok ")) o.passed.push_back(word(3));
    if (line.starts_with("FAIL ")) o.failed.push_back(word(5));
    at = end + 1;
  }
  return o;
}

/// Puts boot_args where the guest looks, and the other options of a run.
Options options_for(const TempDir& dir, const HandOver& h, const Options& more) {
  const std::string file = dir / "hand_over";
  const std::vector<u8> bytes = h.bytes();
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  Options options = {
      "-smp", std::to_string(h.cpus), "-device",
      "loader,file=" + file + ",addr=" + std::to_string(kHandOverAddress) + ",force-raw=on"};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

// ---- The platform as it is ---------------------------------------------------------------------

void expect_every_step(unsigned cpus, const Options& mode) {
  const TempDir dir;
  Emulator emulator("xnu_like", options_for(dir, {.cpus = cpus}, mode));
  ASSERT_TRUE(emulator.started());
  ASSERT_TRUE(emulator.read_until("")) << emulator.output();
  const testing::ScopedTrace trace(__FILE__, __LINE__, emulator.output());
  // It ends by SYSTEM_OFF, which has no line of its own: the other way out is a reset.
  EXPECT_EQ(emulator.wait(), 0);
  Names all = kSteps;
  all.pop_back();
  const Outcome o = outcome_of(emulator.output());
  EXPECT_EQ(o.passed, all);
  EXPECT_EQ(o.failed, Names{});
  const Values values = check_report(emulator.output());
  ASSERT_TRUE(values.contains("cpus"));
  EXPECT_EQ(values.at("cpus"), cpus);
}

/// 32 ns to an instruction.
const Options kCounted = {"-icount", "shift=5"};

TEST(XnuLike, EveryStepPassesWhereInstructionsAreTime) {
  NEED_GUESTS();
  for (const unsigned cpus : {1u, 2u, 8u}) expect_every_step(cpus, kCounted);
}

/// The CPU with QARMA5 and everything else.
TEST(XnuLike, EveryStepPassesOnMax) {
  NEED_GUESTS();
  expect_every_step(2, {"-icount", "shift=5", "-cpu", "max"});
}

TEST(XnuLike, EveryStepPassesWithThreads) {
  NEED_GUESTS();
  for (const unsigned cpus : {1u, 2u, 8u}) expect_every_step(cpus, {});
}

// ---- Broken platforms --------------------------------------------------------------------------

/// A platform that is broken in one place.
struct Quirk {
  const char* step;  ///< the step that must fail
  const char* what;
  Options options = {};
  void (*hand_over)(HandOver& h) = nullptr;
  void (*platform)(BrokenPlatform& p) = nullptr;
};

constexpr u64 kGicr = 0x1001'0000;
constexpr u64 kMinusOne = ~u64{0};
constexpr hw::SysRegId kIar0(3, 0, 12, 8, 0), kEoir0(3, 0, 12, 8, 1), kIar1(3, 0, 12, 12, 0),
    kEoir1(3, 0, 12, 12, 1), kSre(3, 0, 12, 12, 5);

/// One CPU acknowledges another interrupt than the one that is there.
void renumber(BrokenPlatform& p, unsigned cpu, hw::SysRegId iar, hw::SysRegId eoir, u64 real,
              u64 shown) {
  p.on_gic(cpu, [=](cpu::Vcpu&, hw::SysRegId id, bool write, u64& v) {
    if (id == iar && !write && v == real) v = shown;
    if (id == eoir && write && v == shown) v = real;
    return true;
  });
}

const Quirk kQuirks[] = {
    {"granule_16k",
     "no 16 KiB pages",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.model().stage1.gran16 = false;
       p.model().id.mmfr0 &= ~(u64{15} << 20);
     }},
    {"entry_state",
     "the OS lock comes back",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.after_pac_start(0, [](cpu::CpuState& s) { s.sys.oslar_locked = 1; });
     }},
    {"registers",
     "an attribute is lost from MAIR_EL1",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.after_pac_start(0, [](cpu::CpuState& s) { s.sys.mair_el1 &= ~(u64{0xff} << 56); });
     }},
    {"boot_args", "another version", {}, [](HandOver& h) { h.version = 1; }},
    {"device_tree", "another board's time base", {}, [](HandOver& h) { h.timebase = 62'500'000; }},
    {"config",
     "the cfg block counts one CPU more",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.write_memory(0x40'0004, std::vector<u8>{3, 0, 0, 0});
     }},
    {"kernel_map",
     "memory behind the end of RAM is mapped",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.after_pac_start(0, [&p](cpu::CpuState& s) { p.map_behind_ram(s.sys.ttbr1_el1); });
     }},
    {"granule_4k",
     "no 4 KiB pages",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.model().stage1.gran4 = false; }},
    {"tlbi_range", "no range invalidation", {"-cpu", "quince-v1,tlbirange=off"}},
    {"pan",
     "PSTATE.PAN stops nothing",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.model().stage1.pan = false; }},
    {"uao", "no FEAT_UAO", {"-cpu", "quince-v1,uao=off"}},
    {"lse", "no FEAT_LSE", {"-cpu", "quince-v1,lse=off"}},
    {"dit", "no FEAT_DIT", {"-cpu", "quince-v1,dit=off"}},
    {"sb", "no FEAT_SB", {"-cpu", "quince-v1,sb=off"}},
    {"apple_registers",
     "HID0 reads as anything",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       EXPECT_TRUE(p.patch(0xd538'f000, 0xd503'201f));  // MRS X0, S3_0_C15_C0_0: NOP
     }},
    {"pac_initial_state",
     "PAC_SET_INITIAL_STATE is not supported",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.after_pac_start(0, [](cpu::CpuState& s) { s.x[0] = kMinusOne; }); }},
    {"pac_signing",
     "two keys are the same",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.after_pac_start(kEveryCpu, [](cpu::CpuState& s) {
         std::copy_n(s.sys.apkeys.begin(), 2, s.sys.apkeys.begin() + 2);
       });
     }},
    {"pac_default_keys",
     "a process id is zero",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_hvc([](cpu::Vcpu& c, u32 function, const std::function<void()>& forward) {
         forward();
         if (function == 0xc100'0001) c.s.x[3] = 0;
       });
     }},
    {"pac_calls",
     "PAC_SET_EL0_DIVERSIFIER is not supported",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.answer(0xc100'0004, kMinusOne); }},
    {"pac_preserves",
     "PAC_SET_B_KEYS changes X17",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_hvc([](cpu::Vcpu& c, u32 function, const std::function<void()>& forward) {
         forward();
         if (function == 0xc100'0003) c.s.x[17] ^= 1;
       });
     }},
    {"pac_nop",
     "PAC_NOP promises an OEM service",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.answer(0xc100'00f0, 0); }},
    {"gic_frame",
     "the redistributor never wakes",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_mmio(kGicr, [](u64 off, bool write, u64& v) {
         if (off == 0x14 && !write) v |= 4;  // GICR_WAKER.ChildrenAsleep
         return true;
       });
     }},
    {"gic_groups",
     "INTID 31 stays in Group 0",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_mmio(kGicr, [](u64 off, bool write, u64& v) {
         if (off == 0x1'0080 && write) v &= 0x7fff'ffff;
         return true;
       });
     }},
    {"gic_enable",
     "GICR_ISENABLER0 reads as zero",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_mmio(kGicr, [](u64 off, bool write, u64& v) {
         if (off == 0x1'0100 && !write) v = 0;
         return true;
       });
     }},
    {"gic_interface",
     "no system registers, says ICC_SRE_EL1",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_gic(0, [](cpu::Vcpu&, hw::SysRegId id, bool write, u64& v) {
         if (id == kSre && !write) v = 0;
         return true;
       });
     }},
    {"counter",
     "the counter of another board",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.set_counter_hz(62'500'000); }},
    {"timer_fiq",
     "the virtual timer has another INTID",
     {},
     nullptr,
     [](BrokenPlatform& p) { renumber(p, 0, kIar0, kEoir0, 27, 26); }},
    {"timer_drops",
     "the timer's interrupt is latched",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_mmio(kGicr, [latched = u64{0}](u64 off, bool write, u64& v) mutable {
         if (off == 0x1'0200 && !write) v = latched |= v & 1u << 27;  // GICR_ISPENDR0
         return true;
       });
     }},
    {"wfe",
     "no event stream",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_timer(0, [](cpu::Vcpu& c, hw::SysRegId, bool write, u64&) {
         if (write) c.set_cntkctl(0);
         return true;
       });
     }},
    {"psci_version",
     "PSCI 1.3",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.answer(0x8400'0000, 0x1'0003); }},
    {"psci_features",
     "PSCI_FEATURES knows nothing",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.answer(0x8400'000a, kMinusOne); }},
    {"cpu_on",
     "CPU_ON always succeeds",
     {},
     nullptr,
     [](BrokenPlatform& p) { p.answer(0xc400'0003, 0); }},
    {"secondary_pac",
     "CPU 1 has a key of its own",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.after_pac_start(1, [](cpu::CpuState& s) { s.sys.apkeys[0] ^= 1; });
     }},
    {"secondary_timer",
     "CPU 1's virtual timer has another INTID",
     {},
     nullptr,
     [](BrokenPlatform& p) { renumber(p, 1, kIar0, kEoir0, 27, 26); }},
    {"ipi",
     "CPU 1 gets another SGI",
     {},
     nullptr,
     [](BrokenPlatform& p) { renumber(p, 1, kIar1, kEoir1, 3, 4); }},
    {"cpu_off",
     "CPU_OFF returns",
     {},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_hvc([](cpu::Vcpu&, u32 function, const std::function<void()>& forward) {
         if (function != 0x8400'0002) forward();
       });
     }},
    {"system_off",
     "SYSTEM_OFF returns",
     {"-no-reboot"},
     nullptr,
     [](BrokenPlatform& p) {
       p.on_hvc([](cpu::Vcpu&, u32 function, const std::function<void()>& forward) {
         if (function != 0x8400'0008) forward();
       });
     }},
};

void PrintTo(const Quirk& q, std::ostream* out) { *out << q.step << ": " << q.what; }

class XnuQuirk : public testing::TestWithParam<Quirk> {};

/// Two CPUs, where instructions are time: each run is the same.
TEST_P(XnuQuirk, FailsItsStepAlone) {
  NEED_GUESTS();
  const Quirk& q = GetParam();
  const TempDir dir;
  HandOver h{.cpus = 2};
  if (q.hand_over != nullptr) q.hand_over(h);
  Options mode = kCounted;
  mode.insert(mode.end(), q.options.begin(), q.options.end());
  BrokenPlatform broken;
  GuestMachine guest("xnu_like", options_for(dir, h, mode), [&](machine::Machine& m) {
    broken.attach(m);
    if (q.platform != nullptr) q.platform(broken);
  });
  ASSERT_EQ(guest.error(), "");
  ASSERT_TRUE(guest.read_until("")) << guest.output();
  const testing::ScopedTrace trace(__FILE__, __LINE__, guest.output());
  EXPECT_EQ(guest.wait(), 0);
  const Outcome o = outcome_of(guest.output());
  EXPECT_EQ(o.failed, Names{q.step});
  Names others;
  // Without its granule the kernel has no memory map, and says no more.
  if (std::string(q.step) != "granule_16k")
    std::copy_if(kSteps.begin(), kSteps.end() - 1, std::back_inserter(others),
                 [&](const std::string& s) { return s != q.step; });
  EXPECT_EQ(o.passed, others);
}

INSTANTIATE_TEST_SUITE_P(All, XnuQuirk, testing::ValuesIn(kQuirks),
                         [](const auto& quirk) { return std::string(quirk.param.step); });

/// No step without its quirk.
TEST(XnuLike, EveryStepHasAQuirk) {
  Names broken;
  for (const Quirk& q : kQuirks) broken.emplace_back(q.step);
  EXPECT_EQ(broken, kSteps);
}

}  // namespace
