// LPIs of a GICv3.  See lpi.h.
#include "hw/gic/lpi.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/bits.h"

namespace quince::hw {

using namespace gic;

namespace {

// GICR_PROPBASER, GICR_PENDBASER.
constexpr u64 kPropAddress = 0x000f'ffff'ffff'f000;
constexpr u64 kPropWritable =
    kPropAddress | 0x7000'0000'0000'0f9f;  // with cacheability, shareability, IDbits
constexpr u64 kPendAddress = 0x000f'ffff'ffff'0000;
constexpr u64 kPendPtz = u64{1} << 62;
constexpr u64 kPendWritable = kPendAddress | kPendPtz | 0x0700'0000'0000'0f80;

constexpr u8 kConfigEnable = 1;
constexpr u8 kLpiPriorityMask = 0xf8;  // the five bits that this GIC has

}  // namespace

/// The first INTID behind those that the configuration table has room for.
u32 LpiBank::end(unsigned cpu) const {
  const unsigned id_bits = static_cast<unsigned>(cpus_[cpu].propbaser & 0x1f) + 1;
  return id_bits >= kLpiIdBits ? kLpiEnd : 1u << id_bits;
}

/// The byte in memory; where there is none, the LPI is disabled.
u8 LpiBank::config(unsigned cpu, u32 intid) const {
  u8 byte = 0;
  const PhysAddr table(cpus_[cpu].propbaser & kPropAddress);
  if (!memory_.read(table + (intid - kFirstLpi), {&byte, 1})) return 0;
  return byte;
}

std::vector<LpiBank::Pending>::iterator LpiBank::find(unsigned cpu, u32 intid) {
  auto& list = cpus_[cpu].pending;
  return std::lower_bound(list.begin(), list.end(), intid,
                          [](const Pending& p, u32 id) { return p.intid < id; });
}

void LpiBank::set_propbaser(unsigned cpu, u64 v) {
  if (!cpus_[cpu].enabled) cpus_[cpu].propbaser = v & kPropWritable;
}

void LpiBank::set_pendbaser(unsigned cpu, u64 v) {
  if (!cpus_[cpu].enabled) cpus_[cpu].pendbaser = v & kPendWritable;
}

void LpiBank::enable(unsigned cpu) {
  Cpu& c = cpus_[cpu];
  if (c.enabled) return;
  c.enabled = true;
  if ((c.pendbaser & kPendPtz) != 0) return;  // the table is all zero
  const PhysAddr table(c.pendbaser & kPendAddress);
  for (u32 intid = kFirstLpi; intid < end(cpu); intid += 64) {
    std::array<u8, 8> bytes{};
    if (!memory_.read(table + intid / 8, bytes)) continue;
    for (u64 left = load_le<u64>(bytes.data()); left != 0; left &= left - 1)
      set(cpu, intid + static_cast<u32>(std::countr_zero(left)));
  }
}

void LpiBank::set(unsigned cpu, u32 intid) {
  if (!cpus_[cpu].enabled || intid < kFirstLpi || intid >= end(cpu)) return;
  const auto it = find(cpu, intid);
  if (it != cpus_[cpu].pending.end() && it->intid == intid) return;
  cpus_[cpu].pending.insert(it, {static_cast<u16>(intid), config(cpu, intid)});
}

void LpiBank::clear(unsigned cpu, u32 intid) {
  const auto it = find(cpu, intid);
  if (it != cpus_[cpu].pending.end() && it->intid == intid) cpus_[cpu].pending.erase(it);
}

bool LpiBank::pending(unsigned cpu, u32 intid) const {
  const auto& list = cpus_[cpu].pending;
  const auto it = std::lower_bound(list.begin(), list.end(), intid,
                                   [](const Pending& p, u32 id) { return p.intid < id; });
  return it != list.end() && it->intid == intid;
}

void LpiBank::invalidate(unsigned cpu, u32 intid) {
  const auto it = find(cpu, intid);
  if (it != cpus_[cpu].pending.end() && it->intid == intid) it->config = config(cpu, intid);
}

void LpiBank::invalidate_all(unsigned cpu) {
  for (Pending& p : cpus_[cpu].pending) p.config = config(cpu, p.intid);
}

void LpiBank::move(unsigned from, unsigned to, u32 intid) {
  if (from == to || !pending(from, intid)) return;
  clear(from, intid);
  set(to, intid);
}

void LpiBank::move_all(unsigned from, unsigned to) {
  if (from == to) return;
  std::vector<Pending> list;
  list.swap(cpus_[from].pending);
  for (const Pending& p : list) set(to, p.intid);
}

std::optional<LpiBank::Best> LpiBank::best(unsigned cpu) const {
  std::optional<Best> best;
  for (const Pending& p : cpus_[cpu].pending) {
    if ((p.config & kConfigEnable) == 0) continue;
    const u8 priority = p.config & kLpiPriorityMask;
    if (!best || priority < best->priority) best = Best{p.intid, priority};
  }
  return best;
}

// ---- Snapshot ----------------------------------------------------------------------------------

void LpiBank::snapshot_cpu(Archive& ar, Cpu& c) {
  ar.field("enabled", c.enabled);
  ar.field("propbaser", c.propbaser);
  ar.field("pendbaser", c.pendbaser);
  constexpr std::size_t kEntry = 3;
  std::vector<u8> bytes;
  for (const Pending& p : c.pending) {
    bytes.push_back(static_cast<u8>(p.intid));
    bytes.push_back(static_cast<u8>(p.intid >> 8));
    bytes.push_back(p.config);
  }
  ar.blob("pending", bytes, kEntry * (kLpiEnd - kFirstLpi));
  if (!ar.loading()) return;
  c.propbaser &= kPropWritable;
  c.pendbaser &= kPendWritable;
  c.pending.clear();
  for (std::size_t i = 0; i + kEntry <= bytes.size(); i += kEntry) {
    const u16 intid = load_le<u16>(bytes.data() + i);
    if (intid < kFirstLpi || (!c.pending.empty() && c.pending.back().intid >= intid))
      return ar.refuse("pending", "not a sorted list of LPIs");
    c.pending.push_back({intid, bytes[i + 2]});
  }
}

void LpiBank::snapshot(Archive& ar) {
  for (std::size_t i = 0; i < cpus_.size(); ++i)
    ar.section(fmt::format("lpi{}", i), [&](Archive& a) { snapshot_cpu(a, cpus_[i]); });
}

}  // namespace quince::hw
