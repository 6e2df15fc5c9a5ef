// What lockstep says when the engines differ: the instructions, both sets of registers, the accesses, the code.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/jit/lockstep.h"

namespace quince::cpu::jit {

namespace {

/// A register as the report has it.
struct Field {
  std::string name;
  std::size_t offset;
  std::size_t bytes;
};

const std::vector<Field>& fields() {
  static const std::vector<Field> all = [] {
    std::vector<Field> f;
    for (std::size_t n = 0; n < 31; ++n)
      f.push_back({fmt::format("X{}", n), offsetof(CpuState, x) + 8 * n, 8});
    f.push_back({"XZR", offsetof(CpuState, x) + 8 * 31, 8});
    f.push_back({"SP", offsetof(CpuState, sp), 8});
    f.push_back({"PC", offsetof(CpuState, pc), 8});
    f.push_back({"NZCV", offsetof(CpuState, nzcv), 4});
    f.push_back({"FPCR", offsetof(CpuState, fpcr), 4});
    f.push_back({"FPSR", offsetof(CpuState, fpsr), 4});
    const auto pstate = [&](const char* name, std::size_t offset) {
      f.push_back({name, offsetof(CpuState, pstate) + offset, 1});
    };
    pstate("EL", offsetof(PState, el)), pstate("SPSel", offsetof(PState, spsel));
    pstate("DAIF", offsetof(PState, daif)), pstate("PAN", offsetof(PState, pan));
    pstate("UAO", offsetof(PState, uao)), pstate("DIT", offsetof(PState, dit));
    pstate("SSBS", offsetof(PState, ssbs)), pstate("BTYPE", offsetof(PState, btype));
    pstate("SS", offsetof(PState, ss)), pstate("IL", offsetof(PState, il));
    for (std::size_t n = 0; n < 32; ++n)
      f.push_back({fmt::format("V{}", n), offsetof(CpuState, v) + 16 * n, 16});
    f.push_back({"SP_EL0", offsetof(CpuState, sp_bank), 8});
    f.push_back({"SP_EL1", offsetof(CpuState, sp_bank) + 8, 8});
    f.push_back({"monitor valid", offsetof(CpuState, excl_valid), 1});
    f.push_back({"monitor address", offsetof(CpuState, excl_va), 8});
    f.push_back({"monitor data", offsetof(CpuState, excl_data), 16});
    return f;
  }();
  return all;
}

bool differs(const Field& f, const Registers& a, const Registers& b) {
  return std::memcmp(a.bytes.data() + f.offset, b.bytes.data() + f.offset, f.bytes) != 0;
}

std::string value(const Field& f, const Registers& r) {
  switch (f.bytes) {
    case 1:
      return fmt::format("{:#x}", r.get<u8>(f.offset));
    case 4:
      return fmt::format("{:#x}", r.get<u32>(f.offset));
    case 8:
      return fmt::format("{:#x}", r.get<u64>(f.offset));
    default:
      return fmt::format("{:016x}'{:016x}", r.get<u64>(f.offset + 8), r.get<u64>(f.offset));
  }
}

/// The registers behind a step, as far as its note has them.
void apply(const Step& s, Registers& r) {
  r.set(offsetof(CpuState, nzcv), s.nzcv);
  r.set(offsetof(CpuState, fpsr), s.fpsr);
  r.set(offsetof(CpuState, sp), s.sp);
  r.set(offsetof(CpuState, pc), s.pc + 1);  // changed, by each
  const auto x = Step::x_names(s.word);
  for (std::size_t k = 0; k < x.size(); ++k)
    if (x[k] != 31) r.set(offsetof(CpuState, x) + 8 * x[k], s.x[k]);
  if (!s.vectors) return;
  const auto v = Step::v_names(s.word);
  for (std::size_t k = 0; k < v.size(); ++k) r.set(offsetof(CpuState, v) + 16 * v[k], s.v[k]);
}

class Report {
 public:
  Report(const Vcpu& c, const Difference& d) : c_(c), d_(d), now_(*d.begin) {}
  void write(CodePiece (*code_at)(const Vcpu& c, PhysAddr pa));

 private:
  template <class... A>
  void line(fmt::format_string<A...> format, A&&... args) {
    c_.ports().log->line("lockstep: " + fmt::format(format, std::forward<A>(args)...));
  }
  void instruction(std::size_t n, bool shown);
  void registers();
  void code(const CodePiece& piece);

  const Vcpu& c_;
  const Difference& d_;
  Registers now_;  ///< behind the instruction that was written down last
  std::vector<int> writer_ =
      std::vector<int>(fields().size(), -1);  ///< which step changed a field last
};

void Report::instruction(std::size_t n, bool shown) {
  const Step& s = d_.steps[n];
  const Registers before = now_;
  apply(s, now_);
  std::string changed;
  for (std::size_t k = 0; k < fields().size(); ++k) {
    const Field& f = fields()[k];
    if (!differs(f, before, now_)) continue;
    writer_[k] = static_cast<int>(n);
    if (f.name == "PC") continue;  // by every instruction
    changed += fmt::format("{} {}={}", changed.empty() ? "  //" : "", f.name, value(f, now_));
  }
  if (!shown) return;
  if (!s.fetched) return line("{:4} {:016x}: the fetch took an exception", n, s.pc);
  const std::string text = a64::disassemble(s.word);
  line("{:4} {:016x}: {:08x}  {}{}{}", n, s.pc, s.word, text.empty() ? "?" : text, changed,
       s.redirected ? " (goes on elsewhere)" : "");
  const std::size_t last = n + 1 < d_.steps.size() ? d_.steps[n + 1].accesses : d_.accesses.size();
  for (std::size_t i = s.accesses; i < last; ++i) {
    const SeenAccess& a = d_.accesses[i];
    std::string bytes;
    for (std::size_t k = a.size; k-- > 0;) bytes += fmt::format("{:02x}", a.data[k]);
    line("       {} {} bytes at {:#x}: {}", a.write ? "stored" : "loaded", a.size, a.va, bytes);
  }
}

void Report::registers() {
  line(
      "Registers: the interpreter's.  Those that differ have translated code's behind them, and "
      "the");
  line("instruction that was seen to change them last:");
  for (std::size_t k = 0; k < fields().size(); ++k) {
    const Field& f = fields()[k];
    if (!differs(f, *d_.translated, *d_.expected)) {
      if (f.bytes == 8 || d_.expected->get<u8>(f.offset) != 0)
        line("  {:8} {}", f.name, value(f, *d_.expected));
      continue;
    }
    std::string who = "none in this stretch";
    if (writer_[k] >= 0) {
      const Step& s = d_.steps[static_cast<std::size_t>(writer_[k])];
      who = fmt::format("{} at {:#x}: {}", writer_[k], s.pc, a64::disassemble(s.word));
    }
    line("* {:8} {}   translated: {}   by {}", f.name, value(f, *d_.expected),
         value(f, *d_.translated), who);
  }
}

void Report::code(const CodePiece& piece) {
  constexpr std::size_t kMost = 4096, kLine = 48;
  line(
      "Host code of the region at physical address {:#x}, {} bytes at {}; its first {} in "
      "hexadecimal, for instance "
      "for",
      piece.pa, piece.code.size(), fmt::ptr(piece.code.data()), std::min(kMost, piece.code.size()));
  line("  xxd -r -p >code.bin; objdump -D -b binary -m i386:x86-64 --adjust-vma={} code.bin",
       fmt::ptr(piece.code.data()));
  for (std::size_t at = 0; at < std::min(kMost, piece.code.size()); at += kLine) {
    std::string hex;
    for (const u8 b : piece.code.subspan(at, std::min(kLine, piece.code.size() - at)))
      fmt::format_to(std::back_inserter(hex), "{:02x}", b);
    line("  {}", hex);
  }
}

void Report::write(CodePiece (*code_at)(const Vcpu& c, PhysAddr pa)) {
  constexpr std::size_t kMostSteps = 96, kMostPieces = 3;
  const std::span<const Step> steps = d_.steps;
  line("cpu {}: the engines differ: {}", c_.index(), d_.what);
  const std::size_t shown = std::min(steps.size(), d_.at + 1);
  const std::size_t first = shown > kMostSteps ? shown - kMostSteps : 0;
  line("The interpreter executed {} instructions; these at the end, with what they changed:",
       shown);
  for (std::size_t n = 0; n < shown; ++n) instruction(n, n >= first);
  if (d_.at < steps.size())
    line("Translated code was stopped in the last one, which the interpreter has finished.");
  registers();
  // The regions that this went through, the last one first.
  std::vector<u64> seen;
  for (std::size_t n = shown; n-- > 0 && seen.size() < kMostPieces;) {
    const CodePiece piece = code_at(c_, steps[n].pa);
    if (piece.code.empty() || std::ranges::find(seen, piece.pa) != seen.end()) continue;
    seen.push_back(piece.pa);
    code(piece);
  }
}

}  // namespace

std::string different_registers(const Registers& a, const Registers& b) {
  std::string names;
  if (a.bytes == b.bytes) return names;
  for (const Field& f : fields())
    if (differs(f, a, b)) names += (names.empty() ? "" : " ") + f.name;
  return names;
}

void report(const Vcpu& c, const Difference& d, CodePiece (*code_at)(const Vcpu& c, PhysAddr pa)) {
  Report(c, d).write(code_at);
}

}  // namespace quince::cpu::jit
