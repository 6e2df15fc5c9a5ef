// When descriptors are executed, and by whom.  See transfers.h.
#include "hw/usb/xhci/transfers.h"

#include "hw/core/archive.h"

namespace quince::hw {

using namespace xhci;

XhciTransfers::XhciTransfers(XhciCore& core, XhciEvents& events)
    : core_(core),
      events_(events),
      timer_(core.timers, core.name + ".transfers", &Bind<&XhciTransfers::on_timer>::call, this) {}

XhciTransfers::~XhciTransfers() {
  each_flying([&](XhciTransfer& t) { take_back(t); });
}

// ---- Transfers that devices have ---------------------------------------------------------------

/// A free one, or null when devices have as many as they may.
XhciTransfer* XhciTransfers::take() {
  for (const auto& t : pool_)
    if (!t->busy) {
      t->busy = true;
      return t.get();
    }
  if (pool_.size() >= kMaxFlying) return nullptr;
  pool_.push_back(std::make_unique<XhciTransfer>(*this, core_));
  pool_.back()->busy = true;
  return pool_.back().get();
}

XhciTransfer* XhciTransfers::flying(unsigned slot, unsigned dci, u16 stream) {
  for (const auto& t : pool_)
    if (t->flying && t->slot == slot && t->dci == dci && t->stream() == stream) return t.get();
  return nullptr;
}

void XhciTransfers::give_back(XhciTransfer& t) {
  const bool was_flying = t.flying;
  t.busy = t.flying = false;
  t.device = nullptr;
  if (!was_flying) return;
  bool others = false;
  each_flying([&](const XhciTransfer& o) { others |= o.slot == t.slot && o.dci == t.dci; });
  slot(t.slot).ep[t.dci].flying = others;
}

/// The device forgets a transfer, which has not happened.
void XhciTransfers::take_back(XhciTransfer& t) {
  t.device->cancel(t);
  give_back(t);
}

void XhciTransfers::completed(XhciTransfer& t, UsbStatus status) {
  if (!t.flying) return;
  const Entry entry(*this);
  const unsigned n = t.slot, dci = t.dci;
  const u16 stream = t.stream();
  // While the controller is halted nothing reaches memory: it is done again later.
  if (!core_.running()) return give_back(t);
  finish(t, status == UsbStatus::Nak || status == UsbStatus::Pending ? UsbStatus::TransactionError
                                                                     : status);
  give_back(t);
  if (depth_ == 1)
    run_ring(n, dci, stream);
  else
    later(slot(n).ep[dci], core_.now());
}

// ---- Going on ----------------------------------------------------------------------------------

void XhciTransfers::later(XhciEndpoint& e, u64 at_ns) {
  if (at_ns >= e.due_ns) return;
  e.due_ns = at_ns;
  if (at_ns < timer_.deadline()) timer_.arm(at_ns);
}

void XhciTransfers::on_timer() {
  events_.due_before_transfers();
  tick();
}

void XhciTransfers::tick_if_due() {
  if (timer_.deadline() <= core_.now()) tick();
}

void XhciTransfers::tick() {
  const Entry entry(*this);
  const u64 now = core_.now();
  u64 next = kNever;
  for (unsigned n = 1; n <= kMaxSlots; ++n) {
    if (!slot(n).enabled) continue;
    for (unsigned dci = 1; dci < kDcis; ++dci) {
      XhciEndpoint& e = slot(n).ep[dci];
      const bool again = redo_ && e.flying;
      if (again) e.flying = false;
      if (e.due_ns <= now)
        e.due_ns = kNever;
      else if (!again)
        continue;
      run(n, dci);
    }
  }
  redo_ = false;
  for (const XhciSlot& s : slots_)
    if (s.enabled)
      for (const XhciEndpoint& e : s.ep) next = std::min(next, e.due_ns);
  timer_.arm(next);
}

void XhciTransfers::kick_all() {
  for (XhciSlot& s : slots_)
    if (s.enabled)
      for (XhciEndpoint& e : s.ep)
        if (e.waits()) later(e, core_.now());
}

void XhciTransfers::started() { kick_all(); }

void XhciTransfers::stopped() {
  each_flying([&](XhciTransfer& t) { take_back(t); });
}

void XhciTransfers::doorbell(unsigned n, unsigned dci, u16 stream) {
  if (!core_.running() || n < 1 || n > core_.config.slots || dci < 1 || dci >= kDcis) return;
  XhciSlot& s = slot(n);
  XhciEndpoint& e = s.ep[dci];
  if (!s.enabled || !e.enabled()) return;
  if (e.state != EpState::Running && e.state != EpState::Stopped) return;
  const Entry entry(*this);
  if (e.has_streams()) {
    StreamPlace place;
    const Code code = find_stream(e, stream, place);
    if (!core_.running()) return;
    if (code != Code::Success)
      return transfer_event({.status = u32{s.interrupter} << 22}, 0, code, 0, n, dci);
    const auto found = std::find(e.streams.begin(), e.streams.end(), stream);
    if (found == e.streams.end() && e.streams.size() < kMaxStreams) e.streams.push_back(stream);
  } else {
    stream = 0;
    e.active = true;
  }
  if (e.state == EpState::Stopped) set_state(n, dci, EpState::Running);
  if (depth_ == 1)
    run_ring(n, dci, stream);
  else
    later(e, core_.now());
}

void XhciTransfers::run(unsigned n, unsigned dci) {
  XhciEndpoint& e = slot(n).ep[dci];
  if (!e.has_streams()) {
    if (e.active) run_ring(n, dci, 0);
    return;
  }
  const std::vector<u16> streams = e.streams;
  for (const u16 stream : streams) run_ring(n, dci, stream);
}

void XhciTransfers::run_ring(unsigned n, unsigned dci, u16 stream) {
  XhciEndpoint& e = slot(n).ep[dci];
  for (Step next = Step::Again; next == Step::Again;) {
    if (!core_.running() || e.state != EpState::Running || flying(n, dci, stream) != nullptr)
      return;
    XhciTransfer* const t = budget_.spent() ? nullptr : take();
    if (t == nullptr) return later(e, core_.now() + kMicroframe);
    t->slot = n;
    t->dci = dci;
    next = step(n, dci, stream, *t);
    if (!t->flying) give_back(*t);
  }
}

/// One descriptor.
XhciTransfers::Step XhciTransfers::step(unsigned n, unsigned dci, u16 stream, XhciTransfer& t) {
  XhciEndpoint& e = slot(n).ep[dci];
  if (e.periodic() && core_.now() < e.service_ns) {
    later(e, e.service_ns);
    return Step::Wait;
  }
  if (UsbDevice* d = device(n); d != nullptr && d->suspended()) return Step::Wait;
  XhciRingPlace place;
  if (!ring_place(e, stream, place)) {
    went_inactive(n, dci, stream);
    return Step::Wait;
  }
  --budget_.tds;
  t.begin(false, static_cast<u8>(dci / 2), stream, 0);
  switch (read_td(e, place, t.td)) {
    case XhciTdResult::Empty:
      went_inactive(n, dci, stream);
      return Step::Wait;
    case XhciTdResult::Blocked:
    case XhciTdResult::Fault:
      return Step::Wait;
    case XhciTdResult::Bad: {
      const bool none = t.td.blocks.empty();
      const Trb at = none ? Trb{.status = u32{slot(n).interrupter} << 22} : t.td.blocks.back().trb;
      const u64 address = none ? t.td.start.address : t.td.blocks.back().address;
      halt(t, EpState::Error);
      transfer_event(at, address, Code::TrbError, has_buffer(at) ? at.length() : 0, n, dci);
      return Step::Wait;
    }
    case XhciTdResult::Td:
      break;
  }
  const UsbStatus status = execute(n, dci, stream, t);
  if (status == UsbStatus::Nak) return Step::Wait;
  if (status == UsbStatus::Pending) {
    t.device = device(n);
    t.flying = e.flying = true;
    return Step::Wait;
  }
  finish(t, status);
  return Step::Again;
}

/// The ring has nothing more.
void XhciTransfers::went_inactive(unsigned n, unsigned dci, u16 stream) {
  XhciEndpoint& e = slot(n).ep[dci];
  if (e.has_streams()) {
    std::erase(e.streams, stream);
    return;
  }
  if (e.active && is_isoch(e.type) && core_.running())
    transfer_event({.status = u32{slot(n).interrupter} << 22}, 0,
                   is_in(e.type) ? Code::RingOverrun : Code::RingUnderrun, 0, n, dci);
  e.active = false;
}

UsbStatus XhciTransfers::execute(unsigned n, unsigned dci, u16 stream, XhciTransfer& t) {
  XhciEndpoint& e = slot(n).ep[dci];
  const TrbType type = t.td.type();
  if (type == TrbType::NoOp || type == TrbType::EventData) return UsbStatus::Ok;
  UsbDevice* const d = device(n);
  if (d == nullptr || !d->reachable()) return UsbStatus::TransactionError;
  if (e.type == EpType::Control) return execute_control(e, t);
  t.begin(is_in(e.type), static_cast<u8>(dci / 2), stream, t.td.length);
  const UsbStatus status = d->handle_data(t);
  // Nobody waits for isochronous data.
  return is_isoch(e.type) && status == UsbStatus::Nak ? UsbStatus::Ok : status;
}

/// A stage of a control transfer (4.11.2.2).  The device sees the whole request in the data stage,
/// or in the status stage when there is none.
UsbStatus XhciTransfers::execute_control(XhciEndpoint& e, XhciTransfer& t) {
  if (t.td.type() == TrbType::SetupStage) {
    e.setup = t.td.blocks[0].trb.parameter;
    e.control_start = t.td.start;
    e.stage = XhciStage::Setup;
    e.edtla = 0;
    return UsbStatus::Ok;
  }
  if (t.td.type() == TrbType::StatusStage && e.stage == XhciStage::Data) return UsbStatus::Ok;
  std::array<u8, 8> bytes;
  store_le(bytes.data(), e.setup);
  const UsbSetup setup = UsbSetup::from_bytes(bytes);
  t.begin(setup.in(), 0, 0, t.td.length);
  return device(t.slot)->handle_control(setup, t);
}

// ---- From the bus ------------------------------------------------------------------------------

template <class F>
void XhciTransfers::each_slot_of(const UsbDevice& d, F&& f) {
  for (unsigned n = 1; n <= kMaxSlots; ++n)
    if (slot(n).enabled && device(n) == &d) f(n);
}

unsigned XhciTransfers::slot_of(const UsbDevice& d) const {
  for (unsigned n = 1; n <= kMaxSlots; ++n)
    if (slots_[n - 1].enabled && devices_[n - 1] == &d) return n;
  return 0;
}

void XhciTransfers::wakeup(UsbDevice& d, u8 endpoint) {
  const unsigned number = endpoint & 15u;
  const unsigned dci = number == 0 ? 1 : 2 * number + (endpoint >> 7);
  const Entry entry(*this);
  each_slot_of(d, [&](unsigned n) {
    XhciEndpoint& e = slot(n).ep[dci];
    if (!e.waits()) return;
    if (depth_ == 1)
      run(n, dci);
    else
      later(e, core_.now());
  });
}

/// Transfers that go on fail, when they are looked at.
void XhciTransfers::unreachable(UsbDevice& d) {
  each_flying([&](XhciTransfer& t) {
    if (t.device != &d) return;
    d.cancel(t);
    if (core_.running()) finish(t, UsbStatus::TransactionError);
    give_back(t);
  });
  resumed(d);
}

void XhciTransfers::suspended(UsbDevice& d) {
  each_flying([&](XhciTransfer& t) {
    if (t.device == &d) take_back(t);
  });
}

void XhciTransfers::resumed(UsbDevice& d) {
  each_slot_of(d, [&](unsigned n) {
    for (XhciEndpoint& e : slot(n).ep)
      if (e.waits()) later(e, core_.now());
  });
}

void XhciTransfers::removed(UsbDevice& d) {
  each_slot_of(d, [&](unsigned n) {
    slot(n).present = false;
    set_device(n, nullptr);
  });
}

void XhciTransfers::destroyed(UsbDevice& d) {
  each_flying([&](XhciTransfer& t) {
    if (t.device == &d) give_back(t);
  });
  removed(d);
}

}  // namespace quince::hw
