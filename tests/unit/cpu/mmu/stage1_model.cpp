#include "tests/unit/cpu/mmu/stage1_model.h"

#include <algorithm>

namespace quince::cpu::test {
namespace {

/// x<high:low>, as the pseudocode writes it.
u64 slice(u64 x, unsigned high, unsigned low) {
  const unsigned width = high - low + 1;
  return (x >> low) & (width == 64 ? ~u64{0} : (u64{1} << width) - 1);
}
bool slice(u64 x, unsigned at) { return ((x >> at) & 1) != 0; }

/// The VA bits that each level resolves with one granule (D8.2); high is 0 where the granule has no
/// such level.
struct Levels {
  unsigned page_bits;
  struct {
    unsigned high, low;
  } level[4];
  bool block[4];
};
constexpr Levels k4KiB{12, {{47, 39}, {38, 30}, {29, 21}, {20, 12}}, {false, true, true, false}};
constexpr Levels k16KiB{14, {{47, 47}, {46, 36}, {35, 25}, {24, 14}}, {false, false, true, false}};
constexpr Levels k64KiB{16, {{0, 0}, {47, 42}, {41, 29}, {28, 16}}, {false, false, true, false}};

/// S1TTWParams of the half of the address space that `va` is in.
struct Params {
  const Levels* granule;
  u64 ttbr;
  unsigned ia_size, oa_size;
  bool tbi, ee, ha, hd, hpd, wxn, epan, e0pd, epd;
};

const Levels* granule_of(const Stage1Features& f, bool upper, u64 tg) {
  const Levels* g = nullptr;
  if (upper) {
    if (tg == 1 && f.gran16) g = &k16KiB;
    if (tg == 2 && f.gran4) g = &k4KiB;
    if (tg == 3 && f.gran64) g = &k64KiB;
  } else {
    if (tg == 0 && f.gran4) g = &k4KiB;
    if (tg == 1 && f.gran64) g = &k64KiB;
    if (tg == 2 && f.gran16) g = &k16KiB;
  }
  if (g != nullptr) return g;
  // Choice: reserved and unimplemented values act as the smallest granule that exists.
  return f.gran4 ? &k4KiB : f.gran16 ? &k16KiB : &k64KiB;
}

unsigned output_size(const Stage1Features& f, u64 ips) {
  unsigned size = 52;  // choice: reserved values act as the implemented size
  switch (ips) {
    case 0:
      size = 32;
      break;
    case 1:
      size = 36;
      break;
    case 2:
      size = 40;
      break;
    case 3:
      size = 42;
      break;
    case 4:
      size = 44;
      break;
    case 5:
      size = 48;
      break;
    default:
      break;
  }
  return std::min(size, unsigned{f.pa_bits});
}

Params get_params(const Stage1Regs& r, const Stage1Features& f, u64 va, const Stage1Access& a) {
  const bool upper = slice(va, 55);
  Params p{};
  p.granule = granule_of(f, upper, upper ? slice(r.tcr, 31, 30) : slice(r.tcr, 15, 14));
  p.ttbr = upper ? r.ttbr1 : r.ttbr0;
  u64 txsz = upper ? slice(r.tcr, 21, 16) : slice(r.tcr, 5, 0);
  // Choice: out of range acts as the nearest value in range.
  const u64 most = f.ttst ? (p.granule == &k64KiB ? 47 : 48) : 39;
  if (txsz < 16) txsz = 16;
  if (txsz > most) txsz = most;
  p.ia_size = 64 - static_cast<unsigned>(txsz);
  p.oa_size = output_size(f, slice(r.tcr, 34, 32));
  p.tbi = slice(r.tcr, upper ? 38 : 37);
  if (f.tbid && slice(r.tcr, upper ? 52 : 51) && a.kind == AccessKind::Execute) p.tbi = false;
  p.ee = f.mixed_endian && slice(r.sctlr, 25);
  p.ha = f.hafdbs_af && slice(r.tcr, 39);
  p.hd = p.ha && f.hafdbs_dbm && slice(r.tcr, 40);
  p.hpd = f.hpds && slice(r.tcr, upper ? 42 : 41);
  p.wxn = slice(r.sctlr, 19);
  p.epan = f.epan && slice(r.sctlr, 57);
  p.e0pd = f.e0pd && slice(r.tcr, upper ? 56 : 55);
  p.epd = slice(r.tcr, upper ? 23 : 7);
  return p;
}

ModelResult fault(FaultKind kind, unsigned level, const Stage1Access& a) {
  // WnR.  An atomic's is clear for whatever a read would have faulted on, which is everything but
  // one case of a Permission fault, where the caller sets it.
  bool write = a.kind == AccessKind::Write && !a.atomic;
  if (a.cache_maintenance || a.at_instruction) write = true;
  ModelResult r;
  r.fault = {.kind = kind, .level = static_cast<u8>(level), .write = write};
  return r;
}

/// Memory attributes and EffectiveShareability().
void attributes(ModelResult& r, u8 attr, u64 sh) {
  r.attr = attr;
  r.device = slice(attr, 7, 4) == 0;
  if (r.device || attr == 0x44) sh = 2;  // Device, and Normal Non-cacheable
  if (sh == 1) sh = 2;                   // choice: the reserved value is Outer Shareable
  r.sh = static_cast<u8>(sh);
}

ModelResult disabled_output(const Stage1Regs& r, const Stage1Features& f, u64 va,
                            const Stage1Access& a) {
  const Params p = get_params(r, f, va, a);
  const unsigned top = p.tbi ? 55 : 63;
  if (slice(va, top, f.pa_bits) != 0) return fault(FaultKind::AddressSize, 0, a);
  ModelResult out;
  out.pa = slice(va, f.pa_bits - 1u, 0);
  if (a.kind == AccessKind::Execute)
    attributes(out, slice(r.sctlr, 12) ? 0xaa : 0x44, 2);
  else
    attributes(out, 0x00, 2);
  if (out.device && !a.aligned) return fault(FaultKind::Alignment, 0, a);
  return out;
}

struct Access4 {
  bool r, w, x;
};

/// The permissions of one leaf for one access; `ap_table` is APTable of all levels, or-ed.
Access4 permissions(const Params& p, const Stage1Features& f, const Stage1Access& a, u64 leaf,
                    u64 ap_table, bool pxn_table, bool uxn_table) {
  bool read_only = slice(leaf, 7);
  // A leaf with DBM has an effective AP[2] of 0 while hardware manages dirty state.
  if (p.hd && slice(leaf, 51)) read_only = false;
  const bool for_el0 = slice(leaf, 6);
  bool pr = true, pw = !read_only, ur = for_el0, uw = for_el0 && !read_only;
  switch (ap_table) {
    case 1:
      ur = uw = false;
      break;
    case 2:
      pw = uw = false;
      break;
    case 3:
      pw = ur = uw = false;
      break;
    default:
      break;
  }
  bool ux = !slice(leaf, 54) && !uxn_table;
  bool px = !slice(leaf, 53) && !pxn_table && !uw;
  if (f.pan && a.pan && !a.el0 && (ur || (p.epan && ux))) pr = pw = false;
  Access4 out = a.el0 ? Access4{ur, uw, ux} : Access4{pr, pw, px};
  // WXN looks at what may be written, and PAN is not a matter of instruction fetches.
  const bool writable = a.el0 ? uw : !read_only && (ap_table & 2) == 0;
  if (p.wxn && writable) out.x = false;
  return out;
}

/// AArch64.S1CheckPermissions().
ModelResult check(const Access4& may, unsigned level, const Stage1Access& a) {
  if (a.cache_maintenance && !a.el0 && a.kind == AccessKind::Read) return {};
  switch (a.kind) {
    case AccessKind::Execute:
      // Choice: Device memory may be executed.
      return may.x ? ModelResult{} : fault(FaultKind::Permission, level, a);
    case AccessKind::Read:
      return may.r ? ModelResult{} : fault(FaultKind::Permission, level, a);
    case AccessKind::Write:
      break;
  }
  if (a.atomic && !may.r) return fault(FaultKind::Permission, level, a);
  if (may.w) return {};
  ModelResult out = fault(FaultKind::Permission, level, a);
  out.fault.write = true;
  return out;
}

u64 in_order(bool big_endian, u64 x) {
  if (!big_endian) return x;
  u64 y = 0;
  for (unsigned i = 0; i < 8; ++i) y |= slice(x, 8 * i + 7, 8 * i) << (56 - 8 * i);
  return y;
}

/// The outcome of one pass over the tables.
struct Walked {
  ModelResult result;
  u64 at = 0, descriptor = 0, wanted = 0;  // the leaf: where, what, and what it should become
};

/// AArch64.S1Walk() and what AArch64.S1Translate() does with its outcome.
Walked walk(const Stage1Regs& r, const Stage1Features& f, u64 va, const Stage1Access& a,
            const Params& p, PhysMemory& memory) {
  unsigned level = 0;
  while (p.granule->level[level].high == 0 || p.granule->level[level].low >= p.ia_size) ++level;
  unsigned high = p.ia_size - 1;

  // The first table is aligned to its size.
  const u64 table_size = 8 * (u64{1} << (high - p.granule->level[level].low + 1));
  u64 table = slice(p.ttbr, 47, 0) / table_size * table_size;
  if (p.oa_size < 48 && slice(table, 47, p.oa_size) != 0)
    return {fault(FaultKind::AddressSize, 0, a)};

  u64 ap_table = 0;
  bool pxn_table = false, uxn_table = false;
  for (;;) {
    const unsigned low = p.granule->level[level].low;
    const u64 at = table + 8 * slice(va, high, low);
    u64 raw = 0;
    if (!memory.read64(PhysAddr(at), raw)) return {fault(FaultKind::ExternalOnWalk, level, a)};
    const u64 d = in_order(p.ee, raw);
    if (!slice(d, 0)) return {fault(FaultKind::Translation, level, a)};

    if (level < 3 && slice(d, 1)) {  // a table
      table = slice(d, 47, p.granule->page_bits) << p.granule->page_bits;
      if (p.oa_size < 48 && slice(table, 47, p.oa_size) != 0)
        return {fault(FaultKind::AddressSize, level, a)};
      if (!p.hpd) {
        ap_table |= slice(d, 62, 61);
        uxn_table |= slice(d, 60);
        pxn_table |= slice(d, 59);
      }
      ++level;
      high = p.granule->level[level].high;
      continue;
    }

    if (level == 3 ? !slice(d, 1) : !p.granule->block[level])
      return {fault(FaultKind::Translation, level, a)};
    const u64 base = slice(d, 47, low) << low;
    if (p.oa_size < 48 && slice(base, 47, p.oa_size) != 0)
      return {fault(FaultKind::AddressSize, level, a)};
    // The Contiguous bit (52) may be ignored, and is: nothing depends on the neighbours.
    if (!slice(d, 10) && !p.ha) return {fault(FaultKind::AccessFlag, level, a)};

    ModelResult out;
    const auto index = static_cast<unsigned>(slice(d, 4, 2));
    attributes(out, static_cast<u8>(slice(r.mair, 8 * index + 7, 8 * index)), slice(d, 9, 8));
    if (out.device && a.kind != AccessKind::Execute && !a.aligned)
      return {fault(FaultKind::Alignment, level, a)};
    const Access4 may = permissions(p, f, a, d, ap_table, pxn_table, uxn_table);
    if (const ModelResult denied = check(may, level, a); denied.fault) return {denied};

    // A data access with the data cache off: Normal memory is Non-cacheable.
    if (a.kind != AccessKind::Execute && !slice(r.sctlr, 2) && !out.device)
      attributes(out, 0x44, 2);
    out.pa = base | slice(va, low - 1, 0);
    out.level = level;
    out.page_bits = low;
    out.ng = slice(d, 11);
    out.guarded = f.bti && slice(d, 50);
    u64 wanted = d;
    if (!a.at_instruction && !a.cache_maintenance) {  // choice: these update nothing
      if (p.ha) wanted |= u64{1} << 10;
      if (p.hd && slice(d, 51) && a.kind == AccessKind::Write) wanted &= ~(u64{1} << 7);
    }
    return {out, at, d, wanted};
  }
}

}  // namespace

ModelResult model_translate(const Stage1Regs& regs, const Stage1Features& features, u64 va,
                            const Stage1Access& access, PhysMemory& memory) {
  if (!slice(regs.sctlr, 0)) return disabled_output(regs, features, va, access);
  const Params p = get_params(regs, features, va, access);

  // AArch64.VAIsOutOfRange(): the bits that no level resolves are copies of VA<55>.
  const unsigned top = p.tbi ? 55 : 63;
  for (unsigned i = p.ia_size; i <= top; ++i)
    if (slice(va, i) != slice(va, 55)) return fault(FaultKind::Translation, 0, access);
  if (p.e0pd && access.el0) return fault(FaultKind::Translation, 0, access);
  if (p.epd) return fault(FaultKind::Translation, 0, access);

  for (;;) {
    const Walked w = walk(regs, features, va, access, p, memory);
    if (w.result.fault || w.wanted == w.descriptor) return w.result;
    // AArch64.MemSwapTableDesc(): the whole walk again when another observer was faster.
    bool swapped = false;
    if (!memory.cas64(PhysAddr(w.at), in_order(p.ee, w.descriptor), in_order(p.ee, w.wanted),
                      swapped))
      return fault(FaultKind::ExternalOnWalk, w.result.level, access);
    if (swapped) return w.result;
  }
}

}  // namespace quince::cpu::test
