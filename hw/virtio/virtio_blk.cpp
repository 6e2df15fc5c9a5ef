#include "hw/virtio/virtio_blk.h"

#include <algorithm>
#include <bit>

namespace quince::hw {

namespace {

using block::Op;
using block::Status;

// struct virtio_blk_config (5.2.4).
constexpr std::size_t kCapacity = 0x00, kSizeMax = 0x08, kSegMax = 0x0c, kCylinders = 0x10,
                      kHeads = 0x12, kSectors = 0x13, kBlkSize = 0x14, kPhysicalBlockExp = 0x18,
                      kMinIoSize = 0x1a, kOptIoSize = 0x1c, kWriteback = 0x20, kNumQueues = 0x22,
                      kMaxDiscardSectors = 0x24, kMaxDiscardSeg = 0x28,
                      kDiscardSectorAlignment = 0x2c, kMaxWriteZeroesSectors = 0x30,
                      kMaxWriteZeroesSeg = 0x34, kWriteZeroesMayUnmap = 0x38, kAppleType = 0x3c;

constexpr unsigned kMaxQueues = 64;
constexpr u32 kMaxBlock = 2 * MiB;

bool block_size_ok(u32 n) {
  return n >= kVirtioBlkSector && n <= kMaxBlock && std::has_single_bit(n);
}

/// struct virtio_blk_discard_write_zeroes.
struct Segment {
  u64 sector = 0;
  u32 num_sectors = 0;
  u32 flags = 0;
};

}  // namespace

Result<void> VirtioBlkConfig::check() const {
  if (queues == 0 || queues > kMaxQueues) return fail("num-queues: must be 1 to {}", kMaxQueues);
  if (queue_size < 4 || queue_size > Virtqueue::kMaxQueueSize || !std::has_single_bit(queue_size))
    return fail("queue-size: must be a power of two from 4 to {}", Virtqueue::kMaxQueueSize);
  if (serial.size() > kVirtioBlkIdBytes)
    return fail("serial: must have at most {} bytes", kVirtioBlkIdBytes);
  if (!block_size_ok(logical_block))
    return fail("logical_block_size: must be a power of two from 512 to {}", kMaxBlock);
  if (!block_size_ok(physical_block))
    return fail("physical_block_size: must be a power of two from 512 to {}", kMaxBlock);
  if (physical_block < logical_block)
    return fail("physical_block_size: must not be below logical_block_size");
  if (min_io % logical_block != 0 || min_io / logical_block > 0xffff)
    return fail("min_io_size: must be a multiple of logical_block_size, at most 65535 of them");
  if (opt_io % logical_block != 0)
    return fail("opt_io_size: must be a multiple of logical_block_size");
  if (max_discard_sectors == 0 || max_write_zeroes_sectors == 0)
    return fail("max-discard-sectors, max-write-zeroes-sectors: must not be 0");
  return {};
}

u64 VirtioBlk::all_features(const VirtioBlkConfig& c, const block::Disk& disk) {
  u64 f =
      c.features | feature_bits(VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_GEOMETRY, VIRTIO_BLK_F_BLK_SIZE,
                                VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_TOPOLOGY);
  if (c.size_max != 0) f |= feature_bits(VIRTIO_BLK_F_SIZE_MAX);
  if (c.config_wce) f |= feature_bits(VIRTIO_BLK_F_CONFIG_WCE);
  if (c.queues > 1) f |= feature_bits(VIRTIO_BLK_F_MQ);
  if (disk.read_only()) return f | feature_bits(VIRTIO_BLK_F_RO);
  if (c.discard && disk.can_discard()) f |= feature_bits(VIRTIO_BLK_F_DISCARD);
  if (c.write_zeroes) f |= feature_bits(VIRTIO_BLK_F_WRITE_ZEROES);
  return f;
}

VirtioBlk::VirtioBlk(std::string_view name, const VirtioBlkConfig& config, block::Disk& disk,
                     Log& log, TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Blk, all_features(config, disk),
                   std::vector<u16>(config.queues, config.queue_size), log, timers),
      config_(config),
      disk_(disk) {}

VirtioBlk::~VirtioBlk() {
  stopping_ = kAll;
  disk_.drain();
}

// ---- Configuration ------------------------------------------------------------------------------

u64 VirtioBlk::sectors() const {
  return align_down(disk_.size(), config_.logical_block) / kVirtioBlkSector;
}

void VirtioBlk::fill_config(std::span<u8> out) const {
  u8* const c = out.data();
  const u32 per_block = config_.logical_block / static_cast<u32>(kVirtioBlkSector);
  constexpr u64 kHeadCount = 16, kPerTrack = 63, kMaxCylinders = 16383;
  store_le<u64>(c + kCapacity, sectors());
  store_le<u32>(c + kSizeMax, config_.size_max);
  store_le<u32>(c + kSegMax, config_.queue_size - 2u);
  store_le<u16>(c + kCylinders,
                static_cast<u16>(std::min(sectors() / (kHeadCount * kPerTrack), kMaxCylinders)));
  c[kHeads] = kHeadCount;
  c[kSectors] = kPerTrack;
  store_le<u32>(c + kBlkSize, config_.logical_block);
  c[kPhysicalBlockExp] =
      static_cast<u8>(std::countr_zero(config_.physical_block / config_.logical_block));
  store_le<u16>(c + kMinIoSize, static_cast<u16>(config_.min_io / config_.logical_block));
  store_le<u32>(c + kOptIoSize, config_.opt_io / config_.logical_block);
  c[kWriteback] = s_.writeback;
  store_le<u16>(c + kNumQueues, config_.queues);
  store_le<u32>(c + kMaxDiscardSectors, config_.max_discard_sectors);
  store_le<u32>(c + kMaxDiscardSeg, 1);
  store_le<u32>(c + kDiscardSectorAlignment, per_block);
  store_le<u32>(c + kMaxWriteZeroesSectors, config_.max_write_zeroes_sectors);
  store_le<u32>(c + kMaxWriteZeroesSeg, 1);
  c[kWriteZeroesMayUnmap] = 1;
  if (config_.apple != AppleDisk::None)
    store_le<u32>(c + kAppleType, static_cast<u32>(config_.apple));
}

bool VirtioBlk::config_written(u64 off, std::span<const u8> in) {
  if (off != kWriteback || in.size() != 1 || !has_feature(VIRTIO_BLK_F_CONFIG_WCE)) return false;
  s_.writeback = in[0] != 0;
  return true;
}

// 5.2.5.2: a driver that knows neither the field nor flushes expects writes to be durable.
void VirtioBlk::negotiated() {
  s_.writeback = has_feature(VIRTIO_BLK_F_CONFIG_WCE) || has_feature(VIRTIO_BLK_F_FLUSH);
}

// ---- Slots --------------------------------------------------------------------------------------

VirtioBlk::Slot* VirtioBlk::take_slot(unsigned queue) {
  if (busy_ == kMaxInFlight) return nullptr;
  if (free_.empty()) {
    slots_.push_back(std::make_unique<Slot>());
    free_.push_back(slots_.back().get());
  }
  Slot* const s = free_.back();
  free_.pop_back();
  s->device = this;
  s->queue = queue;
  ++busy_;
  return s;
}

void VirtioBlk::free_slot(Slot& slot) {
  if (&slot == barrier_) {
    barrier_ = nullptr;
    barrier_flushes_ = false;
  }
  free_.push_back(&slot);
  --busy_;
}

bool VirtioBlk::handle_queue(unsigned n) {
  s_.stalled &= ~(u64{1} << n);
  unsigned taken = 0;
  for (; taken < kBurst; ++taken) {
    Slot* slot = barrier_ == nullptr ? take_slot(n) : nullptr;
    if (slot == nullptr) {
      s_.stalled |= u64{1} << n;
      break;
    }
    if (!next(n, slot->element)) {
      free_slot(*slot);
      break;
    }
    (void)start(*slot);
  }
  signal(n);
  advance_barrier();
  return taken == kBurst;
}

// A slot is free again, or a barrier has ended.
void VirtioBlk::resume_stalled() {
  for (u64 left = s_.stalled; left != 0 && busy_ < kMaxInFlight && barrier_ == nullptr;
       left &= left - 1)
    run_queue(static_cast<unsigned>(std::countr_zero(left)));
}

// A flush covers what has ended before it: so the barrier's begins when nothing else is in flight.
void VirtioBlk::advance_barrier() {
  if (barrier_ == nullptr || barrier_flushes_ || busy_ != 1) return;
  barrier_flushes_ = true;
  submit(*barrier_, Op::Flush, 0, 0);
}

void VirtioBlk::stop(std::optional<unsigned> only) {
  if (busy_ != 0) {
    stopping_ = only.value_or(kAll);
    disk_.drain();
    // One that still waits is not at the disk: it waits for more, which none of this queue are.
    if (barrier_ != nullptr && (!only || barrier_->queue == *only)) free_slot(*barrier_);
    stopping_ = kNone;
  }
  s_.stalled &= only ? ~(u64{1} << *only) : 0;
  for (unsigned other = 0; other < queue_count(); ++other)
    if (bit(s_.stalled, other)) handle_later(other);
}

// ---- Requests -----------------------------------------------------------------------------------

bool VirtioBlk::in_range(u64 sector, u64 length) const {
  const u64 per_block = config_.logical_block / kVirtioBlkSector;
  const u64 count = length / kVirtioBlkSector;
  return sector % per_block == 0 && length % config_.logical_block == 0 && count <= sectors() &&
         sector <= sectors() - count;
}

bool VirtioBlk::answer(Slot& slot, u8 status) {
  VirtqElement& e = slot.element;
  e.copy_in(e.writable_size() - 1, {&status, 1});
  push(slot.queue, e, e.writable_size());
  free_slot(slot);
  return false;
}

bool VirtioBlk::start(Slot& slot) {
  Header h;
  VirtqElement& e = slot.element;
  if (e.copy_out(0, {reinterpret_cast<u8*>(&h), sizeof h}) != sizeof h || e.writable_size() == 0) {
    needs_reset("a disk request without a header or a status byte");
    free_slot(slot);
    return true;
  }
  switch (h.type) {
    case VIRTIO_BLK_T_IN:
      return start_transfer(slot, h, Op::Read);
    case VIRTIO_BLK_T_OUT:
      return start_transfer(slot, h, Op::Write);
    case VIRTIO_BLK_T_FLUSH:
      submit(slot, Op::Flush, 0, 0);
      return true;
    case VIRTIO_BLK_T_GET_ID: {
      std::array<u8, kVirtioBlkIdBytes> id{};
      std::ranges::copy(config_.serial, id.begin());
      e.copy_in(0, std::span(id).first(std::min(id.size(), e.writable_size() - 1)));
      return answer(slot, VIRTIO_BLK_S_OK);
    }
    case VIRTIO_BLK_T_DISCARD:
      if (!has_feature(VIRTIO_BLK_F_DISCARD)) return answer(slot, VIRTIO_BLK_S_UNSUPP);
      return start_range(slot, Op::Discard);
    case VIRTIO_BLK_T_WRITE_ZEROES:
      if (!has_feature(VIRTIO_BLK_F_WRITE_ZEROES)) return answer(slot, VIRTIO_BLK_S_UNSUPP);
      return start_range(slot, Op::WriteZeroes);
    case VIRTIO_BLK_T_APPLE_BARRIER:
      if (config_.apple != AppleDisk::None) {
        // A second one there can only be after a load, and then nothing is known of their order.
        if (barrier_ != nullptr)
          submit(slot, Op::Flush, 0, 0);
        else
          barrier_ = &slot;
        return true;
      }
      [[fallthrough]];
    default:
      log().guest_error(name() + "type", "{}: request of unknown type {:#x}", name(), h.type);
      return answer(slot, VIRTIO_BLK_S_UNSUPP);
  }
}

bool VirtioBlk::start_transfer(Slot& slot, const Header& h, Op op) {
  const VirtqElement& e = slot.element;
  const bool read = op == Op::Read;
  const u64 length = read ? e.writable_size() - 1 : e.readable_size() - sizeof h;
  if (!in_range(h.sector, length) || (!read && disk_.read_only()))
    return answer(slot, VIRTIO_BLK_S_IOERR);
  if (length == 0) return answer(slot, VIRTIO_BLK_S_OK);
  slot.parts.clear();
  slice(read ? e.writable() : e.readable(), read ? 0 : sizeof h, length, slot.parts);
  submit(slot, op, h.sector * kVirtioBlkSector, length);
  return true;
}

bool VirtioBlk::start_range(Slot& slot, Op op) {
  const bool zeroes = op == Op::WriteZeroes;
  Segment s;
  const u64 length = slot.element.readable_size() - sizeof(Header);
  if (length > sizeof s && length % sizeof s == 0) return answer(slot, VIRTIO_BLK_S_UNSUPP);
  if (length != sizeof s) return answer(slot, VIRTIO_BLK_S_IOERR);
  slot.element.copy_out(sizeof(Header), {reinterpret_cast<u8*>(&s), sizeof s});
  if ((s.flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0)) != 0)
    return answer(slot, VIRTIO_BLK_S_UNSUPP);
  const u32 max = zeroes ? config_.max_write_zeroes_sectors : config_.max_discard_sectors;
  const u64 bytes = s.num_sectors * kVirtioBlkSector;
  if (s.num_sectors > max || !in_range(s.sector, bytes) || disk_.read_only())
    return answer(slot, VIRTIO_BLK_S_IOERR);
  if (bytes == 0) return answer(slot, VIRTIO_BLK_S_OK);
  slot.request.unmap = zeroes && s.flags != 0;
  submit(slot, op, s.sector * kVirtioBlkSector, bytes);
  return true;
}

void VirtioBlk::submit(Slot& slot, Op op, u64 offset, u64 length) {
  const bool unmap = op == Op::WriteZeroes && slot.request.unmap;
  const bool moves = op == Op::Read || op == Op::Write;
  slot.flush_after = (op == Op::Write || op == Op::WriteZeroes) && !s_.writeback;
  slot.request = {.op = op,
                  .unmap = unmap,
                  .offset = offset,
                  .length = length,
                  .parts = moves ? std::span<const iovec>(slot.parts) : std::span<const iovec>(),
                  .done = &VirtioBlk::done,
                  .context = &slot};
  disk_.submit(slot.request);
}

void VirtioBlk::done(block::Request& request, Status status) {
  Slot& slot = *static_cast<Slot*>(request.context);
  slot.device->finish(slot, status);
}

void VirtioBlk::finish(Slot& slot, Status status) {
  if (stopping_ == slot.queue || stopping_ == kAll) {
    free_slot(slot);
    return advance_barrier();
  }
  if (status == Status{} && slot.flush_after) return submit(slot, Op::Flush, 0, 0);
  const bool unsupported = status == std::errc::not_supported;
  answer(slot, status == Status{} ? VIRTIO_BLK_S_OK
               : unsupported      ? VIRTIO_BLK_S_UNSUPP
                                  : VIRTIO_BLK_S_IOERR);
  signal(slot.queue);
  advance_barrier();
  if (stopping_ == kNone) resume_stalled();
}

// ---- Snapshots ----------------------------------------------------------------------------------

void VirtioBlk::snapshot_type(Archive& ar) {
  ar.field("writeback", s_.writeback);
  ar.field("stalled", s_.stalled);
  if (!ar.loading()) return;
  if ((s_.stalled & ~low_mask(queue_count())) != 0) ar.refuse("stalled", "there is no such queue");
  s_.stalled &= low_mask(queue_count());
  unsigned heads = 0;
  for (unsigned n = 0; n < queue_count(); ++n) heads += queue(n)->in_flight_count();
  if (heads > kMaxInFlight) ar.refuse("in_flight", "there are more requests than can be");
}

void VirtioBlk::restored_type() {
  if (broken()) return;  // the driver will not look at answers
  for (unsigned n = 0; n < queue_count(); ++n) {
    bool answered = false;
    for (u16 head = 0; head < queue(n)->size(); ++head) {
      if (!queue(n)->in_flight(head)) continue;
      Slot* slot = take_slot(n);
      if (slot == nullptr) return;
      if (refetch(n, head, slot->element))
        answered |= !start(*slot);
      else
        free_slot(*slot);
    }
    // An interrupt would be lost while a machine loads.
    if (answered) handle_later(n);
  }
  advance_barrier();
}

}  // namespace quince::hw
