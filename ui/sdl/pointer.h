// The mouse over a machine's windows: where its events go, and what it looks like.
//
// A guest with a tablet is told places; the host's cursor then looks as the guest's does.  A guest
// with a mouse only is told motions, while the mouse is grabbed: a click into the picture grabs it.
#pragma once

#include <memory>
#include <vector>

#include "ui/input.h"
#include "ui/sdl/head.h"

namespace quince::ui::sdl {

class Pointer {
 public:
  Pointer(Input& input, bool show_cursor) : input_(input), show_cursor_(show_cursor) {}

  /// Events of the mouse in a head's window; positions count in the first head only.
  void on_motion(const SDL_MouseMotionEvent& e, Head* head, bool first);
  void on_button(const SDL_MouseButtonEvent& e, Head* head, bool first);
  void on_wheel(const SDL_MouseWheelEvent& e, Head* head);
  /// Sends what has been gathered since the last event that was no motion.
  void flush();
  /// Releases buttons that the guest holds.
  void release_all();

  /// Somebody clicked into the picture of a guest that has a mouse only: it wants to be grabbed.
  bool wants_grab() const { return wants_grab_; }
  /// Takes the mouse for the guest, or gives it back.
  void set_grabbed(bool on);
  /// Once a frame: how the guest listens may have changed, and what its cursor looks like.  `head`
  /// is the one under the mouse, or null.
  void refresh(Head* head);
  /// The guest's cursor has to be painted: there is no host's cursor to look like it.
  bool painted() const { return relative_; }

 private:
  bool absolute() const { return (input_.kinds() & kAbsolute) != 0; }
  bool listens() const { return (input_.kinds() & (kAbsolute | kRelative)) != 0; }
  void emit(InputEvent e);
  void show(bool on);
  void look_like(const Cursor& cursor, Head& head);

  Input& input_;
  bool show_cursor_;
  std::vector<InputEvent> moment_;  // motions that are not sent yet
  unsigned held_ = 0;               // buttons that the guest holds, as bits
  bool grabbed_ = false, relative_ = false, wants_grab_ = false;
  std::shared_ptr<const CursorImage> image_;  // what the host's cursor looks like
  Size image_scale_ = {};
  Owned<SDL_Cursor> cursor_;
  bool own_cursor_ = false;  // cursor_ is the host's cursor now
};

}  // namespace quince::ui::sdl
