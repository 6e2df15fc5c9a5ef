#include "cpu/mmu/walk.h"

#include <algorithm>
#include <array>

#include "base/bits.h"
#include "cpu/mmu/vmsa_spec.h"

namespace quince::cpu {
namespace {

using namespace vmsa;

// How often a descriptor may change under a hardware update before software gets the fault.  Each
// attempt that is lost is progress of another observer, so this is plenty.
constexpr unsigned kMaxUpdateAttempts = 64;

/// The pseudocode's S1TTWParams, for one half of the address space.
struct S1TTWParams {
  u64 ttbr;
  unsigned granule_bits;
  unsigned stride;       // VA bits resolved per level
  unsigned ia_size;      // input address bits
  unsigned oa_size;      // output address bits
  unsigned start_level;
  bool ee, ha, hd, hpd, wxn, epan, e0pd, epd;
};

/// The hierarchical attributes of the tables on the way, or-ed.
struct TableAttributes {
  bool read_only = false;  // APTable<1>
  bool no_el0 = false;     // APTable<0>
  bool pxn = false;
  bool uxn = false;
};

/// A block or page descriptor and where it was found.
struct Leaf {
  u64 descriptor = 0;
  PhysAddr address;
  unsigned level = 0;
  TableAttributes tables;
};

unsigned pa_max(const Stage1Features& f) { return std::min<unsigned>(f.pa_bits, kMaxAddressBits); }

unsigned decode_granule(const Stage1Features& f, unsigned half, u64 tg) {
  static constexpr std::array<std::array<u8, 4>, 2> kGranule{{{12, 16, 14, 0}, {0, 14, 12, 16}}};
  const unsigned wanted = kGranule[half][tg];
  if ((wanted == 12 && f.gran4) || (wanted == 14 && f.gran16) || (wanted == 16 && f.gran64))
    return wanted;
  return f.gran4 ? 12 : f.gran16 ? 14 : 16;
}

unsigned physical_address_size(const Stage1Features& f, u64 ips) {
  static constexpr std::array<u8, 8> kSize{32, 36, 40, 42, 44, 48, 52, 52};
  return std::min<unsigned>(kSize[ips], pa_max(f));
}

S1TTWParams get_s1_ttw_params(const Stage1Regs& r, const Stage1Features& f, VirtAddr va) {
  const unsigned half = bit(va.raw(), 55) ? 1 : 0;
  S1TTWParams p{};
  p.ttbr = half == 0 ? r.ttbr0 : r.ttbr1;
  p.granule_bits = decode_granule(f, half, bits(r.tcr, tcr::kTG[half] + 1, tcr::kTG[half]));
  p.stride = p.granule_bits - 3;
  const unsigned max_txsz = !f.ttst ? 39 : p.granule_bits == 16 ? 47 : 48;
  const u64 txsz = bits(r.tcr, tcr::kTxSZ[half] + 5, tcr::kTxSZ[half]);
  p.ia_size = 64 - static_cast<unsigned>(std::clamp<u64>(txsz, 16, max_txsz));
  p.start_level = kFinalLevel - (p.ia_size - 1 - p.granule_bits) / p.stride;
  p.oa_size = physical_address_size(f, bits(r.tcr, tcr::kIPS + 2, tcr::kIPS));
  p.ee = f.mixed_endian && bit(r.sctlr, sctlr::kEE);
  p.ha = f.hafdbs_af && bit(r.tcr, tcr::kHA);
  p.hd = p.ha && f.hafdbs_dbm && bit(r.tcr, tcr::kHD);
  p.hpd = f.hpds && bit(r.tcr, tcr::kHPD[half]);
  p.wxn = bit(r.sctlr, sctlr::kWXN);
  p.epan = f.epan && bit(r.sctlr, sctlr::kEPAN);
  p.e0pd = f.e0pd && bit(r.tcr, tcr::kE0PD[half]);
  p.epd = bit(r.tcr, tcr::kEPD[half]);
  return p;
}

/// The highest address bit that is checked: AArch64.AddrTop().
unsigned addr_top(const Stage1Regs& r, const Stage1Features& f, VirtAddr va, AccessKind kind) {
  const unsigned half = bit(va.raw(), 55) ? 1 : 0;
  const bool tbi = bit(r.tcr, tcr::kTBI[half]);
  const bool data_only = f.tbid && bit(r.tcr, tcr::kTBID[half]);
  return tbi && !(data_only && kind == AccessKind::Execute) ? 55 : 63;
}

bool va_is_out_of_range(VirtAddr va, unsigned top, unsigned ia_size) {
  const u64 high = bits(va.raw(), top, ia_size);
  return high != 0 && high != low_mask(top - ia_size + 1);
}

/// The lowest VA bit that a descriptor at `level` leaves to the offset.
unsigned level_shift(const S1TTWParams& p, unsigned level) {
  return p.granule_bits + (kFinalLevel - level) * p.stride;
}

u64 tt_base_address(const S1TTWParams& p) {
  const unsigned table_bits = p.ia_size - level_shift(p, p.start_level) + 3;
  return bits(p.ttbr, 47, 0) & ~low_mask(table_bits);
}

bool block_desc_supported(unsigned granule_bits, unsigned level) {
  return level == 2 || (level == 1 && granule_bits == 12);
}

u64 swap_if(bool big_endian, u64 x) { return big_endian ? __builtin_bswap64(x) : x; }

/// AArch64.S1Walk() up to and with the leaf descriptor; its AF is not looked at.
Fault walk_to_leaf(const S1TTWParams& p, VirtAddr va, const Stage1Access& access,
                   PhysMemory& memory, Leaf& leaf) {
  u64 base = tt_base_address(p);
  if (base >> p.oa_size != 0) return make_fault(FaultKind::AddressSize, 0, access);

  leaf.tables = {};
  unsigned top = p.ia_size - 1;
  for (unsigned level = p.start_level;; ++level) {
    const unsigned shift = level_shift(p, level);
    leaf.level = level;
    leaf.address = PhysAddr(base | bits(va.raw(), top, shift) << 3);
    u64 d = 0;
    if (!memory.read64(leaf.address, d)) return make_fault(FaultKind::ExternalOnWalk, level, access);
    d = swap_if(p.ee, d);
    leaf.descriptor = d;

    if (!bit(d, desc::kValid)) return make_fault(FaultKind::Translation, level, access);
    const bool is_table = level != kFinalLevel && bit(d, desc::kTableOrPage);
    if (!is_table) {
      if (level == kFinalLevel ? !bit(d, desc::kTableOrPage)
                               : !block_desc_supported(p.granule_bits, level))
        return make_fault(FaultKind::Translation, level, access);
      if (bits(d, 47, shift) << shift >> p.oa_size != 0)
        return make_fault(FaultKind::AddressSize, level, access);
      return {};
    }

    base = bits(d, 47, p.granule_bits) << p.granule_bits;
    if (base >> p.oa_size != 0) return make_fault(FaultKind::AddressSize, level, access);
    if (!p.hpd) {
      leaf.tables.read_only |= bit(d, desc::kAPTable + 1);
      leaf.tables.no_el0 |= bit(d, desc::kAPTable);
      leaf.tables.pxn |= bit(d, desc::kPXNTable);
      leaf.tables.uxn |= bit(d, desc::kUXNTable);
    }
    top = shift - 1;
  }
}

/// AArch64.S1DirectBasePermissions() with WXN, for both exception levels.
void set_permissions(Translation& t, const S1TTWParams& p, const Stage1Features& f,
                     const Leaf& leaf) {
  const u64 d = leaf.descriptor;
  // With hardware dirty state, DBM makes AP[2] a record of cleanness instead of a permission.
  const bool clean = p.hd && bit(d, desc::kDBM) && bit(d, desc::kAP2);
  const bool writable = (!bit(d, desc::kAP2) || clean) && !leaf.tables.read_only;
  const bool ur = bit(d, desc::kAP1) && !leaf.tables.no_el0;
  const bool uw = ur && writable;
  const bool ux = !bit(d, desc::kUXN) && !leaf.tables.uxn;
  // What EL0 can write, EL1 never executes.
  const bool px = !bit(d, desc::kPXN) && !leaf.tables.pxn && !uw;
  t.dirty_needs_update = clean;
  t.el0_r = ur;
  t.el0_w = uw;
  t.el0_x = ux && !(p.wxn && uw);
  t.el1_r = true;
  t.el1_w = writable;
  t.el1_x = px && !(p.wxn && writable);
  t.el1_pan = f.pan && (ur || (p.epan && ux));
  t.e0pd = p.e0pd;
}

void set_attributes(Translation& t, u8 attr, u8 sh) {
  t.attr = attr;
  t.device = (attr & 0xf0) == 0;
  const bool fixed = t.device || attr == kAttrNormalNC || sh == 1;
  t.sh = fixed ? kOuterShareable : sh;
}

Translation make_translation(const Stage1Regs& r, const S1TTWParams& p, const Stage1Features& f,
                             const Leaf& leaf) {
  const u64 d = leaf.descriptor;
  const unsigned shift = level_shift(p, leaf.level);
  Translation t;
  t.pa = PhysAddr(bits(d, 47, shift) << shift);
  t.log2_size = static_cast<u8>(shift);
  t.level = static_cast<u8>(leaf.level);
  const unsigned attr_lsb = 8 * static_cast<unsigned>(bits(d, desc::kAttrIndx + 2, desc::kAttrIndx));
  set_attributes(t, static_cast<u8>(r.mair >> attr_lsb),
                 static_cast<u8>(bits(d, desc::kSH + 1, desc::kSH)));
  t.ng = bit(d, desc::knG);
  t.guarded = f.bti && bit(d, desc::kGP);
  t.cacheable = bit(d, desc::kAF);
  set_permissions(t, p, f, leaf);
  return t;
}

/// The descriptor as hardware leaves it after an access that is permitted.
u64 updated_descriptor(const S1TTWParams& p, const Stage1Access& access, u64 d) {
  if (access.at_instruction || access.cache_maintenance) return d;
  if (p.ha) d |= u64{1} << desc::kAF;
  if (p.hd && bit(d, desc::kDBM) && access.kind == AccessKind::Write) d &= ~(u64{1} << desc::kAP2);
  return d;
}

/// AArch64.S1DisabledOutput().
WalkResult s1_disabled_output(const Stage1Regs& r, const Stage1Features& f, VirtAddr va,
                              const Stage1Access& access) {
  const unsigned pa_bits = pa_max(f);
  if (bits(va.raw(), addr_top(r, f, va, access.kind), pa_bits) != 0)
    return {make_fault(FaultKind::AddressSize, 0, access), {}};
  Translation t;
  t.pa = PhysAddr(va.raw() & low_mask(pa_bits)).page();
  t.level = 0;
  t.el0_r = t.el0_w = t.el0_x = t.el1_r = t.el1_w = t.el1_x = true;
  t.cacheable = false;
  const u8 attr = access.kind != AccessKind::Execute ? kAttrDevicenGnRnE
                  : bit(r.sctlr, sctlr::kI)          ? kAttrNormalWT
                                                     : kAttrNormalNC;
  set_attributes(t, attr, kOuterShareable);
  return {check_permission(t, access), t};
}

}  // namespace

WalkResult stage1_walk(const Stage1Regs& regs, const Stage1Features& features, VirtAddr va,
                       const Stage1Access& access, PhysMemory& memory) {
  if (!bit(regs.sctlr, sctlr::kM)) return s1_disabled_output(regs, features, va, access);

  const S1TTWParams p = get_s1_ttw_params(regs, features, va);
  if (va_is_out_of_range(va, addr_top(regs, features, va, access.kind), p.ia_size) || p.epd ||
      (p.e0pd && access.el0))
    return {make_fault(FaultKind::Translation, 0, access), {}};

  Leaf leaf;
  for (unsigned attempt = 0; attempt < kMaxUpdateAttempts; ++attempt) {
    if (const Fault fault = walk_to_leaf(p, va, access, memory, leaf)) return {fault, {}};
    if (!bit(leaf.descriptor, desc::kAF) && !p.ha)
      return {make_fault(FaultKind::AccessFlag, leaf.level, access), {}};

    Translation t = make_translation(regs, p, features, leaf);
    if (const Fault fault = check_permission(t, access)) return {fault, {}};

    const u64 desired = updated_descriptor(p, access, leaf.descriptor);
    if (desired == leaf.descriptor) return {{}, t};
    bool swapped = false;
    if (!memory.cas64(leaf.address, swap_if(p.ee, leaf.descriptor), swap_if(p.ee, desired),
                      swapped))
      return {make_fault(FaultKind::ExternalOnWalk, leaf.level, access), {}};
    if (swapped) {
      t.cacheable = true;
      t.dirty_needs_update = t.dirty_needs_update && bit(desired, desc::kAP2);
      return {{}, t};
    }
  }

  if (!bit(leaf.descriptor, desc::kAF))
    return {make_fault(FaultKind::AccessFlag, leaf.level, access), {}};
  Fault fault = make_fault(FaultKind::Permission, leaf.level, access);
  fault.write = true;  // only a write clears AP[2]; for an atomic the read was permitted
  return {fault, {}};
}

MemoryAttributes data_attributes(u64 sctlr_el1, const Translation& t) {
  if (t.device || bit(sctlr_el1, sctlr::kC)) return {t.attr, t.sh};
  return {kAttrNormalNC, kOuterShareable};
}

u16 current_asid(const Stage1Regs& regs, const Stage1Features& features) {
  const u64 ttbr = bit(regs.tcr, tcr::kA1) ? regs.ttbr1 : regs.ttbr0;
  const bool wide = features.asid16 && bit(regs.tcr, tcr::kAS);
  return static_cast<u16>((ttbr >> ttbr::kASID) & (wide ? 0xffff : 0xff));
}

VirtAddr strip_tag(const Stage1Regs& regs, const Stage1Features& features, VirtAddr va,
                   AccessKind kind) {
  if (addr_top(regs, features, va, kind) == 63) return va;
  return VirtAddr(static_cast<u64>(sign_extend<56>(va.raw())));
}

}  // namespace quince::cpu
