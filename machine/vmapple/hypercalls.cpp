// Calls to Apple's hypervisor: paravirtual pointer authentication (docs/platform.md; XNU's arm64 sources,
// hv_hvc.h, say what the kernel calls and what it expects).
//
// The kernel never writes the key registers: it asks for them.  Modelled: the keys of a boot, which firmware
// may have written on the first CPU, and which every other CPU gets; the default process ids.
// Chosen: the calls that derive keys from a process id succeed and change nothing, which public forks
// found to be enough; how the real host derives them is not known.  Deliberately missing: the OEM service (host time,
// boot session, ticket locks), whose discovery says that there is none.
#include <algorithm>

#include "machine/machine.h"

namespace quince::machine {

namespace {

enum AppleFunction : u32 {
  kPacSetInitialState = 0xc100'0000,
  kPacGetDefaultKeys = 0xc100'0001,
  kPacSetGKey = 0xc100'0006,  // the last of those that set something
};

}  // namespace

/// False when it is none of them.
bool Machine::apple_call(cpu::Vcpu& c, u32 function) {
  if (!board_->apple_calls || function < kPacSetInitialState || function > kPacSetGKey)
    return false;
  const hw::IoLock::Guard held(io_lock_);
  if (function == kPacSetInitialState) {
    std::array<u64, 10>& keys = c.s.sys.apkeys;
    if (!pac_.known) {
      // Keys of its own when firmware has written none.
      if (std::ranges::all_of(keys, [](u64 k) { return k == 0; }))
        std::ranges::generate(keys, [this] { return next_random(this); });
      pac_ = {.known = true, .keys = keys};
    }
    keys = pac_.keys;
  } else if (function == kPacGetDefaultKeys) {
    // Process ids that no process has: zeroes would kill the first one.
    constexpr u64 kNonZero = 1;
    c.s.x[2] = next_random(this) | kNonZero;
    c.s.x[3] = next_random(this) | kNonZero;
  }
  c.s.x[0] = 0;
  return true;
}

}  // namespace quince::machine
