#include "hw/core/dma.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bits.h"

namespace quince::hw {

const Section* DmaPort::section_at(PhysAddr a) const {
  if (!enabled_) return nullptr;
  if (view_ == nullptr || generation_ != space_.generation()) {
    generation_ = space_.generation();
    view_ = space_.view();
  }
  return view_->find(a);
}

const Section* DmaPort::ram_at(PhysAddr a, u64 length, u64& run) const {
  const Section* s = section_at(a);
  if (s == nullptr || s->ram == nullptr) return nullptr;
  run = std::min(length, s->size - (a - s->base));
  return s;
}

bool DmaPort::covers(PhysAddr a, u64 length, bool writing) const {
  while (length != 0) {
    u64 run = 0;
    const Section* s = ram_at(a, length, run);
    if (s == nullptr || (writing && s->read_only)) return false;
    a += run;
    length -= run;
  }
  return true;
}

void DmaPort::clear_monitors(const Section& s, PhysAddr a, u64 length) {
  while (length != 0) {
    const u64 n = std::min(length, GuestRam::kPageSize - a.raw() % GuestRam::kPageSize);
    if (s.ram->watched(a - s.base + s.offset))
      ExclusiveMonitors::Held(space_.exclusives(), a).wrote(n);
    a += n;
    length -= n;
  }
}

void DmaPort::written(const Section& s, PhysAddr a, u64 length) {
  const u64 off = a - s.base + s.offset;
  s.ram->mark_dirty(off, length);
  clear_monitors(s, a, length);
  if (!space_.tells_code_written() || !s.ram->has_code(off, length)) return;
  for (PhysAddr p = a.page(); p < a + length; p += GuestRam::kPageSize) space_.code_written(p);
}

bool DmaPort::read(PhysAddr a, std::span<u8> out) const {
  if (!covers(a, out.size(), false)) return false;
  while (!out.empty()) {
    const std::span<const u8> part = map_read(a, out.size());
    std::copy(part.begin(), part.end(), out.begin());
    out = out.subspan(part.size());
    a += part.size();
  }
  return true;
}

bool DmaPort::ring(const Section& s, PhysAddr a, std::span<const u8> in) {
  const u64 n = in.size();
  if (n > 8 || !std::has_single_bit(n) || !is_aligned(a.raw(), n) || s.size - (a - s.base) < n) {
    space_.log().guest_error("doorbell size",
                             "bus master {:#06x}: {} bytes to doorbell '{}' at {:#x}", requester_,
                             n, s.device->name(), a.raw());
    return false;
  }
  u64 value = 0;
  std::memcpy(&value, in.data(), n);
  return space_.ring(s, a, {.size = static_cast<unsigned>(n), .requester = requester_}, value);
}

bool DmaPort::write(PhysAddr a, std::span<const u8> in) {
  const Section* first = section_at(a);
  if (first != nullptr && first->doorbell && !in.empty()) return ring(*first, a, in);
  if (!covers(a, in.size(), true)) return false;
  while (!in.empty()) {
    u64 run = 0;
    const Section* s = ram_at(a, in.size(), run);
    std::copy_n(in.begin(), run, s->ram->data() + (a - s->base + s->offset));
    written(*s, a, run);
    in = in.subspan(run);
    a += run;
  }
  return true;
}

std::span<const u8> DmaPort::map_read(PhysAddr a, u64 length) const {
  u64 run = 0;
  const Section* s = ram_at(a, length, run);
  if (s == nullptr) return {};
  return {s->ram->data() + (a - s->base + s->offset), run};
}

std::span<u8> DmaPort::map_write(PhysAddr a, u64 length) {
  u64 run = 0;
  const Section* s = ram_at(a, length, run);
  if (s == nullptr || s->read_only) return {};
  written(*s, a, run);
  return {s->ram->data() + (a - s->base + s->offset), run};
}

DmaPort::Run DmaPort::run(PhysAddr a, u64 length, bool writing) const {
  u64 n = 0;
  const Section* s = ram_at(a, length, n);
  if (s == nullptr || n == 0 || (writing && s->read_only)) return {};
  return {s->ram, a - s->base + s->offset, n};
}

void DmaPort::mark_written(const Run& r, u64 from, u64 length) {
  if (length == 0) return;
  const u64 off = r.offset + from;
  r.ram->mark_dirty(off, length);
  const bool code = space_.tells_code_written() && r.ram->has_code(off, length);
  bool watched = false;
  for (u64 p = align_down(off, GuestRam::kPageSize); p < off + length; p += GuestRam::kPageSize)
    watched |= r.ram->watched(p);
  if (!code && !watched) return;
  // Engines know code, and monitors are, by physical page, and a bank may be mapped more than once: the section of the
  // run is looked for, which is rare enough.
  for (const Section& s : space_.view()->sections())
    if (s.ram == r.ram && off >= s.offset && off - s.offset < s.size)
      return written(s, s.base + (off - s.offset), length);
}

bool DmaPort::discard(const Run& r) {
  if (!enabled_ || !r || !r.ram->discard(r.offset, r.length)) return false;
  mark_written(r, 0, r.length);
  return true;
}

}  // namespace quince::hw
