#include "ui/sdl/keys.h"

#include <gtest/gtest.h>

#include <set>

namespace quince::ui::sdl {
namespace {

/// USB HID Usage Tables 1.22, section 10.
TEST(Keys, UsagesAreThoseOfTheKeyboardPage) {
  const struct {
    SDL_Scancode code;
    u8 usage;
  } kKeys[] = {
      {SDL_SCANCODE_A, 0x04},
      {SDL_SCANCODE_1, 0x1e},
      {SDL_SCANCODE_RETURN, 0x28},
      {SDL_SCANCODE_CAPSLOCK, 0x39},
      {SDL_SCANCODE_PRINTSCREEN, 0x46},
      {SDL_SCANCODE_KP_ENTER, 0x58},
      {SDL_SCANCODE_NONUSBACKSLASH, 0x64},
      {SDL_SCANCODE_F24, 0x73},
      {SDL_SCANCODE_MUTE, 0x7f},
      {SDL_SCANCODE_AUDIOMUTE, 0x7f},
      {SDL_SCANCODE_INTERNATIONAL1, 0x87},
      {SDL_SCANCODE_INTERNATIONAL6, 0x8c},
      {SDL_SCANCODE_INTERNATIONAL9, 0x8f},
      {SDL_SCANCODE_LANG1, 0x90},
      {SDL_SCANCODE_LANG5, 0x94},
      {SDL_SCANCODE_LANG9, 0x98},
      {SDL_SCANCODE_LCTRL, 0xe0},
      {SDL_SCANCODE_RGUI, 0xe7},
      {SDL_SCANCODE_MODE, 0xe6},
  };
  for (const auto& k : kKeys) EXPECT_EQ(usage_of(k.code), k.usage) << k.code;
}

TEST(Keys, OthersHaveNone) {
  for (const SDL_Scancode code : {SDL_SCANCODE_UNKNOWN, SDL_SCANCODE_AUDIONEXT, SDL_SCANCODE_WWW,
                                  SDL_SCANCODE_EJECT, SDL_SCANCODE_APP2})
    EXPECT_EQ(usage_of(code), 0) << code;
  std::set<u8> seen;
  for (int c = 0; c < 0x101; ++c)
    if (const u8 u = usage_of(static_cast<SDL_Scancode>(c)); u != 0) {
      EXPECT_EQ(u, c);
      seen.insert(u);
    }
  EXPECT_EQ(seen.size(), 0xddu - 4 + 1 + 8);
}

}  // namespace
}  // namespace quince::ui::sdl
