// The state of a whole machine: save, load and hash.
//
// Deliberately missing: the contents of RAM, which a snapshot file will hold beside the archive.
#include <fmt/format.h>

#include "base/assert.h"
#include "base/bits.h"
#include "hw/core/archive.h"
#include "machine/devices.h"
#include "machine/machine.h"

namespace quince::machine {

namespace {

constexpr std::size_t kMaxName = 64;

}  // namespace

u64 Machine::next_random(void* machine) {
  // SplitMix64: eight bytes of state, and any value of them is a good one.
  u64 z = static_cast<Machine*>(machine)->random_state_ += 0x9e37'79b9'7f4a'7c15;
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
  return z ^ (z >> 31);
}

/// What belongs to no unit, and what tells this machine from others.
void Machine::snapshot_self(Archive& ar) {
  const std::string_view name = board_->name;
  std::vector<u8> board(name.begin(), name.end());
  u64 ram = config_.ram;
  u32 cpus = config_.cpus;
  ar.blob("board", board, kMaxName);
  ar.field("ram", ram);
  ar.field("cpus", cpus);
  if (std::string(board.begin(), board.end()) != name) ar.refuse("board", "another board");
  if (ram != config_.ram) ar.refuse("ram", "another size of memory");
  if (cpus != config_.cpus) ar.refuse("cpus", "another number of CPUs");

  u64 time = clock_.now_ns();
  ar.field("time_ns", time);
  ar.field("random", random_state_);
  if (ar.loading()) clock_.set(time);
  ar.field("pac_known", pac_.known);
  ar.field("pac_keys", pac_.keys);
  for (unsigned i = 0; i < config_.cpus; ++i) {
    CpuPower power = power_[i].load();
    ar.field(fmt::format("power{}", i), power);
    if (power > CpuPower::OnPending) ar.refuse(fmt::format("power{}", i), "out of range");
    if (ar.loading()) power_[i].store(power);
  }
  usb_plugs_.snapshot(ar);
}

void Machine::visit(Archive& ar) {
  ar.section("machine", [&](Archive& a) { snapshot_self(a); });
  for (hw::Device* d : device_list_) ar.section(d->name(), [&](Archive& a) { d->snapshot(a); });
  for (const auto& c : cpus_)
    ar.section(fmt::format("cpu{}", c->index()), [&](Archive& a) { c->snapshot(a); });
}

void Machine::snapshot(Archive& ar) {
  const hw::IoLock::Guard held(io_lock_);
  visit(ar);
}

Result<void> Machine::load(Archive& ar) {
  // Devices drive their outputs as they come back; the GIC has the levels of its own.
  devices_->gic->mute(true);
  visit(ar);
  Result<void> loaded = ar.finish();
  if (loaded) {
    for (hw::Device* d : device_list_) d->restored();
    for (const auto& c : cpus_) c->restored();
  }
  devices_->gic->mute(false);
  return loaded;
}

Result<void> Machine::restore(Archive& ar) {
  if (state_ == RunState::Running) return fail("the machine runs: pause it first");
  const hw::IoLock::Guard held(io_lock_);
  Archive before(Archive::Mode::Save);
  visit(before);
  Result<void> loaded = load(ar);
  if (loaded) return {};
  // A part of it is in place by now, and a reset would not undo all of that: levels of wires stay.
  before.set_mode(Archive::Mode::Load);
  const Result<void> undone = load(before);
  QUINCE_ASSERT(undone);
  return loaded;
}

u64 Machine::state_hash() {
  Archive ar(Archive::Mode::Save);
  snapshot(ar);
  u64 h = ar.hash();
  for (u64 i = 0; i < ram_->size(); i += 8) {
    const u64 v = load_le<u64>(ram_->data() + i);
    if (v != 0) h = (h ^ v ^ i) * 0x100000001b3;
  }
  return h;
}

}  // namespace quince::machine
