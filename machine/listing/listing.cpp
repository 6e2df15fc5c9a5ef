#include "machine/listing/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cpu/a64/disasm/disasm.h"
#include "machine/listing/host_code.h"

namespace quince::machine {

using cpu::jit::CodePart;
using cpu::jit::ListedInsn;
using cpu::jit::TranslatedCode;

std::string guest_text(u32 word) {
  std::string text = a64::disassemble(word);
  return text.empty() ? fmt::format(".inst {:#010x}", word) : text;
}

std::string guest_listing(const TranslatedCode& code) {
  std::string out = fmt::format("----------------\nIN: cpu {}\n", code.cpu);
  u64 next = code.insns.empty() ? 0 : code.insns.front().pc;
  for (const ListedInsn& i : code.insns) {
    if (i.pc != next) out += "            ...\n";  // what never ran, or is no part of the region
    next = i.pc + 4;
    fmt::format_to(std::back_inserter(out), "{:#010x}:  {:08x}  {}\n", i.pc, i.word,
                   guest_text(i.word));
  }
  return out;
}

std::string host_listing(const TranslatedCode& code) {
  std::string out =
      fmt::format("OUT: [size={}] for {:#x} of cpu {}\n", code.bytes.size(), code.pc, code.cpu);
  std::size_t part = code.parts.size();
  for (const HostLine& line : host_lines(code, Addresses::Real)) {
    if (line.part != part) {
      part = line.part;
      const CodePart& p = code.parts[part];
      const auto insn = std::ranges::find(code.insns, p.pc, &ListedInsn::pc);
      const std::string text = p.kind == CodePart::Kind::Insn && insn != code.insns.end()
                                   ? "  " + guest_text(insn->word)
                                   : std::string();
      fmt::format_to(std::back_inserter(out), "  -- guest addr {:#010x}{}{}{}\n", p.pc, text,
                     *p.what == 0 ? "" : "  ", *p.what == 0 ? "" : fmt::format("({})", p.what));
    }
    std::string bytes;
    for (u32 n = 0; n < line.bytes; ++n)
      fmt::format_to(std::back_inserter(bytes), "{:02x}", code.bytes[line.offset + n]);
    fmt::format_to(std::back_inserter(out), "{:#x}:  {:<20}  {}\n",
                   reinterpret_cast<u64>(code.at) + line.offset, bytes, line.text);
  }
  return out;
}

}  // namespace quince::machine
