#include "block/policy.h"

#include "block/iov.h"

namespace quince::block {

namespace {

class PolicyImage final : public Image {
 public:
  PolicyImage(std::unique_ptr<Image> image, const Policy& policy)
      : image_(std::move(image)), policy_(policy) {}

  const std::string& name() const override { return image_->name(); }
  u64 size() const override { return image_->size(); }
  bool read_only() const override { return policy_.read_only || image_->read_only(); }
  Status read(u64 offset, std::span<const iovec> parts) override {
    return image_->read(offset, parts);
  }
  Status write(u64 offset, std::span<const iovec> parts) override {
    if (read_only()) return Status::read_only_file_system;
    if (policy_.detect_zeroes != DetectZeroes::Off && all_zero(parts))
      return write_zeroes(offset, total_length(parts),
                          policy_.detect_zeroes == DetectZeroes::Unmap);
    return through(image_->write(offset, parts));
  }
  Status flush() override { return policy_.ignore_flush ? Status{} : image_->flush(); }
  Status discard(u64 offset, u64 length) override {
    if (read_only()) return Status::read_only_file_system;
    return policy_.ignore_discard ? Status{} : through(image_->discard(offset, length));
  }
  Status write_zeroes(u64 offset, u64 length, bool unmap) override {
    if (read_only()) return Status::read_only_file_system;
    return through(image_->write_zeroes(offset, length, unmap && !policy_.ignore_discard));
  }
  Extent extent(u64 offset, u64 length) override { return image_->extent(offset, length); }
  Status resize(u64 size) override {
    return read_only() ? Status::read_only_file_system : image_->resize(size);
  }
  int plain_fd() const override {
    const bool plain = !policy_.flush_writes && policy_.detect_zeroes == DetectZeroes::Off;
    return plain ? image_->plain_fd() : -1;
  }

 private:
  Status through(Status s) { return s == Status{} && policy_.flush_writes ? image_->flush() : s; }

  const std::unique_ptr<Image> image_;
  const Policy policy_;
};

}  // namespace

std::unique_ptr<Image> with_policy(std::unique_ptr<Image> image, const Policy& policy) {
  return std::make_unique<PolicyImage>(std::move(image), policy);
}

}  // namespace quince::block
