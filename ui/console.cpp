#include "ui/console.h"

#include <cstring>

#include "base/assert.h"

namespace quince::ui {

Console::Console(std::string name, Host& host)
    : name_(std::move(name)), host_(host), self_(std::make_shared<Console*>(this)) {}

Console::~Console() { QUINCE_ASSERT(viewers_.empty()); }

// ---- The device's side -------------------------------------------------------------------------

void Console::attach(ConsoleClient* client) { client_ = client; }

void Console::damaged(Rect r) {
  for (Viewer* v : viewers_) v->damage_.add(r);
}

void Console::resize(Size size) {
  frame_ = Picture(size);
  for (Viewer* v : viewers_) {
    v->resized_ = true;
    v->damage_.clear();
  }
}

void Console::set_size(Size size) {
  const std::lock_guard guard(lock_);
  source_.reset();
  resize(size.empty() ? Size{} : size);
}

void Console::draw(const PixelView& source, Rect area) { draw(source, area, area.x, area.y); }

void Console::draw(const PixelView& source, Rect area, u32 x, u32 y) {
  const std::lock_guard guard(lock_);
  area = area.clipped(source.size);
  frame_.copy(source, area, x, y);
  damaged(Rect{x, y, area.width, area.height}.clipped(frame_.size()));
}

void Console::scan(const PixelView& source) {
  const std::lock_guard guard(lock_);
  QUINCE_ASSERT(source.fits(~u64{0}));
  source_ = source;
  row_ = Picture({source.size.width, 1});
  if (frame_.size() != source.size) resize(source.size);
}

void Console::set_cursor(const Cursor& cursor) {
  const std::lock_guard guard(lock_);
  cursor_ = cursor;
}

void Console::move_cursor(s32 x, s32 y) {
  const std::lock_guard guard(lock_);
  cursor_.x = x;
  cursor_.y = y;
}

// ---- The front ends' side ----------------------------------------------------------------------

bool Console::shown() const { return !size().empty(); }

Size Console::size() const {
  const std::lock_guard guard(lock_);
  return frame_.size();
}

Cursor Console::cursor() const {
  const std::lock_guard guard(lock_);
  return cursor_;
}

/// Rows that differ are copied; neighbours among them become one rectangle.
void Console::look() {
  if (!source_) return;
  const Size size = source_->size;
  PixelView one = *source_;
  one.size.height = 1;
  Rect band{0, 0, size.width, 0};
  for (u32 y = 0; y < size.height; ++y) {
    one.bytes = source_->bytes + std::size_t{y} * source_->stride;
    const u32* now = reinterpret_cast<const u32*>(one.bytes);
    if (source_->format != kXrgb8888) {
      row_.copy(one, Rect::all(one.size), 0, 0);
      now = row_.row(0);
    }
    if (std::memcmp(frame_.row(y), now, frame_.stride()) == 0) {
      damaged(band);
      band = {0, y + 1, size.width, 0};
      continue;
    }
    std::memcpy(frame_.row(y), now, frame_.stride());
    ++band.height;
  }
  damaged(band);
}

Picture Console::picture(bool with_cursor) {
  Picture copy;
  Cursor cursor;
  {
    const std::lock_guard guard(lock_);
    look();
    copy = frame_;
    cursor = cursor_;
  }
  if (with_cursor && cursor.image != nullptr)
    copy.blend(cursor.image->argb, cursor.image->size,
               cursor.x - static_cast<s32>(cursor.image->hot_x),
               cursor.y - static_cast<s32>(cursor.image->hot_y));
  return copy;
}

void Console::wish_size(Size size) {
  host_.post([weak = std::weak_ptr(self_), size] {
    const auto self = weak.lock();
    if (self != nullptr && (*self)->client_ != nullptr) (*self)->client_->size_wished(size);
  });
}

Console::Viewer::Viewer(Console& console) : console_(console) {
  const std::lock_guard guard(console_.lock_);
  console_.viewers_.push_back(this);
}

Console::Viewer::~Viewer() {
  const std::lock_guard guard(console_.lock_);
  std::erase(console_.viewers_, this);
}

Console::Viewer::Update Console::Viewer::fetch(Picture& copy) {
  const std::lock_guard guard(console_.lock_);
  console_.look();
  Update update{.resized = resized_ || copy.size() != console_.frame_.size()};
  if (update.resized) {
    copy = console_.frame_;
    if (!copy.size().empty()) update.changed = {Rect::all(copy.size())};
  } else {
    update.changed = damage_.rects();
    for (const Rect& r : update.changed)
      for (u32 y = r.y; y < r.y + r.height; ++y)
        std::memcpy(copy.row(y) + r.x, console_.frame_.row(y) + r.x, std::size_t{r.width} * 4);
  }
  resized_ = false;
  damage_.clear();
  return update;
}

}  // namespace quince::ui
