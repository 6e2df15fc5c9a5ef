#include "cpu/jit/rows.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

namespace {

bool is_one_of(std::string_view id, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), id) != all.end();
}

RowTraits::Nature nature_of(const a64::RowInfo& info) {
  using Nature = RowTraits::Nature;
  const std::string_view id = info.id;
  if (std::string_view(info.group) != "system") return Nature::None;
  if (is_one_of(id, {"HINT", "NOP", "DGH", "ESB", "PSB_CSYNC", "TSB_CSYNC", "CSDB", "BTI", "SB"}))
    return Nature::Nothing;
  if (is_one_of(id, {"XPACLRI", "PACIA1716", "PACIB1716", "AUTIA1716", "AUTIB1716", "PACIAZ",
                     "PACIASP", "PACIBZ", "PACIBSP", "AUTIAZ", "AUTIASP", "AUTIBZ", "AUTIBSP"}))
    return Nature::PauthHint;
  if (id == "ISB") return Nature::Isb;
  if (id == "DSB") return Nature::Dsb;
  if (id == "DMB") return Nature::Dmb;
  if (id == "MRS") return Nature::Mrs;
  if (id == "MSR_reg") return Nature::Msr;
  if (id == "SYS") return Nature::Sys;
  if (is_one_of(id, {"CFINV", "XAFLAG", "AXFLAG", "SEV", "SEVL", "MSR_SSBS", "MSR_DIT"}))
    return Nature::Plain;
  const bool pauth = id.starts_with("PAC") || id.starts_with("AUT") || id.starts_with("XPAC");
  return pauth && !id.starts_with("AUTIA_") ? Nature::Plain : Nature::Ends;
}

RowTraits traits_of(const a64::RowInfo& info, RowKind kind) {
  RowTraits t{.nature = nature_of(info), .feature = info.feature};
  if (kind != RowKind::FpCall) return t;
  const std::string_view text = info.text, id = info.id;
  const auto has = [text](const char* field) { return text.find(field) != text.npos; };
  t.uses_x = has("{w") || has("{x") || has("{r") || has("{R5");
  t.uses_nzcv = id.starts_with("FCMP") || id.starts_with("FCCMP") || id.starts_with("FCSEL");
  return t;
}

}  // namespace

const JitRow& row(int number) {
  static const std::vector<JitRow> rows = [] {
    std::vector<JitRow> all;
    for (const auto& group : {group_dp_imm(), group_dp_reg(), group_branch(), group_system(),
                              group_ldst(), group_ldst_atomic(), group_ldst_simd(), group_fp(),
                              group_simd_int(), group_simd_fp(), group_crypto()})
      all.insert(all.end(), group.begin(), group.end());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const a64::RowInfo& info = a64::rows()[i];
      all[i].host = host_row(info.id);
      all[i].traits = traits_of(info, all[i].kind);
    }
    return all;
  }();
  return rows[static_cast<std::size_t>(number)];
}

}  // namespace quince::cpu::jit
