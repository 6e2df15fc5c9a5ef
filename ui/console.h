// One head: what a display device draws on, and what front ends show.
//
// Between the two is a copy of the picture under a lock of its own, held for as long as it takes to
// copy pixels and never while a front end presents or a device waits.  So a slow or closed window
// does not slow the guest, and nothing of a front end runs with the I/O lock held.
//
// A device either draws (draw(): it knows what changes) or has its picture scanned (scan(): a
// framebuffer in memory that the guest writes without notice).  A scanned one is compared, row by
// row, when a viewer looks.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ui/host.h"
#include "ui/picture.h"

namespace quince::ui {

/// What the pointer looks like: premultiplied ARGB8888, at most kMaxSide pixels a side.
struct CursorImage {
  static constexpr u32 kMaxSide = 256;
  Size size = {};
  u32 hot_x = 0, hot_y = 0;
  std::vector<u32> argb = {};
};

/// The pointer as the guest shows it.
struct Cursor {
  std::shared_ptr<const CursorImage> image;  ///< null: none
  s32 x = 0, y = 0;                          ///< of the hot spot, in pixels of the picture
  bool operator==(const Cursor&) const = default;
};

/// A display device, for what front ends wish.  Called on the machine thread with the I/O lock
/// held.
class ConsoleClient {
 public:
  /// The head is shown in this size now: the guest may be told to draw so large.
  virtual void size_wished(Size size) = 0;

 protected:
  ~ConsoleClient() = default;
};

class Console {
 public:
  /// `host` outlives the console.
  Console(std::string name, Host& host);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  const std::string& name() const { return name_; }

  // ---- For the device, with the I/O lock held.

  /// Whom wishes go to; null: nobody any more.
  void attach(ConsoleClient* client);
  /// A picture of this size, black at first; Size{}: nothing is shown.  Ends scan().  Sides are at
  /// most ui::kMaxSide.
  void set_size(Size size);
  /// Copies `area` of `source`, a picture of the console's size, to the same place.
  void draw(const PixelView& source, Rect area);
  /// Copies `area` of `source` with its corner to `x`, `y`.
  void draw(const PixelView& source, Rect area, u32 x, u32 y);
  /// Shows these pixels, whose size is the console's from now on.  They stay readable until the
  /// next scan(), set_size() or the end of the machine, and fits() has approved of them.
  void scan(const PixelView& source);
  void set_cursor(const Cursor& cursor);
  void move_cursor(s32 x, s32 y);

  // ---- For front ends, on any thread, without the I/O lock.

  /// Whether the guest shows anything.
  bool shown() const;
  Size size() const;
  Cursor cursor() const;
  /// A copy of the picture, with the cursor or without.
  Picture picture(bool with_cursor);
  /// The head is shown in this size.
  void wish_size(Size size);

  /// One front end's memory of what it has seen of a console.
  class Viewer {
   public:
    explicit Viewer(Console& console);
    ~Viewer();
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;

    struct Update {
      bool resized = false;            ///< the picture has another size: all of it is new
      std::vector<Rect> changed = {};  ///< what was copied
      bool any() const { return resized || !changed.empty(); }
    };
    /// Brings `copy` up to date.  Cheap when nothing changed.
    Update fetch(Picture& copy);

   private:
    friend class Console;
    Console& console_;
    Damage damage_;        // under the console's lock
    bool resized_ = true;  // likewise
  };

 private:
  void damaged(Rect r);    // lock_ held
  void resize(Size size);  // lock_ held
  void look();             // lock_ held: what a scanned source has that frame_ has not

  const std::string name_;
  Host& host_;
  ConsoleClient* client_ = nullptr;  // under the I/O lock
  std::shared_ptr<Console*> self_;   // under the I/O lock: for wishes on their way

  mutable std::mutex lock_;
  Picture frame_;
  std::optional<PixelView> source_;  // scanned
  Picture row_;                      // one row of the source, converted
  Cursor cursor_;
  std::vector<Viewer*> viewers_;
};

}  // namespace quince::ui
