// A region: the instructions of one page that are translated together.
//
// It begins at one instruction and has what is reached from there by direct branches inside the
// page, as far as the interpreter has run it already: code that never ran is not worth translating.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "cpu/jit/page_pointers.h"
#include "cpu/jit/rows.h"
#include "cpu/jit/state_key.h"

namespace quince::cpu::jit {

struct HostFeatures;

/// How an access uses one of Vcpu::page_pointers_, which other accesses near it use, too.
struct PagePointer {
  s8 slot = -1;        ///< which one; -1: none
  bool leads = false;  ///< it finds out about the page, for the others
  bool kept = false;   ///< likely it is still the one of the last time: the stack's, or a loop's
  bool loop = false;   ///< a loop's, where the stub looks into the TLB itself
  bool write = false;  ///< as one to be written
  /// What has to be in that page: from `low` to `high`, bytes behind the access's address.
  s16 low = 0, high = 0;
};

/// One instruction of a region.
struct Insn {
  Insn() {}         // and not all zero first
  u32 word = 0;     ///< what is translated
  u32 fetched = 0;  ///< what the page has: the same, but for TranslationOptions::mistake
  u16 index = 0;    ///< in the page
  const JitRow* row = nullptr;
  Facts facts;
  bool call = false;         ///< translated as a call of its meaning
  bool fp = false;           ///< looks at whether, and how, floating point is on
  bool own_code = false;     ///< translated by its HostRow
  bool computes = false;     ///< and that with floating point
  bool bail = false;         ///< left to the interpreter
  bool ends = false;         ///< nothing behind it in its block: control leaves, or may
  bool flags_needed = true;  ///< somebody may look at NZCV as it is behind this instruction
  bool flags_needed_before = true;
  RegSet live_after = 0;  ///< a call: registers that come back into the host's behind it
  bool uses_x = true;     ///< a call that uses general registers
  bool uses_nzcv = true;  ///< a call that uses NZCV
  enum class Special : u8 {
    No,
    Nothing,
    Fence,
    Barrier,      ///< DSB, with other CPUs
    Synchronise,  ///< ISB
    ReadState,    ///< MRS of what is a member of CpuState
    WriteState,   ///< MSR of such a one
    Constant,     ///< MRS of what never changes
    System,       ///< has code in x64/system.cpp
  } special = Special::No;
  PagePointer page;
  u16 member = 0;  ///< ReadState, WriteState: its offset
  u64 number = 0;  ///< WriteState: bits that are written; Constant: the value
};

/// Where a block ends up.
struct Successor {
  s16 block = -1;  ///< in the region; -1: outside
  u16 index = 0;   ///< in the page, where it is outside and `in_page`
  bool in_page = false;
};

/// Instructions that run from the first to the last.
struct Block {
  u16 first = 0, count = 0;  ///< in Region::insns
  Successor taken, next;     ///< where a branch leads, and what follows otherwise
  bool has_taken = false, has_next = false;
  u16 predecessors = 0;
  bool loop_header = false;  ///< reached from itself or from behind
  bool computes = false;     ///< one of its instructions does, with floating point
  bool flags_needed_in = true;
  RegSet live_in = 0;   ///< registers that must be in the host's at its start
  RegSet dirty_in = 0;  ///< registers whose memory may be stale at its start
  RegSet v_dirty_in = 0;
};

struct Region {
  std::vector<Insn> insns;
  std::vector<Block> blocks;   ///< in the order of addresses, but for loops that end in their test
  u16 entry = 0;               ///< the block that it begins with
  std::array<u32, 32> uses{};  ///< of registers, weighted by loops
  std::array<u32, 32> v_uses{};
  RegSet used = 0, v_used = 0;  ///< those that are not 0
  bool uses_fp = false;  ///< has instructions that look at whether, and how, floating point is on
};

inline constexpr unsigned kMaxRegionInsns = 160;

/// What forming a region may look at.
struct RegionSource {
  const CodePage* page;
  const CpuModel* model;
  const HostFeatures* host;
  StateKey key;
  Handler not_decoded;                              ///< of an operation that never ran
  unsigned most = kMaxRegionInsns;                  ///< instructions of the region
  std::optional<std::pair<u32, u32>> mistake = {};  ///< TranslationOptions::mistake
  bool judged = false;  ///< in lockstep, where only the interpreter changes system registers
};

/// What a block does to registers, as a whole.
struct BlockSummary {
  RegSet dirty = 0, v_dirty = 0;  ///< written, and not put into memory since
  RegSet dirty_passes = ~RegSet{0}, v_dirty_passes = ~RegSet{0};  ///< the others stay as they were
  RegSet read = 0;         ///< before they are written, and before a call
  RegSet live_passes = 0;  ///< what is live behind the block is so in front of it
  bool has_call = false;   ///< one that uses general registers
  u8 depth = 0;            ///< in loops
};

/// What forming a region needs memory for, kept from one to the next.
struct RegionSpace {
  Region region;
  using Bits = std::array<u64, CodePage::kOps / 64>;
  Bits in{}, leaders{};  ///< instructions of the page: of the region, and those that begin a block
  std::array<u16, CodePage::kOps>
      numbers{};  ///< of those in the region: in `found`, then the block's
  std::vector<Insn> found;
  bool in_order = false;  ///< `found` is, by addresses
  std::vector<u16> work;
  std::vector<BlockSummary> summaries;
  PagePointerSpace page_pointers;
};

/// The region that begins at `index`, in `space` until the next one is formed; without instructions when there is
/// nothing to translate.
Region& form_region(const RegionSource& source, unsigned index, RegionSpace& space);
/// Makes one of the instructions of its region a call.
void make_call(RegionSpace& space, unsigned number);
/// Which accesses use a page pointer (page_pointers.cpp).
void find_page_pointers(Region& region, PagePointerSpace& space);

}  // namespace quince::cpu::jit
