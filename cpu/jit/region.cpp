#include "cpu/jit/region.h"

#include <algorithm>
#include <string_view>

#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

namespace {

constexpr unsigned kMaxNodes = 9;

/// op0 = 3, as the word has it.
constexpr u32 sysreg(u32 op1, u32 n, u32 m, u32 op2) {
  return 1u << 14 | op1 << 11 | n << 7 | m << 3 | op2;
}
u32 sysreg_of(u32 word) { return (word >> 5) & 0x7fff; }

/// Where in CpuState the value of a register is that MRS reads, if nothing has to be asked; or 0.
std::size_t member_of(u32 word, const StateKey& key) {
  constexpr std::size_t kSys = offsetof(CpuState, sys);
  switch (sysreg_of(word)) {
    case sysreg(3, 13, 0, 2):
      return kSys + offsetof(SysRegs, tpidr_el0);
    case sysreg(3, 13, 0, 3):
      return kSys + offsetof(SysRegs, tpidrro_el0);
    case sysreg(0, 13, 0, 4):
      return key.el0 ? 0 : kSys + offsetof(SysRegs, tpidr_el1);
    // At EL0, and with SP_EL0 selected, it is UNDEFINED.
    case sysreg(0, 4, 1, 0):
      return key.own_sp ? offsetof(CpuState, sp_bank) : 0;
    default:
      return 0;
  }
}

/// A system register that neither translation nor the way instructions are found depends on.
bool is_plain_register(u32 word) {
  const u32 reg = sysreg_of(word);
  if ((reg & ~0x1fu) == sysreg(0, 2, 0, 0) && (reg >> 3 & 15) != 0) return true;  // APxKey
  for (const u32 plain :
       {sysreg(3, 13, 0, 2), sysreg(3, 13, 0, 3), sysreg(0, 13, 0, 4),  // TPIDR
        sysreg(0, 4, 1, 0), sysreg(0, 4, 0, 0), sysreg(0, 4, 0, 1),     // SP_EL0, SPSR, ELR
        sysreg(3, 4, 2, 0)})                                            // NZCV, DAIF
    if (reg == plain) return true;
  return false;
}

/// DC of any kind, and AT; not IC.
bool is_data_operation(u32 word) {
  const u32 n = (word >> 12) & 15, m = (word >> 8) & 15;
  return n == 7 && (m == 4 || m == 6 || m == 8 || m >= 10);
}

/// Whether a row that is a call leaves the flow alone: everything that may change how instructions
/// are found, or what the translator took for granted, ends its block.
bool call_goes_on(const a64::RowInfo& info, u32 word) {
  static constexpr std::string_view kHarmless[] = {"MRS", "CFINV", "XAFLAG",   "AXFLAG",
                                                   "SEV", "SEVL",  "MSR_SSBS", "MSR_DIT"};
  const std::string_view group = info.group, id = info.id;
  if (group != "system") return true;
  if (id == "MSR_reg") return is_plain_register(word);
  if (id == "SYS") return is_data_operation(word);
  return std::find(std::begin(kHarmless), std::end(kHarmless), id) != std::end(kHarmless) ||
         ((id.starts_with("PAC") || id.starts_with("AUT") || id.starts_with("XPAC")) &&
          !id.starts_with("AUTIA_"));
}

/// Instructions for which there is nothing to do, or no more than a fence or a look at what is pending.
Insn::Special special_of(const a64::RowInfo& info, u32 word, const StateKey& key) {
  static constexpr std::string_view kNothing[] = {"HINT",      "NOP",  "DGH", "ESB", "PSB_CSYNC",
                                                  "TSB_CSYNC", "CSDB", "BTI", "SB"};
  using Special = Insn::Special;
  const std::string_view id = info.id;
  if (std::string_view(info.group) != "system") return Special::No;
  if (std::find(std::begin(kNothing), std::end(kNothing), id) != std::end(kNothing))
    return Special::Nothing;
  // Whatever changes the context has left translated code already; mail of other CPUs is pending.
  if (id == "ISB") return Special::Synchronise;
  // Nobody else's maintenance to wait for, nobody who sees the order of accesses.
  if (id == "DSB" && !key.several) return Special::Nothing;
  if (id != "DMB") return Special::No;
  const u32 types = (word >> 8) & 3;  // loads only, stores only: the host has that order
  return types == 1 || types == 2 ? Special::Nothing : Special::Fence;
}

Insn look(const RegionSource& source, unsigned index) {
  Insn i;
  i.index = static_cast<u16>(index);
  i.word = i.fetched = load_le<u32>(source.page->host + 4 * index);
  if (source.mistake && source.mistake->first == i.word) [[unlikely]]
    i.word = source.mistake->second;
  const int number = a64::decode_row(i.word);
  const a64::RowInfo* const info =
      number < 0 ? nullptr : &a64::rows()[static_cast<std::size_t>(number)];
  if (info == nullptr || !has(*source.features, info->feature)) {
    i.bail = i.ends = true;
    return i;
  }
  i.row = &row(number);
  const RowKind kind = i.row->kind;
  i.fp = kind == RowKind::FpEngine || kind == RowKind::FpCall ||
         (i.row->host != nullptr && (i.row->host->uses & HostRow::kGeneral) == 0);
  if ((kind == RowKind::FpEngine || kind == RowKind::FpCall) && !source.key.fp_enabled) {
    i.bail = i.ends = true;
    return i;
  }
  if (kind == RowKind::Engine || kind == RowKind::FpEngine) {
    Scout scout;
    i.row->scout(scout, i.word);
    i.facts = scout.facts;
    if (i.facts.undefined) {
      i.bail = i.ends = true;
      return i;
    }
    i.call =
        i.facts.foreign || i.facts.nodes > kMaxNodes || (i.facts.unprivileged && source.key.uao);
    i.ends = i.facts.flow != Flow::Next;
    return i;
  }
  i.special = special_of(*info, i.word, source.key);
  i.facts.memory = i.special == Insn::Special::Synchronise;  // an interrupt sees NZCV
  if (const std::size_t at =
          std::string_view(info->id) == "MRS" ? member_of(i.word, source.key) : 0) {
    i.special = Insn::Special::ReadState;
    i.member = static_cast<u16>(at);
    i.facts.puts = 1;
    if ((i.word & 31) != 31) i.facts.writes = RegSet{1} << (i.word & 31);
  }
  if (i.special != Insn::Special::No) return i;
  const HostRow* const own = i.row->host;
  if (own != nullptr && own->suits(i.word, *source.host, source.key)) {
    i.own_code = true;
    i.facts = own->facts(i.word);
    return i;
  }
  i.call = true;
  if (kind == RowKind::FpCall) {
    const std::string_view text = info->text, id = info->id;
    i.uses_x = text.find("{w") != text.npos || text.find("{x") != text.npos ||
               text.find("{r") != text.npos || text.find("{R5") != text.npos;
    i.uses_nzcv = id.starts_with("FCMP") || id.starts_with("FCCMP") || id.starts_with("FCSEL");
  }
  if (kind == RowKind::Call) i.ends = !call_goes_on(*info, i.word);
  return i;
}

/// Finds the instructions: which are in the region, and which begin a block.
class Former {
 public:
  Former(const RegionSource& source, unsigned entry) : source_(source) { visit(entry); }

  Region finish(unsigned entry);

 private:
  enum : u8 { kIn = 1, kLeader = 2 };

  bool executed(unsigned index) const { return source_.page->ops[index].fn != source_.not_decoded; }
  void add(unsigned index) {
    if (index >= CodePage::kOps || (marks_[index] & kLeader) != 0) return;
    if ((marks_[index] & kIn) == 0 && (!executed(index) || count_ >= source_.most)) return;
    marks_[index] |= kLeader;
    if ((marks_[index] & kIn) == 0) work_.push_back(static_cast<u16>(index));
  }
  void visit(unsigned entry);
  void run_from(unsigned index);

  const RegionSource& source_;
  std::array<u8, CodePage::kOps> marks_{};
  std::array<u16, CodePage::kOps> numbers_{};
  std::vector<Insn> found_;
  std::vector<u16> work_;
  unsigned count_ = 0;
};

void Former::visit(unsigned entry) {
  marks_[entry] |= kLeader;
  work_.push_back(static_cast<u16>(entry));
  while (!work_.empty()) {
    const unsigned index = work_.back();
    work_.pop_back();
    run_from(index);
  }
}

void Former::run_from(unsigned index) {
  for (; index < CodePage::kOps; ++index) {
    if ((marks_[index] & kIn) != 0) {
      marks_[index] |= kLeader;  // reached from two sides
      return;
    }
    if (count_ >= source_.most) return;
    marks_[index] |= kIn;
    ++count_;
    found_.push_back(look(source_, index));
    const Insn& i = found_.back();
    if (!i.ends) continue;
    if (i.bail || i.facts.flow == Flow::Indirect || i.facts.flow == Flow::Next) return;
    const s64 target = static_cast<s64>(index) + i.facts.distance / 4;
    if (target >= 0 && target < static_cast<s64>(CodePage::kOps))
      add(static_cast<unsigned>(target));
    if (i.facts.flow == Flow::Conditional) add(index + 1);
    return;
  }
}

Region Former::finish(unsigned entry) {
  Region r;
  std::sort(found_.begin(), found_.end(),
            [](const Insn& a, const Insn& b) { return a.index < b.index; });
  r.insns = std::move(found_);
  for (const Insn& i : r.insns) r.uses_fp |= i.fp;
  for (std::size_t n = 0; n < r.insns.size(); ++n) {
    const Insn& i = r.insns[n];
    const bool follows = n > 0 && r.insns[n - 1].index + 1 == i.index && !r.insns[n - 1].ends;
    if (!follows || (marks_[i.index] & kLeader) != 0)
      r.blocks.emplace_back().first = static_cast<u16>(n);
    ++r.blocks.back().count;
    numbers_[i.index] = static_cast<u16>(r.blocks.size() - 1);
  }
  const auto successor = [&](s64 index) {
    Successor s;
    s.in_page = index >= 0 && index < static_cast<s64>(CodePage::kOps);
    if (!s.in_page) return s;
    s.index = static_cast<u16>(index);
    if ((marks_[s.index] & kIn) == 0) return s;
    const u16 block = numbers_[s.index];
    if (r.insns[r.blocks[block].first].index == s.index) s.block = static_cast<s16>(block);
    return s;
  };
  for (std::size_t b = 0; b < r.blocks.size(); ++b) {
    Block& block = r.blocks[b];
    const Insn& last = r.insns[block.first + block.count - 1u];
    const Flow flow = last.facts.flow;
    if (last.bail) continue;
    block.has_taken = flow == Flow::Direct || flow == Flow::Conditional;
    block.has_next = flow == Flow::Next || flow == Flow::Conditional;
    if (block.has_taken) block.taken = successor(last.index + last.facts.distance / 4);
    if (block.has_next) block.next = successor(last.index + 1);
    for (const Successor* s : {&block.taken, &block.next}) {
      if (s->block < 0) continue;
      Block& to = r.blocks[static_cast<std::size_t>(s->block)];
      ++to.predecessors;
      if (static_cast<std::size_t>(s->block) <= b) to.loop_header = true;
    }
  }
  r.entry = numbers_[entry];
  ++r.blocks[r.entry].predecessors;  // from outside
  return r;
}

// ---- Analysis ----------------------------------------------------------------------------------

/// Whether NZCV as it is in front of an instruction can be seen, given whether it can be behind it.
bool needed_before(const Insn& i, bool behind) {
  if (i.facts.reads_flags || i.facts.memory || i.call || i.bail) return true;
  return i.facts.writes_flags ? false : behind;
}

void find_needed_flags(Region& r) {
  for (Block& b : r.blocks) b.flags_needed_in = false;
  for (bool changed = true; changed;) {
    changed = false;
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
        needed = i.flags_needed_before = needed_before(i, needed);
      }
      if (needed && !b.flags_needed_in) b.flags_needed_in = changed = true;
    }
  }
}

/// Counts uses of registers; those in loops weigh more.
void count_uses(Region& r) {
  std::vector<u8> depth(r.blocks.size(), 0);
  for (std::size_t b = 0; b < r.blocks.size(); ++b)
    for (const Successor* s : {&r.blocks[b].taken, &r.blocks[b].next})
      if (s->block >= 0 && static_cast<std::size_t>(s->block) <= b)
        for (std::size_t k = static_cast<std::size_t>(s->block); k <= b; ++k)
          depth[k] = static_cast<u8>(std::min(depth[k] + 1, 3));
  for (std::size_t b = 0; b < r.blocks.size(); ++b) {
    const u16 weight = static_cast<u16>(1u << (3 * depth[b]));
    for (unsigned k = 0; k < r.blocks[b].count; ++k) {
      const Insn& i = r.insns[r.blocks[b].first + k];
      if (i.call || i.bail) continue;
      for (unsigned x = 0; x < 32; ++x) {
        const unsigned n = ((i.facts.reads >> x) & 1) + ((i.facts.writes >> x) & 1);
        r.uses[x] = static_cast<u16>(std::min<unsigned>(r.uses[x] + n * weight, 0xffff));
        const unsigned v = ((i.facts.v_reads >> x) & 1) + ((i.facts.v_writes >> x) & 1);
        r.v_uses[x] = static_cast<u16>(std::min<unsigned>(r.v_uses[x] + v * weight, 0xffff));
      }
    }
  }
}

/// Which registers may have been written since they were last in memory.
void find_dirty(Region& r) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Block& b : r.blocks) {
      RegSet dirty = b.dirty_in, v_dirty = b.v_dirty_in;
      for (unsigned k = 0; k < b.count; ++k) {
        const Insn& i = r.insns[b.first + k];
        // Calls that do not know of general registers leave them where they are.
        dirty = i.call && i.uses_x ? 0 : dirty | i.facts.writes;
        v_dirty = i.call ? 0 : v_dirty | i.facts.v_writes;
      }
      for (const Successor* s : {&b.taken, &b.next}) {
        if (s->block < 0) continue;
        Block& to = r.blocks[static_cast<std::size_t>(s->block)];
        if ((to.dirty_in | dirty) == to.dirty_in && (to.v_dirty_in | v_dirty) == to.v_dirty_in)
          continue;
        to.dirty_in |= dirty;
        to.v_dirty_in |= v_dirty;
        changed = true;
      }
    }
  }
}

/// Which registers must be in the host's where a block begins, and behind a call: those that are read before they are
/// written, and those that may be put into memory though this way has not written them.
void find_live(Region& r) {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = r.blocks.size(); n-- > 0;) {
      Block& b = r.blocks[n];
      RegSet live = 0;
      for (const Successor* s : {&b.taken, &b.next})
        if (s->block >= 0) live |= r.blocks[static_cast<std::size_t>(s->block)].live_in;
      for (unsigned k = b.count; k-- > 0;) {
        Insn& i = r.insns[b.first + k];
        if (i.call && i.uses_x) {
          i.live_after = live;
          live = 0;
        } else {
          live = (live & ~i.facts.writes) | i.facts.reads;
        }
      }
      live |= b.dirty_in;
      changed |= live != b.live_in;
      b.live_in = live;
    }
  }
}

void analyse(Region& r) {
  find_needed_flags(r);
  r.uses = r.v_uses = {};
  count_uses(r);
  for (Block& b : r.blocks) b.dirty_in = b.v_dirty_in = 0;
  find_dirty(r);
  for (Block& b : r.blocks) b.live_in = 0;
  find_live(r);
  find_page_pointers(r);
}

}  // namespace

Region form_region(const RegionSource& source, unsigned index) {
  Region r = Former(source, index).finish(index);
  if (r.insns[r.blocks[r.entry].first].bail) return {};
  analyse(r);
  return r;
}

void make_call(Region& region, unsigned number) {
  Insn& i = region.insns[number];
  i.call = true;
  if (i.own_code) {  // knows of general registers and NZCV what its row says
    i.uses_x = (i.facts.reads | i.facts.writes) != 0;
    i.uses_nzcv = i.facts.reads_flags || i.facts.writes_flags;
    i.own_code = false;
  }
  analyse(region);
}

}  // namespace quince::cpu::jit
