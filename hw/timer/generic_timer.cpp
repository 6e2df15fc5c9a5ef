// Arm generic timer.  See generic_timer.h.
#include "hw/timer/generic_timer.h"

#include <fmt/core.h>

#include "base/assert.h"
#include "base/bits.h"

namespace quince::hw {

namespace {

// Encodings (DDI 0487, op0 = 3 and CRn = 14).  In the two timers' groups CRm picks the timer and
// op2 the view.
constexpr SysRegId kCntfrq{3, 3, 14, 0, 0};
constexpr SysRegId kCntpct{3, 3, 14, 0, 1};
constexpr SysRegId kCntvct{3, 3, 14, 0, 2};
constexpr SysRegId kCntp{3, 3, 14, 2, 0};
constexpr SysRegId kCntv{3, 3, 14, 3, 0};
enum View : unsigned { kTval, kCtl, kCval, kViews };

constexpr SysRegId group_of(SysRegId id) { return SysRegId(static_cast<u16>(id.raw & ~7u)); }

}  // namespace

GenericTimer::GenericTimer(std::string_view name, TimerQueue& queue, u64 frequency_hz,
                           IrqLine virt, IrqLine phys)
    : Device(name),
      queue_(queue),
      frequency_(frequency_hz),
      irq_{std::move(virt), std::move(phys)},
      virtual_deadline_(queue, fmt::format("{}/cntv", name),
                        &Bind<&GenericTimer::on_deadline>::call, this),
      physical_deadline_(queue, fmt::format("{}/cntp", name),
                         &Bind<&GenericTimer::on_deadline>::call, this) {
  QUINCE_ASSERT(frequency_ >= 1 && frequency_ <= 0xffffffff);
  reset();
}

void GenericTimer::reset() {
  s_ = {.cntfrq = static_cast<u32>(frequency_), .timer = {}};
  sync();
}

void GenericTimer::snapshot(Archive& ar) {
  ar.field("cntfrq", s_.cntfrq);
  ar.field("cntv_ctl", s_.timer[kVirtual].ctl);
  ar.field("cntv_cval", s_.timer[kVirtual].cval);
  ar.field("cntp_ctl", s_.timer[kPhysical].ctl);
  ar.field("cntp_cval", s_.timer[kPhysical].cval);
  if (ar.loading())
    for (Compare& t : s_.timer) t.ctl &= kCtlEnable | kCtlImask;
}

/// Derives the wires, and the times at which they change by themselves.
void GenericTimer::sync() {
  const u64 now = count();
  Timer* const deadline[kTimers] = {&virtual_deadline_, &physical_deadline_};
  for (unsigned i = 0; i < kTimers; ++i) {
    const Compare& t = s_.timer[i];
    const bool runs = t.ctl == kCtlEnable;
    const bool met = now >= t.cval;
    irq_[i].set(runs && met);
    const u64 at = runs && !met ? time_of(t.cval, frequency_) : kNever;
    if (at != deadline[i]->deadline()) deadline[i]->arm(at);
  }
}

u64 GenericTimer::read_timer(const Compare& t, unsigned op2) const {
  switch (op2) {
    case kTval: return (t.cval - count()) & 0xffffffff;
    case kCval: return t.cval;
    default: break;
  }
  const bool status = (t.ctl & kCtlEnable) != 0 && count() >= t.cval;
  return t.ctl | (status ? kCtlIstatus : 0);
}

void GenericTimer::write_timer(Compare& t, unsigned op2, u64 in) {
  switch (op2) {
    case kTval: t.cval = count() + static_cast<u64>(sign_extend<32>(in)); break;
    case kCval: t.cval = in; break;
    default: t.ctl = static_cast<u8>(in & (kCtlEnable | kCtlImask)); break;
  }
  sync();
}

Bus GenericTimer::sysreg_read(SysRegId id, u64& out) {
  if (id == kCntfrq) {
    out = s_.cntfrq;
  } else if (id == kCntpct || id == kCntvct) {
    out = count();
  } else if (const SysRegId g = group_of(id); (g == kCntv || g == kCntp) && id.op2() < kViews) {
    out = read_timer(s_.timer[g == kCntv ? kVirtual : kPhysical], id.op2());
  } else {
    return Bus::BadRegister;
  }
  return Bus::Ok;
}

Bus GenericTimer::sysreg_write(SysRegId id, u64 in) {
  if (id == kCntfrq) {
    s_.cntfrq = static_cast<u32>(in);
  } else if (id == kCntpct || id == kCntvct) {
    return Bus::ReadOnly;
  } else if (const SysRegId g = group_of(id); (g == kCntv || g == kCntp) && id.op2() < kViews) {
    write_timer(s_.timer[g == kCntv ? kVirtual : kPhysical], id.op2(), in);
  } else {
    return Bus::BadRegister;
  }
  return Bus::Ok;
}

}  // namespace quince::hw
