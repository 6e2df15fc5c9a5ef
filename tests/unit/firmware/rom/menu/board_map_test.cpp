// The ROM's map of the board is the emulator's.
#include <gtest/gtest.h>

#include "machine/board.h"

extern "C" {
#include "firmware/rom/menu/board_map.h"
}

namespace quince::machine {
namespace {

TEST(BoardMap, IsTheBoards) {
  const Board* const board = find_board("vmapple");
  ASSERT_NE(board, nullptr);
  ASSERT_EQ(board->map.size(), board_map_count);
  for (std::size_t i = 0; i < board->map.size(); ++i) {
    const MapEntry& e = board->map[i];
    const BoardWindow& w = board_map[i];
    EXPECT_EQ(e.name, std::string_view(w.name));
    EXPECT_EQ(e.base, w.base) << w.name;
    EXPECT_EQ(e.size, w.bytes) << w.name;
    EXPECT_EQ(e.spi < 0 ? 0u : static_cast<unsigned>(e.spi) + 32, w.intid) << w.name;
    EXPECT_LT(w.probe, w.bytes == 0 ? 1 : w.bytes) << w.name;
  }
}

}  // namespace
}  // namespace quince::machine
