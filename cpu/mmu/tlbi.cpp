#include "cpu/mmu/tlbi.h"

#include "base/bits.h"

namespace quince::cpu {
namespace {

/// Sets first..last from the operand of a range form: BaseADDR, and (NUM + 1) * 2^(5*SCALE + 1)
/// pages of the granule TG.  A range that leaves its half of the address space ends with it.
void set_range(TlbInvalidation& i, u64 xt) {
  const u64 tg = bits(xt, 47, 46);
  if (tg == 0) {  // reserved
    i.kind = TlbInvalidation::Kind::None;
    return;
  }
  const unsigned granule_bits = 10 + 2 * static_cast<unsigned>(tg);
  const unsigned scale = static_cast<unsigned>(bits(xt, 45, 44));
  const u64 size = (bits(xt, 43, 39) + 1) << (5 * scale + 1 + granule_bits);
  const u64 first = static_cast<u64>(sign_extend<37>(xt)) << granule_bits;
  const u64 half_end = low_mask(52) | (bit(first, 63) ? ~low_mask(52) : 0);
  i.first = VirtAddr(first);
  i.last = VirtAddr(half_end - first < size ? half_end : first + size - 1);
}

}  // namespace

bool TlbInvalidation::covers(VirtAddr va, unsigned log2_size, bool ng, u16 entry_asid) const {
  switch (kind) {
    case Kind::None: return false;
    case Kind::All: return true;
    case Kind::Asid: return ng && entry_asid == asid;
    case Kind::Va: break;
  }
  if (ng && !any_asid && entry_asid != asid) return false;
  const VirtAddr entry_last(va.raw() | low_mask(log2_size));
  return va <= last && entry_last >= first;
}

TlbInvalidation decode_tlbi(TlbiOp op, u64 xt, bool asid16) {
  using Kind = TlbInvalidation::Kind;
  TlbInvalidation i;
  const u16 asid = static_cast<u16>((xt >> 48) & (asid16 ? 0xffff : 0xff));
  if (op == TlbiOp::VMALLE1) {
    i.kind = Kind::All;
    return i;
  }
  if (op == TlbiOp::ASIDE1) {
    i.kind = Kind::Asid;
    i.asid = asid;
    return i;
  }

  i.kind = Kind::Va;
  i.any_asid = op == TlbiOp::VAAE1 || op == TlbiOp::VAALE1 || op == TlbiOp::RVAAE1 ||
               op == TlbiOp::RVAALE1;
  i.last_level_only = op == TlbiOp::VALE1 || op == TlbiOp::VAALE1 || op == TlbiOp::RVALE1 ||
                      op == TlbiOp::RVAALE1;
  if (!i.any_asid) i.asid = asid;
  if (op >= TlbiOp::RVAE1) {
    set_range(i, xt);
  } else {
    i.first = VirtAddr(static_cast<u64>(sign_extend<44>(xt)) << 12);
    i.last = i.first + 0xfff;
  }
  return i;
}

}  // namespace quince::cpu
