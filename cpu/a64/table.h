// The instruction table: rows from cpu/a64/isa/*.inc, bound to an engine.
//
// One row is A64(id, "pattern", "assembly", Feature).  `id` is also the name of its one meaning, a
// function whose parameters are the engine and the pattern's fields in order; a wrong number of
// fields does not compile.  Decoder, disassembler, engines, tests and documentation read the rows.
#pragma once

#include <span>
#include <utility>

#include "cpu/a64/encoding.h"
#include "cpu/features.h"

namespace quince::a64 {

/// What a row is, apart from what it does.
struct RowInfo {
  const char* id;        ///< unique name of the row
  const char* group;     ///< the .inc file
  Encoding enc;
  const char* pattern;
  const char* text;      ///< assembly, in the language of cpu/a64/disasm.h
  Feature feature;       ///< the extension that it belongs to; without it the row is UNDEFINED
};

/// Every row of every group, in the order of the files.
std::span<const RowInfo> rows();

/// The row that an instruction decodes to, with every feature on: of all rows that match, the one
/// with the most fixed bits.  Null where there is none (UNDEFINED).  The result is an index into
/// rows(), or -1.
int decode_row(u32 insn);

/// Calls fn(engine, fields...) with the fields of `insn` in pattern order; specialised fields
/// come from `Fixed`, so that they are constants.
template <Encoding E, auto Fn, u32 Fixed, class Engine>
[[gnu::always_inline]] inline void call(Engine& engine, u32 insn) {
  [&]<std::size_t... I>(std::index_sequence<I...>) __attribute__((always_inline)) {
    Fn(engine, (E.fields[I].specialised ? extract(Fixed, E.fields[I]) : extract(insn, E.fields[I]))...);
  }(std::make_index_sequence<E.n_fields>{});
}

/// How many values the specialised fields of a pattern have together.
constexpr u32 variants(const Encoding& e) {
  u32 n = 1;
  for (unsigned i = 0; i < e.n_fields; ++i)
    if (e.fields[i].specialised) n <<= e.fields[i].width;
  return n;
}

/// The specialised field bits of `insn`, gathered: 0 .. variants - 1.
constexpr u32 variant_of(const Encoding& e, u32 insn) {
  u32 v = 0;
  for (unsigned i = 0; i < e.n_fields; ++i)
    if (e.fields[i].specialised) v = (v << e.fields[i].width) | extract(insn, e.fields[i]);
  return v;
}

/// The reverse: an instruction word with only the specialised fields of variant `v` set.
constexpr u32 fixed_bits(const Encoding& e, u32 v) {
  u32 insn = 0;
  for (unsigned i = e.n_fields; i-- > 0;)
    if (e.fields[i].specialised) {
      insn |= (v & ((u32{1} << e.fields[i].width) - 1)) << e.fields[i].lo;
      v >>= e.fields[i].width;
    }
  return insn;
}

}  // namespace quince::a64
