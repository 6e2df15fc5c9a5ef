// Text of system operands, for the disassembler.
//
//   {barrier}      the domain and type of DMB and DSB;  {isb}  nothing, or " #n"
//   {hint}         the number of a hint;  {bti}  "", " c", " j" or " jc"
//   {msr_imm:f}    MSR of PSTATE field f, whose immediate is one bit
//   {sysreg_r} {sysreg_w}  a system register by name, or S<op0>_<op1>_C<n>_C<m>_<op2> where the
//                  access is not allowed or the register unknown
//   {sys} {sysl}   a system instruction by name, or SYS and SYSL
//   {ldra}         the address of LDRAA and LDRAB
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/bits.h"
#include "cpu/a64/disasm/disasm.h"
#include "cpu/sysreg.h"

namespace quince::a64 {

namespace {

std::string x_name(u32 r, bool sp = false) {
  return r == 31 ? std::string(sp ? "sp" : "xzr") : fmt::format("x{}", r);
}

std::string barrier(const Decoded& d, std::string_view) {
  constexpr const char* kDomain[] = {"osh", "nsh", "ish", ""};
  constexpr const char* kType[] = {"", "ld", "st", ""};
  const u32 crm = d["crm"], domain = crm >> 2, type = crm & 3;
  if (type == 0) return fmt::format("#{}", crm);
  if (domain == 3) return type == 3 ? "sy" : kType[type];
  return fmt::format("{}{}", kDomain[domain], kType[type]);
}
std::string isb(const Decoded& d, std::string_view) {
  return d["crm"] == 15 ? std::string() : fmt::format(" #{}", d["crm"]);
}
std::string hint(const Decoded& d, std::string_view) {
  return fmt::format("{}", d["crm"] << 3 | d["op2"]);
}
std::string bti(const Decoded& d, std::string_view) {
  constexpr const char* kTargets[] = {"", " c", " j", " jc"};
  return kTargets[d["targets"]];
}
std::string msr_imm(const Decoded& d, std::string_view field) {
  // Assemblers take only the values with a meaning; the others act as their lowest bit, and are
  // spelt as the register number that the same bits would be.
  const u32 imm = d["imm"];
  if (imm <= 1) return fmt::format("msr {}, #{}", field, imm);
  return fmt::format("msr s0_{}_c4_c{}_{}, xzr", bits(d.insn(), 18, 16), imm, bits(d.insn(), 7, 5));
}

std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  return s;
}

std::string sysreg(const Decoded& d, bool write) {
  const hw::SysRegId id(static_cast<u16>(0x8000 | d["sysreg"]));
  const cpu::SysRegRow* row = cpu::find_sysreg(id);
  if (row != nullptr && (write ? row->write != nullptr : row->read != nullptr)) {
    // One encoding with two names: the receive and the transmit register.
    if (write && row->name == "DBGDTRRX_EL0") return "dbgdtrtx_el0";
    return lower(row->name);
  }
  return fmt::format("s{}_{}_c{}_c{}_{}", id.op0(), id.op1(), id.crn(), id.crm(), id.op2());
}
std::string sysreg_r(const Decoded& d, std::string_view) { return sysreg(d, false); }
std::string sysreg_w(const Decoded& d, std::string_view) { return sysreg(d, true); }

std::string sys_operands(hw::SysRegId id) {
  return fmt::format("#{}, c{}, c{}, #{}", id.op1(), id.crn(), id.crm(), id.op2());
}
std::string sys(const Decoded& d, std::string_view) {
  const hw::SysRegId id(static_cast<u16>(0x4000 | d["op"]));
  const u32 rt = d["rt"];
  if (const cpu::SysRegRow* row = cpu::find_sysreg(id)) {
    std::string name = row->name;
    const bool no_register = name.back() == '*';
    if (no_register) name.pop_back();
    if (no_register && rt == 31) return name;
    if (!no_register) return fmt::format("{}, {}", name, x_name(rt));
  }
  return fmt::format("sys {}, {}", sys_operands(id), x_name(rt));
}
std::string sysl(const Decoded& d, std::string_view) {
  const hw::SysRegId id(static_cast<u16>(0x4000 | d["op"]));
  return fmt::format("sysl {}, {}", x_name(d["rt"]), sys_operands(id));
}

std::string ldra(const Decoded& d, std::string_view) {
  const s64 offset = sign_extend<10>(u64{d["s"]} << 9 | d["imm9"]) * 8;
  return fmt::format("[{}, #{}]{}", x_name(d["rn"], true), offset, d["w"] != 0 ? "!" : "");
}

constexpr Formatter kFormatters[] = {
    {"barrier", barrier},   {"isb", isb},           {"hint", hint}, {"bti", bti},
    {"msr_imm", msr_imm},   {"sysreg_r", sysreg_r}, {"sys", sys},   {"sysl", sysl},
    {"sysreg_w", sysreg_w}, {"ldra", ldra},
};

}  // namespace

std::span<const Formatter> formatters_system() { return kFormatters; }

}  // namespace quince::a64
