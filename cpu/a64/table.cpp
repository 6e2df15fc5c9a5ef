#include "cpu/a64/table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cpu/interp/bind.h"
#include "cpu/interp/rows.h"

namespace quince {

namespace {

/// Everything that is built once from the rows: read-only after that.
struct Index {
  std::vector<a64::RowInfo> infos;
  std::vector<cpu::MakeHandler> makers;
  /// Candidate rows by bits 28:21 of the instruction, the most fixed bits first.
  std::array<std::vector<u16>, 256> buckets;
};

constexpr u32 bucket_of(u32 insn) { return (insn >> 21) & 0xff; }

Index build() {
  Index index;
  using namespace cpu;
  for (const auto& group : {group_dp_imm(), group_dp_reg(), group_branch(), group_system(),
                            group_ldst(), group_ldst_atomic(), group_ldst_simd(), group_fp(),
                            group_simd_int(), group_simd_fp(), group_crypto()})
    for (const InterpRow& row : group) {
      index.infos.push_back(row.info);
      index.makers.push_back(row.make);
    }
  std::vector<u16> order(index.infos.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<u16>(i);
  std::stable_sort(order.begin(), order.end(), [&](u16 a, u16 b) {
    return std::popcount(index.infos[a].enc.mask) > std::popcount(index.infos[b].enc.mask);
  });
  for (u32 b = 0; b < 256; ++b)
    for (const u16 i : order) {
      const a64::Encoding& e = index.infos[i].enc;
      if ((((b << 21) ^ e.value) & e.mask & (0xffu << 21)) == 0) index.buckets[b].push_back(i);
    }
  return index;
}

const Index& index() {
  static const Index instance = build();
  return instance;
}

}  // namespace

namespace a64 {

std::span<const RowInfo> rows() { return index().infos; }

int decode_row(u32 insn) {
  for (const u16 i : index().buckets[bucket_of(insn)])
    if (index().infos[i].enc.matches(insn)) return i;
  return -1;
}

}  // namespace a64

cpu::Handler cpu::make_handler_for(u32 insn, const FeatureSet& features) {
  const int row = a64::decode_row(insn);
  if (row < 0) return nullptr;
  const auto i = static_cast<std::size_t>(row);
  return has(features, index().infos[i].feature) ? index().makers[i](insn) : nullptr;
}

}  // namespace quince
