// The harness must notice: a toy device with one defect at a time.
#include "tests/support/device_fuzz.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace quince::test {
namespace {

using hw::Access;
using hw::Bus;

enum class Defect : u8 {
  None,
  UnsavedField,
  ForgottenLine,
  DebugReadHasAnEffect,
  TimeStands,
  FailedReadWritesItsOutput,
  TooWideARead,
  DeadRegister,
  SecretState,
};

class Toy final : public hw::MmioDevice {
 public:
  Toy(Defect defect, hw::IrqLine irq, hw::TimerQueue& clock)
      : MmioDevice("toy"),
        defect_(defect),
        irq_(std::move(irq)),
        clock_(clock),
        timer_(clock, "toy/timer", &hw::Bind<&Toy::fire>::call, this) {}
  void reset() override {
    value_ = pops_ = 0;
    irq_.set(false);
  }
  void snapshot(Archive& ar) override {
    ar.field("value", value_);
    if (defect_ != Defect::UnsavedField) ar.field("pops", pops_);
  }
  void restored() override {
    if (defect_ != Defect::ForgottenLine) irq_.set((value_ & 1) != 0);
  }
  Bus read(u64 off, Access a, u64& out) override {
    if (defect_ == Defect::FailedReadWritesItsOutput) out = 0;
    if (a.size != 4) return Bus::BadSize;
    if (off == 0) {
      out = value_;
      if (defect_ == Defect::TooWideARead) out |= u64{1} << 32;
      return Bus::Ok;
    }
    if (off != 4) return Bus::BadRegister;
    if (a.debug && defect_ != Defect::DebugReadHasAnEffect) return Bus::WriteOnly;
    out = ++pops_ + (defect_ == Defect::SecretState ? ++secret_ : 0);
    return Bus::Ok;
  }
  Bus write(u64 off, Access a, u64 in) override {
    if (a.size != 4) return Bus::BadSize;
    if (off != 0) return Bus::BadRegister;
    if (defect_ == Defect::DeadRegister) return Bus::ReadOnly;
    value_ = static_cast<u32>(in);
    irq_.set((value_ & 1) != 0);
    if (defect_ == Defect::TimeStands) timer_.arm(clock_.now_ns());
    return Bus::Ok;
  }
  std::size_t reg_count() const override { return 2; }
  hw::RegInfo reg_info(std::size_t i) const override {
    if (i == 0) return {.offset = 0, .name = "VALUE"};
    return {.offset = 4, .name = "POP", .writable = false, .read_effect = true};
  }

 private:
  void fire() { timer_.arm(clock_.now_ns()); }

  Defect defect_;
  hw::IrqLine irq_;
  hw::TimerQueue& clock_;
  hw::Timer timer_;
  u32 value_ = 0, pops_ = 0;
  u32 secret_ = 0;
};

Result<FuzzReport> run(Defect defect) {
  return fuzz_device(
      {"toy",
       [defect](FuzzBench& b) { b.window(b.unit<Toy>(defect, b.wire(7), b.timers()), 0x10); }},
      {.accesses = 20'000});
}

std::string finding(Defect defect) {
  const auto r = run(defect);
  return r ? "" : r.error().message();
}

TEST(DeviceFuzzHarness, PassesASoundDeviceAndReportsWhatItDid) {
  const auto r = run(Defect::None);
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_TRUE(r->untouched.empty());
  for (const u64 n : {r->reads, r->writes, r->refused, r->resets, r->time_steps, r->snapshots,
                      r->damaged_loaded, r->damaged_refused})
    EXPECT_GT(n, 0u) << r->text();
  EXPECT_GT(r->reads + r->writes + r->refused, 18'000u);
}

TEST(DeviceFuzzHarness, TheSameSeedGivesTheSameRun) {
  EXPECT_EQ(run(Defect::None)->text(), run(Defect::None)->text());
}

TEST(DeviceFuzzHarness, FindsEachDefect) {
  const struct {
    Defect defect;
    const char* what;
  } cases[] = {
      {Defect::UnsavedField, "the restored copy gives"},
      {Defect::ForgottenLine, "the lines have other levels"},
      {Defect::DebugReadHasAnEffect, "the restored copy gives"},
      {Defect::TimeStands, "timers keep an instant from passing"},
      {Defect::FailedReadWritesItsOutput, "a failed read wrote its output"},
      {Defect::TooWideARead, "a read of 4 bytes gave"},
      {Defect::SecretState, "the restored copy gives"},
  };
  for (const auto& c : cases) {
    const std::string found = finding(c.defect);
    EXPECT_NE(found.find(c.what), std::string::npos) << found;
    EXPECT_NE(found.find("the last steps"), std::string::npos) << found;
  }
}

TEST(DeviceFuzzHarness, NamesRegistersThatNeverAnswer) {
  const auto r = run(Defect::DeadRegister);
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_EQ(r->untouched, std::vector<std::string>{"VALUE write"});
}

/// A device that writes guest memory and tells the world: both are compared.
class Master final : public hw::MmioDevice {
 public:
  Master(FuzzBench& bench, std::span<u8> memory, bool forgets)
      : MmioDevice("master"), bench_(bench), memory_(memory), forgets_(forgets) {}
  void reset() override { at_ = 0; }
  void restored() override {}
  void snapshot(Archive& ar) override {
    u32 none = 0;
    ar.field("at", forgets_ ? none : at_);
  }
  Bus read(u64, Access, u64&) override { return Bus::WriteOnly; }
  Bus write(u64, Access, u64 in) override {
    memory_[at_ % memory_.size()] = static_cast<u8>(in);
    ++at_;
    bench_.output(in & 0xff);
    return Bus::Ok;
  }

 private:
  FuzzBench& bench_;
  std::span<u8> memory_;
  bool forgets_;
  u32 at_ = 0;
};

Result<FuzzReport> run_master(bool forgets) {
  return fuzz_device({"master",
                      [forgets](FuzzBench& b) {
                        auto& memory = b.keep<std::array<u8, 64>>();
                        b.memory(memory);
                        b.window(b.unit<Master>(b, memory, forgets), 6);
                      }},
                     {.accesses = 5'000});
}

TEST(DeviceFuzzHarness, ComparesGuestMemory) {
  const auto good = run_master(false);
  EXPECT_TRUE(good) << good.error().message();
  const auto bad = run_master(true);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message().find("guest memory differs"), std::string::npos)
      << bad.error().message();
}

}  // namespace
}  // namespace quince::test
