#include "net/socket/framing.h"

#include <array>
#include <cstring>

#include "net/packet.h"

namespace quince::net {

std::span<u8> FrameParser::space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (buffer_.size() - begin_ < kMaxFrame + kPrefix) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(buffer_).subspan(end_);
}

std::optional<std::span<const u8>> FrameParser::next() {
  if (broken_ || end_ - begin_ < kPrefix) return std::nullopt;
  const std::size_t length = load_be32(&buffer_[begin_]);
  if (length > kMaxFrame) {
    broken_ = true;
    return std::nullopt;
  }
  if (end_ - begin_ < kPrefix + length) return std::nullopt;
  return std::span<const u8>(buffer_).subspan(begin_ + kPrefix, length);
}

void FrameParser::pop() { begin_ += kPrefix + load_be32(&buffer_[begin_]); }

bool FrameWriter::push(std::span<const u8> frame) {
  if (pending().size() + 4 + frame.size() > kCapacity) return false;
  std::array<u8, 4> length{};
  store_be32(length.data(), static_cast<u32>(frame.size()));
  buffer_.insert(buffer_.end(), length.begin(), length.end());
  buffer_.insert(buffer_.end(), frame.begin(), frame.end());
  return true;
}

void FrameWriter::written(std::size_t n) {
  done_ += n;
  if (done_ == buffer_.size()) return clear();
  if (done_ < kCapacity / 2) return;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(done_));
  done_ = 0;
}

}  // namespace quince::net
