#include "cpu/jit/x64/host_rows.h"

#include <string_view>
#include <unordered_map>

namespace quince::cpu::jit {

namespace {

/// Of a structure load or store: bits 15:12 of those of multiple structures (DDI 0487, C4.1.94).
unsigned registers_of(u32 insn) {
  if ((insn >> 24 & 1) != 0) return 1;  // single structures: LD1R only
  switch (insn >> 12 & 15) {
    case 7:
      return 1;
    case 8:
    case 10:
      return 2;
    case 4:
    case 6:
      return 3;
    default:
      return 4;
  }
}

}  // namespace

bool HostRow::suits(u32 insn, const HostFeatures& host, const StateKey& key) const {
  if ((uses & kGeneral) != 0) return true;
  if (!key.fp_enabled || !host.avx2 || ((uses & kFpPlain) != 0 && !key.fp_plain)) return false;
  if ((sizes >> (insn >> 22 & 3) & 1) == 0) return false;
  return ((needs & kAes) == 0 || host.aes) && ((needs & kPclmul) == 0 || host.pclmul) &&
         ((needs & kSha) == 0 || host.sha) && ((needs & kAvx512) == 0 || host.avx512);
}

Facts HostRow::facts(u32 insn) const {
  Facts f;
  const auto reg = [insn](unsigned at) { return RegSet{1} << (insn >> at & 31); };
  const auto general = [insn](unsigned at) {
    const u32 r = insn >> at & 31;
    return r == 31 ? 0 : RegSet{1} << r;
  };
  if ((uses & kWd) != 0) f.v_writes |= reg(0);
  if ((uses & kRd) != 0) f.v_reads |= reg(0);
  if ((uses & kRn) != 0) f.v_reads |= reg(5);
  if ((uses & kRm) != 0) f.v_reads |= reg(16);
  if ((uses & kRmShort) != 0)
    f.v_reads |= (insn >> 22 & 3) == 1 ? RegSet{1} << (insn >> 16 & 15) : reg(16);
  if ((uses & kRa) != 0) f.v_reads |= reg(10);
  if ((uses & kTable) != 0)
    for (u32 i = 0; i <= (insn >> 13 & 3); ++i) f.v_reads |= RegSet{1} << (((insn >> 5) + i) & 31);
  if ((uses & kXd) != 0) {
    f.writes |= general(0);
    f.puts = 1;
  }
  if ((uses & kXn) != 0) f.reads |= general(5);
  if ((uses & (kListWrite | kListRead)) != 0) {
    RegSet list = 0;
    for (unsigned n = 0; n < registers_of(insn); ++n) list |= RegSet{1} << (((insn & 31) + n) & 31);
    ((uses & kListWrite) != 0 ? f.v_writes : f.v_reads) |= list;
  }
  if ((uses & kBase) != 0) {
    f.memory = true;
    f.reads |= reg(5);  // SP has the bit of 31
    const unsigned count = registers_of(insn);
    if (count > 1)
      f.near = {.base = static_cast<u8>(insn >> 5 & 31),
                .write = (uses & kListRead) != 0,
                .bytes = static_cast<u16>(count * ((insn >> 30 & 1) != 0 ? 16 : 8)),
                .accesses = static_cast<u8>(count)};
    if ((insn >> 23 & 1) != 0) {
      f.reads |= general(16);
      f.writes |= reg(5);
      f.puts = 1;
    }
  }
  if ((uses & (kAtomic | kCompareSwap)) != 0) {
    f.memory = true;
    f.reads |= reg(5) | general(16);
    if ((uses & kCompareSwap) != 0) f.reads |= general(0);
    f.writes |= (uses & kCompareSwap) != 0 ? general(16) : general(0);
    f.puts = 1;
    if ((uses & kPair) != 0) {  // X30 pairs with XZR
      const auto second = [&](unsigned at) { return (general(at) << 1) & ~(RegSet{1} << 31); };
      f.reads |= second(16) | second(0);
      f.writes |= second(16);
      f.puts = 2;
    }
  }
  const auto replaced = [&](RegSet r) { f.reads |= r, f.writes |= r; };
  if ((uses & kPointer) != 0) {
    replaced(general(0));
    f.reads |= reg(5);
  }
  if ((uses & kLink) != 0) {
    replaced(RegSet{1} << 30);
    f.reads |= RegSet{1} << kSp;
  }
  if ((uses & kX17) != 0) {
    replaced(RegSet{1} << 17);
    f.reads |= RegSet{1} << 16;
  }
  if ((uses & (kPointer | kLink | kX17)) != 0) {
    f.memory = true;  // they may fault
    f.puts = 1;
  }
  f.writes_flags = (uses & kSetsFlags) != 0;
  f.reads_flags = (uses & kReadsFlags) != 0;
  return f;
}

const HostRow* host_row(const char* id) {
  static const std::unordered_map<std::string_view, const HostRow*> rows = [] {
    std::unordered_map<std::string_view, const HostRow*> all;
    for (const auto& table :
         {host_rows_int(), host_rows_saturating(), host_rows_shift(), host_rows_move(),
          host_rows_scalar(), host_rows_convert(), host_rows_fp(), host_rows_fp_convert(),
          host_rows_crypto(), host_rows_memory(), host_rows_store(), host_rows_atomics(),
          host_rows_exclusives(), host_rows_pauth()})
      for (const HostRow& r : table) all.emplace(r.id, &r);
    return all;
  }();
  const auto it = rows.find(id);
  return it == rows.end() ? nullptr : it->second;
}

}  // namespace quince::cpu::jit
