// qcow2 images against a model in memory, and against qemu-img and qemu-io as judges.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "block/chain.h"
#include "block/host_file.h"
#include "block/qcow2/check.h"
#include "block/qcow2/create.h"
#include "block/qcow2/image.h"
#include "tests/support/block_io.h"
#include "tests/support/command.h"
#include "tests/support/fault_image.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

using namespace quince::block;
using qcow2::Qcow2Image;

struct Shape {
  const char* name;
  u32 version;
  u64 cluster_size;
  u32 refcount_bits;
  bool backing;
};

class Qcow2Test : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    const Shape& s = GetParam();
    qcow2::CreateOptions o;
    o.size = kSize;
    o.version = s.version;
    o.cluster_size = s.cluster_size;
    o.refcount_bits = s.refcount_bits;
    model_.assign(kSize, 0);
    if (s.backing) {
      // Shorter than the image, and not a whole number of clusters.
      const Bytes base = pattern(kSize / 2 + 700, 77);
      make_file("base.raw", base);
      std::copy(base.begin(), base.end(), model_.begin());
      o.backing_file = "base.raw";
      o.backing_format = "raw";
    }
    HostFile::Options f;
    f.create = true;
    auto file = HostFile::open(path_, f);
    ASSERT_TRUE(file);
    const auto made = qcow2::create(**file, o);
    ASSERT_TRUE(made) << made.error().message();
    file->reset();
    reopen();
  }
  void make_file(const std::string& name, const Bytes& content) {
    HostFile::Options f;
    f.create = true;
    auto file = HostFile::open(dir_ / name, f);
    ASSERT_TRUE(file);
    ASSERT_EQ(write_at(**file, 0, content), kOk);
  }
  void reopen() {
    image_.reset();
    ChainOptions o;
    o.discard = true;
    o.no_flush = true;  // qcow2_crash_test.cpp is about what flushes do
    auto image = open_chain(path_, "qcow2", o);
    ASSERT_TRUE(image) << image.error().message();
    image_ = std::move(image).value();
  }
  void close_and_check() {
    ASSERT_EQ(image_->flush(), kOk);
    image_.reset();
    HostFile::Options f;
    f.read_only = true;
    auto file = HostFile::open(path_, f);
    ASSERT_TRUE(file);
    const auto r = qcow2::check(**file, qcow2::Repair::None);
    ASSERT_TRUE(r) << r.error().message();
    EXPECT_EQ(r->corruptions, 0u) << r->messages.at(0);
    EXPECT_EQ(r->leaks, 0u) << r->messages.at(0);
    file->reset();
    if (!have_command("qemu-img")) return;
    const auto judged = run_command("qemu-img check -f qcow2 " + path_);
    EXPECT_EQ(judged.status, 0) << judged.output;
    // And it reads the same.
    make_file("model.raw", model_);
    const auto same =
        run_command("qemu-img compare -f qcow2 -F raw " + path_ + " " + (dir_ / "model.raw"));
    EXPECT_EQ(same.status, 0) << same.output;
  }
  void random_step(std::mt19937_64& random, u64 seed) {
    const u64 offset = random() % 2 == 0 ? random() % kSize : random() % kSize / 512 * 512;
    const u64 most = random() % 8 == 0 ? 4 * GetParam().cluster_size + 5000 : 5000;
    const u64 length = std::min(kSize - offset, random() % most + 1);
    const auto at = model_.begin() + static_cast<std::ptrdiff_t>(offset);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        const Bytes data = pattern(length, seed);
        ASSERT_EQ(write_at(*image_, offset, data), kOk);
        std::copy(data.begin(), data.end(), at);
        break;
      }
      case 3:
        ASSERT_EQ(image_->write_zeroes(offset, length, random() % 2 == 0), kOk);
        std::fill_n(at, length, u8{0});
        break;
      case 4: {
        ASSERT_EQ(image_->discard(offset, length), kOk);
        const Bytes now = read_at(*image_, offset, length);
        ASSERT_EQ(now.size(), length);
        for (u64 n = 0; n < length; ++n) {
          ASSERT_TRUE(now[n] == 0 || now[n] == at[static_cast<std::ptrdiff_t>(n)]) << offset + n;
          at[static_cast<std::ptrdiff_t>(n)] = now[n];
        }
        break;
      }
      case 5:
        if (random() % 4 == 0) {
          ASSERT_EQ(image_->flush(), kOk);
        }
        break;
      default:
        ASSERT_EQ(read_at(*image_, offset, length),
                  Bytes(at, at + static_cast<std::ptrdiff_t>(length)));
        const auto e = image_->extent(offset, length);
        ASSERT_GE(e.length, 1u);
        ASSERT_LE(e.length, length);
        if (e.zero) {
          ASSERT_EQ(Bytes(at, at + static_cast<std::ptrdiff_t>(e.length)), Bytes(e.length, 0));
        }
        break;
    }
  }

  static constexpr u64 kSize = 6 * MiB + 1536;
  TempDir dir_{true};
  const std::string path_ = dir_ / "disk.qcow2";
  std::unique_ptr<Image> image_;
  Bytes model_;
};

TEST_P(Qcow2Test, RandomOperationsAgreeWithAModel) {
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned n = 0; n < 200; ++n) {
      random_step(random, round * 1000 + n);
      ASSERT_FALSE(HasFatalFailure());
    }
    ASSERT_EQ(read_at(*image_, 0, kSize), model_);
    close_and_check();
    ASSERT_FALSE(HasFatalFailure());
    reopen();
    ASSERT_EQ(read_at(*image_, 0, kSize), model_);
  }
}

TEST_P(Qcow2Test, ThreadsInPlacesOfTheirOwnDoNotDisturbEachOther) {
  // Neighbours share clusters and tables, but no byte.
  constexpr u64 kPiece = 3000;
  std::vector<std::thread> threads;
  std::atomic<bool> bad{false};
  for (u64 t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      for (unsigned n = 0; n < 150; ++n) {
        const u64 offset = ((random() % (kSize / kPiece / 4)) * 4 + t) * kPiece;
        if (offset + kPiece > kSize) continue;
        const auto at = model_.begin() + static_cast<std::ptrdiff_t>(offset);
        const Bytes data = pattern(kPiece, t * 1000 + n);
        if (n % 5 == 4) {
          if (image_->write_zeroes(offset, kPiece, true) != kOk) bad = true;
          std::fill_n(at, kPiece, u8{0});
        } else {
          if (write_at(*image_, offset, data) != kOk) bad = true;
          std::copy(data.begin(), data.end(), at);
        }
        if (n % 20 == 0 && image_->flush() != kOk) bad = true;
        if (read_at(*image_, offset, kPiece) != Bytes(at, at + kPiece)) bad = true;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_FALSE(bad);
  EXPECT_EQ(read_at(*image_, 0, kSize), model_);
  close_and_check();
}

TEST_P(Qcow2Test, QemuWritesAndWeRead) {
  if (!have_command("qemu-io")) GTEST_SKIP() << "no qemu-io";
  image_.reset();
  std::mt19937_64 random(5);
  std::string commands;
  for (unsigned n = 0; n < 40; ++n) {
    const u64 offset = random() % (kSize - 70000) / 512 * 512, length = (random() % 128 + 1) * 512;
    const u64 value = random() % 255 + 1;
    const bool zero = GetParam().version == 3 && n % 5 == 4;
    commands += zero
                    ? fmt::format(" -c 'write -z{} {} {}'", n % 2 == 0 ? " -u" : "", offset, length)
                    : fmt::format(" -c 'write -P {} {} {}'", value, offset, length);
    std::fill_n(model_.begin() + static_cast<std::ptrdiff_t>(offset), length,
                zero ? u8{0} : static_cast<u8>(value));
  }
  const auto r = run_command("qemu-io -f qcow2" + commands + " " + path_);
  ASSERT_EQ(r.status, 0) << r.output;
  reopen();
  EXPECT_EQ(read_at(*image_, 0, kSize), model_);
  for (unsigned n = 0; n < 100; ++n) random_step(random, n);
  close_and_check();
}

TEST_P(Qcow2Test, InternalSnapshotsKeepWhatIsTheirs) {
  if (!have_command("qemu-img")) GTEST_SKIP() << "no qemu-img";
  if (GetParam().refcount_bits < 2) GTEST_SKIP() << "one bit cannot count two references";
  std::mt19937_64 random(9);
  for (unsigned n = 0; n < 60; ++n) random_step(random, n);
  const Bytes before = model_;
  close_and_check();
  ASSERT_EQ(run_command("qemu-img snapshot -c one " + path_).status, 0);
  reopen();
  for (unsigned n = 0; n < 120; ++n) random_step(random, 500 + n);
  close_and_check();
  model_ = before;
  const auto back = run_command("qemu-img snapshot -a one " + path_);
  ASSERT_EQ(back.status, 0) << back.output;
  reopen();
  EXPECT_EQ(read_at(*image_, 0, kSize), model_);
  close_and_check();
}

TEST_P(Qcow2Test, ItsSizeChanges) {
  std::mt19937_64 random(11);
  for (unsigned n = 0; n < 60; ++n) random_step(random, n);
  const u64 small = 2 * MiB + 512, large = 40 * MiB;
  ASSERT_EQ(image_->resize(small), kOk);
  model_.resize(small);
  close_and_check();
  reopen();
  EXPECT_EQ(image_->size(), small);
  ASSERT_EQ(image_->resize(large), kOk);
  model_.resize(large);  // zeroes, although the backing image goes on
  EXPECT_EQ(read_at(*image_, 0, kSize), Bytes(model_.begin(), model_.begin() + kSize));
  ASSERT_EQ(write_at(*image_, large - 3000, pattern(3000, 1)), kOk);
  const Bytes end = pattern(3000, 1);
  std::copy(end.begin(), end.end(), model_.end() - 3000);
  close_and_check();
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Qcow2Test,
    ::testing::Values(Shape{"Plain", 3, 64 * KiB, 16, false},
                      Shape{"Backing", 3, 64 * KiB, 16, true}, Shape{"Small", 3, 512, 1, true},
                      Shape{"Old", 2, 4096, 16, false}, Shape{"OldBacking", 2, 4096, 16, true},
                      Shape{"Wide", 3, 1024, 64, false}, Shape{"Large", 3, 2 * MiB, 8, true}),
    [](const ::testing::TestParamInfo<Shape>& shape) { return shape.param.name; });

}  // namespace
}  // namespace quince::test
