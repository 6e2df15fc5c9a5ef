#include "machine/chardev/ringbuf_port.h"

#include <utility>

namespace quince::machine {

RingBufPort::RingBufPort(const CharHost& host, std::size_t size)
    : output_(size), deliver_(host.loop, host.lock, [this] { deliver(); }) {}

void RingBufPort::write(std::span<const u8> data) {
  if (data.size() > output_.bound()) {
    dropped_ += data.size() - output_.bound();
    data = data.last(output_.bound());
  }
  if (data.size() > output_.room()) {
    const std::size_t old = data.size() - output_.room();
    dropped_ += old;
    output_.pop(old);
  }
  output_.push(data);
}

std::vector<u8> RingBufPort::take(std::size_t n) {
  const auto oldest = output_.front().first(std::min(n, output_.size()));
  std::vector<u8> out(oldest.begin(), oldest.end());
  output_.pop(out.size());
  return out;
}

std::size_t RingBufPort::put(std::span<const u8> data) {
  const std::size_t n = input_.push(data);
  if (n != 0) deliver_.request();
  return n;
}

void RingBufPort::accept_input() {
  if (!input_.empty()) deliver_.request();
}

void RingBufPort::deliver() {
  while (receiver_ != nullptr && !input_.empty()) {
    const std::size_t n = std::min(receiver_->can_receive(), input_.size());
    if (n == 0) break;
    receiver_->receive(input_.front().first(n));
    input_.pop(n);
  }
}

void TestdevPort::write(std::span<const u8> data) {
  for (const u8 c : data) {
    if (c >= '0' && c <= '9') {
      number_ = number_ * 10 + (c - '0');  // only the low byte of a status can be seen
      continue;
    }
    if (c == '-') {
      negative_ = true;
      number_ = 0;
      continue;
    }
    const u32 n = std::exchange(number_, 0);
    const u32 code = std::exchange(negative_, false) ? 0 - n : n;
    if (c == 'q' && on_exit_ != nullptr) on_exit_(static_cast<int>((code << 1 | 1) & 0xff));
  }
}

}  // namespace quince::machine
