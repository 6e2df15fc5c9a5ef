#include "hw/virtio/virtio_9p.h"

#include <fmt/format.h>

#include <algorithm>

namespace quince::hw {

namespace {
constexpr std::array kQueues{Virtio9p::kQueueSize};
}

Result<void> Virtio9pConfig::check() const {
  if (mount_tag.empty()) return fail("mount_tag= is missing");
  if (mount_tag.size() > Virtio9p::kMaxTag)
    return fail("mount_tag: '{}' is longer than {} bytes", mount_tag, Virtio9p::kMaxTag);
  return {};
}

Virtio9p::Virtio9p(std::string_view name, const Virtio9pConfig& config,
                   std::unique_ptr<p9::Folder> folder, Executor& executor, Log& log,
                   TimerQueue& timers)
    : VirtioDevice(name, VirtioId::P9, config.features | feature_bits(VIRTIO_9P_MOUNT_TAG), kQueues,
                   log, timers),
      config_(config),
      executor_(executor),
      server_(std::move(folder)) {}

Virtio9p::~Virtio9p() { stop({}); }

void Virtio9p::fill_config(std::span<u8> out) const {
  store_le<u16>(out.data(), static_cast<u16>(config_.mount_tag.size()));
  std::ranges::copy(config_.mount_tag, out.begin() + 2);
}

// ---- Requests -----------------------------------------------------------------------------------

Virtio9p::Slot& Virtio9p::take_slot() {
  if (free_.empty()) {
    slots_.push_back(std::make_unique<Slot>());
    free_.push_back(slots_.back().get());
  }
  Slot& s = *free_.back();
  free_.pop_back();
  ++busy_;
  s.device = this;
  s.written = 0;
  s.job = {.run = &Virtio9p::run, .done = &Virtio9p::done, .context = &s};
  return s;
}

void Virtio9p::free_slot(Slot& slot) {
  free_.push_back(&slot);
  --busy_;
}

bool Virtio9p::handle_queue(unsigned n) {
  unsigned taken = 0;
  for (; taken < kBurst; ++taken) {
    Slot& slot = take_slot();  // never more than heads: a head in flight cannot come again
    if (!next(n, slot.element)) {
      free_slot(slot);
      break;
    }
    if (slot.element.readable_size() < p9::kHeaderSize ||
        slot.element.writable_size() < p9::kErrorSize) {
      free_slot(slot);
      needs_reset("a 9P request without a header or without room for an answer");
      break;
    }
    if (executor_.submit(slot.job)) finish(slot);
  }
  signal(n);
  return taken == kBurst;
}

// On the executor's thread.
void Virtio9p::run(void* context) {
  Slot& slot = *static_cast<Slot*>(context);
  Virtio9p& d = *slot.device;
  VirtqElement& e = slot.element;
  // What is longer than the session allows is cut, and so found not to be whole.
  d.request_.resize(std::min<u64>(e.readable_size(), d.server_.max_request()));
  e.copy_out(0, d.request_);
  const bool fits = d.server_.handle(d.request_, e.writable_size(), d.reply_);
  if (fits) e.copy_in(0, d.reply_);
  slot.written = fits ? static_cast<u32>(d.reply_.size()) : kNoAnswer;
  slot.mixed = d.server_.mixed_devices();
}

void Virtio9p::done(void* context) {
  Slot& slot = *static_cast<Slot*>(context);
  Virtio9p& d = *slot.device;
  d.finish(slot);
  if (!d.stopping_) d.signal(0);
}

void Virtio9p::finish(Slot& slot) {
  if (slot.mixed && !warned_) warn_mixed();
  if (!stopping_ && slot.written == kNoAnswer)
    needs_reset("a 9P answer has no room in its chain");
  else if (!stopping_)
    push(0, slot.element, slot.written);
  free_slot(slot);
}

void Virtio9p::warn_mixed() {
  warned_ = true;
  log().line(
      fmt::format("{}: the folder has several file systems in it, so that two files may have "
                  "one inode number; multidevs=remap keeps them apart",
                  name()));
}

void Virtio9p::stop(std::optional<unsigned>) {
  stopping_ = true;
  executor_.drain();
  stopping_ = false;
}

// ---- Snapshots ----------------------------------------------------------------------------------

void Virtio9p::snapshot_type(Archive& ar) {
  std::vector<u8> session;
  if (!ar.loading()) {
    executor_.settle();
    answers_ = {};
    for (const auto& slot : slots_)
      if (std::ranges::find(free_, slot.get()) == free_.end())
        answers_[slot->element.head()] = slot->written;
    server_.save(session);
  }
  ar.field("answers", answers_);
  ar.blob("session", session, p9::Server::kMaxState);
  if (ar.loading() && !server_.load(session)) ar.refuse("session", "it is no session of 9P");
}

// The requests in flight have been done: their answers are in the guest's memory.
void Virtio9p::restored_type() {
  const u16 size = std::min(queue(0)->size(), kQueueSize);
  for (u16 head = 0; head < size; ++head) {
    if (!queue(0)->in_flight(head)) continue;
    Slot& slot = take_slot();
    if (refetch(0, head, slot.element)) {
      slot.written = answers_[head];
      if (slot.written != kNoAnswer)
        slot.written = static_cast<u32>(std::min<u64>(slot.written, slot.element.writable_size()));
      slot.mixed = false;
      finish(slot);
    } else {
      free_slot(slot);
    }
    handle_later(0);  // an interrupt would be lost while a machine loads
  }
  answers_ = {};
}

}  // namespace quince::hw
