// What translating costs (cpu/jit): nanoseconds for each guest instruction, forming regions and writing their code
// apart.  Run a release build, and perf over it for what is inside.
//
// Every instruction of a program's executable sections counts as one that has run, so that regions are larger than
// those of a run.  They begin where calls lead, and then at whatever is in none of them yet.
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
  std::vector<std::vector<unsigned>>
      entries;  ///< of each page: where regions begin, most wanted first
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
  std::chrono::nanoseconds forming{}, emitting{};
};

class Translating {
 public:
  Translating(const std::string& model, bool several)
      : model_(*parse_cpu_model(model)), vcpu_(0, 0, model_, VcpuPorts{.log = &log_}) {
    key_.el0 = true;
    key_.several = several;
    shared_.at = Native::distances(vcpu_, false);
    shared_.host = probe_host(std::getenv("QUINCE_JIT_HOST"));
    buffer_ = std::move(*CodeBuffer::create(kBufferBytes));
    const Thunks thunks(buffer_->next(), buffer_->room(), shared_, Native::Calls::targets(false));
    buffer_->take(thunks.bytes);
    kept_ = buffer_->used();
    page_ = std::make_unique<CodePage>();
    for (Op& op : page_->ops) op.fn = has_run;
  }

  /// Everything once; adds up code if `hashes`, which takes its time.
  Sums all(const CodeOfFile& code, bool hashes) {
    Sums sums;
    buffer_->reset(kept_);
    std::vector<bool> done;
    Records records;  // what Jit keeps for a page
    for (std::size_t p = 0; p < code.entries.size(); ++p) {
      page_->host = code.bytes.data() + kPageBytes * p;
      done.assign(CodePage::kOps, false);
      records.exits.shrink(0);
      records.sites.shrink(0);
      for (const unsigned index : code.entries[p])
        if (!done[index]) one(index, done, hashes, records, sums);
    }
    return sums;
  }

 private:
  void one(unsigned index, std::vector<bool>& done, bool hashes, Records& records, Sums& sums) {
    const RegionSource source{.page = page_.get(),
                              .model = &model_,
                              .host = &shared_.host,
                              .key = key_,
                              .not_decoded = has_not_run};
    const auto start = Clock::now();
    Region& region = form_region(source, index, space_);
    const auto formed = Clock::now();
    sums.forming += formed - start;
    done[index] = true;
    if (region.insns.empty()) return;
    if (buffer_->room() < kRoom) buffer_->reset(kept_);
    Notes notes;
    std::optional<Translated> made;
    for (;;) {
      notes = {};
      emitter_.take_notes(hashes ? &notes : nullptr);
      made = emitter_.translate(region, key_, buffer_->next(), buffer_->room(), records);
      if (made || emitter_.failed() < 0) break;
      make_call(space_, static_cast<unsigned>(emitter_.failed()));
      ++sums.calls;
    }
    sums.emitting += Clock::now() - formed;
    if (!made) return;
    for (const Insn& i : region.insns) done[i.index] = true;
    if (hashes) add_hash(*made, notes, sums);
    buffer_->take(made->bytes);
    ++sums.regions;
    sums.instructions += region.insns.size();
    sums.blocks += region.blocks.size();
    sums.bytes += made->bytes;
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
};

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    fmt::print(stderr,
               "translate_bench FILE [ROUNDS [CPU-MODEL [VCPUS]]]: an AArch64 ELF file or image\n");
    return 2;
  }
  const CodeOfFile code = read_code(arguments[0]);
  if (code.entries.empty()) {
    fmt::print(stderr, "{}: no page of code\n", arguments[0]);
    return 1;
  }
  const int rounds = arguments.size() > 1 ? std::stoi(arguments[1]) : 5;
  Translating t(arguments.size() > 2 ? arguments[2] : "",
                arguments.size() > 3 && arguments[3] != "1");
  const Sums sums = t.all(code, true);
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
    const Sums s = t.all(code, false);
    const double form = static_cast<double>(s.forming.count()) / n,
                 emit = static_cast<double>(s.emitting.count()) / n;
    fmt::print("{:7.1f} ns an instruction: forming {:.1f}, emitting {:.1f}\n", form + emit, form,
               emit);
  }
  return 0;
}

}  // namespace
}  // namespace quince::cpu::jit

int main(int argc, char** argv) {
  return quince::cpu::jit::run(std::vector<std::string>(argv + 1, argv + argc));
}
