// The keyboard of a window: which keys the guest holds, and which are meant for the window itself.
#pragma once

#include <bitset>
#include <span>
#include <string>
#include <vector>

#include "ui/input.h"
#include "ui/window_options.h"

namespace quince::ui {

/// What a person can ask the window for.
enum class HotKey : u8 {
  None,
  FullScreen,
  Grab,
  OriginalSize,
  Screenshot,
  Status,
  CtrlAltDel,
  Pause,
  Reset,
  PowerButton,
  Quit,
};

struct HotKeyInfo {
  HotKey hot_key;
  u8 usage;
  const char* key;   ///< as it is written on keyboards
  const char* does;  ///< for the help
};

/// All of them, in the order of the help.
std::span<const HotKeyInfo> hot_keys();
/// "Ctrl+Alt"
const char* to_string(HotKeyModifier modifier);
/// "Ctrl+Alt+G"
std::string name_of(HotKey hot_key, HotKeyModifier modifier);
/// A line for each, for -display help.
std::string hot_keys_help();

/// Follows the keys of the host's keyboard.  The guest gets each change once: no repeats, and no
/// release of what it does not hold.  A hot key makes it let go of everything first, so that no
/// modifier stays down; a further modifier that is held makes an ordinary key of a hot key.
class Keyboard {
 public:
  explicit Keyboard(HotKeyModifier modifier) : modifier_(modifier) {}

  struct Outcome {
    HotKey hot_key = HotKey::None;
    std::vector<InputEvent> events = {};  ///< for the guest
  };
  Outcome key(u8 usage, bool down);
  /// Everything that the guest holds goes up; the host's keys are taken as released too.
  std::vector<InputEvent> release_all();

  /// Ctrl, Alt and Delete: pressed, or released.
  static std::vector<InputEvent> ctrl_alt_del(bool down);

 private:
  bool modifier_held() const;
  std::vector<InputEvent> let_go();

  HotKeyModifier modifier_;
  std::bitset<256> pressed_;  ///< on the host
  std::bitset<256> held_;     ///< by the guest
};

}  // namespace quince::ui
