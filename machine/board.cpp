#include "machine/board.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace quince::machine {

namespace {
constexpr const Board* kBoards[] = {&kVmapple, &kVirt};
}  // namespace

const MapEntry& Board::entry(Slot s) const {
  const auto it = std::find_if(map.begin(), map.end(), [&](const MapEntry& e) { return e.slot == s; });
  QUINCE_ASSERT(it != map.end());
  return *it;
}

bool Board::has(Slot s) const {
  return std::any_of(map.begin(), map.end(),
                     [&](const MapEntry& e) { return e.slot == s && e.present; });
}

std::span<const Board* const> boards() { return kBoards; }

const Board* find_board(std::string_view name) {
  for (const Board* b : kBoards)
    if (name == b->name) return b;
  return nullptr;
}

std::string memory_map_markdown() {
  std::string out =
      "# Memory maps\n\nMade from the tables in `machine/*/board.cpp` by a test "
      "(`QUINCE_UPDATE_GOLDEN=1` rewrites it); do not edit.\n";
  for (const Board* b : kBoards) {
    out += fmt::format("\n## {}\n\n{}. {} CPUs at most, counter at {} Hz, {} SPIs.\n\n", b->name,
                       b->description, b->max_cpus, b->counter_hz, b->spis);
    out += "| base | size | what | SPI | in this version |\n|---|---|---|---|---|\n";
    for (const MapEntry& e : b->map)
      out += fmt::format("| `{:#011x}` | {} | {} | {} | {} |\n", e.base,
                         e.size == 0 ? "`-m`" : fmt::format("`{:#x}`", e.size), e.name,
                         e.spi < 0 ? "" : std::to_string(e.spi), e.present ? "yes" : "no");
  }
  return out;
}

}  // namespace quince::machine
