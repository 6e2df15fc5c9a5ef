// Which registers of the host are which of the guest in a region, and their ways to CpuState and back.
#include <span>

#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

namespace {

/// Registers of the host for those of the guest, best first: short encodings.
constexpr int kHosts[] = {3, 5, 6, 7, 8, 9, 10, 11, 12};  // rbx rbp rsi rdi r8-r12
constexpr unsigned kMinUses = 2;
/// Of so many instructions one computes with floating point: MXCSR is the guest's from the entry on.
constexpr std::size_t kDense = 16;
constexpr int kFirstVectorHost = 4, kLastFarVectorHost = 31;
constexpr unsigned kMinFarUses = 4;

/// Those that are used most, at most `most` of them, first: of the same number the lower ones.
template <std::size_t N>
std::span<const u8> most_used(const std::array<u32, 32>& uses, RegSet used,
                              std::array<u8, N>& chosen) {
  std::size_t n = 0;
  for_each(used, [&](unsigned r) {
    const u32 count = uses[r];
    if (count < kMinUses || (n == N && uses[chosen[N - 1]] >= count)) return;
    std::size_t at = n == N ? N - 1 : n++;
    for (; at > 0 && uses[chosen[at - 1]] < count; --at) chosen[at] = chosen[at - 1];
    chosen[at] = static_cast<u8>(r);
  });
  return {chosen.data(), n};
}

}  // namespace

void Emitter::spill(RegSet dirty, bool with_sp) {
  for_each(dirty, [&](unsigned r) {
    if (hosts_[r] >= 0 && (with_sp || r != kSp)) x_.mov(guest_memory(r), host(r));
  });
}

void Emitter::reload(RegSet live) {
  for_each(live, [&](unsigned r) {
    if (hosts_[r] >= 0) x_.mov(host(r), guest_memory(r));
  });
}

void Emitter::choose_registers(const Region& r) {
  std::array<u8, std::size(kHosts)> general;
  const int* host = kHosts;
  for (const u8 g : most_used(r.uses, r.used, general)) hosts_[g] = static_cast<s8>(*host++);
  fp_dense_ = false;
  if (r.v_used == 0) return;
  const bool far_only = shared_.host.far_only;
  const int last = shared_.host.avx512 ? kLastFarVectorHost : kFarVectorHost - 1;
  std::array<u8, kLastFarVectorHost - kFirstVectorHost + 1> vectors;
  int vector_host = far_only ? kFarVectorHost : kFirstVectorHost;
  for (const u8 v : most_used(r.v_uses, r.v_used, vectors)) {
    const bool far = vector_host >= kFarVectorHost && !far_only;
    if (vector_host > last || (far && r.v_uses[v] < kMinFarUses)) break;
    v_hosts_[v] = static_cast<s8>(vector_host++);
    v_mapped_ |= RegSet{1} << v;
  }
  std::size_t computing = 0;
  for (const Insn& i : r.insns) {
    v_written_ |= i.facts.v_writes;
    computing += i.computes;
  }
  v_written_ &= v_mapped_;
  fp_dense_ = computing * kDense >= r.insns.size() && computing != 0;
}

void Emitter::spill_vectors(RegSet dirty) {
  for_each(dirty & v_mapped_, [&](unsigned r) { move_out(r); });
}

void Emitter::move_out(unsigned r) {
  v_far(r) ? x_.vmovdqa64(v_memory(r), v_host(r)) : x_.vmovdqa(v_memory(r), v_host(r));
}

void Emitter::move_in(unsigned r) {
  v_far(r) ? x_.vmovdqa64(v_host(r), v_memory(r)) : x_.vmovdqa(v_host(r), v_memory(r));
}

void Emitter::call_spill_vectors() {
  if (v_written_ == 0) return;
  spills_all_ = true;
  x_.call(spill_all_vectors_);
}

void Emitter::call_reload_vectors() {
  if (v_mapped_ == 0) return;
  reloads_all_ = true;
  x_.call(reload_all_vectors_);
}

/// One copy for all stubs of the region.
void Emitter::emit_vector_routines() {
  if (spills_all_) {
    x_.L(spill_all_vectors_);
    spill_vectors(v_written_);
    x_.ret();
  }
  if (!reloads_all_) return;
  x_.L(reload_all_vectors_);
  for_each(v_mapped_, [&](unsigned r) { move_in(r); });
  x_.ret();
}

}  // namespace quince::cpu::jit
