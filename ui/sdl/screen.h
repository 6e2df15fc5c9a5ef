// A window and what is painted in it: one picture, scaled, and small ones over it.
//
// Counts in pixels of the screen; SDL's own units ("points") are larger on a HiDPI desktop.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "ui/layout.h"
#include "ui/picture.h"
#include "ui/sdl/handles.h"

namespace quince::ui::sdl {

class Screen {
 public:
  static Result<std::unique_ptr<Screen>> create(const std::string& title, Size size, int monitor,
                                                const WindowOptions& options);

  SDL_Window* window() const { return window_.get(); }
  u32 id() const { return SDL_GetWindowID(window_.get()); }
  /// Of the inside of the window.
  Size size() const;
  /// A point of SDL's events.
  SDL_Point pixel_of(s32 x, s32 y) const;
  /// Makes the inside so large, or as large as the desktop has room for.
  void set_size(Size size);
  bool full_screen() const;
  void set_full_screen(bool on);

  /// The picture, which has changed in these places.  It stays where it is until the next one.
  void set_picture(const Picture& picture, std::span<const Rect> changed);
  /// Where in the window the picture is.
  Rect shown() const { return place(picture_size_, size(), options_); }
  Size picture_size() const { return picture_size_; }

  /// What is painted over the picture.  An empty one: nothing.
  void set_status(const Picture& label) { set_label(status_, label); }
  void set_message(const Picture& label) { set_label(message_, label); }
  /// A pointer for guests with a mouse: straight alpha, with its corner at a pixel of the picture.
  void set_pointer(std::span<const u32> argb, Size size);
  void move_pointer(s32 x, s32 y);
  void hide_pointer() { pointer_ = {}; }

  /// What the window shows is not what was presented last, or has another size.
  void invalidate() { whole_ = true; }
  /// Shows what changed since the last time.  False: the host cannot show a picture so large.
  bool present();

 private:
  Screen(Owned<SDL_Window> window, Owned<SDL_Renderer> renderer, bool software,
         const WindowOptions& options)
      : window_(std::move(window)),
        renderer_(std::move(renderer)),
        software_(software),
        options_(options) {}
  struct Label {
    Owned<SDL_Texture> texture;
    Size size = {};
  };
  Owned<SDL_Texture> make_texture(Size size, u32 format, int access);
  void set_label(Label& label, const Picture& picture);
  void paint(const Label& label, u32 x, u32 y);
  void paint_pointer(Rect picture);
  bool present_direct();
  bool update_texture();
  void render();

  Owned<SDL_Window> window_;
  Owned<SDL_Renderer> renderer_;
  const bool software_;  // what the renderer draws on are the window's own pixels
  const WindowOptions& options_;
  const Picture* picture_ = nullptr;
  Size picture_size_ = {};
  Owned<SDL_Texture> texture_;  // of the picture
  Damage not_in_texture_, not_in_window_;
  bool whole_ = true;  // all of the window has to be painted
  Label status_, message_, pointer_;
  s32 pointer_x_ = 0, pointer_y_ = 0;
};

}  // namespace quince::ui::sdl
