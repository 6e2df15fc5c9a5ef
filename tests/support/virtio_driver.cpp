#include "tests/support/virtio_driver.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace quince::test {

using namespace hw;  // NOLINT: the names of virtio_spec.h

// ---- GuestMemory --------------------------------------------------------------------------------

GuestMemory::GuestMemory(u64 size) {
  auto ram = GuestRam::create("ram", size);
  QUINCE_ASSERT(ram.has_value());
  ram_ = std::move(*ram);
  QUINCE_ASSERT(space_.map_ram(PhysAddr(kBase), *ram_).has_value());
}

u64 GuestMemory::alloc(u64 size) {
  const u64 at = next_;
  next_ = align_up(next_ + size, 16);
  QUINCE_ASSERT(next_ - kBase <= ram_->size());
  std::memset(host(at), 0, size);
  return at;
}

// ---- MmioDriverPort -----------------------------------------------------------------------------

u32 MmioDriverPort::rd(u64 off) {
  u64 v = 0;
  QUINCE_ASSERT(slot_.read(off, {}, v) == Bus::Ok);
  return static_cast<u32>(v);
}

void MmioDriverPort::wr(u64 off, u32 v) { QUINCE_ASSERT(slot_.write(off, {}, v) == Bus::Ok); }

u64 MmioDriverPort::device_features() {
  wr(0x14, 1);
  const u64 high = rd(0x10);
  wr(0x14, 0);
  return high << 32 | rd(0x10);
}

void MmioDriverPort::set_driver_features(u64 v) {
  for (const u32 word : {0u, 1u}) {
    wr(0x24, word);
    wr(0x20, static_cast<u32>(v >> (32 * word)));
  }
}

u16 MmioDriverPort::queue_max(unsigned n) {
  wr(0x30, n);
  return static_cast<u16>(rd(0x34));
}

void MmioDriverPort::setup_queue(unsigned n, u16 size, u64 desc, u64 driver, u64 device) {
  wr(0x30, n);
  wr(0x38, size);
  u64 off = 0x80;
  for (const u64 a : {desc, driver, device}) {
    wr(off, static_cast<u32>(a));
    wr(off + 4, static_cast<u32>(a >> 32));
    off += 0x10;
  }
  wr(0x44, 1);
}

bool MmioDriverPort::queue_running(unsigned n) {
  wr(0x30, n);
  return rd(0x44) != 0;
}

void MmioDriverPort::reset_queue(unsigned n) {
  wr(0x30, n);
  wr(0xc0, 1);
}

u64 MmioDriverPort::read_config(u64 off, unsigned size) {
  u64 v = 0;
  QUINCE_ASSERT(slot_.read(VirtioMmio::kConfig + off, {.size = size}, v) == Bus::Ok);
  return v;
}

void MmioDriverPort::write_config(u64 off, unsigned size, u64 v) {
  QUINCE_ASSERT(slot_.write(VirtioMmio::kConfig + off, {.size = size}, v) == Bus::Ok);
}

u8 MmioDriverPort::take_interrupts() {
  const u32 v = rd(0x60);
  wr(0x64, v);
  return static_cast<u8>(v);
}

// ---- DriverQueue --------------------------------------------------------------------------------

DriverQueue::DriverQueue(GuestMemory& memory, u16 size)
    : memory_(memory),
      size_(size),
      desc_(memory.alloc(VirtqLayout::desc_size(size))),
      avail_(memory.alloc(VirtqLayout::avail_size(size))),
      used_(memory.alloc(VirtqLayout::used_size(size))),
      chains_(size) {
  for (u16 i = 0; i < size; ++i) free_.push_back(i);
}

DriverQueue::Buffer DriverQueue::buffer(std::string_view text) {
  const u64 at = memory_.alloc(std::max<u64>(text.size(), 1));
  std::memcpy(memory_.host(at), text.data(), text.size());
  return {at, static_cast<u32>(text.size()), false};
}

DriverQueue::Buffer DriverQueue::space(u32 length) {
  return {memory_.alloc(std::max<u32>(length, 1)), length, true};
}

VirtqDesc DriverQueue::desc(u16 i) { return memory_.get_object<VirtqDesc>(desc_ + 16u * i); }
void DriverQueue::set_desc(u16 i, const VirtqDesc& d) { memory_.put_object(desc_ + 16u * i, d); }

u16 DriverQueue::take() {
  QUINCE_ASSERT(!free_.empty());
  const u16 i = free_.front();
  free_.pop_front();
  return i;
}

u16 DriverQueue::add(std::span<const Buffer> chain, How how) {
  std::vector<VirtqDesc> descs;
  for (const Buffer& b : chain)
    descs.push_back(
        {b.address, b.length, static_cast<u16>(b.device_writes ? VIRTQ_DESC_F_WRITE : 0), 0});
  std::vector<u16> indices;
  if (how == How::Indirect) {
    const u64 table = memory_.alloc(16 * descs.size());
    for (u16 i = 0; i < descs.size(); ++i) {
      if (i + 1u < descs.size()) {
        descs[i].flags |= VIRTQ_DESC_F_NEXT;
        descs[i].next = static_cast<u16>(i + 1);
      }
      memory_.put_object(table + 16u * i, descs[i]);
    }
    descs = {{table, static_cast<u32>(16 * descs.size()), VIRTQ_DESC_F_INDIRECT, 0}};
  }
  for (std::size_t i = 0; i < descs.size(); ++i) indices.push_back(take());
  for (std::size_t i = 0; i < descs.size(); ++i) {
    if (i + 1 < descs.size()) {
      descs[i].flags |= VIRTQ_DESC_F_NEXT;
      descs[i].next = indices[i + 1];
    }
    set_desc(indices[i], descs[i]);
  }
  const u16 head = indices.front();
  chains_[head] = std::move(indices);
  publish(head);
  return head;
}

void DriverQueue::publish(u16 head) {
  set_avail_entry(avail_idx(), head);
  set_avail_idx(static_cast<u16>(avail_idx() + 1));
}

std::optional<DriverQueue::Used> DriverQueue::reap() {
  if (used_idx() == reaped_) return std::nullopt;
  const u64 entry = used_ + 4 + 8u * (reaped_++ % size_);
  const Used u{static_cast<u16>(memory_.get<u32>(entry)), memory_.get<u32>(entry + 4)};
  if (u.head < size_) {
    free_.insert(free_.end(), chains_[u.head].begin(), chains_[u.head].end());
    chains_[u.head].clear();
  }
  return u;
}

bool DriverQueue::should_kick(bool event_idx) {
  const u16 old = kicked_;
  kicked_ = avail_idx();
  if (event_idx) return virtq_need_event(avail_event(), kicked_, old);
  return (used_flags() & VIRTQ_USED_F_NO_NOTIFY) == 0;
}

// ---- VirtioDriver -------------------------------------------------------------------------------

bool VirtioDriver::start(u64 features, u16 size) {
  queues_.clear();
  port_.set_status(0);
  port_.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
  features_ = features & port_.device_features();
  port_.set_driver_features(features_);
  port_.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
  if ((port_.status() & VIRTIO_FEATURES_OK) == 0) return false;
  for (unsigned n = 0; port_.queue_max(n) != 0; ++n) {
    queues_.push_back(nullptr);
    start_queue(n, size);
  }
  port_.set_status(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
  return (port_.status() & (VIRTIO_DRIVER_OK | VIRTIO_DEVICE_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

void VirtioDriver::start_queue(unsigned n, u16 size) {
  queues_[n] = std::make_unique<DriverQueue>(memory_, std::min(size, port_.queue_max(n)));
  const DriverQueue& q = *queues_[n];
  port_.setup_queue(n, q.size(), q.desc_address(), q.avail_address(), q.used_address());
}

}  // namespace quince::test
