#include "cpu/jit/x64/host_features.h"

#include <string_view>

#include "cpu/jit/x64/assembler.h"

namespace quince::cpu::jit {

HostFeatures probe_host(const char* limit) {
  using Xbyak::util::Cpu;
  const std::string_view up_to = limit == nullptr ? "" : limit;
  const Cpu cpu;
  HostFeatures h;
  if (up_to == "floor") return h;
  h.bmi2 = cpu.has(Cpu::tBMI2);
  constexpr int kZen3 = 0x19;
  h.fast_pext =
      h.bmi2 && (cpu.has(Cpu::tINTEL) || (cpu.has(Cpu::tAMD) && cpu.displayFamily >= kZen3));
  h.lzcnt = cpu.has(Cpu::tLZCNT);
  h.bmi1 = cpu.has(Cpu::tBMI1);
  h.fast_bextr = h.bmi1 && cpu.has(Cpu::tAMD);
  if (up_to == "call") return h;
  h.avx2 = cpu.has(Cpu::tAVX2) && cpu.has(Cpu::tFMA) && cpu.has(Cpu::tF16C);
  if (!h.avx2 || up_to == "avx2") return h;
  h.aes = cpu.has(Cpu::tAESNI);
  h.pclmul = cpu.has(Cpu::tPCLMULQDQ);
  h.sha = cpu.has(Cpu::tSHA);
  if (up_to == "crypto") return h;
  h.avx512 = cpu.has(Cpu::tAVX512F) && cpu.has(Cpu::tAVX512BW) && cpu.has(Cpu::tAVX512CD) &&
             cpu.has(Cpu::tAVX512DQ) && cpu.has(Cpu::tAVX512VL);
  h.bitalg = h.avx512 && cpu.has(Cpu::tAVX512_BITALG);
  h.gfni = cpu.has(Cpu::tGFNI);
  h.far_only = h.avx512 && up_to == "far";
  return h;
}

}  // namespace quince::cpu::jit
