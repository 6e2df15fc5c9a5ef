#include "hw/virtio/virtio_console.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace quince::hw {

namespace {
// struct virtio_console_config (5.3.4).
constexpr std::size_t kCols = 0, kRows = 2, kMaxNrPorts = 4, kEmergWr = 8;
}  // namespace

/// One port, as its back end sees it.
class VirtioConsole::Port final : public CharReceiver {
 public:
  Port(VirtioConsole& device, u32 number, const VirtioPortConfig& config, CharPort* port)
      : nr(number), console(config.console), name(config.name), back_end(port), device_(device) {
    if (back_end != nullptr) back_end->attach(this);
  }
  ~Port() {
    if (back_end != nullptr) back_end->attach(nullptr);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  std::size_t can_receive() const override { return device_.input_room(*this); }
  void receive(std::span<const u8> data) override { device_.input(*this, data); }
  void connected(bool on) override { device_.peer_changed(*this, on); }
  void on_writable() override { device_.run_queue(transmit_queue(nr)); }

  /// Whether the port is open on our side.
  bool host_open() const { return console || (back_end != nullptr && back_end->is_connected()); }

  const u32 nr;
  const bool console;
  const std::string name;
  CharPort* const back_end;
  HostSide host() const { return {host_open(), cols, rows}; }
  u16 cols = 0, rows = 0;  // of the host's terminal, which no reset changes; 0: not known
  HostSide loaded;         // what it was when the snapshot was taken
  PortState s;

 private:
  VirtioConsole& device_;
};

// ---- Construction -------------------------------------------------------------------------------

Result<void> VirtioConsoleConfig::check() const {
  if (max_ports == 0 || max_ports > VirtioConsole::kMaxPorts)
    return fail("max_ports: must be 1 to {}", VirtioConsole::kMaxPorts);
  return {};
}

u64 VirtioConsole::all_features(const VirtioConsoleConfig& c) {
  u64 f = c.features | feature_bits(VIRTIO_CONSOLE_F_SIZE);
  if (c.max_ports > 1) f |= feature_bits(VIRTIO_CONSOLE_F_MULTIPORT);
  if (c.emergency_write) f |= feature_bits(VIRTIO_CONSOLE_F_EMERG_WRITE);
  return f;
}

std::vector<u16> VirtioConsole::queue_sizes(const VirtioConsoleConfig& c) {
  if (c.max_ports == 1) return {kQueueSize, kQueueSize};
  std::vector<u16> sizes(2 * (c.max_ports + 1), kQueueSize);
  sizes[kControlReceive] = sizes[kControlTransmit] = kControlQueueSize;
  return sizes;
}

VirtioConsole::VirtioConsole(std::string_view name, const VirtioConsoleConfig& config, Log& log,
                             TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Console, all_features(config), queue_sizes(config), log, timers),
      config_(config) {}

VirtioConsole::~VirtioConsole() = default;

Result<u32> VirtioConsole::choose_number(const VirtioPortConfig& c) const {
  if (c.nr) {
    if (*c.nr >= config_.max_ports)
      return fail("nr: must be below max_ports, which is {}", config_.max_ports);
    if (*c.nr == 0 && !c.console) return fail("nr: port 0 is for a virtconsole");
    if (port(*c.nr) != nullptr) return fail("nr: there is a port {} already", *c.nr);
    return *c.nr;
  }
  for (u32 n = c.console ? 0 : 1; n < config_.max_ports; ++n)
    if (port(n) == nullptr) return n;
  return fail("nr: no port is left of max_ports={} (port 0 is for a virtconsole)",
              config_.max_ports);
}

Result<u32> VirtioConsole::add_port(const VirtioPortConfig& c, CharPort* back_end) {
  if (c.name.size() > kMaxName) return fail("name: must have at most {} bytes", kMaxName);
  for (const auto& p : ports_)
    if (p != nullptr && !c.name.empty() && p->name == c.name)
      return fail("name: there is a port '{}' already", c.name);
  const u32 nr = TRY(choose_number(c));
  ports_[nr] = std::make_unique<Port>(*this, nr, c, back_end);
  return nr;
}

void VirtioConsole::set_size(u32 nr, u16 cols, u16 rows) {
  Port* const p = port(nr);
  if (p == nullptr || (p->cols == cols && p->rows == rows)) return;
  p->cols = cols;
  p->rows = rows;
  // With control queues each console hears of its own size; else the configuration has port 0's.
  if (multiport())
    tell();
  else if (nr == 0)
    config_changed();
}

bool VirtioConsole::guest_open(u32 nr) const {
  const Port* const p = port(nr);
  return p != nullptr && is_open(*p);
}

// ---- Life ---------------------------------------------------------------------------------------

void VirtioConsole::stop(std::optional<unsigned> only) {
  for (const auto& p : ports_)
    if (p != nullptr && (!only || *only == transmit_queue(p->nr))) p->s.sent = 0;
}

void VirtioConsole::reset_type() {
  for (const auto& p : ports_)
    if (p != nullptr) p->s = {};
}

void VirtioConsole::snapshot_type(Archive& ar) {
  for (const auto& p : ports_) {
    if (p == nullptr) continue;
    if (!ar.loading()) p->loaded = p->host();
    ar.section(fmt::format("port{}", p->nr), [&s = p->s, &host = p->loaded](Archive& a) {
      a.field("host_open", host.open);
      a.field("host_cols", host.cols);
      a.field("host_rows", host.rows);
      a.field("ready", s.ready);
      a.field("guest_open", s.guest_open);
      a.field("told_open", s.told_open);
      a.field("pending", s.pending);
      a.field("told_cols", s.told_cols);
      a.field("told_rows", s.told_rows);
      a.field("sent", s.sent);
      if (a.loading() && (s.pending & ~kAll) != 0) a.refuse("pending", "there is no such message");
    });
  }
  if (!ar.loading()) return;
  for (unsigned n = 0; n < queue_count(); ++n)
    if (queue(n)->in_flight_count() != 0) ar.refuse("in_flight", "this device keeps no chains");
}

// The back ends here may not be as those where the snapshot was taken.
void VirtioConsole::restored_type() {
  for (const auto& p : ports_) {
    if (p == nullptr) continue;
    // An interrupt would be lost while a machine loads.
    if (multiport() && p->host() != p->loaded) handle_later(kControlReceive);
    if (p->back_end != nullptr) p->back_end->accept_input();
  }
}

// ---- Configuration ------------------------------------------------------------------------------

void VirtioConsole::fill_config(std::span<u8> out) const {
  if (const Port* const p = port(0)) {
    store_le<u16>(out.data() + kCols, p->cols);
    store_le<u16>(out.data() + kRows, p->rows);
  }
  store_le<u32>(out.data() + kMaxNrPorts, config_.max_ports);
}

// 5.3.4: works in every state of the device.  One character never waits: it is the last thing that
// a guest says.
bool VirtioConsole::config_written(u64 off, std::span<const u8> in) {
  if (off != kEmergWr || !bit(offered(), VIRTIO_CONSOLE_F_EMERG_WRITE)) return false;
  for (const auto& p : ports_) {
    if (p == nullptr || !p->console) continue;
    if (p->back_end != nullptr && p->back_end->can_write() != 0) p->back_end->write(in.first(1));
    break;
  }
  return true;
}

// ---- Queues -------------------------------------------------------------------------------------

bool VirtioConsole::handle_queue(unsigned n) {
  if (n > 1 && !multiport()) return false;  // 5.3.2: not there without the feature
  if (n == kControlTransmit) return take_control();
  if (n == kControlReceive) {
    tell();
    return false;
  }
  const u32 nr = n < 2 ? 0 : n / 2 - 1;
  Port* const p = port(nr);
  if (n == transmit_queue(nr)) return output(nr, p);
  if (p != nullptr && p->back_end != nullptr && is_open(*p)) p->back_end->accept_input();
  return false;
}

bool VirtioConsole::take_control() {
  unsigned taken = 0;
  for (; taken < kBurst && next(kControlTransmit, element_); ++taken) {
    VirtioConsoleControl c;
    const bool whole = element_.copy_out(0, {reinterpret_cast<u8*>(&c), sizeof c}) == sizeof c;
    push(kControlTransmit, element_, 0);
    if (whole)
      on_control(c);
    else
      log().guest_error(name() + "control", "{}: a control message is too short", name());
  }
  if (taken != 0) signal(kControlTransmit);
  tell();
  return taken == kBurst;
}

void VirtioConsole::on_control(const VirtioConsoleControl& c) {
  if (c.event == VIRTIO_CONSOLE_DEVICE_READY) {
    if (c.value == 0)
      log().guest_error(name() + "ready", "{}: the driver could not start the device", name());
    for (const auto& p : ports_)
      if (p != nullptr && c.value != 0) p->s.pending |= kAdd;
    return;
  }
  Port* const p = port(c.id);
  if (p == nullptr) {
    log().guest_error(name() + "port", "{}: a control message for port {}, which is not there",
                      name(), c.id);
    return;
  }
  switch (c.event) {
    case VIRTIO_CONSOLE_PORT_READY:
      if (c.value == 0)
        log().guest_error(name() + "add", "{}: the driver could not add port {}", name(), c.id);
      // The driver forgets what it knew of the port.
      p->s = {.ready = c.value != 0, .pending = p->s.pending, .sent = p->s.sent};
      p->s.pending &= kAdd;
      if (p->console) p->s.pending |= kConsole;
      if (!p->name.empty()) p->s.pending |= kName;
      break;
    case VIRTIO_CONSOLE_PORT_OPEN:
      p->s.guest_open = c.value != 0;
      if (is_open(*p) && p->back_end != nullptr) p->back_end->accept_input();
      break;
    default:
      log().guest_error(name() + "event", "{}: unknown control event {}", name(), c.event);
  }
}

/// The next message about a port, in the order in which drivers need them.
std::optional<VirtioConsole::Message> VirtioConsole::to_tell(const Port& p) const {
  const PortState& s = p.s;
  if ((s.pending & kAdd) != 0) return Message{VIRTIO_CONSOLE_DEVICE_ADD, 1};
  if (!s.ready) return {};
  if ((s.pending & kConsole) != 0) return Message{VIRTIO_CONSOLE_CONSOLE_PORT, 1};
  if (p.console && has_feature(VIRTIO_CONSOLE_F_SIZE) &&
      (s.told_cols != p.cols || s.told_rows != p.rows))
    return Message{VIRTIO_CONSOLE_RESIZE, 0};
  if ((s.pending & kName) != 0) return Message{VIRTIO_CONSOLE_PORT_NAME, 1};
  if ((s.pending & kClosed) != 0) return Message{VIRTIO_CONSOLE_PORT_OPEN, 0};
  if (s.told_open != p.host_open()) return Message{VIRTIO_CONSOLE_PORT_OPEN, p.host_open()};
  return {};
}

void VirtioConsole::told(Port& p, Message m) {
  const auto done = [&p](Pending what) { p.s.pending &= static_cast<u8>(~what); };
  switch (m.event) {
    case VIRTIO_CONSOLE_DEVICE_ADD:
      return done(kAdd);
    case VIRTIO_CONSOLE_CONSOLE_PORT:
      return done(kConsole);
    case VIRTIO_CONSOLE_PORT_NAME:
      return done(kName);
    case VIRTIO_CONSOLE_RESIZE:
      p.s.told_cols = p.cols;
      p.s.told_rows = p.rows;
      return;
    default:
      done(kClosed);
      p.s.told_open = m.value != 0;
  }
}

/// Tells the driver all that it has buffers for.  The rest waits for more of them.
void VirtioConsole::tell() {
  if (!multiport()) return;
  bool any = false, room = true;
  for (const auto& p : ports_) {
    if (p == nullptr) continue;
    while (const auto m = to_tell(*p)) {
      room = next(kControlReceive, element_);
      if (!room) break;
      std::array<u8, sizeof(VirtioConsoleControl) + kMaxName> bytes{};
      std::size_t size = sizeof(VirtioConsoleControl);
      store_le<u32>(bytes.data(), p->nr);
      store_le<u16>(bytes.data() + 4, m->event);
      store_le<u16>(bytes.data() + 6, m->value);
      if (m->event == VIRTIO_CONSOLE_PORT_NAME) {
        std::ranges::copy(p->name, bytes.begin() + static_cast<std::ptrdiff_t>(size));
        size += p->name.size();
      } else if (m->event == VIRTIO_CONSOLE_RESIZE) {
        store_le<u16>(bytes.data() + size, p->cols);
        store_le<u16>(bytes.data() + size + 2, p->rows);
        size += 4;
      }
      push(kControlReceive, element_, element_.copy_in(0, std::span(bytes).first(size)));
      told(*p, *m);
      any = true;
    }
    if (!room) break;
  }
  if (any) signal(kControlReceive);
}

// ---- Data ---------------------------------------------------------------------------------------

// A driver without control queues has no way to open its port: it is open when it runs.
bool VirtioConsole::is_open(const Port& p) const {
  return driver_ok() && (multiport() ? p.s.guest_open : p.nr == 0);
}

/// How much the first buffer of a port's ring holds.
std::size_t VirtioConsole::input_room(const Port& p) {
  if (!is_open(p)) return 0;
  const unsigned n = receive_queue(p.nr);
  std::size_t room = 0;
  unsigned empty = 0;
  while (empty < kBurst && next(n, element_)) {
    room = element_.writable_size();
    if (room != 0) {
      queue(n)->unpop(element_);
      break;
    }
    push(n, element_, 0);
    ++empty;
  }
  if (empty != 0) signal(n);
  if (empty == kBurst) handle_later(n);
  return room;
}

void VirtioConsole::input(Port& p, std::span<const u8> data) {
  const unsigned n = receive_queue(p.nr);
  // The ring may have changed since input_room(): then the bytes are lost, which is the guest's own
  // doing.
  for (unsigned taken = 0; taken < kBurst && !data.empty() && next(n, element_); ++taken) {
    const std::size_t done = element_.copy_in(0, data);
    push(n, element_, done);
    data = data.subspan(done);
  }
  signal(n);
}

bool VirtioConsole::output(u32 nr, Port* p) {
  const unsigned n = transmit_queue(nr);
  u64 left = kPassBytes;
  unsigned taken = 0;
  bool waits = false;
  while (taken < kBurst && next(n, element_)) {
    if (p != nullptr && p->back_end != nullptr && p->host_open()) {
      left -= write_out(*p, left);
      if (p->s.sent < element_.readable_size()) {
        queue(n)->unpop(element_);
        waits = true;
        break;
      }
    }
    if (p != nullptr) p->s.sent = 0;
    push(n, element_, 0);
    ++taken;
  }
  if (taken != 0) signal(n);
  // When the back end is full, it will say when it is not.
  return waits ? left == 0 : taken == kBurst;
}

/// Writes what is left of the popped chain, as far as there is room, at most `limit` bytes.
u64 VirtioConsole::write_out(Port& p, u64 limit) {
  p.s.sent = std::min(p.s.sent, element_.readable_size());  // the driver may have changed the chain
  parts_.clear();
  const u64 room = std::min<u64>(p.back_end->can_write(), limit);
  const u64 done = slice(element_.readable(), p.s.sent, room, parts_);
  for (const iovec& part : parts_)
    p.back_end->write({static_cast<const u8*>(part.iov_base), part.iov_len});
  p.s.sent += done;
  return done;
}

void VirtioConsole::peer_changed(Port& p, bool on) {
  if (!p.console && !on && p.s.told_open) p.s.pending |= kClosed;
  tell();
  run_queue(transmit_queue(p.nr));  // what waited for somebody who went
}

}  // namespace quince::hw
