// What translating costs (cpu/jit): nanoseconds for each guest instruction, and how many of them forming the regions
// takes.  Run a release build, and perf over it for what is inside.
//
// Every instruction of a program's executable sections counts as one that has run, so that regions are larger than
// those of a run.  They begin where calls lead, and then at whatever is in none of them yet: the first time through
// finds out where.  Then all is translated in one go, and all is only formed: looking at the clock for each region
// would be 3 % of what it costs.
#include <elf.h>
#include <fmt/core.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/bits.h"
#include "cpu/jit/code_buffer.h"
#include "cpu/jit/native_calls.h"
#include "cpu/jit/region.h"
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/thunks.h"
#include "cpu/model.h"

namespace quince::cpu::jit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPageBytes = 4 * CodePage::kOps;
constexpr std::size_t kBufferBytes = std::size_t{256} << 20, kRoom = std::size_t{1} << 20;

const Op* has_run(Vcpu&, const Op*) { return nullptr; }
const Op* has_not_run(Vcpu&, const Op*) { return nullptr; }

struct CodeOfFile {
  std::vector<u8> bytes;  ///< whole pages
  std::vector<std::vector<unsigned>> entries;  ///< of each page: where regions begin
};

/// The contents of executable sections of an ELF file; everything of another file.
std::vector<u8> code_bytes(const std::vector<u8>& file) {
  if (file.size() < sizeof(Elf64_Ehdr) || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0)
    return file;
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<u8> all;
  for (unsigned n = 0; n < header.e_phnum; ++n) {
    Elf64_Phdr part;
    const u64 at = header.e_phoff + u64{n} * header.e_phentsize;
    if (at > file.size() || file.size() - at < sizeof part) break;
    std::memcpy(&part, file.data() + at, sizeof part);
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    if (part.p_offset > file.size() || file.size() - part.p_offset < part.p_filesz) continue;
    const auto first = file.begin() + static_cast<std::ptrdiff_t>(part.p_offset);
    all.insert(all.end(), first, first + static_cast<std::ptrdiff_t>(part.p_filesz));
  }
  return all;
}

/// A region may begin anywhere, but those that are called come first.
CodeOfFile read_code(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  CodeOfFile code;
  code.bytes = code_bytes(std::vector<u8>(std::istreambuf_iterator<char>(in), {}));
  const std::size_t pages = code.bytes.size() / kPageBytes;
  code.bytes.resize(pages * kPageBytes);
  code.entries.resize(pages);
  std::vector<bool> called(pages * CodePage::kOps);
  for (std::size_t n = 0; n < called.size(); ++n) {
    const u32 word = load_le<u32>(code.bytes.data() + 4 * n);
    if (word >> 26 != 0x25) continue;  // BL
    const s64 to = static_cast<s64>(n) + (static_cast<s64>(u64{word} << 38) >> 38);
    if (to >= 0 && static_cast<std::size_t>(to) < called.size())
      called[static_cast<std::size_t>(to)] = true;
  }
  for (const bool calls : {true, false})
    for (std::size_t n = 0; n < called.size(); ++n)
      if (called[n] == calls)
        code.entries[n / CodePage::kOps].push_back(static_cast<unsigned>(n % CodePage::kOps));
  return code;
}

struct Sums {
  u64 regions = 0, instructions = 0, blocks = 0, bytes = 0, calls = 0;
  u64 hash = 0xcbf2'9ce4'8422'2325;
};

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

class Translating {
 public:
  Translating(const std::string& model, bool several)
      : model_(*parse_cpu_model(model)), vcpu_(0, 0, model_, VcpuPorts{.log = &log_}) {
    key_.el0 = true;
    key_.several = several;
    shared_.at = Native::distances(vcpu_, false);
    shared_.host = probe_host(std::getenv("QUINCE_JIT_HOST"));
    buffer_ = std::move(*CodeBuffer::create(kBufferBytes));
    const Thunks thunks(buffer_->next(), buffer_->room(), shared_, Native::Calls::targets(false),
                        model_.features);
    buffer_->take(thunks.bytes);
    kept_ = buffer_->used();
    page_ = std::make_unique<CodePage>();
    for (Op& op : page_->ops) op.fn = has_run;
  }

  /// Translates everything once, adds up its code, and leaves of the entries those that were needed.
  Sums explore(CodeOfFile& code) {
    Sums sums;
    buffer_->reset(kept_);
    std::vector<bool> done;
    for (std::size_t p = 0; p < code.entries.size(); ++p) {
      begin_page(code, p);
      done.assign(CodePage::kOps, false);
      std::erase_if(code.entries[p], [&](unsigned index) {
        if (done[index]) return true;
        done[index] = true;
        Notes notes;
        if (const auto made = one(index, &notes, sums)) {
          for (const Insn& i : space_.region.insns) done[i.index] = true;
          add_hash(*made, notes, sums);
        }
        return false;
      });
    }
    return sums;
  }
  void translate(const CodeOfFile& code) {
    Sums sums;
    buffer_->reset(kept_);
    for (std::size_t p = 0; p < code.entries.size(); ++p) {
      begin_page(code, p);
      for (const unsigned index : code.entries[p]) (void)one(index, nullptr, sums);
    }
  }
  void form(const CodeOfFile& code) {
    for (std::size_t p = 0; p < code.entries.size(); ++p) {
      begin_page(code, p);
      for (const unsigned index : code.entries[p]) (void)form_region(source(), index, space_);
    }
  }

 private:
  RegionSource source() const {
    return {.page = page_.get(),
            .model = &model_,
            .host = &shared_.host,
            .key = key_,
            .not_decoded = has_not_run};
  }
  void begin_page(const CodeOfFile& code, std::size_t page) {
    page_->host = code.bytes.data() + kPageBytes * page;
    records_.exits.shrink(0);
    records_.sites.shrink(0);
  }
  std::optional<Translated> one(unsigned index, Notes* notes, Sums& sums) {
    Region& region = form_region(source(), index, space_);
    if (region.insns.empty()) return std::nullopt;
    if (buffer_->room() < kRoom) buffer_->reset(kept_);
    std::optional<Translated> made;
    for (;;) {
      if (notes != nullptr) *notes = {};
      emitter_.take_notes(notes);
      made = emitter_.translate(region, key_, buffer_->next(), buffer_->room(), records_);
      if (made || emitter_.failed() < 0) break;
      make_call(space_, static_cast<unsigned>(emitter_.failed()));
      ++sums.calls;
    }
    if (!made) return made;
    buffer_->take(made->bytes);
    ++sums.regions;
    sums.instructions += region.insns.size();
    sums.blocks += region.blocks.size();
    sums.bytes += made->bytes;
    return made;
  }

  /// FNV-1a over the code, without the addresses in it that differ from run to run.
  static void add_hash(const Translated& made, const Notes& notes, Sums& sums) {
    std::vector<u8> bytes(made.code, made.code + made.bytes);
    for (const CodePointer& p : notes.pointers) std::memset(bytes.data() + p.end - 8, 0, 8);
    for (const u8 b : bytes) sums.hash = (sums.hash ^ b) * 0x100'0000'01b3;
  }

  CpuModel model_;
  Log log_;
  Vcpu vcpu_;
  StateKey key_;
  Shared shared_;
  Emitter emitter_{shared_};
  std::unique_ptr<CodeBuffer> buffer_;
  std::size_t kept_ = 0;
  std::unique_ptr<CodePage> page_;
  RegionSpace space_;
  Records records_;  ///< what Jit keeps for a page
};

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    fmt::print(stderr,
               "translate_bench FILE [ROUNDS [CPU-MODEL [VCPUS]]]: an AArch64 ELF file or image\n");
    return 2;
  }
  CodeOfFile code = read_code(arguments[0]);
  if (code.entries.empty()) {
    fmt::print(stderr, "{}: no page of code\n", arguments[0]);
    return 1;
  }
  const int rounds = arguments.size() > 1 ? std::stoi(arguments[1]) : 5;
  Translating t(arguments.size() > 2 ? arguments[2] : "",
                arguments.size() > 3 && arguments[3] != "1");
  const Sums sums = t.explore(code);
  const double n = static_cast<double>(sums.instructions);
  fmt::print(
      "{} pages: {} regions of {:.1f} blocks and {:.1f} instructions, {:.1f} bytes of code for "
      "each; "
      "{} calls instead; code {:016x}\n",
      code.entries.size(), sums.regions,
      static_cast<double>(sums.blocks) / static_cast<double>(sums.regions),
      n / static_cast<double>(sums.regions), static_cast<double>(sums.bytes) / n, sums.calls,
      sums.hash);
  for (int round = 0; round < rounds; ++round) {
    auto start = Clock::now();
    t.translate(code);
    const double all = nanoseconds_since(start) / n;
    start = Clock::now();
    t.form(code);
    fmt::print("{:7.1f} ns an instruction, of which forming {:.1f}\n", all,
               nanoseconds_since(start) / n);
  }
  return 0;
}

}  // namespace
}  // namespace quince::cpu::jit

int main(int argc, char** argv) {
  return quince::cpu::jit::run(std::vector<std::string>(argv + 1, argv + argc));
}
