#include "tests/diff/vector.h"

#include <fmt/format.h>

#include <sstream>

#include "tests/diff/comparison.h"

namespace quince::test {

namespace {

bool has_end(const OracleCase& c) {
  const unsigned n = code_size(c);
  return n < ORACLE_INSNS && c.insn[n] == branch_to(c.slot, n, ORACLE_EXIT);
}

/// The state of the reader: a vector in the making.
struct Reader {
  Vector v;
  std::vector<u32> words;
  std::vector<std::pair<std::string, u64>> out;
  bool open = false, end = false;
  u64 pc = 0;

  Result<void> line(const std::string& text);
  Result<Vector> take();
};

Result<u64> number(std::istream& in) {
  std::string s;
  in >> s;
  std::size_t used = 0;
  u64 v = 0;
  for (; used < s.size() && std::isxdigit(static_cast<unsigned char>(s[used])) != 0; ++used)
    v = v << 4 | static_cast<u64>(std::stoi(s.substr(used, 1), nullptr, 16));
  if (used == 0 || used != s.size() || used > 16) return fail("'{}' is no number", s);
  return v;
}

Result<void> Reader::line(const std::string& text) {
  std::istringstream in(text);
  std::string word;
  in >> word;
  if (word == "insn") {
    while (in >> std::ws && !in.eof()) words.push_back(static_cast<u32>(TRY(number(in))));
    if (words.empty() || words.size() > ORACLE_INSNS) return fail("{} words", words.size());
  } else if (word == "end") {
    end = true;
  } else if (word == "guarded") {
    v.guarded = true;
  } else if (word == "memory") {
    v.c.flags |= ORACLE_MEMORY;
  } else if (word == "in" || word == "out") {
    std::string name;
    in >> name;
    const u64 value = TRY(number(in));
    OracleState ignored{};
    if (!set_state_item(word == "in" ? v.c.in : ignored, name, value))
      return fail("'{}' is no part of the state", name);
    if (word == "out") out.emplace_back(name, value);
  } else if (word == "signal") {
    v.result.signal = static_cast<u32>(TRY(number(in)));
  } else if (word == "pc") {
    pc = TRY(number(in));
  } else if (word == "address") {
    v.result.address = TRY(number(in));
  } else {
    return fail("'{}' is not known here", word);
  }
  return {};
}

Result<Vector> Reader::take() {
  if (words.empty()) return fail("'{}' has no words", v.name);
  if (end && words.size() == ORACLE_INSNS) return fail("'{}' has no room for its end", v.name);
  if (end)
    set_code_and_end(v.c, words);
  else
    set_code(v.c, words);
  v.result.out = v.c.in;
  for (const auto& [name, value] : out) set_state_item(v.result.out, name, value);
  v.result.pc = v.result.signal == 0 ? ORACLE_EXIT : slot_address(0) + pc;
  Vector done = std::move(v);
  *this = {};
  return done;
}

}  // namespace

std::string vector_text(const OracleCase& c, const OracleResult& result, bool guarded,
                        std::string_view name) {
  std::string text = fmt::format("case {}\n", name);
  if (guarded) text += "guarded\n";
  text += "insn";
  for (unsigned n = 0; n < code_size(c); ++n) text += fmt::format(" {:08x}", c.insn[n]);
  text += "\n";
  if (has_end(c)) text += "end\n";
  const bool memory = (c.flags & ORACLE_MEMORY) != 0;
  if (memory) text += "memory\n";
  const auto in = state_items(c.in, memory), out = state_items(result.out, memory);
  for (const StateItem& i : in)
    if (i.value != 0) text += fmt::format("in {} {:x}\n", i.name, i.value);
  text += fmt::format("signal {:x}\n", result.signal);
  if (result.signal != 0) text += fmt::format("pc {:x}\n", result.pc - slot_address(c.slot));
  if (result.address != 0) text += fmt::format("address {:x}\n", result.address);
  for (std::size_t i = 0; i < in.size(); ++i)
    if (in[i].value != out[i].value)
      text += fmt::format("out {} {:x}\n", out[i].name, out[i].value);
  return text;
}

Result<std::vector<Vector>> parse_vectors(std::string_view text, std::string_view where) {
  std::vector<Vector> vectors;
  std::istringstream in{std::string(text)};
  Reader reader;
  unsigned number_of_line = 0;
  for (std::string line; std::getline(in, line);) {
    ++number_of_line;
    line.resize(std::min(line.find('#'), line.size()));
    const bool empty = line.find_first_not_of(" \t") == line.npos;
    const bool starts = line.starts_with("case ");
    if ((empty || starts) && reader.open) {
      auto v = reader.take();
      if (!v) return fail("{}:{}: {}", where, number_of_line, v.error().message());
      vectors.push_back(std::move(*v));
    }
    if (empty) continue;
    if (starts) {
      reader.open = true;
      reader.v.name = line.substr(5);
    } else if (!reader.open) {
      return fail("{}:{}: outside of a case", where, number_of_line);
    } else if (const auto ok = reader.line(line); !ok) {
      return fail("{}:{}: {}", where, number_of_line, ok.error().message());
    }
  }
  if (reader.open) vectors.push_back(TRY(reader.take()));
  return vectors;
}

}  // namespace quince::test
