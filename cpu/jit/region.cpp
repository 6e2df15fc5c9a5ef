#include "cpu/jit/region.h"

#include <algorithm>
#include <bit>

#include "cpu/jit/system_insns.h"
#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

namespace {

constexpr unsigned kMaxNodes = 9;

/// A row that is a call of its meaning, or has host code of its own.
void look_at_call(const RegionSource& source, Insn& i) {
  const RowTraits& traits = i.row->traits;
  if (traits.nature != RowTraits::Nature::None) look_at_system(source, i);
  if (i.special != Insn::Special::No) return;
  const HostRow* const own = i.row->host;
  if (own != nullptr && own->suits(i.word, *source.host, source.key)) {
    i.own_code = true;
    i.computes = (own->uses & HostRow::kFpPlain) != 0;
    i.facts = own->facts(i.word);
    return;
  }
  i.call = true;
  i.uses_x = traits.uses_x;
  i.uses_nzcv = traits.uses_nzcv;
  if (i.row->kind == RowKind::Call) i.ends = !call_goes_on(traits.nature, i.word);
}

void look(const RegionSource& source, unsigned index, Insn& i) {
  i.index = static_cast<u16>(index);
  i.word = i.fetched = source.page->insn(index);
  if (source.mistake && source.mistake->first == i.word) [[unlikely]]
    i.word = source.mistake->second;
  const int number = a64::decode_row(i.word);
  if (number >= 0) i.row = &row(number);
  if (i.row == nullptr || !has(source.model->features, i.row->traits.feature)) {
    i.row = nullptr;
    i.bail = i.ends = true;
    return;
  }
  const RowKind kind = i.row->kind;
  i.fp = kind == RowKind::FpEngine || kind == RowKind::FpCall ||
         (i.row->host != nullptr && (i.row->host->uses & HostRow::kGeneral) == 0);
  if ((kind == RowKind::FpEngine || kind == RowKind::FpCall) && !source.key.fp_enabled) {
    i.bail = i.ends = true;
    return;
  }
  if (kind != RowKind::Engine && kind != RowKind::FpEngine) return look_at_call(source, i);
  Scout scout(i.facts);
  i.row->scout(scout, i.word);
  if (i.facts.undefined) {
    i.bail = i.ends = true;
    return;
  }
  i.call = i.facts.foreign || i.facts.nodes > kMaxNodes || (i.facts.unprivileged && source.key.uao);
  i.ends = i.facts.flow != Flow::Next;
}

/// Finds the instructions: which are in the region, and which begin a block.
class Former {
 public:
  Former(const RegionSource& source, RegionSpace& space) : source_(source), s_(space) {}

  void form(unsigned entry) {
    s_.in = s_.leaders = {};
    s_.found.clear();
    s_.in_order = true;
    s_.region.uses_fp = false;
    s_.work.clear();
    visit(entry);
    order();
    split();
    connect(entry);
  }

 private:
  using Bits = RegionSpace::Bits;

  static bool test(const Bits& bits, unsigned n) { return (bits[n / 64] >> n % 64 & 1) != 0; }
  static void set(Bits& bits, unsigned n) { bits[n / 64] |= u64{1} << n % 64; }
  bool full() const { return s_.found.size() >= source_.most; }
  bool executed(unsigned index) const { return source_.page->ops[index].fn != source_.not_decoded; }
  void add(unsigned index) {
    if (index >= CodePage::kOps || test(s_.leaders, index)) return;
    const bool in = test(s_.in, index);
    if (!in && (!executed(index) || full())) return;
    set(s_.leaders, index);
    if (!in) s_.work.push_back(static_cast<u16>(index));
  }
  void visit(unsigned entry);
  void run_from(unsigned index);
  void order();
  void split();
  void connect(unsigned entry);
  bool ends_in_test(std::size_t n) const;
  void put_test_first(std::size_t n);
  Successor successor(s64 index) const;

  const RegionSource& source_;
  RegionSpace& s_;
};

void Former::visit(unsigned entry) {
  set(s_.leaders, entry);
  s_.work.push_back(static_cast<u16>(entry));
  while (!s_.work.empty()) {
    const unsigned index = s_.work.back();
    s_.work.pop_back();
    run_from(index);
  }
}

void Former::run_from(unsigned index) {
  for (; index < CodePage::kOps; ++index) {
    if (test(s_.in, index)) {
      set(s_.leaders, index);  // reached from two sides
      return;
    }
    if (full()) return;
    set(s_.in, index);
    s_.numbers[index] = static_cast<u16>(s_.found.size());
    s_.in_order &= s_.found.empty() || s_.found.back().index < index;
    Insn& i = s_.found.emplace_back();
    look(source_, index, i);
    s_.region.uses_fp |= i.fp;
    if (!i.ends) continue;
    if (i.bail || i.facts.flow == Flow::Indirect || i.facts.flow == Flow::Next) return;
    const s64 target = static_cast<s64>(index) + i.facts.distance / 4;
    if (target >= 0 && target < static_cast<s64>(CodePage::kOps))
      add(static_cast<unsigned>(target));
    if (i.facts.flow == Flow::Conditional) add(index + 1);
    return;
  }
}

/// By address.
void Former::order() {
  Region& r = s_.region;
  if (s_.in_order) return r.insns.swap(s_.found);
  r.insns.clear();
  for (unsigned word = 0; word < s_.in.size(); ++word)
    for (u64 left = s_.in[word]; left != 0; left &= left - 1) {
      const unsigned index = 64 * word + static_cast<unsigned>(std::countr_zero(left));
      r.insns.push_back(s_.found[s_.numbers[index]]);
    }
}

void Former::split() {
  Region& r = s_.region;
  r.blocks.clear();
  const Insn* before = nullptr;
  for (const Insn& i : r.insns) {
    const bool follows = before != nullptr && before->index + 1 == i.index && !before->ends;
    if (!follows || test(s_.leaders, i.index))
      r.blocks.emplace_back().first = static_cast<u16>(&i - r.insns.data());
    ++r.blocks.back().count;
    r.blocks.back().computes |= i.computes;
    s_.numbers[i.index] = static_cast<u16>(r.blocks.size() - 1);
    before = &i;
  }
}

Successor Former::successor(s64 index) const {
  const Region& r = s_.region;
  Successor s;
  s.in_page = index >= 0 && index < static_cast<s64>(CodePage::kOps);
  if (!s.in_page) return s;
  s.index = static_cast<u16>(index);
  if (!test(s_.in, s.index)) return s;
  const u16 block = s_.numbers[s.index];
  if (r.insns[r.blocks[block].first].index == s.index) s.block = static_cast<s16>(block);
  return s;
}

void Former::connect(unsigned entry) {
  Region& r = s_.region;
  r.entry = s_.numbers[entry];
  ++r.blocks[r.entry].predecessors;  // from outside
  for (Block& block : r.blocks) {
    const Insn& last = r.insns[block.first + block.count - 1u];
    const Flow flow = last.facts.flow;
    if (last.bail) continue;
    block.has_taken = flow == Flow::Direct || flow == Flow::Conditional;
    block.has_next = flow == Flow::Next || flow == Flow::Conditional;
    if (block.has_taken) block.taken = successor(last.index + last.facts.distance / 4);
    if (block.has_next) block.next = successor(last.index + 1);
    for (const Successor* s : {&block.taken, &block.next})
      if (s->block >= 0) ++r.blocks[static_cast<std::size_t>(s->block)].predecessors;
  }
  for (std::size_t n = 1; n < r.blocks.size(); ++n)
    if (ends_in_test(n)) put_test_first(n);
  for (std::size_t b = 0; b < r.blocks.size(); ++b)
    for (const Successor* s : {&r.blocks[b].taken, &r.blocks[b].next})
      if (s->block >= 0 && static_cast<std::size_t>(s->block) <= b)
        r.blocks[static_cast<std::size_t>(s->block)].loop_header = true;
}

/// A loop of two blocks, of which the second one decides whether the first one runs (again), and is where it begins:
/// while (a) { if (!b) break; }.
bool Former::ends_in_test(std::size_t n) const {
  const Region& r = s_.region;
  const Block &body = r.blocks[n - 1], &test = r.blocks[n];
  return body.predecessors == 1 && test.predecessors > 1 &&
         test.taken.block == static_cast<int>(n) - 1 &&
         test.next.block != static_cast<int>(n) - 1 && body.next.block == static_cast<int>(n);
}

/// So the flags of the test, and the pages that it has looked up, reach the body.
void Former::put_test_first(std::size_t n) {
  Region& r = s_.region;
  Block &body = r.blocks[n - 1], &test = r.blocks[n];
  std::rotate(r.insns.begin() + body.first, r.insns.begin() + test.first,
              r.insns.begin() + test.first + test.count);
  test.first = body.first;
  body.first = static_cast<u16>(test.first + test.count);
  std::swap(body, test);
  const int was = static_cast<int>(n);
  const auto now = [&](int block) {
    return block == was ? was - 1 : block == was - 1 ? was : block;
  };
  for (Block& b : r.blocks)
    for (Successor* s : {&b.taken, &b.next}) s->block = static_cast<s16>(now(s->block));
  r.entry = static_cast<u16>(now(r.entry));
}

// ---- Analysis ----------------------------------------------------------------------------------

using Summary = BlockSummary;

/// Counts uses of registers; those in loops weigh more.
void add_uses(std::array<u32, 32>& uses, RegSet set, unsigned weight) {
  for_each(set, [&](unsigned reg) { uses[reg] += weight; });
}

/// How deep in loops blocks are.
void find_depths(const Region& r, std::vector<Summary>& blocks) {
  for (std::size_t b = 0; b < r.blocks.size(); ++b)
    for (const Successor* s : {&r.blocks[b].taken, &r.blocks[b].next})
      if (s->block >= 0 && static_cast<std::size_t>(s->block) <= b)
        for (std::size_t k = static_cast<std::size_t>(s->block); k <= b; ++k)
          blocks[k].depth = static_cast<u8>(std::min(blocks[k].depth + 1, 3));
}

/// What a block does as a whole; its uses of registers are counted.
void sum_up(Region& r, const Block& b, Summary& sum) {
  const unsigned weight = 1u << (3 * sum.depth);
  RegSet written = 0;
  bool open = true;  // no call that uses general registers came yet
  for (unsigned k = 0; k < b.count; ++k) {
    const Insn& i = r.insns[b.first + k];
    const bool all = i.call && i.uses_x;
    sum.has_call |= all;
    open &= !all;
    if (open) sum.read |= i.facts.reads & ~written;
    written |= i.facts.writes;
    // Calls that do not know of general registers leave them where they are.
    if (all)
      sum.dirty = sum.dirty_passes = 0;
    else
      sum.dirty |= i.facts.writes;
    if (i.call)
      sum.v_dirty = sum.v_dirty_passes = 0;
    else
      sum.v_dirty |= i.facts.v_writes;
    if (i.call || i.bail) continue;
    r.used |= i.facts.reads | i.facts.writes;
    add_uses(r.uses, i.facts.reads, weight);
    add_uses(r.uses, i.facts.writes, weight);
    if ((i.facts.v_reads | i.facts.v_writes) == 0) continue;
    r.v_used |= i.facts.v_reads | i.facts.v_writes;
    add_uses(r.v_uses, i.facts.v_reads, weight);
    add_uses(r.v_uses, i.facts.v_writes, weight);
  }
  sum.live_passes = open ? ~written : 0;
}

/// Which registers may have been written since they were last in memory.
void find_dirty(Region& r, const std::vector<Summary>& sums) {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = 0; n < r.blocks.size(); ++n) {
      const Block& b = r.blocks[n];
      const Summary& sum = sums[n];
      const RegSet dirty = (b.dirty_in & sum.dirty_passes) | sum.dirty;
      const RegSet v_dirty = (b.v_dirty_in & sum.v_dirty_passes) | sum.v_dirty;
      for (const Successor* s : {&b.taken, &b.next}) {
        if (s->block < 0) continue;
        Block& to = r.blocks[static_cast<std::size_t>(s->block)];
        if ((to.dirty_in | dirty) == to.dirty_in && (to.v_dirty_in | v_dirty) == to.v_dirty_in)
          continue;
        to.dirty_in |= dirty;
        to.v_dirty_in |= v_dirty;
        // Those behind come yet.
        changed |= static_cast<std::size_t>(s->block) <= n;
      }
    }
  }
}

RegSet live_behind(const Region& r, const Block& b) {
  RegSet live = 0;
  for (const Successor* s : {&b.taken, &b.next})
    if (s->block >= 0) live |= r.blocks[static_cast<std::size_t>(s->block)].live_in;
  return live;
}

/// Which registers must be in the host's where a block begins: those that are read before they are written, and those
/// that may be put into memory though this way has not written them.
void find_live(Region& r, const std::vector<Summary>& sums) {
  bool loops = false;
  for (std::size_t n = 0; n < r.blocks.size(); ++n) loops |= r.blocks[n].loop_header;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = r.blocks.size(); n-- > 0;) {
      Block& b = r.blocks[n];
      const RegSet live = (live_behind(r, b) & sums[n].live_passes) | sums[n].read | b.dirty_in;
      changed |= loops && live != b.live_in;
      b.live_in = live;
    }
  }
}

/// Likewise behind a call.
void find_live_behind_calls(Region& r, const Block& b) {
  RegSet live = live_behind(r, b);
  for (unsigned k = b.count; k-- > 0;) {
    Insn& i = r.insns[b.first + k];
    if (i.call && i.uses_x) {
      i.live_after = live;
      live = 0;
    } else {
      live = (live & ~i.facts.writes) | i.facts.reads;
    }
  }
}

/// Where somebody may look at NZCV.
void find_needed_flags(Region& r) {
  for (std::size_t n = r.blocks.size(); n-- > 0;) {
    Block& b = r.blocks[n];
    // Where a loop begins again, interrupts are taken.
    const auto in = [&](const Successor& s) {
      return s.block <= static_cast<int>(n) ||
             r.blocks[static_cast<std::size_t>(s.block)].flags_needed_in;
    };
    const Insn& last = r.insns[b.first + b.count - 1u];
    bool needed = !(b.has_taken || b.has_next) || (b.has_taken && in(b.taken)) ||
                  (b.has_next && in(b.next)) || last.facts.flow == Flow::Indirect;
    for (unsigned k = b.count; k-- > 0;) {
      Insn& i = r.insns[b.first + k];
      i.flags_needed = needed;
      if (i.facts.reads_flags || i.facts.memory || i.call || i.bail)
        needed = true;  // what may fault shows them to its exception
      else if (i.facts.writes_flags)
        needed = false;
      i.flags_needed_before = needed;
    }
    b.flags_needed_in = needed;
  }
}

void analyse(RegionSpace& space) {
  Region& r = space.region;
  std::vector<Summary>& sums = space.summaries;
  sums.assign(r.blocks.size(), {});
  for_each(r.used, [&](unsigned reg) { r.uses[reg] = 0; });
  for_each(r.v_used, [&](unsigned reg) { r.v_uses[reg] = 0; });
  r.used = r.v_used = 0;
  find_depths(r, sums);
  for (std::size_t n = 0; n < sums.size(); ++n) sum_up(r, r.blocks[n], sums[n]);
  for (Block& b : r.blocks) b.dirty_in = b.v_dirty_in = b.live_in = 0;
  find_dirty(r, sums);
  find_live(r, sums);
  for (std::size_t n = 0; n < sums.size(); ++n)
    if (sums[n].has_call) find_live_behind_calls(r, r.blocks[n]);
  find_needed_flags(r);
  find_page_pointers(r, space.page_pointers);
}

}  // namespace

Region& form_region(const RegionSource& source, unsigned index, RegionSpace& space) {
  Former(source, space).form(index);
  Region& r = space.region;
  if (r.insns[r.blocks[r.entry].first].bail)
    r.insns.clear();
  else
    analyse(space);
  return r;
}

void make_call(RegionSpace& space, unsigned number) {
  Insn& i = space.region.insns[number];
  i.call = true;
  i.special = Insn::Special::No;
  if (i.own_code) {  // knows of general registers and NZCV what its row says
    i.uses_x = (i.facts.reads | i.facts.writes) != 0;
    i.uses_nzcv = i.facts.reads_flags || i.facts.writes_flags;
    i.own_code = false;
  }
  analyse(space);
}

}  // namespace quince::cpu::jit
