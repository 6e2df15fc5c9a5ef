// Accesses near each other, off the same register or the same sum of two: fields of an object, a frame on the stack,
// an element that is read and written. The first one of them that runs finds the page of all in the first-level TLB
// and keeps what to add to the address; the others find that, or zero where they are not all in one page, or not in
// the TLB, and then look for themselves.
//
// It holds along a way on which the first always runs before the others: through a block, and on into blocks
// that are reached from there only. Nothing has to end it: whatever drops entries of the first level clears the
// page pointers (Vcpu::forget_page_pointers).
//
// On the stack the page is likely that of the last time, in whichever region: the first one compares with that before
// it looks into the TLB. So it is from turn to turn of a loop, which pays where the loop is a long one and
// moves on by little. Those that compute with floating point are taken for long. (Copies often are not.)
#include <algorithm>
#include <array>

#include "cpu/jit/native.h"
#include "cpu/jit/region.h"

namespace quince::cpu::jit {

namespace {

constexpr s32 kMaxSpan = 256;  ///< bytes: the more, the more often a page ends among them
constexpr unsigned kMaxGroups = 64, kMaxSums = 32;
/// Slots: the stack's is the first one, then those of one region's use, then those of loops, to be read and to be written.
constexpr unsigned kLoopReads = 2, kLoopWrites = 1;
constexpr unsigned kFirstWrite = Native::kPagePointers - kLoopWrites,
                   kFirstRead = kFirstWrite - kLoopReads;

using Symbol = PagePointerSpace::Symbol;
using Symbols = PagePointerSpace::Symbols;
using Group = PagePointerSpace::Group;
using Member = PagePointerSpace::Member;

/// It is all of a loop, and computes with floating point.
bool is_long_loop(const Region& r, std::size_t number) {
  const Block& b = r.blocks[number];
  return b.computes && b.has_taken && b.taken.block == static_cast<int>(number);
}

constexpr bool is_stack(unsigned r) { return r == kSp || r == 29; }

class Finder {
 public:
  Finder(Region& r, PagePointerSpace& space)
      : r_(r),
        before_(space.before),
        from_(space.from),
        ends_(space.ends),
        sums_(space.sums),
        groups_(space.groups),
        members_(space.members),
        open_(space.open) {
    before_.resize(r.blocks.size());
    from_.resize(r.blocks.size());
    ends_.resize(r.blocks.size());
    for (std::size_t b = 0; b < from_.size(); ++b) from_[b] = b;
    sums_.clear();
    groups_.clear();
    members_.clear();
    open_.clear();
  }
  void find();

 private:
  void run_block(std::size_t number);
  void access(u16 insn, std::size_t block, const Symbols& symbols);
  bool address(const NearAccess& near, const Symbols& symbols, Symbol& out);
  bool comes_before(std::size_t block, std::size_t other) const;
  void move(const Insn& i, Symbols& symbols);
  void look_at_turn(u16 begin, const Symbols& end, std::size_t first_group);
  void give_slots();
  u16 fresh() { return ++symbols_; }

  Region& r_;
  std::vector<std::size_t>&before_, &from_;
  std::vector<Symbols>& ends_;
  std::vector<PagePointerSpace::Sum>& sums_;
  std::vector<Group>& groups_;
  std::vector<Member>& members_;
  std::vector<s16>& open_;
  u16 symbols_ = 0;
};

void Finder::move(const Insn& i, Symbols& symbols) {
  const Facts& f = i.facts;
  const bool all = i.call && i.uses_x;  // writes nobody knows what
  const Symbol from = symbols[f.moved.from & 31];
  for_each(all ? ~RegSet{0} : f.writes, [&](unsigned r) { symbols[r] = {fresh(), 0}; });
  constexpr s32 kFar = 1 << 29;
  if (all || f.moved.to == Moved::kNone) return;
  const s64 distance = s64{from.distance} + f.moved.by;
  if (distance > -kFar && distance < kFar)
    symbols[f.moved.to] = {from.number, static_cast<s32>(distance)};
}

bool Finder::comes_before(std::size_t block, std::size_t other) const {
  while (other > block && before_[other] != other) other = before_[other];
  return other == block;
}

/// What an access is near to. False: too much is known already.
bool Finder::address(const NearAccess& near, const Symbols& symbols, Symbol& out) {
  out = symbols[near.base];
  out.distance += near.distance;
  if (near.index == NearAccess::kNone) return true;
  const Symbol index = symbols[near.index];
  const bool apart = (near.form & 3) == NearAccess::kWhole;
  if (apart) {
    const s64 distance = out.distance + (s64{index.distance} << (near.form >> 2));
    constexpr s64 kFar = 1 << 30;
    if (distance < -kFar || distance > kFar) return false;
    out.distance = static_cast<s32>(distance);
  }
  const s32 inside = apart ? 0 : index.distance;
  for (const auto& s : sums_)
    if (s.base == out.number && s.index == index.number && s.form == near.form &&
        s.distance == inside) {
      out.number = s.number;
      return true;
    }
  if (sums_.size() == kMaxSums) return false;
  const u16 number = fresh();
  sums_.push_back({out.number, index.number, near.form, inside, number});
  out.number = number;
  return true;
}

void Finder::access(u16 insn, std::size_t block, const Symbols& symbols) {
  const NearAccess& near = r_.insns[insn].facts.near;
  Symbol base;
  if (!address(near, symbols, base)) return;
  const s32 low = base.distance, high = low + near.bytes;
  if (open_.size() <= base.number) open_.resize(symbols_ + 1u, -1);
  s16& open = open_[base.number];
  if (open >= 0) {
    Group& g = groups_[static_cast<std::size_t>(open)];
    if (std::max(g.high, high) - std::min(g.low, low) <= kMaxSpan && comes_before(g.block, block)) {
      g.low = std::min(g.low, low);
      g.high = std::max(g.high, high);
      g.last = insn;
      g.write |= near.write;
      g.members = static_cast<u16>(g.members + near.accesses);
      members_.push_back({insn, static_cast<u16>(open), low});
      return;
    }
  }
  if (groups_.size() == kMaxGroups) return;
  open = static_cast<s16>(groups_.size());
  groups_.push_back({.low = low,
                     .high = high,
                     .first = insn,
                     .last = insn,
                     .members = near.accesses,
                     .block = static_cast<u16>(block),
                     .write = near.write,
                     .kept = is_stack(near.base) && near.index == NearAccess::kNone});
  members_.push_back({insn, static_cast<u16>(open), low});
}

/// Which groups of a loop are a little further on in its next turn, or where they were.  `begin`: what X0 has at its begin.
void Finder::look_at_turn(u16 begin, const Symbols& end, std::size_t first_group) {
  constexpr s64 kLittle = 64;  ///< bytes
  for (std::size_t n = first_group; n < groups_.size(); ++n) {
    const NearAccess& near = r_.insns[groups_[n].first].facts.near;
    const auto stays = [&](u8 r) { return end[r].number == begin + r; };
    s64 by = end[near.base].distance;
    groups_[n].loop = stays(near.base);
    if (near.index != NearAccess::kNone) {
      groups_[n].loop &= stays(near.index);
      by += s64{end[near.index].distance} << (near.form >> 2);
    }
    groups_[n].loop &= by >= -kLittle && by <= kLittle;
  }
}

void Finder::run_block(std::size_t number) {
  const Block& b = r_.blocks[number];
  Symbols& symbols = ends_[number];
  const std::size_t from = b.predecessors == 1 && number != r_.entry ? from_[number] : number;
  before_[number] = from;
  const u16 begin = static_cast<u16>(symbols_ + 1);
  if (from < number) {
    symbols = ends_[from];
  } else {
    for (u16 r = 0; r < symbols.size(); ++r) symbols[r] = {static_cast<u16>(begin + r), 0};
    symbols_ = static_cast<u16>(symbols_ + symbols.size());
  }
  const std::size_t first_group = groups_.size();
  for (u16 n = b.first; n < b.first + b.count; ++n) {
    const Insn& i = r_.insns[n];
    if (!i.call && !i.bail && i.facts.near.base != NearAccess::kNone) access(n, number, symbols);
    move(i, symbols);
  }
  if (from == number && is_long_loop(r_, number)) look_at_turn(begin, symbols, first_group);
  const auto leads_to = [&](const Successor& s) {
    const auto to = static_cast<std::size_t>(s.block);
    if (s.block > static_cast<int>(number) && from_[to] == to) from_[to] = number;
  };
  if (b.has_taken) leads_to(b.taken);
  if (b.has_next) leads_to(b.next);
}

/// A slot is somebody else's when the last access of its group is over.
void Finder::give_slots() {
  std::array<int, Native::kPagePointers> until;
  until.fill(-1);
  const auto take = [&](Group& g, unsigned slot, unsigned end) {
    while (slot != end && until[slot] >= g.first) ++slot;
    if (slot == end) return false;
    until[slot] = g.last;
    g.slot = static_cast<s8>(slot);
    return true;
  };
  for (Group& g : groups_) {
    g.write |= g.kept;  // the stack can be written
    g.kept = g.kept && take(g, 0, 1);
    if (g.kept) continue;
    g.loop = g.loop && (g.write ? take(g, kFirstWrite, Native::kPagePointers)
                                : take(g, kFirstRead, kFirstWrite));
    if (!g.loop && g.members >= 2) take(g, 1, kFirstRead);
  }
}

void Finder::find() {
  unsigned accesses = 0;
  for (Insn& i : r_.insns) {
    i.page = {};
    const u8 base = i.facts.near.base;
    // One alone is of use where it is the stack's, or in a loop.
    if (base != NearAccess::kNone) accesses += is_stack(base) ? 2 : 1;
  }
  if (accesses == 0) return;
  bool loops = false;
  for (std::size_t b = 0; b < r_.blocks.size(); ++b) loops |= is_long_loop(r_, b);
  if (accesses < 2 && !loops) return;
  for (std::size_t b = 0; b < r_.blocks.size(); ++b) run_block(b);
  give_slots();
  for (const Member& m : members_) {
    const Group& g = groups_[m.group];
    if (g.slot < 0) continue;
    r_.insns[m.insn].page = {.slot = g.slot,
                             .leads = m.insn == g.first,
                             .kept = g.kept || g.loop,
                             .loop = g.loop,
                             .write = g.write,
                             .low = static_cast<s16>(g.low - m.at),
                             .high = static_cast<s16>(g.high - m.at)};
  }
}

}  // namespace

void find_page_pointers(Region& region, PagePointerSpace& space) { Finder(region, space).find(); }

}  // namespace quince::cpu::jit
