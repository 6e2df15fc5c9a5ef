#include "hw/virtio/virtio_balloon.h"

#include <algorithm>

namespace quince::hw {

namespace {

// struct virtio_balloon_config (5.5.4).
constexpr std::size_t kNumPages = 0, kActual = 4, kPoisonVal = 12;
constexpr u64 kStatSize = 10;  // struct virtio_balloon_stat: a tag of 16 bits, a value of 64

constexpr std::array<u16, 5> kSizes{VirtioBalloon::kQueueSize, VirtioBalloon::kQueueSize,
                                    VirtioBalloon::kQueueSize, VirtioBalloon::kReportingQueueSize,
                                    VirtioBalloon::kReportingQueueSize};

}  // namespace

u64 VirtioBalloon::all_features(const VirtioBalloonConfig& c) {
  u64 f = c.features | feature_bits(VIRTIO_BALLOON_F_STATS_VQ);
  if (c.deflate_on_oom) f |= feature_bits(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
  if (c.free_page_reporting)
    f |= feature_bits(VIRTIO_BALLOON_F_PAGE_REPORTING, VIRTIO_BALLOON_F_PAGE_POISON);
  return f;
}

std::span<const u16> VirtioBalloon::queue_sizes(const VirtioBalloonConfig& c) {
  return std::span(kSizes).first(c.free_page_reporting ? 5 : 3);
}

VirtioBalloon::VirtioBalloon(std::string_view name, const VirtioBalloonConfig& config, Log& log,
                             TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Balloon, all_features(config), queue_sizes(config), log, timers),
      interval_(timers, std::string(name) + "/stats", &Bind<&VirtioBalloon::on_interval>::call,
                this),
      stats_interval_ns_(config.stats_interval_ns) {
  reset_type();
}

// ---- Life ---------------------------------------------------------------------------------------

void VirtioBalloon::set_target(u32 pages) {
  if (pages == target_) return;
  target_ = pages;
  config_changed();
}

void VirtioBalloon::set_stats_interval(u64 ns) {
  stats_interval_ns_ = ns == 0 ? 0 : std::max(ns, kShortestInterval);
  ask_later();
}

void VirtioBalloon::ask_later() {
  const u64 now = timers().now_ns();
  const bool ever = stats_interval_ns_ != 0 && stats_interval_ns_ < kNever - now;
  s_.next_stats_ns = ever ? now + stats_interval_ns_ : kNever;
  sync();
}

void VirtioBalloon::stop(std::optional<unsigned> only) {
  for (unsigned n = 0; n < s_.done.size(); ++n)
    if (!only || *only == n) s_.done[n] = 0;
  if (!only || *only == kStats) s_.stats_ready = false;
}

// All pages are the guest's again, so `actual` is 0.
void VirtioBalloon::reset_type() {
  s_ = {};
  set_stats_interval(stats_interval_ns_);
}

void VirtioBalloon::sync() { interval_.arm(s_.next_stats_ns); }

void VirtioBalloon::snapshot_type(Archive& ar) {
  ar.field("target", target_);
  ar.field("stats_interval_ns", stats_interval_ns_);
  ar.field("actual", s_.actual);
  ar.field("poison_val", s_.poison_val);
  ar.field("stats_ready", s_.stats_ready);
  ar.field("stats_ns", s_.stats_ns);
  ar.field("next_stats_ns", s_.next_stats_ns);
  ar.field("stats", s_.stats);
  ar.field("done", s_.done);
  if (!ar.loading()) return;
  if (stats_interval_ns_ != 0 && stats_interval_ns_ < kShortestInterval) {
    ar.refuse("stats_interval_ns", "it is too short");
    stats_interval_ns_ = 0;
  }
  for (unsigned n = 0; n < queue_count(); ++n)
    if (queue(n)->in_flight_count() != 0) ar.refuse("in_flight", "this device keeps no chains");
}

// ---- Configuration ------------------------------------------------------------------------------

u32 VirtioBalloon::config_size() const {
  return bit(offered(), VIRTIO_BALLOON_F_PAGE_POISON) ? kConfigSizePoison : kConfigSize;
}

void VirtioBalloon::fill_config(std::span<u8> out) const {
  store_le<u32>(out.data() + kNumPages, target_);
  store_le<u32>(out.data() + kActual, s_.actual);
  if (out.size() >= kConfigSizePoison) store_le<u32>(out.data() + kPoisonVal, s_.poison_val);
}

bool VirtioBalloon::config_written(u64 off, std::span<const u8> in) {
  if (in.size() != sizeof(u32)) return false;
  if (off == kActual)
    s_.actual = load_le<u32>(in.data());
  else if (off == kPoisonVal && has_feature(VIRTIO_BALLOON_F_PAGE_POISON))
    s_.poison_val = load_le<u32>(in.data());
  else
    return false;
  return true;
}

// ---- Pages --------------------------------------------------------------------------------------

bool VirtioBalloon::handle_queue(unsigned n) {
  if (n == kInflate) return work(n, &VirtioBalloon::inflate, kPassPages);
  if (n == kDeflate) return work(n, &VirtioBalloon::deflate, 0);
  if (n == kStats && has_feature(VIRTIO_BALLOON_F_STATS_VQ)) return take_stats();
  if (!has_feature(VIRTIO_BALLOON_F_PAGE_REPORTING)) return false;
  return work(n, &VirtioBalloon::report, kPassBytes);
}

bool VirtioBalloon::work(unsigned n, Work chain, u64 budget) {
  unsigned taken = 0;
  bool more = false;
  while (taken < kBurst && next(n, element_)) {
    if (!(this->*chain)(s_.done[n], budget)) {
      queue(n)->unpop(element_);
      more = true;
      break;
    }
    s_.done[n] = 0;
    push(n, element_, 0);
    ++taken;
  }
  if (taken != 0) signal(n);
  return more || taken == kBurst;
}

bool VirtioBalloon::inflate(u64& done, u64& left) {
  std::array<u8, 1024> bytes;
  std::array<u32, bytes.size() / sizeof(u32)> pfns;
  while (left != 0) {
    const u64 want = std::min<u64>(bytes.size(), left * sizeof(u32));
    const std::size_t count = element_.copy_out(done, std::span(bytes).first(want)) / sizeof(u32);
    if (count == 0) return true;
    for (std::size_t i = 0; i < count; ++i) pfns[i] = load_le<u32>(&bytes[sizeof(u32) * i]);
    discard_pages(std::span(pfns).first(count));
    done += count * sizeof(u32);
    left -= count;
  }
  return false;
}

/// Neighbours go together: a call for each page is slow, and breaks the host's huge pages up.
void VirtioBalloon::discard_pages(std::span<u32> pfns) {
  std::ranges::sort(pfns);
  for (std::size_t i = 0; i < pfns.size();) {
    std::size_t end = i + 1;
    while (end < pfns.size() && pfns[end] - pfns[end - 1] <= 1) ++end;
    u64 at = pfns[i] * kVirtioBalloonPage;
    const u64 stop_at = (u64{pfns[end - 1]} + 1) * kVirtioBalloonPage;
    while (at < stop_at) {
      const DmaPort::Run run = dma().run(PhysAddr(at), stop_at - at, true);
      if (!run) {
        log().guest_error(name() + "pfn", "{}: page {:#x} in the balloon is not memory", name(),
                          at);
        at += kVirtioBalloonPage;
        continue;
      }
      dma().discard(run);
      at += run.length;
    }
    i = end;
  }
}

// A page that leaves the balloon is taken from the host when the guest touches it.
bool VirtioBalloon::deflate(u64& /*done*/, u64& /*left*/) { return true; }

bool VirtioBalloon::report(u64& done, u64& left) {
  // 5.5.6.7: the pages must read as poisoned ones do, or be as they were.
  if (s_.poison_val != 0) return true;
  constexpr u64 kLeastCost = 16 * KiB;  // of a piece, however small
  u64 start = 0;
  for (const DmaPort::Run& r : element_.writable_runs()) {
    const u64 end = start + r.length;
    if (done < end) {
      if (left == 0) return false;
      const u64 from = done - std::min(done, start), n = std::min(r.length - from, left);
      dma().discard({r.ram, r.offset + from, n});
      done = start + from + n;
      left -= std::min(left, std::max(n, kLeastCost));
      if (done < end) return false;
    }
    start = end;
  }
  return true;
}

// ---- Statistics ---------------------------------------------------------------------------------

// The driver has one buffer, which stays available until there is a question.
bool VirtioBalloon::take_stats() {
  if (s_.stats_ready || !next(kStats, element_)) return false;
  read_stats();
  queue(kStats)->unpop(element_);
  s_.stats_ready = true;
  return false;
}

void VirtioBalloon::read_stats() {
  constexpr unsigned kMaxEntries = 64;  // a driver sends each tag once
  s_.stats = no_stats();
  s_.stats_ns = timers().now_ns();
  std::array<u8, kStatSize> entry;
  for (u64 i = 0; i < kMaxEntries; ++i) {
    if (element_.copy_out(i * kStatSize, entry) != kStatSize) break;
    const u16 tag = load_le<u16>(entry.data());
    if (tag < kStatTags) s_.stats[tag] = load_le<u64>(entry.data() + 2);
  }
}

void VirtioBalloon::on_interval() {
  if (s_.stats_ready && next(kStats, element_)) {
    s_.stats_ready = false;
    complete(kStats, element_, 0);
  }
  ask_later();
}

}  // namespace quince::hw
