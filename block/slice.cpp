#include "block/slice.h"

namespace quince::block {

namespace {

class Slice final : public Image {
 public:
  Slice(std::unique_ptr<Image> image, u64 offset) : image_(std::move(image)), offset_(offset) {}

  const std::string& name() const override { return image_->name(); }
  u64 size() const override { return image_->size() - offset_; }
  bool read_only() const override { return image_->read_only(); }
  Status read(u64 offset, std::span<const iovec> parts) override {
    return image_->read(offset_ + offset, parts);
  }
  Status write(u64 offset, std::span<const iovec> parts) override {
    return image_->write(offset_ + offset, parts);
  }
  Status flush() override { return image_->flush(); }
  Status discard(u64 offset, u64 length) override {
    return image_->discard(offset_ + offset, length);
  }
  Status write_zeroes(u64 offset, u64 length, bool unmap) override {
    return image_->write_zeroes(offset_ + offset, length, unmap);
  }
  Extent extent(u64 offset, u64 length) override {
    return image_->extent(offset_ + offset, length);
  }

 private:
  std::unique_ptr<Image> image_;
  const u64 offset_;
};

}  // namespace

Result<std::unique_ptr<Image>> from_offset(std::unique_ptr<Image> image, u64 offset) {
  if (offset >= image->size())
    return fail("'{}' has {} bytes, and offset={} is behind them", image->name(), image->size(),
                offset);
  return std::make_unique<Slice>(std::move(image), offset);
}

}  // namespace quince::block
