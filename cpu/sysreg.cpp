#include "cpu/sysreg.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cpu/sysreg_handlers.h"
#include "cpu/vcpu.h"

namespace quince::cpu {

namespace {

// ---- From the shapes of sysreg_handlers.h to the one that rows have

constexpr std::nullptr_t none = nullptr;

template <auto F>
constexpr SysRegRead reader() {
  using T = decltype(F);
  if constexpr (std::is_same_v<T, std::nullptr_t>)
    return nullptr;
  else if constexpr (std::is_same_v<T, SysRegRead>)
    return F;
  else if constexpr (std::is_invocable_v<T, Vcpu&>)
    return [](Vcpu& c, const SysRegRow&, u64& out) {
      out = F(c);
      return true;
    };
  else
    return [](Vcpu& c, const SysRegRow& row, u64& out) {
      out = F(c, row.index);
      return true;
    };
}

template <auto F>
constexpr SysRegWrite writer() {
  using T = decltype(F);
  if constexpr (std::is_same_v<T, std::nullptr_t>)
    return nullptr;
  else if constexpr (std::is_same_v<T, SysRegWrite>)
    return F;
  else if constexpr (std::is_invocable_v<T, Vcpu&, u64>)
    return [](Vcpu& c, const SysRegRow&, u64 in) {
      F(c, in);
      return true;
    };
  else
    return [](Vcpu& c, const SysRegRow& row, u64 in) {
      F(c, row.index, in);
      return true;
    };
}

bool read_member(Vcpu& c, const SysRegRow& row, u64& out) {
  out = c.s.sys.*row.member;
  return true;
}
bool write_member(Vcpu& c, const SysRegRow& row, u64 in) {
  c.s.sys.*row.member = in & row.mask;
  return true;
}
bool read_zero(Vcpu&, const SysRegRow&, u64& out) {
  out = 0;
  return true;
}

// ---- The table

constexpr u64 kAll = ~u64{0};

void add_named(std::vector<SysRegRow>& rows) {
  using namespace sr;
  constexpr SysRegWrite RW = write_member, RO = nullptr;
#define REG(name, op0, op1, crn, crm, op2, feature, el0r, el0w, access, member, mask, reset)      \
  rows.push_back({#name, hw::SysRegId(op0, op1, crn, crm, op2), Feature::feature, El0Rule::el0r,  \
                  El0Rule::el0w, 0, &SysRegs::member, mask, reset, read_member, access});
#define FUNI(name, op0, op1, crn, crm, op2, index, feature, el0r, el0w, read, write)              \
  rows.push_back({#name, hw::SysRegId(op0, op1, crn, crm, op2), Feature::feature, El0Rule::el0r,  \
                  El0Rule::el0w, index, nullptr, 0, 0, reader<read>(), writer<write>()});
#define FUN(name, op0, op1, crn, crm, op2, feature, el0r, el0w, read, write)                      \
  FUNI(name, op0, op1, crn, crm, op2, 0, feature, el0r, el0w, read, write)
#define FUNS(name, count, limit_, id, feature, el0r, el0w, read, write)                           \
  for (unsigned n = 0; n < count; ++n) {                                                          \
    rows.push_back({fmt::format(name, n), hw::SysRegId id, Feature::feature, El0Rule::el0r,       \
                    El0Rule::el0w, static_cast<u8>(n), nullptr, 0, 0, reader<read>(),             \
                    writer<write>()});                                                            \
    rows.back().limit = &CpuModel::limit_;                                                        \
  }
#define OP(name, op1, crn, crm, op2, feature, el0, function)                                      \
  rows.push_back({name, hw::SysRegId(1, op1, crn, crm, op2), Feature::feature, El0Rule::No,       \
                  El0Rule::el0, 0, nullptr, 0, 0, nullptr, writer<function>()});
#include "cpu/a64/sysreg.inc"
#undef REG
#undef FUN
#undef FUNI
#undef FUNS
#undef OP
}

struct Table {
  std::vector<SysRegRow> rows;
  std::array<u16, 0x10000> by_id{};  ///< index into rows plus one
};

Table build() {
  Table t;
  add_named(t.rows);
  // The rest of the ID space is RAZ, AArch32's ID registers among it (D22.3.1).
  for (unsigned crm = 1; crm <= 7; ++crm)
    for (unsigned op2 = 0; op2 < 8; ++op2) {
      const hw::SysRegId id(3, 0, 0, crm, op2);
      const bool named = std::any_of(t.rows.begin(), t.rows.end(),
                                     [&](const SysRegRow& r) { return r.id == id; });
      if (!named)
        t.rows.push_back({.name = fmt::format("S3_0_C0_C{}_{}", crm, op2), .id = id,
                          .el0_read = El0Rule::Ids, .read = read_zero});
    }
  std::sort(t.rows.begin(), t.rows.end(),
            [](const SysRegRow& a, const SysRegRow& b) { return a.id.raw < b.id.raw; });
  for (std::size_t i = 0; i < t.rows.size(); ++i)
    t.by_id[t.rows[i].id.raw] = static_cast<u16>(i + 1);
  return t;
}

const Table& table() {
  static const Table instance = build();
  return instance;
}

// ---- Access from EL0

bool el0_enabled(const Vcpu& c, El0Rule rule) {
  const SysRegs& r = c.s.sys;
  const auto sctlr = [&](unsigned n) { return bit(r.sctlr_el1, n); };
  const u64 cntkctl = r.cntkctl_el1, pmuserenr = r.pmuserenr_el0;
  switch (rule) {
    case El0Rule::No:
    case El0Rule::Ids: return false;
    case El0Rule::Yes: return true;
    case El0Rule::UCT: return sctlr(15);
    case El0Rule::DZE: return sctlr(14);
    case El0Rule::UCI: return sctlr(26);
    case El0Rule::UMA: return sctlr(9);
    case El0Rule::RCTX: return sctlr(10);
    case El0Rule::TSCXT: return !sctlr(20);
    case El0Rule::TDCC: return !bit(r.mdscr_el1, 12);
    case El0Rule::CNTFRQ: return (cntkctl & 3) != 0;
    case El0Rule::PCTEN: return bit(cntkctl, 0);
    case El0Rule::VCTEN: return bit(cntkctl, 1);
    case El0Rule::VTEN: return bit(cntkctl, 8);
    case El0Rule::PTEN: return bit(cntkctl, 9);
    case El0Rule::PMEN: return (pmuserenr & 1) != 0;
    case El0Rule::PMSW: return (pmuserenr & 3) != 0;
    case El0Rule::PMCR: return (pmuserenr & 5) != 0;
    case El0Rule::PMER: return (pmuserenr & 9) != 0;
  }
  return false;
}

/// True when EL0 may go on; else the exception is taken.
bool el0_access(Vcpu& c, El0Rule rule, hw::SysRegId id, unsigned rt, bool read) {
  if (el0_enabled(c, rule)) return true;
  if (rule == El0Rule::No || (rule == El0Rule::Ids && !c.has(Feature::IDST)))
    c.undefined();
  else
    c.sysreg_trap(id, rt, read);
  return false;
}

/// The row of an access, or null where the vCPU has no such register.
const SysRegRow* row_for(const Vcpu& c, hw::SysRegId id) {
  const SysRegRow* row = find_sysreg(id);
  if (row == nullptr || !c.has(row->feature)) return nullptr;
  if (row->limit != nullptr && row->index >= c.model().*row->limit) return nullptr;
  return row;
}

/// FEAT_IDST: exceptions of reads in the feature ID space have class 0x18, unallocated registers
/// included.
bool feature_id_space(hw::SysRegId id) {
  return id.op0() == 3 && id.op1() <= 3 && id.op1() != 2 && id.crn() == 0 && id.crm() <= 7;
}

}  // namespace

std::span<const SysRegRow> sysreg_rows() { return table().rows; }

const SysRegRow* find_sysreg(hw::SysRegId id) {
  const Table& t = table();
  const u16 n = t.by_id[id.raw];
  return n == 0 ? nullptr : &t.rows[n - 1u];
}

bool sysreg_read(Vcpu& c, hw::SysRegId id, unsigned rt, u64& out) {
  const SysRegRow* row = row_for(c, id);
  if (row == nullptr || row->read == nullptr) {
    if (c.has(Feature::IDST) && feature_id_space(id))
      c.sysreg_trap(id, rt, true);
    else
      c.undefined();
    return false;
  }
  if (c.s.pstate.el == 0 && !el0_access(c, row->el0_read, id, rt, true)) return false;
  return row->read(c, *row, out);
}

bool sysreg_write(Vcpu& c, hw::SysRegId id, unsigned rt, u64 in) {
  const SysRegRow* row = row_for(c, id);
  if (row == nullptr || row->write == nullptr) {
    c.undefined();
    return false;
  }
  if (c.s.pstate.el == 0 && !el0_access(c, row->el0_write, id, rt, false)) return false;
  return row->write(c, *row, in);
}

void reset_sysregs(Vcpu& c) {
  c.s.sys = {};
  for (const SysRegRow& row : table().rows)
    if (row.member != nullptr) c.s.sys.*row.member = row.reset;
  SysRegs& r = c.s.sys;
  // SP alignment checks, no WFI and WFE traps, SPAN: what cores without a boot loader start with.
  r.sctlr_el1 = sr::sctlr_res1(c) | 1u << 3 | 1u << 4 | 1u << 16 | 1u << 18 | 1u << 23;
  r.oslar_locked = 1;
  r.rvbar_el1 = c.s.pc;
  r.cntfrq_el0 = c.ports().counter_hz;
}

}  // namespace quince::cpu
