#include "cpu/a64/table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <vector>

#include "cpu/interp/bind.h"
#include "cpu/interp/rows.h"

namespace quince {

namespace {

/// Bits 30:21 of an instruction select its candidates.
constexpr u32 kBuckets = 1024;
constexpr unsigned kBucketShift = 21;
constexpr u32 bucket_of(u32 insn) { return (insn >> kBucketShift) & (kBuckets - 1); }

/// What decoding asks of a row.
struct Candidate {
  u32 mask, value, nonzero;
  int row;
  bool matches(u32 insn) const {
    return (insn & mask) == value && (nonzero == 0 || (insn & nonzero) != 0);
  }
};

/// Everything that is built once from the rows: read-only after that.
struct Index {
  std::vector<a64::RowInfo> infos;
  std::vector<cpu::MakeHandler> makers;
  /// Of all buckets, one after the other; in each, those with the most fixed bits first.
  std::vector<Candidate> candidates;
  std::array<u32, kBuckets + 1> begins{};  ///< of each bucket, and behind the last one
};

/// Calls `f` with every bucket that has instructions of an encoding.
template <class F>
void for_each_bucket(const a64::Encoding& e, F f) {
  const u32 open = ~bucket_of(e.mask) & (kBuckets - 1);
  for (u32 chosen = open;; chosen = (chosen - 1) & open) {
    f(bucket_of(e.value) | chosen);
    if (chosen == 0) return;
  }
}

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
  for (const a64::RowInfo& info : index.infos)
    for_each_bucket(info.enc, [&](u32 b) { ++index.begins[b + 1]; });
  std::partial_sum(index.begins.begin(), index.begins.end(), index.begins.begin());
  index.candidates.resize(index.begins[kBuckets]);
  auto next = index.begins;
  for (const u16 i : order) {
    const a64::Encoding& e = index.infos[i].enc;
    for_each_bucket(e, [&](u32 b) {
      index.candidates[next[b]++] = {
          .mask = e.mask, .value = e.value, .nonzero = e.nonzero, .row = i};
    });
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
  const Index& all = index();
  const u32 b = bucket_of(insn);
  for (u32 n = all.begins[b]; n != all.begins[b + 1]; ++n)
    if (all.candidates[n].matches(insn)) return all.candidates[n].row;
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
