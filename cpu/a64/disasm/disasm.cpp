#include "cpu/a64/disasm/disasm.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bits.h"

namespace quince::a64 {

namespace {

/// Finds a field of a row by name, in the order of the pattern.
const Field* find_field(const RowInfo& row, std::string_view name) {
  const char* p = row.pattern;
  unsigned n = 0;
  for (Token t; next_token(p, t);) {
    if (t.literal) continue;
    if (name == std::string_view(t.begin, t.length)) return &row.enc.fields[n];
    ++n;
  }
  return nullptr;
}

/// A placeholder without its braces, taken apart: name:field*scale or name:field+offset.
struct Placeholder {
  std::string_view name, args, field;
  char op = 0;  ///< '*', '+', '-' or none
  s64 operand = 0;
};

Placeholder take_apart(std::string_view text) {
  Placeholder p;
  const auto colon = text.find(':');
  p.name = text.substr(0, colon);
  if (colon == text.npos) return p;
  p.args = text.substr(colon + 1);
  const auto op = p.args.find_first_of("*+-");
  p.field = p.args.substr(0, op);
  if (op == p.args.npos) return p;
  p.op = p.args[op];
  std::from_chars(p.args.data() + op + 1, p.args.data() + p.args.size(), p.operand);
  return p;
}

std::string general(bool x, bool sp, u32 r) {
  if (r == 31) return sp ? (x ? "sp" : "wsp") : (x ? "xzr" : "wzr");
  return fmt::format("{}{}", x ? 'x' : 'w', r);
}

std::string number(const Placeholder& p, s64 value) {
  switch (p.op) {
    case '*':
      value *= p.operand;
      break;
    case '+':
      value += p.operand;
      break;
    case '-':
      value -= p.operand;
      break;
    default:
      break;
  }
  return fmt::format("{}", value);
}

s64 signed_field(const Decoded& d, std::string_view name) {
  const unsigned width = d.width(name);
  return width == 0 ? 0 : sign_extend(d[name], width);
}

/// A PC-relative operand.
std::string label(const Decoded& d, std::string_view field) {
  s64 offset = 0;
  if (field == "adr" || field == "adrp") {
    offset = sign_extend<21>((d["immhi"] << 2) | d["immlo"]);
    if (field == "adrp") offset *= 4096;
  } else {
    offset = signed_field(d, field) * 4;
  }
  return fmt::format(".{:+}", offset);
}

/// The placeholders that every row may use; false for another name.
bool built_in(const Decoded& d, const Placeholder& p, std::string& out) {
  const u32 v = d[p.field];
  const std::string_view n = p.name;
  if (n == "w" || n == "x" || n == "r") {
    out += general(n == "x" || (n == "r" && d["sf"] != 0), false, v);
  } else if (n == "wsp" || n == "xsp" || n == "rsp") {
    out += general(n == "xsp" || (n == "rsp" && d["sf"] != 0), true, v);
  } else if (n.size() == 1 && std::string_view("bhsdqv").find(n) != n.npos) {
    out += fmt::format("{}{}", n, v);
  } else if (n == "u") {
    out += number(p, v);
  } else if (n == "i") {
    out += number(p, signed_field(d, p.field));
  } else if (n == "label") {
    out += label(d, p.field);
  } else {
    return false;
  }
  return true;
}

const Formatter* find_formatter(std::string_view name) {
  for (const auto& table :
       {formatters_integer(), formatters_ldst(), formatters_system(), formatters_simd(),
        formatters_simd_fp()})
    for (const Formatter& f : table)
      if (name == f.name) return &f;
  return nullptr;
}

}  // namespace

u32 Decoded::operator[](std::string_view field) const {
  const Field* f = find_field(row_, field);
  return f != nullptr ? extract(insn_, *f) : 0;
}

bool Decoded::has(std::string_view field) const { return find_field(row_, field) != nullptr; }

unsigned Decoded::width(std::string_view field) const {
  const Field* f = find_field(row_, field);
  return f != nullptr ? f->width : 0;
}

std::string disassemble(u32 insn) {
  const int row = decode_row(insn);
  if (row < 0) return {};
  const Decoded d(rows()[static_cast<std::size_t>(row)], insn);
  std::string out;
  std::string_view rest = d.row().text;
  while (!rest.empty()) {
    const auto open = rest.find('{');
    out += rest.substr(0, open);
    if (open == rest.npos) break;
    const auto close = rest.find('}', open);
    if (close == rest.npos) break;
    const Placeholder p = take_apart(rest.substr(open + 1, close - open - 1));
    if (!built_in(d, p, out)) {
      const Formatter* f = find_formatter(p.name);
      out += f != nullptr ? f->format(d, p.args) : fmt::format("<{}>", p.name);
    }
    rest.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace quince::a64
