// What crashes and failing disks leave of a qcow2 file.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "block/chain.h"
#include "block/host_file.h"
#include "block/qcow2/check.h"
#include "block/qcow2/create.h"
#include "block/qcow2/image.h"
#include "tests/support/command.h"
#include "tests/support/fault_image.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

using namespace quince::block;
using qcow2::Qcow2Image;

constexpr u64 kSize = 1 * MiB;

/// Hands the operations to an image that somebody else owns.
class Borrowed final : public Image {
 public:
  explicit Borrowed(Image& image) : image_(image) {}
  const std::string& name() const override { return image_.name(); }
  u64 size() const override { return image_.size(); }
  bool read_only() const override { return image_.read_only(); }
  Status read(u64 o, std::span<const iovec> p) override { return image_.read(o, p); }
  Status write(u64 o, std::span<const iovec> p) override { return image_.write(o, p); }
  Status flush() override { return image_.flush(); }
  Status discard(u64 o, u64 n) override { return image_.discard(o, n); }
  Status write_zeroes(u64 o, u64 n, bool u) override { return image_.write_zeroes(o, n, u); }
  Status resize(u64 n) override { return image_.resize(n); }

 private:
  Image& image_;
};

std::unique_ptr<FaultImage> new_file(u64 cluster_size) {
  auto file = std::make_unique<FaultImage>();
  qcow2::CreateOptions o;
  o.size = kSize;
  o.cluster_size = cluster_size;
  EXPECT_TRUE(qcow2::create(*file, o));
  return file;
}

std::unique_ptr<Image> open_on(Image& file) {
  qcow2::Options o;
  o.discard = true;
  auto image = Qcow2Image::open(std::make_unique<Borrowed>(file), nullptr, o);
  if (image) return std::move(image).value();
  ADD_FAILURE() << image.error().message();
  return nullptr;
}

/// One sector of the disk, and what it may read as after a crash: what the last flush covered, or
/// anything that was written since.
using Allowed = std::vector<std::vector<u8>>;
constexpr u64 kSector = 512;

struct Writer {
  Allowed may = Allowed(kSize / kSector, {0});

  void step(Image& image, std::mt19937_64& random, bool flushes = true) {
    const u64 first = random() % (kSize / kSector),
              count = std::min(kSize / kSector - first, random() % 12 + 1);
    const auto each = [&](auto f) {
      for (u64 n = first; n < first + count; ++n) f(may[n]);
    };
    switch (random() % 6) {
      case 0:
        if (image.write_zeroes(first * kSector, count * kSector, random() % 2 == 0) == kOk)
          each([](auto& v) { v.push_back(0); });
        break;
      case 1:
        if (image.discard(first * kSector, count * kSector) == kOk)
          each([](auto& v) { v.push_back(0); });
        break;
      case 2:
        // Discards aside, which may have happened or not, the last value is the only one now.
        if (flushes && image.flush() == kOk)
          for (u64 n = 0; n < may.size(); ++n) may[n] = {read_at(image, n * kSector, 1).at(0)};
        break;
      default: {
        const u8 value = static_cast<u8>(random() % 255 + 1);
        if (write_at(image, first * kSector, Bytes(count * kSector, value)) == kOk)
          each([&](auto& v) { v.push_back(value); });
        break;
      }
    }
  }
  void verify(Image& image) const {
    for (u64 n = 0; n < may.size(); ++n) {
      const Bytes sector = read_at(image, n * kSector, kSector);
      ASSERT_EQ(sector.size(), kSector);
      ASSERT_EQ(sector, Bytes(kSector, sector[0])) << "a torn sector " << n;
      ASSERT_TRUE(std::find(may[n].begin(), may[n].end(), sector[0]) != may[n].end())
          << "sector " << n << " reads " << int{sector[0]};
    }
  }
};

void no_corruption(const Bytes& disk, u64* leaks = nullptr) {
  FaultImage file(disk);
  const auto r = qcow2::check(file, qcow2::Repair::None);
  ASSERT_TRUE(r) << r.error().message();
  ASSERT_EQ(r->corruptions, 0u) << r->messages.at(0);
  if (leaks != nullptr) *leaks += r->leaks;
}

TEST(Qcow2Crash, PowerLossLeavesLeaksAtWorstAndKeepsWhatWasFlushed) {
  u64 leaks = 0;
  for (const u64 cluster_size : {512u, 4096u})
    for (u64 seed = 0; seed < 3; ++seed) {
      std::mt19937_64 random(seed);
      const auto file = new_file(cluster_size);
      Writer writer;
      const auto image = open_on(*file);
      for (unsigned n = 0; n < 120; ++n) {
        writer.step(*image, random);
        if (n % 3 != 0) continue;
        file->shuffle(random);
        const Bytes disk = file->crash(random);
        no_corruption(disk, &leaks);
        ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed << " step " << n;
        FaultImage survivor(disk);
        const auto after = open_on(survivor);
        writer.verify(*after);
        ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed << " step " << n;
      }
    }
  EXPECT_GT(leaks, 0u) << "no crash fell into an allocation: this test looks at nothing";
}

TEST(Qcow2Crash, ACrashInTheMiddleOfAFlushLeavesLeaksAtWorst) {
  // Everything from operation n on fails: the file stays as it was at that moment.
  for (u64 n = 0; n < 75; ++n) {
    std::mt19937_64 random(n);
    const auto file = new_file(512);
    Writer writer;
    auto image = open_on(*file);
    for (unsigned i = 0; i < 15; ++i) writer.step(*image, random);
    ASSERT_EQ(image->flush(), kOk);
    for (unsigned i = 0; i < 30; ++i) writer.step(*image, random, false);
    file->fail_after(n % 25);
    static_cast<void>(image->flush());
    for (unsigned i = 0; i < 4; ++i) {
      file->shuffle(random);
      const Bytes disk = file->crash(random);
      no_corruption(disk);
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << n;
      if (i != 0) continue;
      FaultImage survivor(disk);
      const auto after = open_on(survivor);
      writer.verify(*after);
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << n;
    }
  }
}

TEST(Qcow2Crash, AFailingDiskCostsErrorsAndNoMore) {
  // Each operation fails once, reads too; afterwards the image works on.
  u64 errors = 0;
  for (u64 n = 0; n < 150; ++n) {
    std::mt19937_64 random(n);
    const auto file = new_file(1024);
    {
      const auto image = open_on(*file);
      for (unsigned i = 0; i < 20; ++i)
        static_cast<void>(
            write_at(*image, random() % (kSize - 5000), pattern(random() % 5000 + 1, i)));
      file->fail_after(n % 30, true);
      for (unsigned i = 0; i < 3; ++i)
        if (write_at(*image, random() % (kSize - 5000), pattern(5000, i)) != kOk) ++errors;
      if (image->flush() != kOk) ++errors;
      file->fail_after(FaultImage::kNever);
      const Bytes data = pattern(3000, 7);
      EXPECT_EQ(write_at(*image, 1000, data), kOk);
      EXPECT_EQ(image->flush(), kOk);
      EXPECT_EQ(read_at(*image, 1000, 3000), data);
    }
    no_corruption(file->content());
    ASSERT_FALSE(::testing::Test::HasFailure()) << n;
  }
  EXPECT_GT(errors, 100u);
}

TEST(Qcow2Crash, RefcountsAreCountedAnewAfterADirtyBit) {
  const auto file = new_file(4096);
  {
    const auto image = open_on(*file);
    ASSERT_EQ(write_at(*image, 5000, pattern(200000, 1)), kOk);
    ASSERT_EQ(image->flush(), kOk);
  }
  // A program with lazy refcounts ended here: the bit is set, and the counts are wrong.
  Bytes disk = file->content();
  disk[79] |= 1;
  const u64 table = qcow2::load_be<u64>(&disk[48]);
  const u64 block = qcow2::load_be<u64>(&disk[table]);
  std::fill_n(disk.begin() + static_cast<std::ptrdiff_t>(block) + 20, 60, u8{0});
  FaultImage damaged(disk);
  {
    const auto image = open_on(damaged);
    ASSERT_NE(image, nullptr);
    EXPECT_EQ(read_at(*image, 5000, 200000), pattern(200000, 1));
    ASSERT_EQ(write_at(*image, 400000, pattern(100000, 2)), kOk);
    ASSERT_EQ(image->flush(), kOk);
    EXPECT_EQ(read_at(*image, 5000, 200000), pattern(200000, 1));
  }
  u64 leaks = 0;
  no_corruption(damaged.content(), &leaks);
  EXPECT_EQ(leaks, 0u);
  EXPECT_EQ(damaged.content()[79] & 1, 0);
}

TEST(Qcow2Crash, TwoOwnersOfAClusterAreFoundBeforeTheyHurtEachOther) {
  // The counts of everything are zero, and nobody said so: the first allocation would take the
  // L1 table.
  const auto file = new_file(4096);
  {
    const auto image = open_on(*file);
    ASSERT_EQ(write_at(*image, 0, pattern(10000, 1)), kOk);
    ASSERT_EQ(image->flush(), kOk);
  }
  Bytes disk = file->content();
  const u64 block = qcow2::load_be<u64>(&disk[qcow2::load_be<u64>(&disk[48])]);
  std::fill_n(disk.begin() + static_cast<std::ptrdiff_t>(block), 4096, u8{0});
  FaultImage damaged(disk);
  {
    qcow2::Options o;
    std::vector<std::string> warnings;
    o.warn = [&](const std::string& w) { warnings.push_back(w); };
    auto image = Qcow2Image::open(std::make_unique<Borrowed>(damaged), nullptr, o);
    ASSERT_TRUE(image);
    EXPECT_EQ(write_at(**image, 500000, pattern(100, 1)), Status::io_error);
    EXPECT_EQ(write_at(**image, 0, pattern(100, 2)), Status::io_error);
    EXPECT_EQ(read_at(**image, 0, 10000), pattern(10000, 1));
    EXPECT_EQ(warnings.size(), 1u);
  }
  // The file says so too, and is repaired on demand only.
  EXPECT_FALSE(Qcow2Image::open(std::make_unique<Borrowed>(damaged), nullptr, {}));
  const auto r = qcow2::check(damaged, qcow2::Repair::All);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->corruptions, 0u);
  EXPECT_GT(r->corruptions_fixed, 0u);
  const auto image = open_on(damaged);
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(read_at(*image, 0, 10000), pattern(10000, 1));
}

/// Writes and flushes for ever; tells the number of each flush that has ended.
[[noreturn]] void write_until_killed(const std::string& path, u64 seed, int progress) {
  auto opened = open_chain(path, "qcow2", {});
  if (!opened) ::_exit(1);
  Image& image = **opened;
  std::mt19937_64 random(seed);
  for (u32 n = 1;; ++n) {
    for (unsigned i = 0; i < 4; ++i) {
      const u64 sector = random() % (kSize / kSector);
      if (write_at(image, sector * kSector, Bytes(kSector, static_cast<u8>(n % 255 + 1))) != kOk)
        ::_exit(1);
    }
    if (random() % 3 == 0)
      if (image.discard(random() % kSize / 65536 * 65536, 65536) != kOk) ::_exit(1);
    if (image.flush() != kOk) ::_exit(1);
    if (::write(progress, &n, sizeof n) != sizeof n) ::_exit(1);
  }
}

TEST(Qcow2Crash, AKilledProcessLosesNothingThatWasFlushed) {
  TempDir dir(true);
  const std::string path = dir / "disk.qcow2";
  {
    HostFile::Options f;
    f.create = true;
    auto file = HostFile::open(path, f);
    ASSERT_TRUE(file);
    qcow2::CreateOptions o;
    o.size = kSize;
    o.cluster_size = 4096;
    ASSERT_TRUE(qcow2::create(**file, o));
  }
  Bytes model(kSize, 0);
  for (u64 seed = 0; seed < 8; ++seed) {
    std::array<int, 2> progress{};
    ASSERT_EQ(::pipe(progress.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) write_until_killed(path, seed, progress[1]);
    ::close(progress[1]);
    u32 flushed = 0;
    while (flushed < 10 + seed * 3)
      ASSERT_EQ(::read(progress[0], &flushed, sizeof flushed),
                static_cast<ssize_t>(sizeof flushed));
    ::kill(child, SIGKILL);
    // What it managed between our decision and its end counts too.
    while (::read(progress[0], &flushed, sizeof flushed) == sizeof flushed) {
    }
    ::close(progress[0]);
    ::waitpid(child, nullptr, 0);

    const Bytes now = [&] {
      auto image = open_chain(path, "qcow2", {});
      EXPECT_TRUE(image);
      return read_at(**image, 0, kSize);
    }();
    ASSERT_EQ(now.size(), kSize);
    // The same steps again; those of the round that did not end may be there or not.
    std::mt19937_64 random(seed);
    std::vector<std::vector<u8>> may(kSize / kSector);
    for (u64 n = 0; n < may.size(); ++n) may[n] = {model[n * kSector]};
    for (u32 n = 1; n <= flushed + 1; ++n) {
      const bool sure = n <= flushed;
      for (unsigned i = 0; i < 4; ++i) {
        auto& v = may[random() % (kSize / kSector)];
        if (sure) v.clear();
        v.push_back(static_cast<u8>(n % 255 + 1));
      }
      if (random() % 3 == 0) {
        const u64 first = random() % kSize / 65536 * 65536 / kSector;
        for (u64 s = first; s < first + 65536 / kSector; ++s) may[s].push_back(0);
      }
    }
    for (u64 n = 0; n < may.size(); ++n)
      ASSERT_TRUE(std::find(may[n].begin(), may[n].end(), now[n * kSector]) != may[n].end())
          << "seed " << seed << " sector " << n;
    model = now;
    if (!have_command("qemu-img")) continue;
    const auto judged = run_command("qemu-img check -f qcow2 " + path);
    EXPECT_TRUE(judged.status == 0 || judged.status == 3) << judged.output;  // 3: leaks only
  }
}

}  // namespace
}  // namespace quince::test
