#include "cpu/jit/rows.h"

#include <vector>

#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

const JitRow& row(int number) {
  static const std::vector<JitRow> rows = [] {
    std::vector<JitRow> all;
    for (const auto& group : {group_dp_imm(), group_dp_reg(), group_branch(), group_system(),
                              group_ldst(), group_ldst_atomic(), group_ldst_simd(), group_fp(),
                              group_simd_int(), group_simd_fp(), group_crypto()})
      all.insert(all.end(), group.begin(), group.end());
    for (std::size_t i = 0; i < all.size(); ++i) all[i].host = host_row(a64::rows()[i].id);
    return all;
  }();
  return rows[static_cast<std::size_t>(number)];
}

}  // namespace quince::cpu::jit
