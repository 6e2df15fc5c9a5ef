// SDL numbers its scancodes, up to 0xe7, as the Keyboard/Keypad page does (USB HID Usage Tables
// 1.22, section 10).  Beyond that are keys of the Consumer page, and those of SDL alone.
#include "ui/sdl/keys.h"

#include <iterator>

namespace quince::ui::sdl {

namespace {

constexpr u8 kFirst = 0x04;    // below: what keyboards report about errors
constexpr u8 kLastKey = 0xdd;  // Keypad Hexadecimal
constexpr u8 kFirstModifier = 0xe0, kLastModifier = 0xe7;

struct Other {
  SDL_Scancode code;
  u8 usage;
};
constexpr Other kOthers[] = {
    {SDL_SCANCODE_AUDIOMUTE, 0x7f},  // Keyboard Mute
    {SDL_SCANCODE_MODE, 0xe6},       // AltGr of some layouts: Keyboard Right Alt
};

// The keys by which layouts differ, as a person would look them up.
static_assert(SDL_SCANCODE_NONUSHASH == 0x32 && SDL_SCANCODE_NONUSBACKSLASH == 0x64 &&
              SDL_SCANCODE_APPLICATION == 0x65 && SDL_SCANCODE_KP_EQUALS == 0x67);
static_assert(SDL_SCANCODE_KP_COMMA == 0x85);        // Brazil
static_assert(SDL_SCANCODE_INTERNATIONAL1 == 0x87);  // Ro: Japan, Brazil
static_assert(SDL_SCANCODE_INTERNATIONAL2 == 0x88);  // Katakana/Hiragana
static_assert(SDL_SCANCODE_INTERNATIONAL3 == 0x89);  // Yen
static_assert(SDL_SCANCODE_INTERNATIONAL4 == 0x8a);  // Henkan
static_assert(SDL_SCANCODE_INTERNATIONAL5 == 0x8b);  // Muhenkan
static_assert(SDL_SCANCODE_INTERNATIONAL6 == 0x8c);  // the keypad's comma: Japan
static_assert(SDL_SCANCODE_LANG1 == 0x90);           // Hangul/English; Kana
static_assert(SDL_SCANCODE_LANG2 == 0x91);           // Hanja; Eisu
static_assert(SDL_SCANCODE_LANG3 == 0x92 && SDL_SCANCODE_LANG4 == 0x93);  // Katakana, Hiragana
static_assert(SDL_SCANCODE_LANG5 == 0x94);                                // Zenkaku/Hankaku
static_assert(SDL_SCANCODE_LCTRL == 0xe0 && SDL_SCANCODE_RGUI == 0xe7);

}  // namespace

u8 usage_of(SDL_Scancode code) {
  if ((code >= kFirst && code <= kLastKey) || (code >= kFirstModifier && code <= kLastModifier))
    return static_cast<u8>(code);
  for (const Other& o : kOthers)
    if (o.code == code) return o.usage;
  return 0;
}

}  // namespace quince::ui::sdl
