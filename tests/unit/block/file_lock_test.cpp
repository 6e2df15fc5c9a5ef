// Locks on image files, against ourselves and against qemu-io.
#include "block/file_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block/host_file.h"
#include "tests/support/block_io.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

using block::HostFile;
using block::Locking;

class FileLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HostFile::Options o;
    o.create = true;
    o.locking = Locking::Off;
    auto f = HostFile::open(path_, o);
    ASSERT_TRUE(f);
    ASSERT_EQ((*f)->resize(1 * MiB), kOk);
  }
  Result<std::unique_ptr<HostFile>> open(bool read_only, bool share_rw = false,
                                         Locking locking = Locking::Auto) {
    HostFile::Options o;
    o.read_only = read_only;
    o.share_rw = share_rw;
    o.locking = locking;
    return HostFile::open(path_, o);
  }
  TempDir dir_;
  const std::string path_ = dir_ / "disk";
};

TEST_F(FileLockTest, OneWriterOrManyReaders) {
  {
    const auto reader = open(true), other = open(true);
    EXPECT_TRUE(reader);
    EXPECT_TRUE(other);
    EXPECT_FALSE(open(false));
  }
  const auto writer = open(false);
  ASSERT_TRUE(writer);
  const auto second = open(false);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find(path_), std::string::npos);
  EXPECT_NE(second.error().message().find("another process"), std::string::npos);
  EXPECT_FALSE(open(true));
  EXPECT_TRUE(open(true, false, Locking::Off));
}

TEST_F(FileLockTest, ARefusedOpenLeavesNoLockBehind) {
  {
    const auto writer = open(false);
    ASSERT_TRUE(writer);
    EXPECT_FALSE(open(false));
  }
  EXPECT_TRUE(open(false));
}

TEST_F(FileLockTest, ShareRwLetsWritersMeetIfBothAgree) {
  const auto writer = open(false, true);
  ASSERT_TRUE(writer);
  EXPECT_TRUE(open(false, true));
  EXPECT_FALSE(open(false, false));
}

TEST_F(FileLockTest, QemuAndWeRespectEachOther) {
  if (!have_command("qemu-io")) GTEST_SKIP() << "no qemu-io";
  const std::string write = "qemu-io -f raw -c 'write 0 512' " + path_;
  EXPECT_EQ(run_command(write).status, 0);
  {
    const auto writer = open(false);
    ASSERT_TRUE(writer);
    const CommandResult r = run_command(write);
    EXPECT_NE(r.status, 0);
    EXPECT_NE(r.output.find("lock"), std::string::npos) << r.output;
    EXPECT_NE(run_command("qemu-img convert -f raw -O raw " + path_ + " " + (dir_ / "copy")).status,
              0);
  }
  {
    const auto reader = open(true);
    ASSERT_TRUE(reader);
    EXPECT_EQ(run_command("qemu-img convert -f raw -O raw " + path_ + " " + (dir_ / "copy")).status,
              0);
    EXPECT_NE(run_command(write).status, 0);
  }
  // The other way round: qemu-io has the file while it waits for a command.
  Pipe qemu("qemu-io -f raw " + path_);
  qemu.write("read 0 512\n");
  ASSERT_TRUE(qemu.wait_for("read 512/512"));
  EXPECT_FALSE(open(false));
  EXPECT_FALSE(open(true));
  EXPECT_TRUE(open(true, false, Locking::Off));
  qemu.write("quit\n");
  qemu.close();
  EXPECT_TRUE(open(false));
}

}  // namespace
}  // namespace quince::test
