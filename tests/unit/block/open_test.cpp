// From options to images: chains, policies, snapshots, and what is refused.
#include "block/open.h"

#include <gtest/gtest.h>

#include <fstream>

#include "block/chain.h"
#include "block/host_file.h"
#include "block/qcow2/create.h"
#include "tests/support/block_io.h"
#include "tests/support/fault_image.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

using namespace quince::block;

class OpenTest : public ::testing::Test {
 protected:
  std::string raw(const std::string& name, const Bytes& content) {
    HostFile::Options o;
    o.create = true;
    auto f = HostFile::open(dir_ / name, o);
    EXPECT_TRUE(f);
    EXPECT_EQ(write_at(**f, 0, content), kOk);
    return dir_ / name;
  }
  std::string qcow2(const std::string& name, u64 size, const std::string& backing = "",
                    const std::string& format = "") {
    HostFile::Options o;
    o.create = true;
    auto f = HostFile::open(dir_ / name, o);
    EXPECT_TRUE(f);
    qcow2::CreateOptions c;
    c.size = size;
    c.backing_file = backing;
    c.backing_format = format;
    EXPECT_TRUE(qcow2::create(**f, c));
    return dir_ / name;
  }
  std::unique_ptr<Image> open(OpenOptions o) {
    auto image = open_image(o);
    if (image) return std::move(image).value();
    ADD_FAILURE() << image.error().message();
    return nullptr;
  }
  std::string error(OpenOptions o) {
    const auto image = open_image(o);
    return image ? "" : image.error().message();
  }
  TempDir dir_{true};
};

TEST_F(OpenTest, AChainIsReadThroughAndOnlyItsTopIsWritten) {
  const Bytes base = pattern(100000, 1);
  raw("base.raw", base);
  qcow2("middle.qcow2", 100352, "base.raw", "raw");
  const std::string top = qcow2("top.qcow2", 200704, "middle.qcow2", "qcow2");
  const auto image = open({.file = "file:" + top, .format = "qcow2"});
  ASSERT_EQ(write_at(*image, 50000, pattern(10, 2)), kOk);
  EXPECT_EQ(read_at(*image, 0, 50000), Bytes(base.begin(), base.begin() + 50000));
  EXPECT_EQ(read_at(*image, 50000, 10), pattern(10, 2));
  EXPECT_EQ(read_at(*image, 100000, 1000), Bytes(1000, 0));
  std::ifstream in(dir_ / "base.raw", std::ios::binary);
  EXPECT_EQ(Bytes(std::istreambuf_iterator<char>(in), {}), base);
}

TEST_F(OpenTest, WhatASnapshotTakesIsGoneAfterwards) {
  const std::string path = raw("disk.raw", pattern(1 * MiB, 1));
  for (const Snapshot s : {Snapshot::File, Snapshot::Memory}) {
    const auto image = open({.file = path, .format = "raw", .snapshot = s});
    ASSERT_NE(image, nullptr);
    EXPECT_FALSE(image->read_only());
    EXPECT_EQ(write_at(*image, 1000, pattern(70000, 2)), kOk);
    EXPECT_EQ(image->flush(), kOk);
    EXPECT_EQ(read_at(*image, 1000, 70000), pattern(70000, 2));
    const Bytes before = pattern(1 * MiB, 1);
    EXPECT_EQ(read_at(*image, 0, 1000), Bytes(before.begin(), before.begin() + 1000));
  }
  const auto image = open({.file = path, .format = "raw"});
  EXPECT_EQ(read_at(*image, 0, 1 * MiB), pattern(1 * MiB, 1));
}

TEST_F(OpenTest, WhatIsNotSupportedIsRefusedByName) {
  EXPECT_NE(error({.file = "nbd://host/x"}).find("'nbd'"), std::string::npos);
  EXPECT_NE(error({.file = "json:{\"driver\":\"raw\"}"}).find("'json'"), std::string::npos);
  EXPECT_NE(error({.file = raw("a.raw", Bytes(512)), .format = "vmdk"}).find("'vmdk'"),
            std::string::npos);
  Bytes vmdk(4096);
  std::copy_n("KDMV", 4, vmdk.begin());
  EXPECT_NE(error({.file = raw("a.vmdk", vmdk)}).find("'vmdk'"), std::string::npos);
  EXPECT_NE(error({.file = dir_ / "none"}).find("none"), std::string::npos);
  EXPECT_FALSE(parse_cache("fast"));
  EXPECT_FALSE(parse_aio("magic"));
  EXPECT_NE(parse_discard("x").error().message().find("discard"), std::string::npos);
  EXPECT_EQ(*parse_detect_zeroes("unmap"), DetectZeroes::Unmap);
}

TEST_F(OpenTest, IncompatibleFeaturesAreRefusedByName) {
  const std::string path = qcow2("a.qcow2", 1 * MiB);
  const auto with = [&](u64 at, u8 value, OpenOptions o = {}) {
    std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(f.peek());
    f.seekp(static_cast<std::streamoff>(at));
    f.put(static_cast<char>(value)).flush();
    o.file = path;
    o.format = "qcow2";
    const std::string e = error(o);
    f.seekp(static_cast<std::streamoff>(at));
    f.put(old).flush();
    return e;
  };
  EXPECT_NE(with(79, 1 << 4).find("extended L2"), std::string::npos);
  EXPECT_NE(with(79, 1 << 2).find("external data file"), std::string::npos);
  EXPECT_NE(with(79, 1 << 1).find("corrupt"), std::string::npos);
  EXPECT_EQ(with(79, 1 << 1, {.read_only = true}), "");
  EXPECT_NE(with(79, 1 << 5).find("bit 5"), std::string::npos);
  EXPECT_NE(with(35, 2).find("LUKS"), std::string::npos);
  EXPECT_NE(with(7, 9).find("version 9"), std::string::npos);
  EXPECT_NE(with(104, 1).find("compression"), std::string::npos);
  EXPECT_EQ(error({.file = path, .format = "qcow2"}), "");
}

TEST_F(OpenTest, AGuessIsNotBelievedTwice) {
  raw("secret", pattern(4096, 1));
  // A "raw" disk whose guest wrote a qcow2 header that names a file of the host.
  qcow2("disk.img", 1 * MiB, dir_ / "secret", "raw");
  const std::string top = qcow2("top.qcow2", 1 * MiB, "disk.img");
  EXPECT_NE(error({.file = top}).find("guess"), std::string::npos);
  // With its format given, it is what its owner says it is.
  const std::string honest = qcow2("honest.qcow2", 1 * MiB, "disk.img", "qcow2");
  EXPECT_EQ(error({.file = honest}), "");
}

// 004i: the warning names what the host lacks and what follows; and the disk works.
TEST_F(OpenTest, AHostWithoutIoUringIsAWarningAndThreads) {
  const Bytes content = pattern(4096, 3);
  std::vector<std::string> warnings;
  OpenOptions o{.file = raw("disk", content), .format = "raw", .aio = Aio::IoUring};
  o.warn = [&](const std::string& line) { warnings.push_back(line); };
  TestCompletions completions;
  make_disk(open({.file = o.file, .format = "raw"}), {}, completions);  // UBSan looks at it once
  auto image = open(o);
  ASSERT_NE(image, nullptr);
  std::unique_ptr<Disk> disk;
  {
    const NoDescriptors none;  // a ring is a descriptor
    disk = make_disk(std::move(image), o, completions);
  }
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_TRUE(warnings[0].starts_with("aio=io_uring: the host refuses io_uring: ")) << warnings[0];
  EXPECT_TRUE(warnings[0].ends_with("; aio=threads is used")) << warnings[0];
  Bytes got(content.size());
  iovec part{got.data(), got.size()};
  Status status = Status::io_error;
  Request r{.op = Op::Read, .length = got.size(), .parts = {&part, 1}, .context = &status};
  r.done = [](Request& request, Status s) { *static_cast<Status*>(request.context) = s; };
  disk->submit(r);
  disk->drain();
  EXPECT_EQ(status, kOk);
  EXPECT_EQ(got, content);
}

TEST_F(OpenTest, ALoopOfBackingFilesEnds) {
  const std::string path = qcow2("a.qcow2", 1 * MiB, "a.qcow2", "qcow2");
  EXPECT_NE(error({.file = path, .read_only = true}).find("loop"), std::string::npos);
}

TEST_F(OpenTest, ReadOnlyAndDiscardPoliciesHold) {
  const std::string path = raw("disk.raw", pattern(1 * MiB, 1));
  {
    const auto image = open({.file = path, .format = "raw", .read_only = true});
    EXPECT_EQ(write_at(*image, 0, Bytes(512)), Status::read_only_file_system);
    EXPECT_EQ(image->discard(0, 4096), Status::read_only_file_system);
  }
  {
    const auto image = open({.file = path, .format = "raw"});
    EXPECT_EQ(image->discard(0, 1 * MiB), kOk);
    EXPECT_EQ(read_at(*image, 0, 1 * MiB), pattern(1 * MiB, 1));  // discard=ignore
  }
  const auto image = open({.file = path, .format = "raw", .discard = true});
  EXPECT_EQ(image->discard(0, 64 * KiB), kOk);
  const Bytes now = read_at(*image, 0, 64 * KiB);
  const Bytes before = pattern(1 * MiB, 1);
  EXPECT_TRUE(now == Bytes(64 * KiB, 0) || now == Bytes(before.begin(), before.begin() + 64 * KiB));
}

TEST(Policy, WritethroughFlushesAndUnsafeDoesNot) {
  std::mt19937_64 random(1);
  const auto durable = [&](Policy p) {
    auto file = std::make_unique<FaultImage>(Bytes(4096));
    FaultImage& f = *file;
    const auto image = with_policy(std::move(file), p);
    EXPECT_EQ(write_at(*image, 0, Bytes(512, 7)), kOk);
    const u64 before = f.operations();
    EXPECT_EQ(image->flush(), kOk);
    return std::pair{before, f.operations() - before};
  };
  EXPECT_EQ(durable({}), (std::pair<u64, u64>{1, 1}));
  EXPECT_EQ(durable({.flush_writes = true}), (std::pair<u64, u64>{2, 1}));
  EXPECT_EQ(durable({.ignore_flush = true}), (std::pair<u64, u64>{1, 0}));
}

TEST(Policy, DetectedZeroesBecomeHoles) {
  TempDir dir(true);
  HostFile::Options o;
  o.create = true;
  auto file = HostFile::open(dir / "disk", o);
  ASSERT_TRUE(file);
  HostFile& f = **file;
  const auto image = with_policy(std::move(file).value(),
                                 {.ignore_discard = false, .detect_zeroes = DetectZeroes::Unmap});
  ASSERT_EQ(write_at(*image, 0, pattern(1 * MiB, 1)), kOk);
  const u64 before = f.allocated();
  ASSERT_EQ(write_at(*image, 0, Bytes(1 * MiB)), kOk);
  EXPECT_LT(f.allocated(), before);
  EXPECT_EQ(read_at(*image, 0, 1 * MiB), Bytes(1 * MiB));
}

}  // namespace
}  // namespace quince::test
