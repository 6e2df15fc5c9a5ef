// Raw images: data, holes, O_DIRECT and the guard of guessed formats.
#include "block/host_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "tests/support/block_io.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

using block::HostFile;

class HostFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<HostFile> make(u64 size, HostFile::Options o = {}) {
    o.create = true;
    auto f = HostFile::open(dir_ / "disk", o);
    if (!f) {
      ADD_FAILURE() << f.error().message();
      return nullptr;
    }
    EXPECT_EQ((*f)->resize(size), kOk);
    return std::move(f).value();
  }
  TempDir dir_;
};

TEST_F(HostFileTest, KeepsWhatIsWrittenInManyParts) {
  const auto f = make(1 * MiB);
  const Bytes data = pattern(3000, 1);
  // More parts than one system call takes.
  std::vector<iovec> parts;
  for (std::size_t i = 0; i < data.size(); ++i)
    parts.push_back(block::part(std::span<const u8>(data).subspan(i, 1)));
  EXPECT_EQ(f->write(12345, parts), kOk);
  EXPECT_EQ(read_at(*f, 12345, 3000), data);
  EXPECT_EQ(read_at(*f, 12344, 1), Bytes{0});
}

TEST_F(HostFileTest, ReadsZeroesPastTheEndAndGrowsByWrites) {
  const auto f = make(1000);
  EXPECT_EQ(read_at(*f, 900, 300), Bytes(300, 0));
  EXPECT_EQ(write_at(*f, 2000, pattern(10, 1)), kOk);
  EXPECT_EQ(f->size(), 2010u);
}

TEST_F(HostFileTest, DiscardGivesStorageBackAndZeroesRead) {
  const auto f = make(4 * MiB);
  ASSERT_EQ(write_at(*f, 0, pattern(4 * MiB, 1)), kOk);
  ASSERT_EQ(f->flush(), kOk);
  const u64 before = f->allocated();
  EXPECT_EQ(f->discard(1 * MiB, 1 * MiB), kOk);
  EXPECT_EQ(f->write_zeroes(2 * MiB + 5, 1 * MiB, true), kOk);
  EXPECT_EQ(read_at(*f, 2 * MiB + 4, 3), (Bytes{pattern(4 * MiB, 1)[2 * MiB + 4], 0, 0}));
  EXPECT_EQ(read_at(*f, 3 * MiB, 6), (Bytes{0, 0, 0, 0, 0, pattern(4 * MiB, 1)[3 * MiB + 5]}));
  EXPECT_EQ(f->size(), 4 * MiB);
  if (f->extent(1 * MiB, 4096).zero) {  // a file system with holes
    EXPECT_LT(f->allocated(), before);
    EXPECT_EQ(read_at(*f, 1 * MiB, 1 * MiB), Bytes(1 * MiB, 0));
  }
}

TEST_F(HostFileTest, ZeroesPastTheEndMakeTheFileLonger) {
  const auto f = make(100);
  EXPECT_EQ(f->write_zeroes(5000, 1000, true), kOk);
  EXPECT_EQ(f->size(), 6000u);
  EXPECT_EQ(read_at(*f, 0, 6000), Bytes(6000, 0));
}

TEST_F(HostFileTest, ExtentsCoverTheFileAndNeverCallDataZero) {
  const auto f = make(8 * MiB);
  ASSERT_EQ(write_at(*f, 3 * MiB, pattern(64 * KiB, 1)), kOk);
  u64 at = 0;
  bool zero_seen = false;
  while (at < f->size()) {
    const auto e = f->extent(at, f->size() - at);
    ASSERT_GE(e.length, 1u);
    ASSERT_LE(at + e.length, f->size());
    if (e.zero) {
      zero_seen = true;
      EXPECT_TRUE(at + e.length <= 3 * MiB || at >= 3 * MiB + 64 * KiB);
    }
    at += e.length;
  }
  EXPECT_TRUE(zero_seen || f->allocated() == f->size());
}

TEST_F(HostFileTest, DirectReadsAndWritesOfAnyAlignmentAgreeWithMemory) {
  HostFile::Options o;
  o.direct = true;
  o.create = true;
  auto opened = HostFile::open(dir_ / "disk", o);
  if (!opened) GTEST_SKIP() << opened.error().message();
  const auto f = std::move(opened).value();
  const u64 size = 300 * KiB + 77;  // the end is not aligned either
  ASSERT_EQ(f->resize(size), kOk);
  Bytes memory(size, 0);
  std::mt19937_64 random(1);
  for (unsigned n = 0; n < 400; ++n) {
    const u64 offset = random() % size;
    const u64 length = std::min(size - offset, random() % (random() % 8 == 0 ? 100000 : 3000) + 1);
    if (random() % 2 == 0) {
      const Bytes data = pattern(length, n);
      ASSERT_EQ(write_at(*f, offset, data), kOk);
      std::copy(data.begin(), data.end(), memory.begin() + static_cast<std::ptrdiff_t>(offset));
    } else {
      const auto from = memory.begin() + static_cast<std::ptrdiff_t>(offset);
      ASSERT_EQ(read_at(*f, offset, length),
                Bytes(from, from + static_cast<std::ptrdiff_t>(length)));
    }
    ASSERT_EQ(f->size(), size);
  }
  struct stat st {};
  ASSERT_EQ(::stat((dir_ / "disk").c_str(), &st), 0);
  EXPECT_EQ(static_cast<u64>(st.st_size), size);
}

TEST_F(HostFileTest, AGuessedRawImageCannotBeTurnedIntoAnotherFormat) {
  HostFile::Options o;
  o.guessed = true;
  const auto f = make(1 * MiB, o);
  const Bytes magic = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
  EXPECT_EQ(write_at(*f, 0, magic), Status::operation_not_permitted);
  // Nor in two steps.
  EXPECT_EQ(write_at(*f, 1, {'F', 'I', 0xfb, 0, 0, 0, 3}), kOk);
  EXPECT_EQ(write_at(*f, 0, {'Q'}), Status::operation_not_permitted);
  EXPECT_EQ(write_at(*f, 0, {'q'}), kOk);
  EXPECT_EQ(f->plain_fd(), -1);
}

TEST_F(HostFileTest, SaysWhatIsWrongWithAName) {
  const auto missing = HostFile::open(dir_ / "no-such-file", {});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message().find("no-such-file"), std::string::npos);
  EXPECT_FALSE(HostFile::open(dir_.path(), {}));
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(HostFile::open(dir_ / "fifo", {}));  // and does not wait for a writer
}

TEST_F(HostFileTest, TemporaryFilesHaveNoName) {
  const auto f = HostFile::temporary(dir_.path());
  ASSERT_TRUE(f);
  EXPECT_EQ(write_at(**f, 5, pattern(100, 1)), kOk);
  EXPECT_EQ(read_at(**f, 5, 100), pattern(100, 1));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  EXPECT_FALSE(HostFile::temporary(dir_ / "nowhere"));
}

}  // namespace
}  // namespace quince::test
