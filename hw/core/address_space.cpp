#include "hw/core/address_space.h"

#include <algorithm>

#include "base/bits.h"

namespace quince::hw {

const Section* FlatView::find(PhysAddr a) const {
  auto it = std::upper_bound(sections_.begin(), sections_.end(), a,
                             [](PhysAddr x, const Section& s) { return x < s.base; });
  if (it == sections_.begin()) return nullptr;
  --it;
  return it->contains(a) ? &*it : nullptr;
}

AddressSpace::AddressSpace(Log& log) : log_(log) { publish(); }

Result<void> AddressSpace::map(PhysAddr base, u64 size, MmioDevice& device, OnError on_error) {
  return insert({.base = base, .size = size, .device = &device, .on_error = on_error});
}

Result<void> AddressSpace::map_doorbell(PhysAddr base, u64 size, MmioDevice& device,
                                        OnError on_error) {
  return insert(
      {.base = base, .size = size, .device = &device, .doorbell = true, .on_error = on_error});
}

Result<void> AddressSpace::map_ram(PhysAddr base, GuestRam& ram, bool read_only) {
  return insert({.base = base, .size = ram.size(), .ram = &ram, .read_only = read_only});
}

Result<void> AddressSpace::insert(Section s) {
  const std::string& name = s.ram != nullptr ? s.ram->name() : s.device->name();
  if (s.size == 0 || s.base.raw() + s.size - 1 < s.base.raw())
    return fail("'{}': bad window of {:#x} bytes at {:#x}", name, s.size, s.base.raw());
  for (const Section& o : sections_) {
    const bool apart = s.base.raw() + (s.size - 1) < o.base.raw() ||
                       o.base.raw() + (o.size - 1) < s.base.raw();
    if (!apart)
      return fail("'{}' at {:#x} overlaps '{}' at {:#x}", name, s.base.raw(),
                  o.ram != nullptr ? o.ram->name() : o.device->name(), o.base.raw());
  }
  sections_.push_back(s);
  std::sort(sections_.begin(), sections_.end(),
            [](const Section& a, const Section& b) { return a.base < b.base; });
  publish();
  return {};
}

Result<void> AddressSpace::map_rom(PhysAddr base, GuestRam& ram, MmioDevice& device) {
  return insert({.base = base,
                 .size = ram.size(),
                 .ram = &ram,
                 .rom = &ram,
                 .device = &device,
                 .read_only = true});
}

void AddressSpace::show_rom(PhysAddr base, bool memory) {
  const auto it = std::find_if(sections_.begin(), sections_.end(), [&](const Section& s) {
    return s.base == base && s.device != nullptr;
  });
  if (it == sections_.end() || it->rom == nullptr || (it->ram != nullptr) == memory) return;
  it->ram = memory ? it->rom : nullptr;
  publish();
  if (!memory && memory_gone_ != nullptr) memory_gone_(memory_gone_context_);
}

void AddressSpace::unmap(PhysAddr base) {
  std::erase_if(sections_, [&](const Section& s) { return s.base == base; });
  publish();
}

void AddressSpace::publish() {
  auto next = std::make_shared<const FlatView>(sections_);
  const std::lock_guard lock(mutex_);
  view_ = std::move(next);
  generation_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const FlatView> AddressSpace::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

AddressSpace::Outcome AddressSpace::failed(const Section* s, PhysAddr a, const char* verb,
                                           Access access, Bus why) {
  if (s == nullptr) {
    if (!access.debug)
      log_.guest_error("unassigned", "bus: {} of {} bytes at unassigned address {:#x}", verb,
                       access.size, a.raw());
    return Outcome::ExternalAbort;
  }
  if (!access.debug) {
    const std::string reg = s->device->reg_name(a - s->base + s->offset);
    log_.guest_error(s->device->name() + reg + verb, "{}: {} of {} bytes at {}: {}",
                     s->device->name(), verb, access.size, reg, to_string(why));
  }
  return s->on_error == OnError::Abort ? Outcome::ExternalAbort : Outcome::Ok;
}

namespace {

/// The largest naturally aligned piece of an access of `size` bytes at `a`, at most `size`.
unsigned piece(u64 a, unsigned size) {
  unsigned n = 8;
  while (n > size || !is_aligned(a, n)) n /= 2;
  return n;
}

void read_ram(const Section& s, u64 off, unsigned n, u64& out) {
  out = 0;
  std::memcpy(&out, s.ram->data() + s.offset + off, n);
}

}  // namespace

AddressSpace::Outcome AddressSpace::read(const IoLockHeld&, PhysAddr a, Access access, u64& out) {
  u64 value = 0;
  for (unsigned done = 0; done < access.size;) {
    const PhysAddr at = a + done;
    const unsigned n = piece(at.raw(), access.size - done);
    // sections_ changes only with the I/O lock held, which the caller has.
    const auto it = std::find_if(sections_.begin(), sections_.end(),
                                 [&](const Section& s) { return s.contains(at); });
    const Section* s = it == sections_.end() ? nullptr : &*it;
    u64 part = 0;
    if (s != nullptr && s->is_memory(false)) {
      read_ram(*s, at - s->base, n, part);
    } else {
      Access sub = access;
      sub.size = n;
      const Bus b = s == nullptr ? Bus::BadRegister : s->device->read(at - s->base + s->offset, sub, part);
      if (b != Bus::Ok) {
        part = 0;
        if (failed(s, at, "read", sub, b) == Outcome::ExternalAbort) return Outcome::ExternalAbort;
      }
      if (trace_read_.on() && s != nullptr)
        trace_read_("{} {} -> {:#x} ({} bytes)", s->device->name(),
                    s->device->reg_name(at - s->base + s->offset), part, n);
    }
    value |= (part & low_mask(8 * n)) << (8 * done);
    done += n;
  }
  out = value;
  return Outcome::Ok;
}

AddressSpace::Outcome AddressSpace::write(const IoLockHeld&, PhysAddr a, Access access, u64 in) {
  for (unsigned done = 0; done < access.size;) {
    const PhysAddr at = a + done;
    const unsigned n = piece(at.raw(), access.size - done);
    const auto it = std::find_if(sections_.begin(), sections_.end(),
                                 [&](const Section& s) { return s.contains(at); });
    const Section* s = it == sections_.end() ? nullptr : &*it;
    const u64 part = (in >> (8 * done)) & low_mask(8 * n);
    if (s != nullptr && s->is_memory(true)) {
      const u64 off = at - s->base + s->offset;
      if (!s->read_only) {
        std::memcpy(s->ram->data() + off, &part, n);
        s->ram->mark_dirty(off, n);
      }
    } else {
      Access sub = access;
      sub.size = n;
      if (trace_write_.on() && s != nullptr)
        trace_write_("{} {} <- {:#x} ({} bytes)", s->device->name(),
                     s->device->reg_name(at - s->base + s->offset), part, n);
      const Bus b = s == nullptr ? Bus::BadRegister : s->device->write(at - s->base + s->offset, sub, part);
      if (b != Bus::Ok && failed(s, at, "write", sub, b) == Outcome::ExternalAbort)
        return Outcome::ExternalAbort;
    }
    done += n;
  }
  return Outcome::Ok;
}

bool AddressSpace::ring(const Section& s, PhysAddr a, Access access, u64 in) {
  trace_doorbell_("requester {:#06x}: {:#x} <- {:#x} ({} bytes)", access.requester, a.raw(), in,
                  access.size);
  const Bus b = s.device->write(a - s.base + s.offset, access, in);
  if (b != Bus::Ok) (void)failed(&s, a, "bus master's write", access, b);
  return b == Bus::Ok;
}

}  // namespace quince::hw
