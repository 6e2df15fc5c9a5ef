#include "net/slirp/slirp_port.h"

#include <libslirp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/listener.h"
#include "net/packet.h"
#include "net/slirp/guestfwd.h"
#include "net/socket/tcp_stream.h"

namespace quince::net {

namespace {

s64 now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

unsigned events_of(int poll) {
  unsigned events = 0;
  if ((poll & (SLIRP_POLL_IN | SLIRP_POLL_PRI)) != 0) events |= EventLoop::Readable;
  if ((poll & SLIRP_POLL_OUT) != 0) events |= EventLoop::Writable;
  return events;
}

/// Urgent data is not told apart: the stack has it inline.
int poll_of(unsigned events) {
  int poll = 0;
  if ((events & EventLoop::Readable) != 0) poll |= SLIRP_POLL_IN;
  if ((events & EventLoop::Writable) != 0) poll |= SLIRP_POLL_OUT;
  if ((events & EventLoop::HangUp) != 0) poll |= SLIRP_POLL_HUP;
  if ((events & EventLoop::Error) != 0) poll |= SLIRP_POLL_ERR;
  return poll;
}

/// The port that a socket of IPv4 got from the system.
u16 bound_port(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  const bool ok = ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  return ok ? ntohs(address.sin_port) : u16{0};
}

const char* text_or_null(const std::string& s) { return s.empty() ? nullptr : s.c_str(); }

}  // namespace

/// What the stack calls.
struct SlirpPort::Callbacks {
  static SlirpPort& self(void* opaque) { return *static_cast<SlirpPort*>(opaque); }

  static ssize_t send_packet(const void* data, size_t size, void* opaque) {
    Offload o;
    o.csum_valid = true;  // the stack has just computed them
    self(opaque).queue_.push({static_cast<const u8*>(data), size}, o);
    return static_cast<ssize_t>(size);
  }
  static void guest_error(const char* message, void* opaque) {
    self(opaque).host_.log.guest_error("net.user", "user network: {}", message);
  }
  static int64_t clock_get_ns(void*) { return now_ns(); }
  static void* timer_new(SlirpTimerCb fn, void* fn_opaque, void* opaque) {
    return &self(opaque).timers_.emplace_back(StackTimer{fn, fn_opaque});
  }
  static void timer_free(void* timer, void* opaque) {
    self(opaque).timers_.remove_if([timer](const StackTimer& t) { return &t == timer; });
  }
  static void timer_mod(void* timer, int64_t expires_ms, void*) {
    static_cast<StackTimer*>(timer)->expires_ms = expires_ms;
  }
  // Descriptors are asked for before each wait.
  static void poll_fd(int, void*) {}
  static void notify(void* opaque) { self(opaque).wake(); }

  static const SlirpCb kTable;
};

const SlirpCb SlirpPort::Callbacks::kTable = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = poll_fd,
    .unregister_poll_fd = poll_fd,
    .notify = notify,
    .init_completed = nullptr,
    .timer_new_opaque = nullptr,
};

SlirpPort::SlirpPort(const Host& host) : host_(host) {}

Result<std::unique_ptr<SlirpPort>> SlirpPort::create(const UserOptions& options, const Host& host) {
  std::unique_ptr<SlirpPort> port(new SlirpPort(host));
  TRY_VOID(port->start(options));
  return port;
}

Result<void> SlirpPort::start(const UserOptions& o) {
  std::vector<const char*> search;
  for (const std::string& s : o.dns_search) search.push_back(s.c_str());
  search.push_back(nullptr);

  SlirpConfig c{};
  c.version = 3;  // what version 4 added is not used
  c.restricted = o.restricted;
  c.in_enabled = o.ipv4;
  c.vnetwork = o.network;
  c.vnetmask = o.netmask;
  c.vhost = o.host;
  c.in6_enabled = o.ipv6;
  c.vprefix_addr6 = o.ipv6_prefix;
  c.vprefix_len = o.ipv6_prefix_length;
  c.vhost6 = o.ipv6_host;
  c.vhostname = text_or_null(o.hostname);
  c.tftp_server_name = text_or_null(o.tftp_server_name);
  c.tftp_path = text_or_null(o.tftp);
  c.bootfile = text_or_null(o.bootfile);
  c.vdhcp_start = o.dhcp_start;
  c.vnameserver = o.dns;
  c.vnameserver6 = o.ipv6_dns;
  c.vdnssearch = o.dns_search.empty() ? nullptr : search.data();
  c.vdomainname = text_or_null(o.domain_name);
  slirp_ = slirp_new(&c, &Callbacks::kTable, this);
  if (slirp_ == nullptr) return fail("libslirp {} refused the network", slirp_version_string());

  for (const HostForward& f : o.host_forwards) TRY_VOID(add(f));
  for (const GuestForward& f : o.guest_forwards) TRY_VOID(add_guestfwd(f));
  watch_ = host_.loop.add_poller(*this);
  return {};
}

SlirpPort::~SlirpPort() {
  watch_.reset();
  guest_forwards_.clear();  // their targets stop calling us before the stack goes
  if (slirp_ != nullptr) slirp_cleanup(slirp_);
}

void SlirpPort::wake() {
  if (woken_) return;
  woken_ = true;
  host_.loop.wake();
}

void SlirpPort::send(std::span<const u8> frame, const Offload& offload) {
  Features takes = features();
  if (offload.segment == Offload::Segment::Tcp6) takes.segments = false;
  const bool sound = finisher_.finish(frame, offload, takes,
                                      [this](std::span<const u8> f, const Offload&) { input(f); });
  if (!sound) host_.log.guest_error("net.user", "user network: a frame contradicts its header");
  // Connections may have come or gone, and answers wait in the queue.
  wake();
}

void SlirpPort::input(std::span<const u8> frame) {
  if (frame.size() < kEthernetHeader) return;
  const u16 type = load_be16(&frame[kEthernetHeader - 2]);
  if (type != kEtherArp && type != kEtherIpv4 && type != kEtherIpv6) return;
  // The stack never sees a fragment: some can be made that crash libslirp 4.7 while it puts them
  // together (ip_reass).
  if (type == kEtherIpv4) frame = fragments_.take(frame, now_ns());
  if (frame.empty()) return;
  if (frame.size() >= kMinEthernetFrame)
    return slirp_input(slirp_, frame.data(), static_cast<int>(frame.size()));
  // The stack relies on the length that Ethernet guarantees.
  std::array<u8, kMinEthernetFrame> padded{};
  std::copy(frame.begin(), frame.end(), padded.begin());
  slirp_input(slirp_, padded.data(), static_cast<int>(padded.size()));
}

void SlirpPort::attach(Receiver* receiver) {
  receiver_ = receiver;
  queue_.clear();
  fragments_.clear();
}

void SlirpPort::accept_input() {
  if (!queue_.empty()) wake();
}

s64 SlirpPort::prepare(std::vector<EventLoop::PollFd>& fds) {
  s64 wait_ms = -1;
  host_.with_lock([&] {
    // What a guest sent may let the stack go on with what it had put aside, which it does only
    // when it is polled.
    if (woken_) wait_ms = 0;
    woken_ = false;
    for (const auto& f : guest_forwards_) f->resume();
    queue_.deliver(receiver_);
    u32 ms = UINT32_MAX;
    slirp_pollfds_fill(
        slirp_, &ms,
        [](int fd, int events, void* out) {
          auto& list = *static_cast<std::vector<EventLoop::PollFd>*>(out);
          list.push_back({fd, events_of(events)});
          return static_cast<int>(list.size() - 1);
        },
        &fds);
    if (ms != UINT32_MAX && wait_ms < 0) wait_ms = ms;
    const s64 now_ms = now_ns() / 1'000'000;
    if (rests_until_ms_ > now_ms) {
      for (EventLoop::PollFd& p : fds)
        if (is_listener(p.fd)) p.events = 0;
      const s64 left = rests_until_ms_ - now_ms;
      wait_ms = wait_ms < 0 ? left : std::min(wait_ms, left);
    }
    for (const StackTimer& t : timers_)
      if (t.expires_ms >= 0) {
        const s64 left = std::max<s64>(t.expires_ms - now_ms, 0);
        wait_ms = wait_ms < 0 ? left : std::min(wait_ms, left);
      }
  });
  return wait_ms < 0 ? -1 : wait_ms * 1'000'000;
}

void SlirpPort::ready(std::span<const EventLoop::PollFd> fds) {
  host_.with_lock([&] {
    const s64 now_ms = now_ns() / 1'000'000;
    for (StackTimer& t : timers_)
      if (t.expires_ms >= 0 && t.expires_ms <= now_ms) {
        t.expires_ms = -1;
        t.fn(t.opaque);
      }
    slirp_pollfds_poll(
        slirp_, 0,
        [](int i, void* in) {
          const auto& list = *static_cast<std::span<const EventLoop::PollFd>*>(in);
          return static_cast<std::size_t>(i) < list.size() ? poll_of(list[i].revents) : 0;
        },
        &fds);
    if (std::any_of(fds.begin(), fds.end(), [this](const EventLoop::PollFd& p) {
          return (p.revents & EventLoop::Readable) != 0 && is_listener(p.fd);
        }))
      rest_if_short();
    queue_.deliver(receiver_);
  });
}

bool SlirpPort::is_listener(int fd) const {
  return std::find(listeners_.begin(), listeners_.end(), fd) != listeners_.end();
}

/// The stack does not say that it could not accept a connection, which stays where it is: we look
/// whether there is a descriptor for one more, and else let the listeners rest as a Listener does.
void SlirpPort::rest_if_short() {
  if (const Fd probe(::dup(listeners_.front())); probe) return;
  ++listener_rests_;
  rests_until_ms_ = (now_ns() + Listener::kRestNs) / 1'000'000;
}

std::vector<int> SlirpPort::descriptors() const {
  std::vector<int> fds;
  u32 ms = UINT32_MAX;
  slirp_pollfds_fill(
      slirp_, &ms,
      [](int fd, int, void* out) {
        static_cast<std::vector<int>*>(out)->push_back(fd);
        return -1;
      },
      &fds);
  return fds;
}

/// The one socket that was not there `before`: the stack does not say which it made.
int SlirpPort::new_descriptor(const std::vector<int>& before) const {
  for (const int fd : descriptors())
    if (std::find(before.begin(), before.end(), fd) == before.end()) return fd;
  return -1;
}

Result<HostForward> SlirpPort::add(HostForward f) {
  const std::vector<int> before = descriptors();
  if (slirp_add_hostfwd(slirp_, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0)
    return fail("Could not set up host forwarding rule '{}': {}", f.rule, std::strerror(errno));
  const int fd = new_descriptor(before);
  if (!f.udp) listeners_.push_back(fd);
  if (f.host_port == 0) {
    f.host_port = bound_port(fd);
    host_.report("hostfwd: " + describe(f));
  }
  forwards_.push_back(f);
  wake();
  return f;
}

Result<HostForward> SlirpPort::add_hostfwd(const std::string& rule) {
  return add(TRY(parse_hostfwd(rule)));
}

Result<void> SlirpPort::remove_hostfwd(const std::string& rule) {
  const HostForward f = TRY(parse_hostfwd_removal(rule));
  const auto found = std::find_if(forwards_.begin(), forwards_.end(), [&f](const HostForward& g) {
    return g.udp == f.udp && g.host.s_addr == f.host.s_addr && g.host_port == f.host_port;
  });
  if (found == forwards_.end() || slirp_remove_hostfwd(slirp_, f.udp, f.host, f.host_port) < 0)
    return fail("host forwarding rule '{}' not found", rule);
  forwards_.erase(found);
  const std::vector<int> left = descriptors();
  std::erase_if(listeners_,
                [&left](int fd) { return std::find(left.begin(), left.end(), fd) == left.end(); });
  wake();
  return {};
}

Result<void> SlirpPort::add_guestfwd(const GuestForward& rule) {
  in_addr server = rule.server;
  const std::string& target = rule.target;
  const auto in_use = [&rule] {
    return fail("Could not set up guest forwarding rule '{}': the address and port are in use",
                rule.rule);
  };
  if (target.starts_with("cmd:")) {  // a process for each connection
    if (slirp_add_exec(slirp_, target.c_str() + 4, &server, rule.port) < 0) return in_use();
    return {};
  }
  if (target.starts_with("unix:")) {  // a connection for each connection
    if (slirp_add_unix(slirp_, target.c_str() + 5, &server, rule.port) < 0) return in_use();
    return {};
  }
  std::unique_ptr<ByteStream> stream;
  if (target.starts_with("tcp:")) {
    stream = TRY(TcpStream::connect(target.substr(4), host_));
  } else if (host_.open_stream != nullptr) {
    stream = TRY(host_.open_stream(target));
  } else {
    return fail("guestfwd={}: expected cmd:, tcp: or unix:", rule.rule);
  }
  guest_forwards_.push_back(TRY(SlirpGuestForward::create(slirp_, rule, std::move(stream))));
  return {};
}

std::string SlirpPort::connection_info() const {
  const std::unique_ptr<char, decltype(&std::free)> text(slirp_connection_info(slirp_), &std::free);
  return text == nullptr ? "" : text.get();
}

}  // namespace quince::net
