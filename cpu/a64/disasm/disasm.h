// The disassembler: assembly text from the table's third column.
//
// The text is copied, except for placeholders in braces:
//   {w:f} {x:f} {r:f}        general register in field f: W, X, or by the row's `sf` field; 31 is ZR
//   {wsp:f} {xsp:f} {rsp:f}  the same, 31 is SP
//   {b:f} {h:f} {s:f} {d:f} {q:f}  scalar SIMD&FP register;  {v:f}  "v3", to be followed by an arrangement
//   {u:f} {u:f*8} {u:f+1}    field as an unsigned number, scaled or offset by a constant
//   {i:f} {i:f*8}            field as a signed number, scaled
//   {label:f}                PC-relative: the sign-extended field times 4, as ".+N" ("adr" and "adrp":
//                            the immhi:immlo forms)
//   {name} {name:f,g}        a formatter: a function of the instruction, registered by its group
// Output is in the preferred spelling of the base mnemonic (no aliases), so that an assembler
// gives the same word back; the test does just that with llvm-mc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cpu/a64/table.h"

namespace quince::a64 {

/// A decoded instruction, for formatters: fields by name.
class Decoded {
 public:
  Decoded(const RowInfo& row, u32 insn) : row_(row), insn_(insn) {}
  u32 insn() const { return insn_; }
  const RowInfo& row() const { return row_; }
  /// The value of a field; 0 where the row has no such field.
  u32 operator[](std::string_view field) const;
  bool has(std::string_view field) const;
  unsigned width(std::string_view field) const;

 private:
  const RowInfo& row_;
  u32 insn_;
};

/// A named formatter.  `args` is what stands behind the colon, "" without one.
struct Formatter {
  const char* name;
  std::string (*format)(const Decoded& d, std::string_view args);
};

/// The formatters of each group (cpu/a64/disasm/<group>.cpp).
std::span<const Formatter> formatters_integer();  ///< dp_imm, dp_reg, branch
std::span<const Formatter> formatters_ldst();     ///< ldst, ldst_atomic, ldst_simd, ldst_struct
std::span<const Formatter> formatters_system();
std::span<const Formatter> formatters_simd();     ///< ldst_simd, simd_int, crypto
std::span<const Formatter> formatters_simd_fp();  ///< fp, simd_fp

/// The text of one instruction, "" where no row matches.  Reserved values in a row that matches
/// have some text.
std::string disassemble(u32 insn);

}  // namespace quince::a64
