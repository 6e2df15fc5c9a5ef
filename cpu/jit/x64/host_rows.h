// Rows that have host code of their own, though their meanings are functions on Vcpu: vectors, floating point,
// cryptography and atomics.  All others of their groups are calls of their meanings (cpu/a64/sem), which also judge this
// code: tests/diff runs both ways.
//
// The tables are in vec_*.cpp and atomics.cpp, one for each kind of work.  A function writes the code of one
// instruction and returns false for an encoding that is to stay a call.
#pragma once

#include <span>

#include "cpu/jit/facts.h"
#include "cpu/jit/state_key.h"
#include "cpu/jit/x64/host_features.h"

namespace quince::cpu::jit {

class Emitter;

struct HostRow {
  /// What an instruction uses, of the fields at their usual places: Rd 4:0, Rn 9:5, Ra 14:10, Rm 20:16.
  enum Uses : u32 {
    kWd = 1,
    kRd = 2,
    kRn = 4,
    kRm = 8,
    kRa = 16,  ///< vectors; kRd: the old value, too
    kXd = 32,
    kXn = 64,  ///< general registers
    kSetsFlags = 128,
    kReadsFlags = 256,  ///< NZCV
    kTable = 512,       ///< Rn and as many behind it as bits 14:13 say
    kRmShort = 1024,    ///< by element: Rm has four bits if bits 23:22 are 01
    kBase = 4096,       ///< Rn is a base register or SP, written where bit 23 is set
    kListWrite = 8192,
    kListRead = 16384,       ///< vectors from Rd on, as many as bits 15:12 say
    kAtomic = 1 << 15,       ///< Rn is a base register, Rs (20:16) is read, Rt (4:0) written
    kCompareSwap = 1 << 16,  ///< likewise, Rt is read, Rs read and written
    kPointer = 1 << 17,      ///< Rd is read and written, Rn (or SP) is read: pointer authentication
    kLink = 1 << 18,         ///< X30 is read and written, SP is read
    kX17 = 1 << 19,          ///< X17 is read and written, X16 is read
    kPair = 1 << 20,         ///< kCompareSwap: of pairs of registers
    kGeneral = kAtomic | kCompareSwap | kPointer | kLink | kX17,  ///< no vectors: any of these
    kFpPlain = 2048,  ///< only where FPCR rounds to nearest and does not flush
  };
  /// What the host must have.
  enum Needs : u8 { kAes = 1, kPclmul = 2, kSha = 4, kAvx512 = 8 };

  const char* id;  ///< of the row in cpu/a64/isa
  bool (*emit)(Emitter& e, u32 insn);
  u32 uses;
  u8 sizes = 0xf;  ///< values of bits 23:22 that have code, as bits
  u8 needs = 0;

  bool suits(u32 insn, const HostFeatures& host, const StateKey& key) const;
  Facts facts(u32 insn) const;
};

/// The one for a row of the instruction table, or null.
const HostRow* host_row(const char* id);

std::span<const HostRow> host_rows_int();
std::span<const HostRow> host_rows_saturating();
std::span<const HostRow> host_rows_shift();
std::span<const HostRow> host_rows_move();
std::span<const HostRow> host_rows_scalar();
std::span<const HostRow> host_rows_convert();
std::span<const HostRow> host_rows_fp();
std::span<const HostRow> host_rows_fp_convert();
std::span<const HostRow> host_rows_crypto();
std::span<const HostRow> host_rows_memory();
std::span<const HostRow> host_rows_store();
std::span<const HostRow> host_rows_atomics();
std::span<const HostRow> host_rows_exclusives();
std::span<const HostRow> host_rows_pauth();

}  // namespace quince::cpu::jit
