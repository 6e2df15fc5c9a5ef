// Disks: the three of them do the same.
#include "block/disk.h"

#include <gtest/gtest.h>

#include <list>
#include <random>

#include "block/host_file.h"
#include "block/policy.h"
#include "tests/support/block_io.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

using namespace quince::block;

enum class Kind { Threads, Uring, Synchronous };

struct Job {
  Request request;
  Bytes bytes;
  iovec iov{};
  bool done = false;
  Status status{};
};

class DiskTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    HostFile::Options o;
    o.create = true;
    auto f = HostFile::open(dir_ / "disk", o);
    ASSERT_TRUE(f);
    ASSERT_EQ((*f)->resize(kSize), kOk);
    use(std::move(f).value());
  }
  void use(std::unique_ptr<Image> image) {
    disk_.reset();
    switch (GetParam()) {
      case Kind::Threads:
        disk_ = make_threaded_disk(std::move(image), true, completions_);
        break;
      case Kind::Synchronous:
        disk_ = make_synchronous_disk(std::move(image), true, completions_);
        break;
      case Kind::Uring: {
        auto d = make_uring_disk(image, true, completions_);
        if (!d) GTEST_SKIP() << d.error().message();
        disk_ = std::move(d).value();
        break;
      }
    }
  }
  Job& submit(Op op, u64 offset, Bytes bytes, u64 length = 0) {
    Job& j = jobs_.emplace_back();
    j.bytes = std::move(bytes);
    j.iov = part(std::span<u8>(j.bytes));
    j.request.op = op;
    j.request.offset = offset;
    j.request.length = j.bytes.empty() ? length : j.bytes.size();
    if (!j.bytes.empty()) j.request.parts = {&j.iov, 1};
    j.request.context = &j;
    j.request.done = [](Request& r, Status s) {
      Job& job = *static_cast<Job*>(r.context);
      EXPECT_FALSE(job.done);
      job.done = true;
      job.status = s;
    };
    disk_->submit(j.request);
    EXPECT_FALSE(j.done) << "done was called inside submit";
    return j;
  }
  void wait(Job& j) {
    while (!j.done) completions_.run_once();
  }

  static constexpr u64 kSize = 1 * MiB;
  TempDir dir_;
  TestCompletions completions_;
  std::list<Job> jobs_;
  std::unique_ptr<Disk> disk_;
};

TEST_P(DiskTest, ReadsWhatItWrote) {
  Job& w = submit(Op::Write, 512, pattern(4096, 1));
  wait(w);
  EXPECT_EQ(w.status, kOk);
  Job& f = submit(Op::Flush, 0, {});
  wait(f);
  EXPECT_EQ(f.status, kOk);
  Job& r = submit(Op::Read, 512, Bytes(4096));
  wait(r);
  EXPECT_EQ(r.status, kOk);
  EXPECT_EQ(r.bytes, pattern(4096, 1));
  Job& z = submit(Op::WriteZeroes, 1024, {}, 512);
  wait(z);
  EXPECT_EQ(z.status, kOk);
  Job& again = submit(Op::Read, 1024, Bytes(512));
  wait(again);
  EXPECT_EQ(again.bytes, Bytes(512, 0));
  disk_->drain();
}

TEST_P(DiskTest, RefusesRangesOutsideTheDisk) {
  for (const auto& [op, offset, length] : {std::tuple{Op::Read, kSize - 256, 512u},
                                           {Op::Write, kSize, 512u},
                                           {Op::Write, ~u64{0} - 100, 512u},
                                           {Op::Read, u64{1} << 63, 512u}}) {
    Job& j = submit(op, offset, Bytes(length));
    wait(j);
    EXPECT_EQ(j.status, Status::invalid_argument);
  }
  Job& d = submit(Op::Discard, 512, {}, ~u64{0});
  Job& z = submit(Op::WriteZeroes, kSize - 512, {}, 513);
  disk_->drain();
  EXPECT_EQ(d.status, Status::invalid_argument);
  EXPECT_EQ(z.status, Status::invalid_argument);
  // Parts that do not add up.
  Job& w = jobs_.emplace_back();
  w.request.op = Op::Write;
  w.request.length = 512;
  w.request.context = &w;
  w.request.done = [](Request& r, Status s) { static_cast<Job*>(r.context)->status = s; };
  disk_->submit(w.request);
  disk_->drain();
  EXPECT_EQ(w.status, Status::invalid_argument);
}

TEST_P(DiskTest, AReadOnlyDiskRefusesWritesByName) {
  HostFile::Options o;
  o.read_only = true;
  o.locking = Locking::Off;
  auto f = HostFile::open(dir_ / "disk", o);
  ASSERT_TRUE(f);
  use(std::move(f).value());
  if (IsSkipped()) return;
  EXPECT_TRUE(disk_->read_only());
  EXPECT_FALSE(disk_->can_discard());
  Job& w = submit(Op::Write, 0, Bytes(512));
  Job& d = submit(Op::Discard, 0, {}, 512);
  Job& fl = submit(Op::Flush, 0, {});
  disk_->drain();
  EXPECT_EQ(w.status, Status::read_only_file_system);
  EXPECT_EQ(d.status, Status::read_only_file_system);
  EXPECT_EQ(fl.status, kOk);
}

TEST_P(DiskTest, ManyRequestsAtOnceAllEndOnce) {
  // More than a ring or a pool takes; each in a place of its own.
  constexpr std::size_t kEach = 1024;
  for (u64 n = 0; n < kSize / kEach; ++n) submit(Op::Write, n * kEach, pattern(kEach, n));
  disk_->drain();
  for (const Job& j : jobs_) {
    EXPECT_TRUE(j.done);
    EXPECT_EQ(j.status, kOk);
  }
  jobs_.clear();
  for (u64 n = 0; n < kSize / kEach; ++n) submit(Op::Read, n * kEach, Bytes(kEach));
  disk_->drain();
  u64 n = 0;
  for (const Job& j : jobs_) EXPECT_EQ(j.bytes, pattern(kEach, n++));
}

TEST_P(DiskTest, DoneMaySubmitAndDrainCoversThat) {
  struct Chain {
    Disk* disk;
    unsigned left = 50;
    Request request;
  } chain{disk_.get(), 50, {}};
  chain.request.op = Op::Flush;
  chain.request.context = &chain;
  chain.request.done = [](Request& r, Status) {
    Chain& c = *static_cast<Chain*>(r.context);
    if (--c.left > 0) c.disk->submit(r);
  };
  disk_->submit(chain.request);
  disk_->drain();
  EXPECT_EQ(chain.left, 0u);
}

std::string kind_name(const ::testing::TestParamInfo<Kind>& kind) {
  switch (kind.param) {
    case Kind::Threads:
      return "Threads";
    case Kind::Uring:
      return "Uring";
    case Kind::Synchronous:
      return "Synchronous";
  }
  return "";
}
INSTANTIATE_TEST_SUITE_P(All, DiskTest,
                         ::testing::Values(Kind::Threads, Kind::Uring, Kind::Synchronous),
                         kind_name);

TEST(Disk, TheSynchronousOneDoesTheWorkAtOnceAndReportsItLater) {
  TempDir dir;
  HostFile::Options o;
  o.create = true;
  auto f = HostFile::open(dir / "disk", o);
  ASSERT_TRUE(f);
  ASSERT_EQ((*f)->resize(4096), kOk);
  HostFile& file = **f;
  TestCompletions completions;
  const auto disk = make_synchronous_disk(std::move(f).value(), true, completions);
  Bytes data = pattern(512, 3);
  const iovec iov = part(std::span<u8>(data));
  Request r;
  r.op = Op::Write;
  r.length = 512;
  r.parts = {&iov, 1};
  bool done = false;
  r.context = &done;
  r.done = [](Request& q, Status) { *static_cast<bool*>(q.context) = true; };
  disk->submit(r);
  EXPECT_EQ(read_at(file, 0, 512), data);
  EXPECT_FALSE(done);
  EXPECT_TRUE(completions.woken());
  completions.run_once();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace quince::test
