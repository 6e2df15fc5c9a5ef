#include "machine/listing/host_code.h"

#include <Zycore/Format.h>
#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/assert.h"
#include "base/bits.h"

namespace quince::machine {

namespace {

using cpu::jit::CodeNames;
using cpu::jit::CodePart;
using cpu::jit::TranslatedCode;

constexpr u32 kConstantBytes = 16;

/// One decoded instruction and what Zydis says of it.
struct Decoded {
  ZydisDecodedInstruction insn = {};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands = {};
};

class Lister {
 public:
  Lister(const TranslatedCode& code, Addresses addresses);
  std::vector<HostLine> run();

 private:
  using Hook = ZydisFormatterFunc;
  static ZyanStatus print_address(const ZydisFormatter*, ZydisFormatterBuffer* out,
                                  ZydisFormatterContext* context);
  static ZyanStatus print_displacement(const ZydisFormatter* f, ZydisFormatterBuffer* out,
                                       ZydisFormatterContext* context);
  static ZyanStatus print_number(const ZydisFormatter* f, ZydisFormatterBuffer* out,
                                 ZydisFormatterContext* context);
  static ZyanStatus append(ZydisFormatterBuffer* out, const std::string& text);

  void hook(ZydisFormatterFunction function, Hook with, Hook* before);
  bool decode(u32 offset, u32 end, Decoded& out) const;
  void find_targets();
  std::string text_of(const Decoded& d, u32 offset);
  std::string state_name(s64 offset) const;
  std::string place(u64 address) const;
  /// Where a part's code ends.
  u32 end_of(std::size_t part) const {
    return part + 1 < code_.parts.size() ? code_.parts[part + 1].offset
                                         : static_cast<u32>(code_.bytes.size());
  }
  u64 start() const { return reinterpret_cast<u64>(code_.at); }

  const TranslatedCode& code_;
  const Addresses addresses_;
  ZydisDecoder decoder_ = {};
  ZydisFormatter formatter_ = {};
  Hook plain_displacement_ = nullptr, plain_number_ = nullptr, plain_address_ = nullptr;
  std::map<u32, std::string> labels_;  ///< by offset
};

Lister::Lister(const TranslatedCode& code, Addresses addresses)
    : code_(code), addresses_(addresses) {
  QUINCE_ASSERT(
      ZYAN_SUCCESS(ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
  QUINCE_ASSERT(ZYAN_SUCCESS(ZydisFormatterInit(&formatter_, ZYDIS_FORMATTER_STYLE_INTEL)));
  const auto property = [&](ZydisFormatterProperty p, ZyanUPointer value) {
    QUINCE_ASSERT(ZYAN_SUCCESS(ZydisFormatterSetProperty(&formatter_, p, value)));
  };
  property(ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
  property(ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED);
  property(ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED);
  property(ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED);
  hook(ZYDIS_FORMATTER_FUNC_PRINT_ADDRESS_ABS, &print_address, &plain_address_);
  hook(ZYDIS_FORMATTER_FUNC_PRINT_DISP, &print_displacement, &plain_displacement_);
  hook(ZYDIS_FORMATTER_FUNC_PRINT_IMM, &print_number, &plain_number_);
}

void Lister::hook(ZydisFormatterFunction function, Hook with, Hook* before) {
  // In: the new function.  Out: the one that was there.
  const void* p = reinterpret_cast<const void*>(with);
  QUINCE_ASSERT(ZYAN_SUCCESS(ZydisFormatterSetHook(&formatter_, function, &p)));
  *before = reinterpret_cast<Hook>(const_cast<void*>(p));
}

ZyanStatus Lister::append(ZydisFormatterBuffer* out, const std::string& text) {
  ZYAN_CHECK(ZydisFormatterBufferAppend(out, ZYDIS_TOKEN_SYMBOL));
  ZyanString* s = nullptr;
  ZYAN_CHECK(ZydisFormatterBufferGetString(out, &s));
  return ZyanStringAppendFormat(s, "%s", text.c_str());
}

ZyanStatus Lister::print_address(const ZydisFormatter* f, ZydisFormatterBuffer* out,
                                 ZydisFormatterContext* context) {
  const auto& lister = *static_cast<const Lister*>(context->user_data);
  ZyanU64 address = 0;
  ZYAN_CHECK(ZydisCalcAbsoluteAddress(context->instruction, context->operand,
                                      context->runtime_address, &address));
  const std::string name = lister.place(address);
  return name.empty() ? lister.plain_address_(f, out, context) : append(out, name);
}

ZyanStatus Lister::print_displacement(const ZydisFormatter* f, ZydisFormatterBuffer* out,
                                      ZydisFormatterContext* context) {
  const auto& lister = *static_cast<const Lister*>(context->user_data);
  const auto& mem = context->operand->mem;
  const std::string name =
      mem.base == ZYDIS_REGISTER_R15 ? lister.state_name(mem.disp.value) : std::string();
  return name.empty() ? lister.plain_displacement_(f, out, context) : append(out, "+" + name);
}

ZyanStatus Lister::print_number(const ZydisFormatter* f, ZydisFormatterBuffer* out,
                                ZydisFormatterContext* context) {
  const auto& lister = *static_cast<const Lister*>(context->user_data);
  const auto end =
      static_cast<u32>(context->runtime_address - lister.start()) + context->instruction->length;
  const auto it = std::ranges::find(lister.code_.pointers, end, &cpu::jit::CodePointer::end);
  if (it == lister.code_.pointers.end()) return lister.plain_number_(f, out, context);
  if (lister.addresses_ == Addresses::Symbolic) return append(out, fmt::format("<{}>", it->what));
  ZYAN_CHECK(lister.plain_number_(f, out, context));
  return append(out, fmt::format(" <{}>", it->what));
}

/// The member of the CpuState, or of what is near it, at a distance from R15.
std::string Lister::state_name(s64 offset) const {
  const auto& state = code_.names->state;
  auto it = std::ranges::upper_bound(state, offset, {}, &CodeNames::Place::offset);
  if (it == state.begin()) return {};
  --it;
  const s64 inside = offset - it->offset;
  if (inside >= it->bytes) return {};
  return inside == 0 ? it->name : fmt::format("{}+{:#x}", it->name, inside);
}

/// A place in code by name, or "" for its number.
std::string Lister::place(u64 address) const {
  const auto& routines = code_.names->routines;
  const auto end = reinterpret_cast<u64>(code_.names->routines_end);
  const auto at = [](const CodeNames::Routine& r) { return reinterpret_cast<u64>(r.at); };
  auto it = std::ranges::upper_bound(routines, address, {}, at);
  if (it != routines.begin() && address < end) {
    --it;
    const u64 inside = address - at(*it);
    return inside == 0 ? fmt::format("<{}>", it->name)
                       : fmt::format("<{}+{:#x}>", it->name, inside);
  }
  if (addresses_ == Addresses::Real) return {};
  const auto label = labels_.find(static_cast<u32>(address - start()));
  return label == labels_.end() ? "<elsewhere>" : fmt::format("<{}>", label->second);
}

bool Lister::decode(u32 offset, u32 end, Decoded& out) const {
  return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code_.bytes.data() + offset, end - offset,
                                             &out.insn, out.operands.data()));
}

/// Gives names to the places in the region that its code refers to.
void Lister::find_targets() {
  std::set<u32> targets;
  for (std::size_t part = 0; part < code_.parts.size(); ++part) {
    if (code_.parts[part].kind == CodePart::Kind::Data) continue;
    const u32 end = end_of(part);
    Decoded d;
    for (u32 at = code_.parts[part].offset; at < end;) {
      if (!decode(at, end, d)) {
        ++at;
        continue;
      }
      for (u8 n = 0; n < d.insn.operand_count_visible; ++n) {
        const ZydisDecodedOperand& o = d.operands[n];
        const bool relative =
            (o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o.imm.is_relative) ||
            (o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.mem.base == ZYDIS_REGISTER_RIP);
        ZyanU64 to = 0;
        if (relative && ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&d.insn, &o, start() + at, &to)) &&
            to - start() < code_.bytes.size())
          targets.insert(static_cast<u32>(to - start()));
      }
      at += d.insn.length;
    }
  }
  std::set<std::string> used;
  for (const u32 target : targets) {
    auto part = std::ranges::upper_bound(code_.parts, target, {}, &CodePart::offset);
    if (part == code_.parts.begin()) continue;
    --part;
    const std::string name = part_name(*part, code_.pc);
    std::string label = name;
    // The start of a part has its name; others, and parts of the same name, have numbers.
    for (unsigned n = 2; !used.insert(label).second || (n == 2 && target != part->offset); ++n)
      label = fmt::format("{}.{}", name, n);
    labels_[target] = std::move(label);
  }
}

std::string Lister::text_of(const Decoded& d, u32 offset) {
  std::array<char, 256> buffer{};
  if (ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter_, &d.insn, d.operands.data(),
                                                  d.insn.operand_count_visible, buffer.data(),
                                                  buffer.size(), start() + offset, this)))
    return "?";
  std::string text = buffer.data();
  // There is nothing to print for a distance of 0.
  constexpr std::string_view kFirst = "[r15]";
  if (const auto at = text.find(kFirst); at != text.npos)
    text.replace(at, kFirst.size(), "[r15+" + state_name(0) + "]");
  return text;
}

std::vector<HostLine> Lister::run() {
  if (addresses_ == Addresses::Symbolic) find_targets();
  std::vector<HostLine> lines;
  Decoded d;
  for (std::size_t part = 0; part < code_.parts.size(); ++part) {
    const u32 end = end_of(part);
    for (u32 at = code_.parts[part].offset; at < end;) {
      HostLine line;
      line.offset = at;
      line.bytes = 1;
      line.part = part;
      if (const auto label = labels_.find(at); label != labels_.end()) line.label = label->second;
      if (code_.parts[part].kind == CodePart::Kind::Data && end - at >= kConstantBytes &&
          (start() + at) % kConstantBytes == 0) {
        line.bytes = kConstantBytes;
        line.text = fmt::format(".quad {:#x}, {:#x}", load_le<u64>(code_.bytes.data() + at),
                                load_le<u64>(code_.bytes.data() + at + 8));
      } else if (decode(at, end, d)) {
        line.bytes = d.insn.length;
        line.need = ZydisISAExtGetString(d.insn.meta.isa_ext);
        line.text = text_of(d, at);
      } else {
        line.known = false;
        line.text = fmt::format(".byte {:#x}", code_.bytes[at]);
      }
      at += line.bytes;
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace

std::vector<HostLine> host_lines(const TranslatedCode& code, Addresses addresses) {
  return Lister(code, addresses).run();
}

std::string part_name(const CodePart& part, u64 region_pc) {
  const auto distance = static_cast<s64>(part.pc - region_pc);
  const std::string at =
      distance < 0 ? fmt::format("-{:#x}", -distance) : fmt::format("+{:#x}", distance);
  if (part.kind == CodePart::Kind::Insn || *part.what == 0) return at;
  return fmt::format("{} {}", part.what, at);
}

}  // namespace quince::machine
