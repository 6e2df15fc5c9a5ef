// What has been translated of one page of instructions.
#pragma once

#include <algorithm>
#include <vector>

#include "base/types.h"
#include "cpu/interp/code_page.h"
#include "cpu/jit/state_key.h"
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

/// The code of a region, and for which states of the CPU it is.
struct alignas(32) TranslatedRegion {
  Translated code;
  StateKey::Bits key = 0;
  StateKey::Bits any = 0;  ///< of the key: what it does not depend on
  u16 index = 0;           ///< in the page, where it begins
  u16 next = 0;  ///< one more than the number of another that begins at the same instruction

  bool suits(StateKey::Bits other) const { return ((key ^ other) & ~any) == 0; }
};

/// The regions of a page of the guest's physical memory; they and what their code points to go together.
struct Page {
  CodePage* code = nullptr;
  Records records;
  std::vector<TranslatedRegion> regions;
  /// Virtual pages that jumps lead here by, with the exception level in bit 0: what is to be forgotten with it.
  std::vector<u64> places;
  static constexpr std::size_t kMaxPlaces = 64;
  u64 last_place = 1;
  bool everywhere = false;  ///< there are more

  /// A jump cache leads here now, by `va` at exception level `level`.
  void jumped_to(u64 va, unsigned level) {
    const u64 place = (va & ~u64{0xfff}) | level;
    if (place == last_place && !places.empty()) return;
    last_place = place;
    if (std::ranges::find(places, place) != places.end()) return;
    if (places.size() == kMaxPlaces)
      everywhere = true;
    else
      places.push_back(place);
  }
};

}  // namespace quince::cpu::jit
