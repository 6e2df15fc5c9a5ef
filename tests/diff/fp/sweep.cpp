#include "tests/diff/fp/sweep.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "cpu/a64/disasm/disasm.h"
#include "tests/diff/fp/controls.h"

namespace quince::test {

namespace {

/// What one turn of the loop leaves.
struct Output {
  u64 d[2];
  u64 x;
  u64 pad;
  u64 nzcv, fpsr;
};

// The loop's own registers; rows with general registers get words with others.
constexpr u32 kInputs = 24, kOutputs = 25, kLeft = 26, kTemporary = 27, kTemporary2 = 28;

constexpr u64 kProgram = VcpuHarness::kCode, kData = VcpuHarness::kDataBlock, kDataSize = 0x2'0000,
              kOutputsAt = kData + kDataSize / 2;

// Instruction words (Arm ARM C6.2, C7.2).
constexpr u32 load_q(u32 t, u32 n, u32 offset) {
  return 0x3dc0'0000 | offset / 16 << 10 | n << 5 | t;
}
constexpr u32 store_q(u32 t, u32 n, u32 offset) {
  return 0x3d80'0000 | offset / 16 << 10 | n << 5 | t;
}
constexpr u32 load_x(u32 t, u32 n, u32 offset) {
  return 0xf940'0000 | offset / 8 << 10 | n << 5 | t;
}
constexpr u32 store_x(u32 t, u32 n, u32 offset) {
  return 0xf900'0000 | offset / 8 << 10 | n << 5 | t;
}
constexpr u32 load_pair(u32 t, u32 t2, u32 n, u32 offset) {
  return 0xa940'0000 | offset / 8 << 15 | t2 << 10 | n << 5 | t;
}
constexpr u32 store_pair(u32 t, u32 t2, u32 n, u32 offset) {
  return 0xa900'0000 | offset / 8 << 15 | t2 << 10 | n << 5 | t;
}
constexpr u32 add(u32 d, u32 n, u32 value) { return 0x9100'0000 | value << 10 | n << 5 | d; }
constexpr u32 subtract(u32 d, u32 n, u32 value) { return 0xd100'0000 | value << 10 | n << 5 | d; }
constexpr u32 branch_if_not_zero(u32 t, s32 words) {
  return 0xb500'0000 | (static_cast<u32>(words) & 0x7'ffff) << 5 | t;
}
constexpr u32 kReadNzcv = 0xd53b'4200, kWriteNzcv = 0xd51b'4200, kReadFpsr = 0xd53b'4420,
              kWriteFpsr = 0xd51b'4420;

constexpr u32 kNone = 32;

}  // namespace

/// The registers that a word names, or kNone.
struct FpSweep::Registers {
  Registers(const a64::RowInfo& row, u32 insn) {
    const a64::Decoded decoded(row, insn);
    const OperandShape shape = operand_shape(row);
    const auto field = [&](const char* name) { return decoded.has(name) ? decoded[name] : kNone; };
    (shape.from_general ? x_in : n) = field("rn");
    m = field("rm");
    a = field("ra");
    (shape.to_general ? x_out : d) = field("rd");
  }
  bool distinct() const {
    const u32 all[] = {n, m, a, d};
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned j = 0; j < i; ++j)
        if (all[i] != kNone && all[i] == all[j]) return false;
    return true;
  }
  bool spares_the_loop() const {
    const auto own = [](u32 r) { return r >= kInputs && r <= kTemporary2; };
    return !own(x_in) && !own(x_out);
  }
  u32 n = kNone, m = kNone, a = kNone, d = kNone, x_in = kNone, x_out = kNone;
};

FpSweep::FpSweep(u64 seed, unsigned kept)
    : seed_(seed), kept_(kept), harness_(full_model(), kData, kDataSize) {
  static_assert(kBatch * sizeof(OperandSet) <= kDataSize / 2);
  static_assert(kBatch * sizeof(Output) <= kDataSize / 2);
}

Result<u32> FpSweep::choose_word(int row, OperandSets& sets) {
  const a64::RowInfo& info = a64::rows()[static_cast<std::size_t>(row)];
  for (int attempt = 0; attempt < 1000; ++attempt) {
    u32 insn = 0;
    if (!generator_.word(row, sets.random(), insn)) break;
    const Registers r(info, insn);
    if (r.spares_the_loop() && (r.distinct() || !sets.directed())) return insn;
  }
  return fail("{}: no word found", info.id);
}

void FpSweep::place(u32 insn, const Registers& r) {
  std::vector<u32> code;
  const auto operand = [&](u32 reg, std::size_t offset) {
    if (reg != kNone) code.push_back(load_q(reg, kInputs, static_cast<u32>(offset)));
  };
  operand(r.n, offsetof(OperandSet, n));
  operand(r.m, offsetof(OperandSet, m));
  operand(r.a, offsetof(OperandSet, a));
  operand(r.d, offsetof(OperandSet, d));
  if (r.x_in != kNone) code.push_back(load_x(r.x_in, kInputs, offsetof(OperandSet, x)));
  code.push_back(load_pair(kTemporary, kTemporary2, kInputs, offsetof(OperandSet, nzcv)));
  code.push_back(kWriteNzcv | kTemporary);
  code.push_back(kWriteFpsr | kTemporary2);
  code.push_back(insn);
  if (r.d != kNone) code.push_back(store_q(r.d, kOutputs, offsetof(Output, d)));
  if (r.x_out != kNone) code.push_back(store_x(r.x_out, kOutputs, offsetof(Output, x)));
  code.push_back(kReadNzcv | kTemporary);
  code.push_back(kReadFpsr | kTemporary2);
  code.push_back(store_pair(kTemporary, kTemporary2, kOutputs, offsetof(Output, nzcv)));
  code.push_back(add(kInputs, kInputs, sizeof(OperandSet)));
  code.push_back(add(kOutputs, kOutputs, sizeof(Output)));
  code.push_back(subtract(kLeft, kLeft, 1));
  code.push_back(branch_if_not_zero(kLeft, -static_cast<s32>(code.size())));
  code.push_back(VcpuHarness::kBrk);
  for (std::size_t i = 0; i < code.size(); ++i) harness_.write_insn(kProgram + 4 * i, code[i]);
  harness_.code_changed();
}

/// Runs the loop; how many turns it made before it ended.
unsigned FpSweep::run_loop(u32 fpcr) {
  harness_.prepare(kProgram);
  cpu::CpuState& s = harness_.vcpu().s;
  s.x[kInputs] = kData;
  s.x[kOutputs] = kOutputsAt;
  s.x[kLeft] = kBatch;
  s.fpcr = fpcr;
  constexpr u64 kSlice = 1024, kInstructions = 20;
  bool ended = false;
  for (u64 n = 0; n < 2 * kBatch * kInstructions / kSlice && !ended; ++n)
    ended = harness_.run_to_exception(kSlice);
  return kBatch - static_cast<unsigned>(s.x[kLeft]);
}

void FpSweep::miss(int row, u32 insn, const OracleState& in) {
  ++differences_;
  if (row_misses_++ < kept_) misses_.push_back({row, insn, in});
}

/// How many operand sets were compared.
u64 FpSweep::judge(int row, const FpInstruction& reference, const Registers& r, u32 fpcr,
                   unsigned done) {
  const auto* inputs = reinterpret_cast<const OperandSet*>(harness_.host(kData));
  const auto* outputs = reinterpret_cast<const Output*>(harness_.host(kOutputsAt));
  u64 sets = 0;
  in_ = {};
  out_ = {};
  in_.fpcr = out_.fpcr = fpcr;
  const auto load = [this](u32 reg, const u64(&v)[2]) {
    if (reg == kNone) return;
    in_.v[2 * reg] = out_.v[2 * reg] = v[0];
    in_.v[2 * reg + 1] = out_.v[2 * reg + 1] = v[1];
  };
  for (unsigned i = 0; i < kBatch; ++i) {
    const OperandSet& s = inputs[i];
    load(r.n, s.n);
    load(r.m, s.m);
    load(r.a, s.a);
    load(r.d, s.d);
    if (r.x_in < 31) in_.x[r.x_in] = s.x;
    in_.pstate = out_.pstate = static_cast<u32>(s.nzcv);
    in_.fpsr = out_.fpsr = static_cast<u32>(s.fpsr);
    if (i == done) {  // the instruction did not get through
      miss(row, reference.insn(), in_);
      break;
    }
    const unsigned results = reference.run(in_, out_);
    sets += isolated_[i] ? 1 : results;
    const Output& o = outputs[i];
    bool same = o.nzcv == (out_.pstate & kNzcv) && o.fpsr == (out_.fpsr & kFpsrCompared);
    if (r.d != kNone) same = same && std::memcmp(o.d, &out_.v[2 * r.d], sizeof o.d) == 0;
    if (r.x_out != kNone) same = same && o.x == (r.x_out == 31 ? 0 : out_.x[r.x_out]);
    if (!same) miss(row, reference.insn(), in_);
  }
  return sets;
}

Result<void> FpSweep::run(int row, std::span<const u32> modes, u64 sets) {
  const a64::RowInfo& info = a64::rows()[static_cast<std::size_t>(row)];
  u64 name = 0;
  for (const char* c = info.id; *c != 0; ++c) name = name * 31 + static_cast<u8>(*c);
  OperandSets operands(operand_shape(info), seed_ * 0x9e37'79b9'7f4a'7c15 ^ name);
  row_misses_ = 0;
  for (u64 done = 0; done < sets;) {
    const u32 insn = TRY(choose_word(row, operands));
    const Registers r(info, insn);
    const FpInstruction reference(info, insn);
    auto* inputs = reinterpret_cast<OperandSet*>(harness_.host(kData));
    for (unsigned i = 0; i < kBatch; ++i) operands.next(inputs[i], isolated_[i]);
    place(insn ^ spoiled_, r);
    u64 least = ~u64{0};
    for (const u32 mode : modes) {
      const u32 others = static_cast<u32>(operands.random().next()) & fpcr_others(info);
      const u64 compared = judge(row, reference, r, mode | others, run_loop(mode | others));
      compared_ += compared;
      least = std::min(least, compared);
    }
    if (least == 0) break;  // it faults
    done += least;
  }
  return {};
}

}  // namespace quince::test
