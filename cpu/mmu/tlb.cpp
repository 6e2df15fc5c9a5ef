#include "cpu/mmu/tlb.h"

#include <algorithm>
#include <bit>

#include "base/bits.h"

namespace quince::cpu {
namespace {

/// The page and block sizes of all granules, as log2; the size class is the index.
constexpr std::array<u8, 7> kLog2Size{12, 14, 16, 21, 25, 29, 30};

/// The size class of a size, or kLog2Size.size() for one that no granule has.
unsigned class_of(unsigned log2_size) {
  unsigned c = 0;
  while (c < kLog2Size.size() && kLog2Size[c] != log2_size) ++c;
  return c;
}

// Tag: bit 0 valid, 3:1 size class, 4 global, 20:5 ASID (0 in a global entry), 57:21 VA<48:12> of
// the first byte.  VA<63:48> of what can be translated are all equal, so VA<48> stands for them.
constexpr unsigned kClassLsb = 1, kGlobalBit = 4, kAsidLsb = 5, kVpnLsb = 21, kHalfBit = 57;

bool canonical(VirtAddr va) { return static_cast<u64>(sign_extend<49>(va.raw())) == va.raw(); }

/// The tag without its ASID, as of a non-global entry.
u64 base_tag(unsigned size_class, VirtAddr va) {
  const u64 unit = bits(va.raw(), 48, kLog2Size[size_class]);
  return (unit << (kLog2Size[size_class] - 12) << kVpnLsb) | (u64{size_class} << kClassLsb) | 1;
}
u64 with_asid(u64 tag, u16 asid) { return tag | (u64{asid} << kAsidLsb); }
u64 as_global(u64 tag) { return tag | (u64{1} << kGlobalBit); }

unsigned class_of_tag(u64 tag) { return static_cast<unsigned>(bits(tag, 3, kClassLsb)); }
unsigned half_of_tag(u64 tag) { return bit(tag, kHalfBit) ? 1 : 0; }
u16 asid_of_tag(u64 tag) { return static_cast<u16>(bits(tag, kVpnLsb - 1, kAsidLsb)); }
VirtAddr va_of_tag(u64 tag) {
  return VirtAddr(static_cast<u64>(sign_extend<37>(tag >> kVpnLsb)) << 12);
}

/// The set, of a power of two of them: the low page number bits, folded so that mappings a
/// large power of two apart do not all compete.
unsigned set_of(unsigned size_class, VirtAddr va, unsigned sets) {
  const u64 unit = bits(va.raw(), 48, kLog2Size[size_class]);
  return static_cast<unsigned>((unit ^ (unit >> 10) ^ (unit >> 20)) & (sets - 1));
}

}  // namespace

Tlb2::Tlb2() {
  static_assert(kLog2Size.size() == kClasses && kLog2Size[kPageClasses - 1] == 16);
  static_assert(std::has_single_bit(kPageSets) && std::has_single_bit(kBlockSets));
}

const Translation* Tlb2::lookup(VirtAddr va, u16 asid, AccessKind kind) const {
  if (!canonical(va)) return nullptr;
  for (u32 classes = active_[bit(va.raw(), 48)]; classes != 0; classes &= classes - 1) {
    const unsigned c = static_cast<unsigned>(std::countr_zero(classes));
    const Bank& b = bank(c);
    const unsigned set = set_of(c, va, b.sets);
    const Tag base = base_tag(c, va);
    const Tag local = with_asid(base, asid), global = as_global(base);
    for (unsigned way = 0; way < kWays; ++way) {
      const Tag tag = b.tags[set][way];
      if (tag != local && tag != global) continue;
      const Translation& t = b.data[set][way];
      return kind == AccessKind::Write && t.dirty_needs_update ? nullptr : &t;
    }
  }
  return nullptr;
}

void Tlb2::insert(VirtAddr va, u16 asid, const Translation& t) {
  const unsigned c = class_of(t.log2_size);
  if (!t.cacheable || !canonical(va) || c == kClasses) return;

  // What lookup finds for this address now is out of date, whatever its size.
  const TlbInvalidation same{.kind = TlbInvalidation::Kind::Va, .first = va, .last = va,
                             .asid = asid};
  for (u32 classes = active_[bit(va.raw(), 48)]; classes != 0; classes &= classes - 1)
    drop_va(static_cast<unsigned>(std::countr_zero(classes)), va, same);

  Bank& b = bank(c);
  const unsigned set = set_of(c, va, b.sets);
  auto& tags = b.tags[set];
  unsigned way = static_cast<unsigned>(std::find(tags.begin(), tags.end(), 0) - tags.begin());
  if (way == kWays) {
    way = b.victim[set]++ % kWays;
    drop(b, tags[way]);
  }
  tags[way] = t.ng ? with_asid(base_tag(c, va), asid) : as_global(base_tag(c, va));
  b.data[set][way] = t;
  ++b.live;
  count(tags[way], +1);
}

void Tlb2::count(Tag tag, int change) {
  const unsigned half = half_of_tag(tag), c = class_of_tag(tag);
  u32& live = class_live_[half][c];
  live += static_cast<u32>(change);
  active_[half] = live != 0 ? active_[half] | (1u << c) : active_[half] & ~(1u << c);
  if (!bit(tag, kGlobalBit)) asid_live_[asid_of_tag(tag) & 0xff] += static_cast<u32>(change);
}

void Tlb2::drop(Bank& b, Tag& tag) {
  count(tag, -1);
  --b.live;
  tag = 0;
}

/// Drops the covered entries of one size class that translate `va`.
void Tlb2::drop_va(unsigned size_class, VirtAddr va, const TlbInvalidation& what) {
  Bank& b = bank(size_class);
  const Tag base = base_tag(size_class, va);
  constexpr u64 kIgnored = (low_mask(16) << kAsidLsb) | (u64{1} << kGlobalBit);
  for (Tag& tag : b.tags[set_of(size_class, va, b.sets)]) {
    if ((tag & ~kIgnored) != base) continue;
    if (what.any_asid || bit(tag, kGlobalBit) || asid_of_tag(tag) == what.asid) drop(b, tag);
  }
}

void Tlb2::scan(Bank& b, const TlbInvalidation& what) {
  const u32& of_asid = asid_live_[what.asid & 0xff];
  for (auto& set : b.tags) {
    if (b.live == 0 || (what.kind == TlbInvalidation::Kind::Asid && of_asid == 0)) return;
    for (Tag& tag : set)
      if (tag != 0 && what.covers(va_of_tag(tag), kLog2Size[class_of_tag(tag)],
                                  !bit(tag, kGlobalBit), asid_of_tag(tag)))
        drop(b, tag);
  }
}

void Tlb2::invalidate_range(const TlbInvalidation& what) {
  // Only canonical addresses are ever kept.  A range does not leave its half.
  const bool upper = bit(what.first.raw(), 63);
  const VirtAddr first = upper ? std::max(what.first, VirtAddr(~low_mask(48))) : what.first;
  const VirtAddr last = upper ? what.last : std::min(what.last, VirtAddr(low_mask(48)));
  if (first > last) return;

  bool scanned[2] = {};  // pages, blocks
  for (u32 classes = active_[upper]; classes != 0; classes &= classes - 1) {
    const unsigned c = static_cast<unsigned>(std::countr_zero(classes));
    const unsigned log2 = kLog2Size[c];
    const u64 units = (last.raw() >> log2) - (first.raw() >> log2) + 1;
    bool& done = scanned[c < kPageClasses ? 0 : 1];
    if (units > bank(c).sets) {
      if (!done) scan(bank(c), what);
      done = true;
      continue;
    }
    for (u64 n = 0; n < units && class_live_[upper][c] != 0; ++n)
      drop_va(c, first + (n << log2), what);
  }
}

void Tlb2::invalidate(const TlbInvalidation& what) {
  switch (what.kind) {
    case TlbInvalidation::Kind::None: return;
    case TlbInvalidation::Kind::All: return invalidate_all();
    case TlbInvalidation::Kind::Asid:
      if (asid_live_[what.asid & 0xff] == 0) return;
      scan(pages_, what);
      scan(blocks_, what);
      return;
    case TlbInvalidation::Kind::Va: return invalidate_range(what);
  }
}

void Tlb2::invalidate_all() {
  for (Bank* b : {&pages_, &blocks_}) {
    if (b->live == 0) continue;
    std::fill(b->tags.begin(), b->tags.end(), std::array<Tag, kWays>{});
    b->live = 0;
  }
  active_ = {};
  class_live_ = {};
  asid_live_ = {};
}

}  // namespace quince::cpu
