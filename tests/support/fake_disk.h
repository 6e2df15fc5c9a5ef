// A disk in memory whose requests end when a test says so, in whatever order.
#pragma once

#include <vector>

#include "block/block.h"

namespace quince::test {

class FakeDisk final : public block::Disk {
 public:
  explicit FakeDisk(u64 size) : data(size) {}

  u64 size() const override { return data.size(); }
  bool read_only() const override { return is_read_only; }
  bool can_discard() const override { return discards; }
  void submit(block::Request& request) override;
  void drain() override;

  /// Does a waiting request now, by its place in the order of submission.
  void finish(std::size_t index = 0);
  /// Does them all, and those that follow.  Returns how many.
  std::size_t finish_all();

  std::vector<u8> data;
  std::vector<block::Request*> waiting;
  std::vector<block::Op> done;  ///< in order, as long as `record`
  bool record = true;
  bool is_read_only = false, discards = true;
  block::Status fail = {};  ///< what the next requests end with
};

}  // namespace quince::test
