#include "base/event_loop.h"

#include <glib-unix.h>
#include <glib.h>
#include <poll.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace quince {

struct EventLoop::Impl {
  GMainContext* context = g_main_context_new();
  std::mutex lock;
  std::vector<std::function<void()>> posted;  // under the lock
  ~Impl() { g_main_context_unref(context); }
};

namespace {

// GLib's conditions are poll's bits, and it hands on those that it has no name for.
constexpr unsigned kPeerClosed = POLLRDHUP;
static_assert(G_IO_IN == POLLIN && G_IO_OUT == POLLOUT && G_IO_HUP == POLLHUP);

struct FdCallback {
  std::function<void(unsigned)> fn;
};

/// GLib's conditions as ours.
unsigned events_of(GIOCondition condition) {
  unsigned events = 0;
  if ((condition & G_IO_IN) != 0) events |= EventLoop::Readable;
  if ((condition & G_IO_OUT) != 0) events |= EventLoop::Writable;
  if ((condition & (G_IO_HUP | G_IO_ERR)) != 0) events |= EventLoop::HangUp;
  if ((condition & G_IO_ERR) != 0) events |= EventLoop::Error;
  if ((condition & kPeerClosed) != 0) events |= EventLoop::PeerClosed;
  return events;
}

GIOCondition condition_of(unsigned events) {
  unsigned condition = G_IO_HUP | G_IO_ERR;
  if ((events & EventLoop::Readable) != 0) condition |= G_IO_IN;
  if ((events & EventLoop::Writable) != 0) condition |= G_IO_OUT;
  if ((events & EventLoop::PeerClosed) != 0) condition |= kPeerClosed;
  return static_cast<GIOCondition>(condition);
}

gboolean on_fd(gint, GIOCondition condition, gpointer data) {
  static_cast<FdCallback*>(data)->fn(events_of(condition));
  return G_SOURCE_CONTINUE;
}

// A GSource whose descriptors are named anew by its Poller before each wait.
struct PollerSource {
  GSource base;
  EventLoop::Poller* poller;
  std::vector<EventLoop::PollFd>* fds;  ///< as of the last prepare
  std::vector<gpointer>* tags;          ///< GLib's handle of each
  gint64 deadline;                      ///< µs of g_get_monotonic_time; negative: none

  /// Tells GLib what changed.  Most of the time nothing did.
  void update(const std::vector<EventLoop::PollFd>& now) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (i < fds->size() && (*fds)[i].fd == now[i].fd) {
        if ((*fds)[i].events != now[i].events)
          g_source_modify_unix_fd(&base, (*tags)[i], condition_of(now[i].events));
        continue;
      }
      if (i < tags->size()) {
        g_source_remove_unix_fd(&base, (*tags)[i]);
      } else {
        tags->push_back(nullptr);
      }
      (*tags)[i] = g_source_add_unix_fd(&base, now[i].fd, condition_of(now[i].events));
    }
    for (; tags->size() > now.size(); tags->pop_back())
      g_source_remove_unix_fd(&base, tags->back());
    *fds = now;
  }
};

constexpr s64 kLongest = 3'600'000;  // ms; a wait that ends early does no harm

gboolean poller_prepare(GSource* source, gint* timeout) {
  auto& s = *reinterpret_cast<PollerSource*>(source);
  std::vector<EventLoop::PollFd> now;
  now.reserve(s.fds->size() + 1);
  const s64 wait = s.poller->prepare(now);
  s.update(now);
  s.deadline = wait < 0 ? -1 : g_get_monotonic_time() + (wait + 999) / 1000;
  // Not g_source_set_ready_time(): that would end the very wait that it is for.
  *timeout =
      wait < 0 ? -1 : static_cast<gint>(std::min<s64>((wait + 999'999) / 1'000'000, kLongest));
  return wait == 0 ? TRUE : FALSE;
}

gboolean poller_check(GSource* source) {
  auto& s = *reinterpret_cast<PollerSource*>(source);
  if (s.deadline >= 0 && g_source_get_time(source) >= s.deadline) return TRUE;
  for (gpointer tag : *s.tags)
    if (g_source_query_unix_fd(source, tag) != 0) return TRUE;
  return FALSE;
}

gboolean poller_dispatch(GSource* source, GSourceFunc, gpointer) {
  auto& s = *reinterpret_cast<PollerSource*>(source);
  for (std::size_t i = 0; i < s.tags->size(); ++i)
    (*s.fds)[i].revents = events_of(g_source_query_unix_fd(source, (*s.tags)[i]));
  s.poller->ready(*s.fds);
  return G_SOURCE_CONTINUE;
}

void poller_finalize(GSource* source) {
  auto& s = *reinterpret_cast<PollerSource*>(source);
  delete s.fds;
  delete s.tags;
}

GSourceFuncs poller_functions = {poller_prepare,  poller_check, poller_dispatch,
                                 poller_finalize, nullptr,      nullptr};

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
  GSource* source = g_unix_fd_source_new(fd, condition_of(events));
  g_source_set_callback(source, reinterpret_cast<GSourceFunc>(reinterpret_cast<void*>(on_fd)),
                        new FdCallback{std::move(fn)},
                        [](gpointer p) { delete static_cast<FdCallback*>(p); });
  g_source_attach(source, impl_->context);
  Watch w;
  w.source_ = source;
  return w;
}

EventLoop::Watch EventLoop::add_poller(Poller& poller) {
  GSource* source = g_source_new(&poller_functions, sizeof(PollerSource));
  auto& s = *reinterpret_cast<PollerSource*>(source);
  s.poller = &poller;
  s.fds = new std::vector<PollFd>;
  s.tags = new std::vector<gpointer>;
  s.deadline = -1;
  g_source_attach(source, impl_->context);
  Watch w;
  w.source_ = source;
  return w;
}

// Not as sources of GLib's: its locks are no pthread mutexes, so TSan would not see that one thread
// hands over what the other runs.
void EventLoop::post(std::function<void()> fn) {
  {
    const std::lock_guard guard(impl_->lock);
    impl_->posted.push_back(std::move(fn));
  }
  wake();
}

void EventLoop::run_once(s64 timeout_ns) {
  GMainContext* context = impl_->context;
  GSource* timeout = nullptr;
  if (timeout_ns >= 0) {
    timeout = g_timeout_source_new(0);
    g_source_set_ready_time(timeout, g_get_monotonic_time() + timeout_ns / 1000);
    g_source_set_callback(
        timeout, [](gpointer) -> gboolean { return G_SOURCE_REMOVE; }, nullptr, nullptr);
    g_source_attach(timeout, context);
  }
  g_main_context_iteration(context, TRUE);
  if (timeout != nullptr) {
    g_source_destroy(timeout);
    g_source_unref(timeout);
  }
  // What is posted from now on ends the next wait.
  std::vector<std::function<void()>> todo;
  {
    const std::lock_guard guard(impl_->lock);
    todo.swap(impl_->posted);
  }
  for (const auto& fn : todo) fn();
}

void EventLoop::wake() { g_main_context_wakeup(impl_->context); }

}  // namespace quince
