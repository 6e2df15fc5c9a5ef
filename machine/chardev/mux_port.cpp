#include "machine/chardev/mux_port.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace quince::machine {

MuxPort::MuxPort(const CharHost& host, std::unique_ptr<CharBackend> port)
    : host_(host), port_(std::move(port)), deliver_(host_.loop, host_.lock, [this] { deliver(); }) {
  for (FrontEnd& f : front_ends_) f.mux = this;
  port_->attach(this);
}

MuxPort::~MuxPort() { port_->attach(nullptr); }

hw::CharPort* MuxPort::add() {
  for (FrontEnd& f : front_ends_)
    if (!std::exchange(f.used, true)) return &f;
  return nullptr;
}

void MuxPort::remove(hw::CharPort* front_end) {
  for (FrontEnd& f : front_ends_)
    if (&f == front_end) {
      f.receiver = nullptr;
      f.input.clear();
      f.used = false;
      if (&f == &front_ends_[focus_]) focus_next();
    }
}

void MuxPort::FrontEnd::attach(hw::CharReceiver* r) {
  receiver = r;
  if (receiver != nullptr && !input.empty()) mux->deliver_.request();
}

void MuxPort::FrontEnd::accept_input() {
  if (!input.empty()) mux->deliver_.request();
}

void MuxPort::connected(bool on) {
  for (FrontEnd& f : front_ends_)
    if (f.receiver != nullptr) f.receiver->connected(on);
}

void MuxPort::on_writable() {
  for (FrontEnd& f : front_ends_)
    if (f.receiver != nullptr) f.receiver->on_writable();
}

void MuxPort::receive_break() {
  if (hw::CharReceiver* r = front_ends_[focus_].receiver) r->receive_break();
}

void MuxPort::receive(std::span<const u8> data) {
  for (const u8 c : data) key(c);
  deliver();
}

void MuxPort::key(u8 c) {
  if (std::exchange(escaped_, false)) {
    if (c != host_.escape_key) return escape(c);
  } else if (c == host_.escape_key) {
    escaped_ = true;
    return;
  }
  front_ends_[focus_].input.push({&c, 1});
}

void MuxPort::escape(u8 c) {
  const auto ask = [this](CharEscape what) {
    if (host_.on_escape) host_.on_escape(what);
  };
  switch (c) {
    case 'x':
      return ask(CharEscape::Exit);
    case 'r':
      return ask(CharEscape::Reset);
    case 'p':
      return ask(CharEscape::PowerDown);
    case 's':
      return ask(CharEscape::Pause);
    case 'b':
      return receive_break();
    case 'c':
      if (std::count_if(front_ends_.begin(), front_ends_.end(), [](auto& f) { return f.used; }) > 1)
        return focus_next();
      break;
    default:
      break;
  }
  help();
}

void MuxPort::focus_next() {
  const unsigned old = focus_;
  for (unsigned i = 1; i <= kFrontEnds; ++i) {
    const unsigned next = (old + i) % kFrontEnds;
    if (!front_ends_[next].used) continue;
    focus_ = next;
    if (next == old) return;
    if (hw::CharReceiver* r = front_ends_[old].receiver) r->focused(false);
    if (hw::CharReceiver* r = front_ends_[next].receiver) r->focused(true);
    return;
  }
  focus_ = 0;  // nobody is left: the next one to come
}

void MuxPort::help() {
  const bool letter = host_.escape_key >= 1 && host_.escape_key <= 26;
  const std::string key = letter ? fmt::format("C-{:c}", 'a' + host_.escape_key - 1)
                                 : fmt::format("0x{:02x}", host_.escape_key);
  const std::string text = fmt::format(
      "\r\n{0} h    this help\r\n{0} x    exit the emulator\r\n{0} r    reset the machine\r\n"
      "{0} p    press the power button\r\n{0} s    stop or continue the machine\r\n"
      "{0} b    send break\r\n{0} c    switch between console and monitor\r\n{0} {0}  send {0}\r\n",
      key);
  port_->write({reinterpret_cast<const u8*>(text.data()), text.size()});
}

void MuxPort::deliver() {
  for (FrontEnd& f : front_ends_)
    while (f.receiver != nullptr && !f.input.empty()) {
      const std::size_t n = std::min(f.receiver->can_receive(), f.input.size());
      if (n == 0) break;
      f.receiver->receive(f.input.front().first(n));
      f.input.pop(n);
    }
  port_->accept_input();
}

}  // namespace quince::machine
