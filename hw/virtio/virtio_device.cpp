#include "hw/virtio/virtio_device.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace quince::hw {

VirtioDevice::VirtioDevice(std::string_view name, VirtioId id, u64 features,
                           std::span<const u16> queue_sizes, Log& log, TimerQueue& timers)
    : Device(name),
      id_(id),
      offered_(features),
      log_(log),
      timers_(timers),
      later_(timers, std::string(name) + "/later", &Bind<&VirtioDevice::on_later>::call, this) {
  QUINCE_ASSERT(queue_sizes.size() <= 64 && bit(features, VIRTIO_F_VERSION_1));
  for (const u16 n : queue_sizes) queues_.emplace_back(n);
}

void VirtioDevice::connect(VirtioTransport& transport, DmaPort& dma) {
  QUINCE_ASSERT(transport_ == nullptr);
  transport_ = &transport;
  dma_ = &dma;
}

// ---- Life ---------------------------------------------------------------------------------------

void VirtioDevice::driver_reset() {
  stop({});
  for (Virtqueue& q : queues_) q.reset();
  s_ = {.config_generation = s_.config_generation};
  reset_type();
  sync();
}

void VirtioDevice::reset() {
  driver_reset();
  s_ = {};
}

void VirtioDevice::sync() { later_.arm(s_.later != 0 ? timers_.now_ns() : kNever); }

void VirtioDevice::snapshot(Archive& ar) {
  if (ar.loading()) stop({});  // what runs now belongs to the state that goes
  ar.field("status", s_.status);
  ar.field("config_generation", s_.config_generation);
  ar.field("bad_features", s_.bad_features);
  ar.field("driver_features", s_.driver_features);
  ar.field("later", s_.later);
  for (unsigned n = 0; n < queues_.size(); ++n)
    ar.section(fmt::format("queue{}", n), [&](Archive& a) { queues_[n].snapshot(a); });
  snapshot_type(ar);
  if (!ar.loading()) return;
  if ((s_.status & VIRTIO_FEATURES_OK) != 0 && (s_.driver_features & ~offered_) != 0)
    ar.refuse("driver_features", "this device does not offer them");
  if ((s_.later & ~low_mask(queue_count())) != 0) ar.refuse("later", "there is no such queue");
  s_.later &= low_mask(queue_count());
}

void VirtioDevice::restored() {
  restored_type();
  sync();
}

// ---- Features and status ------------------------------------------------------------------------

namespace {
u32 word_of(u64 v, u32 word) { return word < 2 ? static_cast<u32>(v >> (32 * word)) : 0; }
}  // namespace

u32 VirtioDevice::device_features(u32 word) const { return word_of(offered_, word); }
u32 VirtioDevice::driver_features(u32 word) const { return word_of(s_.driver_features, word); }

void VirtioDevice::set_driver_features(u32 word, u32 value) {
  if ((s_.status & VIRTIO_FEATURES_OK) != 0) {
    log_.guest_error(name() + "features", "{}: features are written after FEATURES_OK", name());
    return;
  }
  if (word < 2)
    s_.driver_features = with_bits(s_.driver_features, 32 * word + 31, 32 * word, value);
  else
    s_.bad_features = s_.bad_features || value != 0;
}

void VirtioDevice::set_status(u8 value) {
  if (value == 0) return driver_reset();
  const u8 driver_bits = static_cast<u8>(~VIRTIO_DEVICE_NEEDS_RESET);
  if ((s_.status & driver_bits & ~value) != 0)  // 2.1.1: a driver must not clear a bit
    log_.guest_error(name() + "status", "{}: status bits are cleared without a reset", name());
  u8 set = static_cast<u8>(value & driver_bits & ~s_.status);
  if ((set & VIRTIO_FEATURES_OK) != 0) {
    const u64 unknown = s_.driver_features & ~offered_;
    if (unknown != 0 || s_.bad_features || !bit(s_.driver_features, VIRTIO_F_VERSION_1)) {
      log_.guest_error(name() + "negotiation", "{}: features {:#x} are refused ({:#x} offered)",
                       name(), s_.driver_features, offered_);
      set &= static_cast<u8>(~VIRTIO_FEATURES_OK);
    }
  }
  const bool features_ok = ((s_.status | set) & VIRTIO_FEATURES_OK) != 0;
  if ((set & VIRTIO_DRIVER_OK) != 0 && !features_ok) {
    log_.guest_error(name() + "driver_ok", "{}: DRIVER_OK without FEATURES_OK", name());
    set &= static_cast<u8>(~VIRTIO_DRIVER_OK);
  }
  s_.status |= set;
  if ((set & VIRTIO_FEATURES_OK) != 0) negotiated();
}

void VirtioDevice::needs_reset(const char* why) {
  if (broken()) return;
  log_.guest_error(name() + "needs_reset", "{}: {}; the device needs a reset", name(), why);
  s_.status |= VIRTIO_DEVICE_NEEDS_RESET;
  if ((s_.status & VIRTIO_DRIVER_OK) != 0) transport_->config_interrupt();
}

// ---- Queues -------------------------------------------------------------------------------------

void VirtioDevice::enable_queue(unsigned n) {
  if (n >= queues_.size() || queues_[n].ready()) return;
  if ((s_.status & VIRTIO_FEATURES_OK) == 0) {
    log_.guest_error(name() + "early", "{}: queue {} is enabled before FEATURES_OK", name(), n);
    return;
  }
  const char* why =
      queues_[n].enable(has_feature(VIRTIO_F_EVENT_IDX), has_feature(VIRTIO_F_INDIRECT_DESC));
  if (why != nullptr)
    log_.guest_error(name() + "enable", "{}: queue {} does not start: {}", name(), n, why);
}

void VirtioDevice::reset_queue(unsigned n) {
  if (n >= queues_.size()) return;
  stop(n);
  queues_[n].reset();
  s_.later &= ~(u64{1} << n);
  sync();
}

void VirtioDevice::notify(unsigned n) {
  if (n >= queues_.size() || !started(n)) {
    log_.guest_error(name() + "notify", "{}: notification of queue {}, which does not run", name(),
                     n);
    return;
  }
  run_queue(n);
}

void VirtioDevice::run_queue(unsigned n) {
  if (started(n) && handle_queue(n)) handle_later(n);
}

void VirtioDevice::handle_later(unsigned n) {
  s_.later |= u64{1} << n;
  sync();
}

void VirtioDevice::on_later() {
  const u64 queues = std::exchange(s_.later, 0);
  for (unsigned n = 0; n < queues_.size(); ++n)
    if (bit(queues, n)) run_queue(n);
  sync();
}

bool VirtioDevice::next(unsigned n, VirtqElement& e) {
  if (!started(n)) return false;
  const Virtqueue::Pop p = queues_[n].pop(*dma_, e);
  if (p == Virtqueue::Pop::Broken) needs_reset(queues_[n].error());
  return p == Virtqueue::Pop::Ok;
}

bool VirtioDevice::refetch(unsigned n, u16 head, VirtqElement& e) {
  const Virtqueue::Pop p = queues_[n].refetch(*dma_, head, e);
  if (p == Virtqueue::Pop::Broken)
    needs_reset(queues_[n].error() != nullptr ? queues_[n].error() : "a chain is not in flight");
  return p == Virtqueue::Pop::Ok;
}

void VirtioDevice::push_together(unsigned n, std::span<const VirtqElement> es, u64 written) {
  if (queues_[n].push_together(*dma_, es, written) || broken()) return;
  if (dma_->enabled()) return needs_reset("a ring is not in memory");
  log_.guest_error(name() + "master", "{}: an answer is lost: bus mastering is off", name());
}

void VirtioDevice::signal(unsigned n) {
  if (started(n) && queues_[n].should_interrupt(*dma_)) transport_->queue_interrupt(n);
}

// ---- Configuration space ------------------------------------------------------------------------

u64 VirtioDevice::read_config(u64 off, unsigned size) {
  config_.assign(config_size() + sizeof(u64), 0);
  fill_config(std::span(config_).first(config_size()));
  return off < config_size() ? load_le<u64>(config_.data() + off) & low_mask(8 * size) : 0;
}

void VirtioDevice::write_config(u64 off, unsigned size, u64 value) {
  std::array<u8, sizeof value> bytes;
  store_le(bytes.data(), value);
  const u64 end = config_size();
  if (off >= end || size > end - off || !config_written(off, std::span(bytes).first(size)))
    log_.guest_error(name() + "config",
                     "{}: a write to {:#x} of the configuration space, which is "
                     "read-only there",
                     name(), off);
}

void VirtioDevice::config_changed() {
  ++s_.config_generation;
  if (driver_ok()) transport_->config_interrupt();
}

}  // namespace quince::hw
