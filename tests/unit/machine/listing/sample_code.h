// A region that was never translated: bytes, and what is said of them.
#pragma once

#include <vector>

#include "cpu/jit/observer.h"

namespace quince::test {

struct SampleCode {
  static constexpr u64 kPc = 0x4000'1000;

  SampleCode() {
    names.state = {{0, 8, "x0"}, {8, 8, "x1"}, {256, 4, "nzcv"}};
    names.routines = {{routines.data(), "leave"}, {routines.data() + 8, "call"}};
    names.routines_end = routines.data() + routines.size();
  }
  cpu::jit::TranslatedCode code() const {
    return {.cpu = 3,
            .pc = kPc,
            .insns = insns,
            .bytes = bytes,
            .at = bytes.data(),
            .parts = parts,
            .pointers = pointers,
            .names = &names};
  }

  using Kind = cpu::jit::CodePart::Kind;
  std::vector<u8> routines = std::vector<u8>(16);
  std::vector<cpu::jit::ListedInsn> insns = {{kPc, 0x8b02'0020},        // add x0, x1, x2
                                             {kPc + 16, 0x0000'0000}};  // udf #0
  std::vector<u8> bytes = {
      0x49, 0x8b, 0x1f,                                            // mov rbx, [r15]
      0x41, 0x89, 0x87, 0x00, 0x01, 0x00, 0x00,                    // mov [r15+256], eax
      0x74, 0x0a,                                                  // je +10
      0x48, 0xb9, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  // mov rcx, number
      0xc3,                                                        // ret
      0x06,                                                        // nothing in 64-bit mode
  };
  std::vector<cpu::jit::CodePart> parts = {{0, Kind::Line, "enter", kPc},
                                           {3, Kind::Insn, "", kPc},
                                           {22, Kind::Away, "load missed", kPc + 16}};
  std::vector<cpu::jit::CodePointer> pointers = {{22, "site"}};
  cpu::jit::CodeNames names;
};

}  // namespace quince::test
