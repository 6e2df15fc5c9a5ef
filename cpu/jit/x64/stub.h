// What the Emitter notes of code behind a region, to write it when the region is done (stubs.cpp).
#pragma once

#include <array>

#include "base/types.h"
#include "cpu/jit/native.h"
#include "cpu/jit/region.h"
#include "cpu/jit/x64/assembler.h"
#include "cpu/jit/x64/flag_state.h"
#include "cpu/jit/x64/shared.h"

namespace quince::cpu::jit {

/// Code behind the region, for what happens seldom.
struct Stub {
  enum class Kind : u8 {
    Load,
    Store,
    Bail,
    Exit,
    Other,
    Interrupt,
    Redirected,
    Barrier,
    Slow,
    FaultingCall,
    Saturated,
    ArmFp
  } kind = Kind::Load;
  Label label, back;
  Label found;   ///< Store: with RCX as look_up() leaves it
  s8 slot = -1;  ///< of a page pointer
  bool leads = false, kept = false, loop = false, to_write = false;  ///< as PagePointer has it
  bool keeps_flags = false;      ///< Load, Store: EFLAGS are to be there behind it, as `flags` says
  bool maybe_unaligned = false;  ///< the access may be here for its alignment
  Site* site = nullptr;
  const Insn* insn = nullptr;  ///< Slow: what is called
  s8 restored = -1;            ///< Slow: a register of the host whose old value is in xmm2
  RegSet dirty = 0, v_dirty = 0;
  FlagState flags;
  int address = 0;   ///< a host register
  int distance = 0;  ///< from that
  u32 undone = 0;    ///< of the block's instructions, those that have not run
  u64 pc = 0;        ///< where it belongs to
  u64 target = 0;
  ExitRecord* exit = nullptr;
  bool spilled = false;  ///< everything is in memory already
  bool entry = false;    ///< Interrupt: where the region begins
  s8 key = -1;           ///< FaultingCall: pointer authentication with this key
  // What a store that missed writes: guest registers, zero, vectors, or one of xmm0 to xmm3.
  struct Value {
    enum class Kind : u8 { None, Guest, Zero, Vector, Temporary } kind = Kind::None;
    u8 r = 0;
  };
  std::array<Value, 2> values;
};

}  // namespace quince::cpu::jit
