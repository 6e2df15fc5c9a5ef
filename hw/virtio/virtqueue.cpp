#include "hw/virtio/virtqueue.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/assert.h"
#include "base/fence.h"
#include "hw/core/archive.h"

namespace quince::hw {

namespace {

constexpr u64 kMaxChainBytes = u64{1} << 32;  // 2.7.5: what a chain may describe

/// Applies `f(host pointer, bytes)` to the pieces of a list from `offset` on, at most `length`
/// bytes.
template <class F>
u64 for_pieces(std::span<const iovec> list, u64 offset, u64 length, F&& f) {
  u64 done = 0;
  for (std::size_t i = 0; i < list.size() && done < length; ++i) {
    if (offset >= list[i].iov_len) {
      offset -= list[i].iov_len;
      continue;
    }
    const u64 n = std::min<u64>(list[i].iov_len - offset, length - done);
    f(static_cast<u8*>(list[i].iov_base) + offset, n, done);
    done += n;
    offset = 0;
  }
  return done;
}

}  // namespace

// ---- VirtqElement ------------------------------------------------------------------------------

void VirtqElement::clear() {
  readable_.clear();
  writable_.clear();
  written_.clear();
  readable_size_ = writable_size_ = 0;
}

std::size_t VirtqElement::copy_out(u64 offset, std::span<u8> to) const {
  return for_pieces(readable_, offset, to.size(),
                    [&](const u8* p, u64 n, u64 done) { std::memcpy(to.data() + done, p, n); });
}

std::size_t VirtqElement::copy_in(u64 offset, std::span<const u8> from) {
  return for_pieces(writable_, offset, from.size(),
                    [&](u8* p, u64 n, u64 done) { std::memcpy(p, from.data() + done, n); });
}

std::size_t VirtqElement::fill_zero(u64 offset, std::size_t length) {
  return for_pieces(writable_, offset, length, [](u8* p, u64 n, u64) { std::memset(p, 0, n); });
}

u64 slice(std::span<const iovec> from, u64 offset, u64 length, std::vector<iovec>& to) {
  return for_pieces(from, offset, length, [&](u8* p, u64 n, u64) { to.push_back({p, n}); });
}

// ---- What a transport sets up ------------------------------------------------------------------

Virtqueue::Virtqueue(u16 max_size) : max_size_(max_size) {
  QUINCE_ASSERT(max_size != 0 && max_size <= kMaxQueueSize && std::has_single_bit(max_size));
  reset();
}

void Virtqueue::reset() {
  s_ = {.size = max_size_};
  error_ = nullptr;
  mapped_ = false;
}

void Virtqueue::set_size(u16 n) {
  if (!s_.ready) s_.size = n;
}

void Virtqueue::set_address(Area a, u64 value) {
  if (!s_.ready) s_.address[static_cast<unsigned>(a)] = value;
}

const char* Virtqueue::enable(bool event_idx, bool indirect) {
  if (s_.size == 0 || s_.size > max_size_ || !std::has_single_bit(s_.size))
    return "its size is no power of two that is offered";
  if (!is_aligned(address(Area::Desc), Layout::kDescAlign) ||
      !is_aligned(address(Area::Driver), Layout::kAvailAlign) ||
      !is_aligned(address(Area::Device), Layout::kUsedAlign))
    return "a ring is not aligned";
  s_.ready = true;
  s_.event_idx = event_idx;
  s_.indirect = indirect;
  mapped_ = false;
  return nullptr;
}

bool Virtqueue::map(DmaPort& dma) {
  if (mapped_ && generation_ == dma.generation()) return true;
  generation_ = dma.generation();
  const auto whole = [&](Area a, u64 length, bool writing) {
    DmaPort::Run r = dma.run(PhysAddr(address(a)), length, writing);
    if (r && r.length != length) r.ram = nullptr;
    return r;
  };
  desc_ = whole(Area::Desc, Layout::desc_size(s_.size), false);
  avail_ = whole(Area::Driver, Layout::avail_size(s_.size), false);
  used_ = whole(Area::Device, Layout::used_size(s_.size), true);
  mapped_ = desc_ && avail_ && used_;
  return mapped_;
}

Virtqueue::Pop Virtqueue::broken(const char* why) {
  error_ = why;
  return Pop::Broken;
}

// A 16-bit field that vCPUs access meanwhile.  It is aligned: enable() looked at the guest's
// address, and banks of memory start at pages on both sides.
u16 Virtqueue::load_idx(const DmaPort::Run& run, u64 off) const {
  return std::atomic_ref<u16>(*reinterpret_cast<u16*>(run.data() + off))
      .load(std::memory_order_acquire);
}

void Virtqueue::store_u16(DmaPort& dma, const DmaPort::Run& run, u64 off, u16 v) {
  std::atomic_ref<u16>(*reinterpret_cast<u16*>(run.data() + off))
      .store(v, std::memory_order_release);
  dma.mark_written(run, off, 2);
}

// ---- Taking chains -----------------------------------------------------------------------------

bool Virtqueue::available(DmaPort& dma) {
  if (!s_.ready || !dma.enabled()) return false;
  if (!map(dma)) return true;
  return load_idx(avail_, Layout::kIdx) != s_.last_avail;
}

Virtqueue::Pop Virtqueue::pop(DmaPort& dma, VirtqElement& e) {
  if (error_ != nullptr) return Pop::Broken;
  if (!s_.ready || !dma.enabled()) return Pop::Empty;
  if (!map(dma)) return broken("a ring is not in memory");
  u16 waiting = static_cast<u16>(load_idx(avail_, Layout::kIdx) - s_.last_avail);
  if (waiting == 0 && s_.event_idx && !s_.suppressed) {
    // The driver may have looked at the event index before it saw what the last pop() stored there,
    // and then does not notify: look again, as in should_interrupt().
    full_fence();
    waiting = static_cast<u16>(load_idx(avail_, Layout::kIdx) - s_.last_avail);
  }
  if (waiting == 0) return Pop::Empty;
  if (waiting > s_.size) return broken("the available index is more than a queue's size ahead");
  const u64 slot = Layout::kRing + 2u * (s_.last_avail & (s_.size - 1u));
  e.head_ = load_le<u16>(avail_.data() + slot);
  if (e.head_ >= s_.size) return broken("an available ring entry names no descriptor");
  if (in_flight(e.head_)) return broken("a chain is made available that the device still has");
  if (!walk(dma, e)) return Pop::Broken;
  ++s_.last_avail;
  set_in_flight(e.head_, true);
  // With event indices the driver notifies again when it passes this point.
  if (s_.event_idx && !s_.suppressed)
    store_u16(dma, used_, Layout::avail_event(s_.size), s_.last_avail);
  return Pop::Ok;
}

void Virtqueue::unpop(const VirtqElement& e) {
  QUINCE_ASSERT(in_flight(e.head_));
  set_in_flight(e.head_, false);
  --s_.last_avail;
}

Virtqueue::Pop Virtqueue::refetch(DmaPort& dma, u16 head, VirtqElement& e) {
  if (error_ != nullptr || !in_flight(head)) return Pop::Broken;
  if (!dma.enabled()) return Pop::Empty;
  if (!map(dma)) return broken("a ring is not in memory");
  e.head_ = head;
  return walk(dma, e) ? Pop::Ok : Pop::Broken;
}

bool Virtqueue::walk(DmaPort& dma, VirtqElement& e) {
  e.clear();
  u16 index = e.head_;
  for (unsigned n = 0; n < s_.size; ++n) {
    VirtqDesc d;
    std::memcpy(&d, desc_.data() + Layout::desc_size(index), sizeof d);
    if ((d.flags & VIRTQ_DESC_F_INDIRECT) != 0) return walk_indirect(dma, d, e);
    if (!add(dma, d, e)) return false;
    if ((d.flags & VIRTQ_DESC_F_NEXT) == 0) return true;
    if (d.next >= s_.size) return broken("a descriptor's next is outside the table") == Pop::Ok;
    index = d.next;
  }
  return broken("a descriptor chain is longer than the queue") == Pop::Ok;
}

bool Virtqueue::walk_indirect(DmaPort& dma, const VirtqDesc& table, VirtqElement& e) {
  const u32 count = table.len / sizeof(VirtqDesc);
  const auto no = [this](const char* why) { return broken(why) == Pop::Ok; };
  if (!s_.indirect) return no("an indirect descriptor without the feature");
  if ((table.flags & VIRTQ_DESC_F_NEXT) != 0) return no("an indirect descriptor with a next one");
  if (count == 0 || count > kMaxQueueSize || table.len % sizeof(VirtqDesc) != 0)
    return no("an indirect table of a wrong length");
  const DmaPort::Run run = dma.run(PhysAddr(table.addr), table.len, false);
  if (!run || run.length != table.len) return no("an indirect table is not in memory");
  u32 index = 0;
  for (u32 n = 0; n < count; ++n) {
    VirtqDesc d;
    std::memcpy(&d, run.data() + Layout::desc_size(index), sizeof d);
    if ((d.flags & VIRTQ_DESC_F_INDIRECT) != 0) return no("an indirect table inside another");
    if (!add(dma, d, e)) return false;
    if ((d.flags & VIRTQ_DESC_F_NEXT) == 0) return true;
    if (d.next >= count) return no("a descriptor's next is outside the indirect table");
    index = d.next;
  }
  return no("a descriptor chain is longer than its indirect table");
}

bool Virtqueue::add(DmaPort& dma, const VirtqDesc& d, VirtqElement& e) {
  const auto no = [this](const char* why) { return broken(why) == Pop::Ok; };
  const bool write = (d.flags & VIRTQ_DESC_F_WRITE) != 0;
  if (!write && e.writable_size_ != 0) return no("a readable descriptor follows a writable one");
  if (e.readable_size_ + e.writable_size_ + d.len > kMaxChainBytes)
    return no("a descriptor chain describes more than 4 GiB");
  for (u64 done = 0; done < d.len;) {  // as many pieces as the buffer has banks
    const DmaPort::Run r = dma.run(PhysAddr(d.addr) + done, d.len - done, write);
    if (!r) return no("a buffer is not in memory");
    if (write) e.written_.push_back(r);
    (write ? e.writable_ : e.readable_).push_back({r.data(), r.length});
    done += r.length;
  }
  (write ? e.writable_size_ : e.readable_size_) += d.len;
  return true;
}

void Virtqueue::set_in_flight(u16 head, bool on) {
  u64& word = s_.in_flight[head / 64];
  word = with_bits(word, head % 64, head % 64, on);
}

unsigned Virtqueue::in_flight_count() const {
  unsigned n = 0;
  for (const u64 w : s_.in_flight) n += static_cast<unsigned>(std::popcount(w));
  return n;
}

// ---- Giving them back --------------------------------------------------------------------------

// An entry of the used ring, which the driver does not see yet.
void Virtqueue::put_used(DmaPort& dma, const VirtqElement& e, u64 written, u16 idx) {
  u64 left = written;
  for (const DmaPort::Run& r : e.written_) {
    const u64 n = std::min(left, r.length);
    dma.mark_written(r, 0, n);
    left -= n;
  }
  const u64 slot = Layout::kRing + 8u * (idx & (s_.size - 1u));
  store_le<u32>(used_.data() + slot, e.head_);
  store_le<u32>(used_.data() + slot + 4, static_cast<u32>(std::min<u64>(written, ~u32{0})));
  dma.mark_written(used_, slot, 8);
}

bool Virtqueue::push_together(DmaPort& dma, std::span<const VirtqElement> es, u64 written) {
  for (const VirtqElement& e : es) {
    QUINCE_ASSERT(in_flight(e.head_));
    set_in_flight(e.head_, false);
  }
  if (!dma.enabled() || !map(dma)) return false;
  for (const VirtqElement& e : es) {
    const u64 n = std::min(written, e.writable_size_);
    put_used(dma, e, n, s_.used++);
    written -= n;
  }
  QUINCE_ASSERT(written == 0);
  store_u16(dma, used_, Layout::kIdx, s_.used);
  return true;
}

bool Virtqueue::should_interrupt(DmaPort& dma) {
  if (!s_.ready || !dma.enabled() || !map(dma)) return false;
  const u16 old = s_.signalled;
  s_.signalled = s_.used;
  if (old == s_.used) return false;
  // The driver stores its wish and then looks at the used index; we stored the index and look at
  // the wish.  Without a full fence on both sides each could miss the other.
  full_fence();
  if (!s_.event_idx) return (load_idx(avail_, Layout::kFlags) & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
  return virtq_need_event(load_idx(avail_, Layout::used_event(s_.size)), s_.used, old);
}

void Virtqueue::suppress_notifications(DmaPort& dma, bool on) {
  if (!s_.ready || !dma.enabled() || !map(dma)) return;
  s_.suppressed = on;
  if (!s_.event_idx)
    store_u16(dma, used_, Layout::kFlags, on ? VIRTQ_USED_F_NO_NOTIFY : 0);
  else if (!on)
    store_u16(dma, used_, Layout::avail_event(s_.size), s_.last_avail);
  // As in should_interrupt: whoever calls looks at the available index next.
  full_fence();
}

// ---- Snapshots ---------------------------------------------------------------------------------

void Virtqueue::snapshot(Archive& ar) {
  ar.field("ready", s_.ready);
  ar.field("event_idx", s_.event_idx);
  ar.field("indirect", s_.indirect);
  ar.field("suppressed", s_.suppressed);
  ar.field("size", s_.size);
  ar.field("last_avail", s_.last_avail);
  ar.field("used", s_.used);
  ar.field("signalled", s_.signalled);
  ar.field("address", s_.address);
  ar.field("in_flight", s_.in_flight);
  if (!ar.loading()) return;
  error_ = nullptr;
  mapped_ = false;
  if (s_.ready && enable(s_.event_idx, s_.indirect) != nullptr) {
    s_.ready = false;
    ar.refuse("ready", "the queue's size or an alignment is wrong");
  }
  for (unsigned n = 0; n < s_.in_flight.size(); ++n) {
    const u64 valid =
        !s_.ready ? 0 : low_mask(std::max<int>(0, s_.size - 64 * static_cast<int>(n)));
    if ((s_.in_flight[n] & ~valid) == 0) continue;
    s_.in_flight[n] = 0;
    ar.refuse("in_flight", "a head is outside the queue");
  }
}

}  // namespace quince::hw
