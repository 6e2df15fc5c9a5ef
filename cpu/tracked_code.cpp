// Instructions that are written without IC, for guests that rely on other emulators' seeing that (VcpuPorts::track_code;
// DDI 0487 B2.2.5 asks for IC).
//
// Each CPU counts itself at a page of RAM whose instructions it knows.  A page that anybody counts at has no fast way to be
// written: writers come to code_written(), and bus masters to AddressSpace::on_code_written().
#include "cpu/vcpu.h"
#include "hw/core/address_space.h"

namespace quince::cpu {

/// Before instructions of `page` are decoded: from here on every write to it is seen.  True when it was not so before;
/// then other CPUs were waited for, and what was translated may have changed.
bool Vcpu::track_code(CodePage& page) {
  page_ = &page;  // and idle_code() leaves it alone
  if (page.tracked_in != nullptr) return false;
  const hw::Section* sec = view().find(page.pa);
  if (sec == nullptr || sec->ram == nullptr) return false;
  page.tracked_in = sec->ram;
  page.tracked_at = sec->offset + (page.pa - sec->base);
  page.tracked_in->add_code(page.tracked_at);
  drop_l1(page.pa);
  broadcast({.kind = Maintenance::Kind::Watch, .page = page.pa});
  if (ports_.siblings != nullptr) ports_.siblings->complete(*this);
  return true;
}

/// Nobody decodes any of `page` before the next track_code().
void Vcpu::untrack_code(CodePage& page) {
  if (page.tracked_in != nullptr)
    std::exchange(page.tracked_in, nullptr)->remove_code(page.tracked_at);
}

/// A write to a tracked page, done or (`told` is false) about to be.  What this CPU knows of it is compared when the
/// instruction is done, at the next branch that is taken; the others know of a write before they can see what is
/// behind it.
void Vcpu::code_written(PhysAddr pa, bool told) {
  const PhysAddr page = pa.page();
  written_code_.note(page, told);
  if (told) broadcast({.kind = Maintenance::Kind::CodePage, .page = page});
  if (written_code_.asks()) {
    const Maintenance ask{.kind = Maintenance::Kind::IdleCode, .page = page};
    broadcast(ask);
    post_maintenance(ask);
  }
  raise(kMaintenance);
}

/// Somebody writes to `page` again and again.  Where nothing of it is known, as when it is data now, that may be fast.
void Vcpu::idle_code(PhysAddr page) {
  const auto it = code_.find(page.raw());
  if (it == code_.end()) return;
  CodePage& code = *it->second;
  // page_ may be in the middle of a block.
  if (&code == page_ || !code.nothing_known()) return;
  untrack_code(code);
  for (FetchEntry& f : fetch_)
    if (f.page == &code) f = {};
}

void Vcpu::compare_written_code() {
  written_code_.take([&](PhysAddr page, bool tell) { invalidate_code(page, tell); },
                     [&](bool tell) { invalidate_all_code(tell); });
}

}  // namespace quince::cpu
