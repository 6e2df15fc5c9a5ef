#include "cpu/jit/system_insns.h"

#include "cpu/jit/x64/system.h"
#include "cpu/sysreg.h"

namespace quince::cpu::jit {

namespace {

/// op0 = 3, as the word has it.
constexpr u32 sysreg(u32 op1, u32 n, u32 m, u32 op2) {
  return 1u << 14 | op1 << 11 | n << 7 | m << 3 | op2;
}
u32 sysreg_of(u32 word) { return (word >> 5) & 0x7fff; }

constexpr std::size_t kSys = offsetof(CpuState, sys);

/// The row of a register that MRS or MSR names, if this CPU has it.
const SysRegRow* row_of(u32 word, const FeatureSet& features) {
  const SysRegRow* const row =
      find_sysreg(hw::SysRegId(static_cast<u16>(0x8000 | sysreg_of(word))));
  return row != nullptr && has(features, row->feature) && row->limit == nullptr ? row : nullptr;
}

std::size_t offset_of(u64 SysRegs::*member) {
  static const SysRegs regs;
  return kSys + static_cast<std::size_t>(reinterpret_cast<const u8*>(&(regs.*member)) -
                                         reinterpret_cast<const u8*>(&regs));
}

/// Where in CpuState the value of a register is that MRS reads, if nothing has to be asked; or 0.
std::size_t member_of(u32 word, const RegionSource& source) {
  switch (sysreg_of(word)) {
    case sysreg(3, 13, 0, 2):
      return kSys + offsetof(SysRegs, tpidr_el0);
    case sysreg(3, 13, 0, 3):
      return kSys + offsetof(SysRegs, tpidrro_el0);
    case sysreg(0, 4, 0, 0):
      return source.key.el0 ? 0 : kSys + offsetof(SysRegs, spsr_el1);
    // At EL0, and with SP_EL0 selected, it is UNDEFINED.
    case sysreg(0, 4, 1, 0):
      return source.key.own_sp ? offsetof(CpuState, sp_bank) : 0;
    default:
      break;
  }
  const SysRegRow* const row = source.key.el0 ? nullptr : row_of(word, source.model->features);
  return row != nullptr && row->member != nullptr && row->read != nullptr ? offset_of(row->member)
                                                                          : 0;
}

/// What MRS reads of a register that never changes.
std::optional<u64> constant_of(u32 word, const RegionSource& source) {
  if (source.key.el0) return std::nullopt;  // SCTLR_EL1 has to allow it
  switch (sysreg_of(word)) {
    case sysreg(0, 0, 0, 0):
      return source.model->id.midr;
    case sysreg(3, 0, 0, 1):
      return source.model->id.ctr;
    case sysreg(3, 0, 0, 7):
      return source.model->id.dczid;
    default:
      return std::nullopt;
  }
}

/// MSR of a register that is no more than storage: where, and which bits. In lockstep, SP_EL0 alone is translated code's.
bool find_written(u32 word, const RegionSource& source, Insn& i) {
  const u32 reg = sysreg_of(word);
  i.number = ~u64{0};
  if (reg == sysreg(0, 4, 1, 0)) {
    i.member = offsetof(CpuState, sp_bank);
    return source.key.own_sp;
  }
  const SysRegRow* const row = row_of(word, source.model->features);
  if (source.judged || row == nullptr) return false;
  if (reg == sysreg(3, 13, 0, 2)) {
    i.member = static_cast<u16>(offset_of(row->member));
    return true;
  }
  if (source.key.el0) return false;
  if ((reg & ~0x1fu) == sysreg(0, 2, 0, 0) && (reg >> 3 & 15) != 0) {  // APxKey
    i.member = static_cast<u16>(kSys + offsetof(SysRegs, apkeys) + 8 * row->index);
    return true;
  }
  if (reg == sysreg(0, 4, 0, 0)) {
    i.member = static_cast<u16>(kSys + offsetof(SysRegs, spsr_el1));
    i.number = spsr_writable(source.model->features);
    return true;
  }
  for (const u32 plain :
       {sysreg(3, 13, 0, 3), sysreg(0, 13, 0, 4), sysreg(0, 4, 0, 1),    // TPIDRRO, TPIDR_EL1, ELR
        sysreg(0, 5, 2, 0), sysreg(0, 6, 0, 0), sysreg(0, 13, 0, 1)}) {  // ESR, FAR, CONTEXTIDR
    if (reg != plain) continue;
    i.member = static_cast<u16>(offset_of(row->member));
    i.number = row->mask;
    return true;
  }
  return false;
}

/// A system register that neither translation nor the way instructions are found depends on.
bool is_plain_register(u32 word) {
  const u32 reg = sysreg_of(word);
  if ((reg & ~0x1fu) == sysreg(0, 2, 0, 0) && (reg >> 3 & 15) != 0) return true;  // APxKey
  for (const u32 plain :
       {sysreg(3, 13, 0, 2), sysreg(3, 13, 0, 3), sysreg(0, 13, 0, 4),  // TPIDR
        sysreg(0, 4, 1, 0), sysreg(0, 4, 0, 0), sysreg(0, 4, 0, 1),     // SP_EL0, SPSR, ELR
        sysreg(0, 5, 2, 0), sysreg(0, 6, 0, 0), sysreg(0, 13, 0, 1),    // ESR, FAR, CONTEXTIDR
        sysreg(3, 4, 2, 0)})                                            // NZCV, DAIF
    if (reg == plain) return true;
  return false;
}

/// DC of any kind, and AT; not IC.
bool is_data_operation(u32 word) {
  const u32 n = (word >> 12) & 15, m = (word >> 8) & 15;
  return n == 7 && (m == 4 || m == 6 || m == 8 || m >= 10);
}

/// Instructions for which there is nothing to do, or no more than a fence or a look at what is pending.
Insn::Special special_of(RowTraits::Nature nature, u32 word, const RegionSource& source) {
  using Nature = RowTraits::Nature;
  using Special = Insn::Special;
  constexpr u32 kLoads = 1, kStores = 2;
  const u32 types = (word >> 8) & 3;  // of accesses that a barrier is for
  switch (nature) {
    case Nature::Nothing:
      return Special::Nothing;
    case Nature::PauthHint:
      return has(source.model->features, Feature::PAuth) ? Special::No : Special::Nothing;
    case Nature::Isb:
      // Whatever changes the context has left translated code already; mail of other CPUs is pending.
      return Special::Synchronise;
    case Nature::Dsb:
      // Nobody else's maintenance to wait for, nobody who sees the order of accesses.
      if (!source.key.several || types == kLoads) return Special::Nothing;
      if (types == kStores) return Special::Fence;
      return source.judged ? Special::No : Special::Barrier;
    case Nature::Dmb:  // the host has the order of loads, and that of stores
      return types == kLoads || types == kStores ? Special::Nothing : Special::Fence;
    default:
      return Special::No;
  }
}

}  // namespace

bool call_goes_on(RowTraits::Nature nature, u32 word) {
  using Nature = RowTraits::Nature;
  switch (nature) {
    case Nature::None:
    case Nature::Plain:
    case Nature::PauthHint:
    case Nature::Mrs:
    case Nature::Dsb:
      return true;
    case Nature::Msr:
      return is_plain_register(word);
    case Nature::Sys:
      return is_data_operation(word);
    default:
      return false;
  }
}

void look_at_system(const RegionSource& source, Insn& i) {
  using Special = Insn::Special;
  using Nature = RowTraits::Nature;
  const Nature nature = i.row->traits.nature;
  const u32 rt = i.word & 31;
  const RegSet used = rt == 31 ? 0 : RegSet{1} << rt;
  i.special = special_of(nature, i.word, source);
  i.facts.memory =
      i.special == Special::Synchronise || i.special == Special::Barrier;  // an interrupt sees NZCV
  if (i.special != Special::No) return;
  if (nature == Nature::Mrs) {
    if (const auto value = constant_of(i.word, source)) {
      i.special = Special::Constant;
      i.number = *value;
    } else if (const std::size_t at = member_of(i.word, source)) {
      i.special = Special::ReadState;
      i.member = static_cast<u16>(at);
    }
    if (i.special != Special::No) {
      i.facts.puts = 1;
      i.facts.writes = used;
      return;
    }
  }
  if (nature == Nature::Msr && find_written(i.word, source, i)) {
    i.special = Special::WriteState;
    i.facts.reads = used;
    return;
  }
  if (const auto facts = system_facts(i.word, source)) {
    i.special = Special::System;
    i.facts = *facts;
    i.ends = i.facts.flow != Flow::Next;
  }
}

}  // namespace quince::cpu::jit
