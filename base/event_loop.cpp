#include "base/event_loop.h"

#include <glib-unix.h>
#include <glib.h>

#include <utility>

namespace quince {

struct EventLoop::Impl {
  GMainContext* context = g_main_context_new();
  ~Impl() { g_main_context_unref(context); }
};

namespace {

struct FdCallback {
  std::function<void(unsigned)> fn;
};

gboolean on_fd(gint, GIOCondition condition, gpointer data) {
  unsigned events = 0;
  if ((condition & G_IO_IN) != 0) events |= EventLoop::Readable;
  if ((condition & G_IO_OUT) != 0) events |= EventLoop::Writable;
  if ((condition & (G_IO_HUP | G_IO_ERR)) != 0) events |= EventLoop::HangUp;
  static_cast<FdCallback*>(data)->fn(events);
  return G_SOURCE_CONTINUE;
}

gboolean on_posted(gpointer data) {
  (*static_cast<std::function<void()>*>(data))();
  return G_SOURCE_REMOVE;
}

}  // namespace

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

EventLoop::Watch::Watch(Watch&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
EventLoop::Watch& EventLoop::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    reset();
    source_ = std::exchange(other.source_, nullptr);
  }
  return *this;
}
EventLoop::Watch::~Watch() { reset(); }

void EventLoop::Watch::reset() {
  if (source_ == nullptr) return;
  auto* source = static_cast<GSource*>(source_);
  g_source_destroy(source);
  g_source_unref(source);
  source_ = nullptr;
}

EventLoop::Watch EventLoop::watch(int fd, unsigned events, std::function<void(unsigned)> fn) {
  unsigned condition = G_IO_HUP | G_IO_ERR;
  if ((events & Readable) != 0) condition |= G_IO_IN;
  if ((events & Writable) != 0) condition |= G_IO_OUT;
  GSource* source = g_unix_fd_source_new(fd, static_cast<GIOCondition>(condition));
  g_source_set_callback(source, reinterpret_cast<GSourceFunc>(reinterpret_cast<void*>(on_fd)),
                        new FdCallback{std::move(fn)},
                        [](gpointer p) { delete static_cast<FdCallback*>(p); });
  g_source_attach(source, impl_->context);
  Watch w;
  w.source_ = source;
  return w;
}

void EventLoop::post(std::function<void()> fn) {
  GSource* source = g_idle_source_new();
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(source, on_posted, new std::function<void()>(std::move(fn)),
                        [](gpointer p) { delete static_cast<std::function<void()>*>(p); });
  g_source_attach(source, impl_->context);
  g_source_unref(source);
}

void EventLoop::run_once(s64 timeout_ns) {
  GMainContext* context = impl_->context;
  GSource* timeout = nullptr;
  if (timeout_ns >= 0) {
    timeout = g_timeout_source_new(0);
    g_source_set_ready_time(timeout, g_get_monotonic_time() + timeout_ns / 1000);
    g_source_set_callback(timeout, [](gpointer) -> gboolean { return G_SOURCE_REMOVE; }, nullptr, nullptr);
    g_source_attach(timeout, context);
  }
  g_main_context_iteration(context, TRUE);
  if (timeout != nullptr) {
    g_source_destroy(timeout);
    g_source_unref(timeout);
  }
}

void EventLoop::wake() { g_main_context_wakeup(impl_->context); }

}  // namespace quince
