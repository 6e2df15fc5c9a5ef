// What tests of the boot ROM's text share: grids in vectors, and their text.
#pragma once

#include <string>
#include <vector>

extern "C" {
#include "firmware/rom/ui/console.h"
#include "firmware/rom/ui/utf8.h"
}

namespace quince::test {

/// A grid with memory of its own.
struct TestGrid {
  std::vector<Cell> cells;
  Grid grid;

  TestGrid(u32 columns, u32 rows) : cells(columns * rows), grid{columns, rows, cells.data()} {
    grid_clear(&grid);
  }
  const Cell& at(u32 row, u32 column) const { return cells[row * grid.columns + column]; }
  /// A row as UTF-8, without blanks at its end.
  std::string line(u32 row) const {
    std::string text;
    for (u32 column = 0; column < grid.columns; ++column) {
      char bytes[3];
      text.append(bytes, utf8_put(bytes, at(row, column).code));
    }
    return text.substr(0, text.find_last_not_of(' ') + 1);
  }
};

/// Memory for arena_take().
struct TestMemory {
  std::vector<u64> words;
  Arena arena;

  explicit TestMemory(u64 bytes) : words(bytes / 8) {
    const auto start = reinterpret_cast<u64>(words.data());
    arena = {start, start + bytes};
  }
};

}  // namespace quince::test
