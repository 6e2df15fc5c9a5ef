#include "ui/sdl/screen.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace quince::ui::sdl {

namespace {

constexpr u32 kOpaque = SDL_PIXELFORMAT_RGB888;  // XRGB8888
constexpr u32 kMargin = 8;                       // between labels and the window's edge

SDL_Rect rect_of(Rect r) {
  return {static_cast<int>(r.x), static_cast<int>(r.y), static_cast<int>(r.width),
          static_cast<int>(r.height)};
}

/// OpenGL without a GPU behind it (Mesa's llvmpipe and the like) costs several times what SDL's own
/// software renderer does, which can show pictures without a copy between.
bool is_gl_without_gpu(SDL_Renderer* renderer) {
  SDL_RendererInfo info{};
  if (SDL_GetRendererInfo(renderer, &info) != 0 ||
      !std::string_view(info.name).starts_with("opengl"))
    return false;
  constexpr unsigned kGlRenderer = 0x1f01;  // GL_RENDERER of OpenGL's glGetString()
  using GetString = const char* (*)(unsigned);
  const auto get_string = reinterpret_cast<GetString>(SDL_GL_GetProcAddress("glGetString"));
  const char* const name = get_string != nullptr ? get_string(kGlRenderer) : nullptr;
  if (name == nullptr) return false;
  for (const char* software : {"llvmpipe", "softpipe", "Software Rasterizer"})
    if (std::string_view(name).find(software) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::unique_ptr<Screen>> Screen::create(const std::string& title, Size size, int monitor,
                                               const WindowOptions& options) {
  const u32 flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;
  const int place = static_cast<int>(SDL_WINDOWPOS_UNDEFINED_DISPLAY(monitor));
  Owned<SDL_Window> window(SDL_CreateWindow(title.c_str(), place, place,
                                            static_cast<int>(size.width),
                                            static_cast<int>(size.height), flags));
  if (window == nullptr) return fail("no window could be opened: {}", SDL_GetError());
  Owned<SDL_Renderer> renderer(SDL_CreateRenderer(window.get(), -1, 0));
  if (renderer != nullptr && is_gl_without_gpu(renderer.get())) {
    renderer.reset();
    renderer.reset(SDL_CreateRenderer(window.get(), -1, SDL_RENDERER_SOFTWARE));
  }
  if (renderer == nullptr) return fail("nothing can be drawn in a window: {}", SDL_GetError());
  SDL_SetWindowMinimumSize(window.get(), 160, 100);
  SDL_RendererInfo info{};
  const bool software =
      SDL_GetRendererInfo(renderer.get(), &info) == 0 && (info.flags & SDL_RENDERER_SOFTWARE) != 0;
  return std::unique_ptr<Screen>(
      new Screen(std::move(window), std::move(renderer), software, options));
}

Size Screen::size() const {
  int w = 0, h = 0;
  if (SDL_GetRendererOutputSize(renderer_.get(), &w, &h) != 0) return {};
  return Rect{0, 0, static_cast<u32>(w), static_cast<u32>(h)}.clipped({1u << 16, 1u << 16}).size();
}

SDL_Point Screen::pixel_of(s32 x, s32 y) const {
  int w = 0, h = 0;
  SDL_GetWindowSize(window_.get(), &w, &h);
  const Size pixels = size();
  if (w <= 0 || h <= 0) return {x, y};
  return {static_cast<int>(s64{x} * pixels.width / w),
          static_cast<int>(s64{y} * pixels.height / h)};
}

void Screen::set_size(Size size) {
  int w = 0, h = 0;
  SDL_GetWindowSize(window_.get(), &w, &h);
  const Size pixels = this->size();
  if (w <= 0 || h <= 0 || pixels.empty() || size.empty()) return;
  int wanted_w = static_cast<int>(s64{size.width} * w / pixels.width);
  int wanted_h = static_cast<int>(s64{size.height} * h / pixels.height);
  SDL_Rect room{};
  if (SDL_GetDisplayUsableBounds(std::max(0, SDL_GetWindowDisplayIndex(window_.get())), &room) ==
      0) {
    wanted_w = std::min(wanted_w, room.w);
    wanted_h = std::min(wanted_h, room.h);
  }
  if (wanted_w != w || wanted_h != h) SDL_SetWindowSize(window_.get(), wanted_w, wanted_h);
}

bool Screen::full_screen() const {
  return (SDL_GetWindowFlags(window_.get()) & SDL_WINDOW_FULLSCREEN_DESKTOP) != 0;
}

void Screen::set_full_screen(bool on) {
  SDL_SetWindowFullscreen(window_.get(), on ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
}

Owned<SDL_Texture> Screen::make_texture(Size size, u32 format, int access) {
  return Owned<SDL_Texture>(SDL_CreateTexture(renderer_.get(), format, access,
                                              static_cast<int>(size.width),
                                              static_cast<int>(size.height)));
}

void Screen::set_picture(const Picture& picture, std::span<const Rect> changed) {
  if (picture.size() != picture_size_) {
    picture_size_ = picture.size();
    texture_.reset();
    not_in_texture_.clear();
    not_in_window_.clear();
    whole_ = true;
  }
  picture_ = &picture;
  for (const Rect& r : changed) {
    not_in_texture_.add(r);
    not_in_window_.add(r);
  }
}

void Screen::set_label(Label& label, const Picture& picture) {
  label = {};
  if (picture.size().empty()) return;
  label.texture = make_texture(picture.size(), kOpaque, SDL_TEXTUREACCESS_STATIC);
  if (label.texture == nullptr) return;
  label.size = picture.size();
  SDL_UpdateTexture(label.texture.get(), nullptr, picture.row(0),
                    static_cast<int>(picture.stride()));
}

void Screen::set_pointer(std::span<const u32> argb, Size size) {
  pointer_ = {};
  if (size.empty()) return;
  pointer_.texture = make_texture(size, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STATIC);
  if (pointer_.texture == nullptr) return;
  pointer_.size = size;
  SDL_SetTextureBlendMode(pointer_.texture.get(), SDL_BLENDMODE_BLEND);
  SDL_UpdateTexture(pointer_.texture.get(), nullptr, argb.data(), static_cast<int>(size.width * 4));
}

void Screen::move_pointer(s32 x, s32 y) {
  pointer_x_ = x;
  pointer_y_ = y;
}

void Screen::paint(const Label& label, u32 x, u32 y) {
  if (label.texture == nullptr) return;
  const SDL_Rect to = rect_of({x, y, label.size.width, label.size.height});
  SDL_RenderCopy(renderer_.get(), label.texture.get(), nullptr, &to);
}

void Screen::paint_pointer(Rect picture) {
  if (pointer_.texture == nullptr) return;
  const SDL_Rect clip = rect_of(picture);
  const SDL_Rect at{clip.x + static_cast<int>(s64{pointer_x_} * clip.w / picture_size_.width),
                    clip.y + static_cast<int>(s64{pointer_y_} * clip.h / picture_size_.height),
                    static_cast<int>(pointer_.size.width), static_cast<int>(pointer_.size.height)};
  SDL_RenderSetClipRect(renderer_.get(), &clip);
  SDL_RenderCopy(renderer_.get(), pointer_.texture.get(), nullptr, &at);
  SDL_RenderSetClipRect(renderer_.get(), nullptr);
}

/// A picture that is neither scaled nor covered goes from our copy into the window's pixels, without
/// a texture between them, and only what changed does.  False: this is not such a case.
bool Screen::present_direct() {
  const Rect picture = shown();
  if (!software_ || picture_ == nullptr || picture.size() != picture_size_) return false;
  if (status_.texture != nullptr || message_.texture != nullptr || pointer_.texture != nullptr)
    return false;
  SDL_Surface* const surface = SDL_GetWindowSurface(window_.get());
  if (surface == nullptr || surface->format->format != kOpaque) return false;
  if (surface->w < static_cast<int>(picture.x + picture.width) ||
      surface->h < static_cast<int>(picture.y + picture.height))
    return false;
  if (whole_) {
    if (picture.size() != size()) SDL_FillRect(surface, nullptr, 0);
    not_in_window_.add(Rect::all(picture_size_));
  }
  std::vector<SDL_Rect> updated;
  for (const Rect& r : not_in_window_.rects()) {
    for (u32 y = r.y; y < r.y + r.height; ++y)
      std::memcpy(static_cast<u8*>(surface->pixels) +
                      std::size_t{picture.y + y} * static_cast<std::size_t>(surface->pitch) +
                      std::size_t{picture.x + r.x} * 4,
                  picture_->row(y) + r.x, std::size_t{r.width} * 4);
    updated.push_back(rect_of({picture.x + r.x, picture.y + r.y, r.width, r.height}));
  }
  if (whole_)
    SDL_UpdateWindowSurface(window_.get());
  else if (!updated.empty())
    SDL_UpdateWindowSurfaceRects(window_.get(), updated.data(), static_cast<int>(updated.size()));
  not_in_window_.clear();
  whole_ = false;
  return true;
}

bool Screen::update_texture() {
  if (picture_ == nullptr || picture_size_.empty()) return true;
  if (texture_ == nullptr) {
    texture_ = make_texture(picture_size_, kOpaque, SDL_TEXTUREACCESS_STREAMING);
    if (texture_ == nullptr) return false;
    SDL_SetTextureBlendMode(texture_.get(), SDL_BLENDMODE_NONE);
    not_in_texture_.add(Rect::all(picture_size_));
  }
  for (const Rect& r : not_in_texture_.rects()) {
    const SDL_Rect area = rect_of(r);
    SDL_UpdateTexture(texture_.get(), &area, picture_->row(r.y) + r.x,
                      static_cast<int>(picture_->stride()));
  }
  not_in_texture_.clear();
  return true;
}

void Screen::render() {
  const Size whole = size();
  const Rect picture = shown();
  if (picture.size() != whole) {
    SDL_SetRenderDrawColor(renderer_.get(), 0, 0, 0, 255);
    SDL_RenderClear(renderer_.get());
  }
  if (texture_ != nullptr && !picture.empty()) {
    SDL_SetTextureScaleMode(texture_.get(), is_whole_multiple(picture_size_, picture.size())
                                                ? SDL_ScaleModeNearest
                                                : SDL_ScaleModeLinear);
    const SDL_Rect to = rect_of(picture);
    SDL_RenderCopy(renderer_.get(), texture_.get(), nullptr, &to);
    paint_pointer(picture);
  }
  const u32 right = whole.width - std::min(whole.width, status_.size.width + kMargin);
  paint(status_, right, kMargin);
  paint(message_, (whole.width - std::min(whole.width, message_.size.width)) / 2,
        whole.height - std::min(whole.height, message_.size.height + kMargin));
  SDL_RenderPresent(renderer_.get());
}

bool Screen::present() {
  if (present_direct()) return true;
  const bool could = update_texture();
  render();
  whole_ = true;  // for present_direct(): labels are in the window's pixels
  not_in_window_.clear();
  return could;
}

}  // namespace quince::ui::sdl
