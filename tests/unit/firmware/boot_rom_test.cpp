// The boot ROM in the emulator is what its sources make.
#include "firmware/boot_rom.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace quince::firmware {
namespace {

TEST(BootRom, HasItsNameAndFitsItsSlot) {
  EXPECT_TRUE(is_boot_rom(boot_rom()));
  EXPECT_LE(boot_rom().size(), 1 * MiB);
  EXPECT_FALSE(is_boot_rom({}));
  EXPECT_FALSE(is_boot_rom(boot_rom().first(23)));
  const std::vector<u8> other(4096);
  EXPECT_FALSE(is_boot_rom(other));
}

TEST(BootRom, IsTheSameByteForByteWhenItIsBuiltAgain) {
#ifdef QUINCE_BUILT_ROM
  std::ifstream file(QUINCE_BUILT_ROM, std::ios::binary);
  const std::vector<char> built{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(built.empty());
  const auto rom = boot_rom();
  ASSERT_EQ(built.size(), rom.size()) << "cmake --build build/dev --target update_boot_rom";
  const auto differs = std::mismatch(built.begin(), built.end(), rom.begin(),
                                     [](char a, u8 b) { return static_cast<u8>(a) == b; });
  EXPECT_EQ(differs.first - built.begin(), static_cast<std::ptrdiff_t>(built.size()))
      << "cmake --build build/dev --target update_boot_rom";
#else
  GTEST_SKIP() << "there is no cross compiler (scripts/install-deps.sh check)";
#endif
}

}  // namespace
}  // namespace quince::firmware
