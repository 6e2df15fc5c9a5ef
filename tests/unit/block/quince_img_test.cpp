// quince-img as a program, beside qemu-img.
#include <gtest/gtest.h>

#include <fstream>

#include "block/host_file.h"
#include "tests/support/block_io.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

namespace quince::test {
namespace {

class QuinceImg : public ::testing::Test {
 protected:
  CommandResult img(const std::string& arguments) {
    return run_command("cd " + dir_.path() + " && " QUINCE_IMG " " + arguments);
  }
  /// Runs a qemu program in the folder; a host without it agrees to everything.
  CommandResult qemu(const std::string& command) {
    static const bool there = have_command("qemu-img") && have_command("qemu-io");
    return there ? run_command("cd " + dir_.path() + " && " + command) : CommandResult{0, ""};
  }
  void make(const std::string& name, const Bytes& content) {
    std::ofstream out(dir_ / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(content.data()),
              static_cast<std::streamsize>(content.size()));
  }
  Bytes content(const std::string& name) {
    std::ifstream in(dir_ / name, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
  }
  /// Data, zeroes, repetitions, and an end inside a cluster.
  static Bytes mixture() {
    Bytes b = pattern(300000, 4);
    b.resize(2 * MiB, 0);
    b.resize(3 * MiB + 512 * 3, 0x5a);
    return b;
  }
  void succeeds(const std::string& arguments) {
    const auto r = img(arguments);
    EXPECT_EQ(r.status, 0) << arguments << ": " << r.output;
  }
  void agrees(const std::string& command) {
    const auto r = qemu(command);
    EXPECT_EQ(r.status, 0) << command << ": " << r.output;
  }
  TempDir dir_{true};
};

TEST_F(QuinceImg, ConvertsThereAndBackInEveryWay) {
  make("a.raw", mixture());
  for (const char* options : {"", "-c", "-o compat=0.10", "-o cluster_size=512,refcount_bits=64",
                              "-c -o compression_type=zstd", "-c -o cluster_size=2M",
                              "-c -o cluster_size=4k,refcount_bits=1", "-o lazy_refcounts=on"}) {
    succeeds(std::string("convert -f raw -O qcow2 ") + options + " a.raw b.qcow2");
    succeeds("check -f qcow2 b.qcow2");
    succeeds("convert -f qcow2 -O raw b.qcow2 c.raw");
    EXPECT_EQ(content("c.raw"), mixture()) << options;
    agrees("qemu-img check b.qcow2");
    agrees("qemu-img compare -f raw -F qcow2 a.raw b.qcow2");
  }
  for (const char* options : {"", "-c", "-c -o compression_type=zstd", "-o compat=0.10"}) {
    if (!have_command("qemu-img")) break;
    agrees(std::string("qemu-img convert -f raw -O qcow2 ") + options + " a.raw d.qcow2");
    succeeds("check d.qcow2");
    succeeds("compare a.raw d.qcow2");
  }
}

TEST_F(QuinceImg, CompressionMakesFilesSmallerAndSparseOnesStaySparse) {
  make("a.raw", Bytes(1 * MiB, 'x'));
  succeeds("convert -f raw -O qcow2 a.raw plain.qcow2");
  succeeds("convert -c -f raw -O qcow2 a.raw packed.qcow2");
  EXPECT_LT(content("packed.qcow2").size() * 2, content("plain.qcow2").size());
  succeeds("create -f raw big.raw 10G");
  succeeds("convert -f raw -O qcow2 big.raw big.qcow2");
  EXPECT_LT(content("big.qcow2").size(), 1 * MiB);
}

TEST_F(QuinceImg, CreatesImagesThatSayWhatTheyAre) {
  succeeds("create -f qcow2 -o cluster_size=128k,compression_type=zstd base.qcow2 1G");
  succeeds("create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2");
  const auto info = img("info --output=json top.qcow2");
  EXPECT_NE(info.output.find("\"virtual-size\": 1073741824"), std::string::npos) << info.output;
  EXPECT_NE(info.output.find("\"backing-filename\": \"base.qcow2\""), std::string::npos);
  EXPECT_NE(img("info base.qcow2").output.find("compression type: zstd"), std::string::npos);
  if (have_command("qemu-img")) {
    EXPECT_NE(qemu("qemu-img info --backing-chain top.qcow2").output.find("virtual size: 1 GiB"),
              std::string::npos);
    EXPECT_NE(qemu("qemu-img info base.qcow2").output.find("cluster_size: 131072"),
              std::string::npos);
  }
}

TEST_F(QuinceImg, CommitsAnOverlay) {
  make("base.raw", mixture());
  const std::string name = dir_ / "top.qcow2";
  succeeds("create -f qcow2 -b base.raw -F raw top.qcow2 4M");
  if (!have_command("qemu-io")) GTEST_SKIP() << "no qemu-io";
  agrees(
      "qemu-io -c 'write -P 7 1000k 100k' -c 'write -z 10k 200k' -c 'write -P 8 3500k 100k' "
      "top.qcow2");
  succeeds("convert -O raw top.qcow2 expected.raw");
  succeeds("commit top.qcow2");
  EXPECT_EQ(content("base.raw"), content("expected.raw"));
  succeeds("check top.qcow2");
  succeeds("compare -F raw top.qcow2 expected.raw");
  agrees("qemu-img check top.qcow2");
  EXPECT_NE(img("info --output=json top.qcow2").output.find("base.raw"), std::string::npos);
}

TEST_F(QuinceImg, ConvertsOverABackingFile) {
  make("base.raw", mixture());
  succeeds("create -f qcow2 -b base.raw -F raw top.qcow2");
  agrees("qemu-io -c 'write -P 7 1000k 100k' top.qcow2");
  succeeds("convert -O qcow2 -B base.raw -F raw top.qcow2 copy.qcow2");
  succeeds("compare top.qcow2 copy.qcow2");
  EXPECT_LT(content("copy.qcow2").size(), 1 * MiB);
}

TEST_F(QuinceImg, ResizesAndAsksBeforeItShrinks) {
  succeeds("create -f qcow2 a.qcow2 10M");
  succeeds("resize a.qcow2 +1G");
  EXPECT_NE(img("info a.qcow2").output.find("(1084227584 bytes)"), std::string::npos);
  EXPECT_EQ(img("resize a.qcow2 -1G").status, 1);
  succeeds("resize --shrink a.qcow2 -1G");
  EXPECT_NE(img("info a.qcow2").output.find("(10485760 bytes)"), std::string::npos);
  succeeds("check a.qcow2");
  agrees("qemu-img check a.qcow2");
}

TEST_F(QuinceImg, ItsExitStatusIsThatOfQemuImg) {
  make("a.raw", Bytes(1 * MiB, 1));
  make("b.raw", Bytes(1 * MiB, 2));
  succeeds("compare -f raw -F raw a.raw a.raw");
  EXPECT_EQ(img("compare -f raw -F raw a.raw b.raw").status, 1);
  EXPECT_EQ(img("compare -f raw -F raw a.raw none.raw").status, 2);
  EXPECT_EQ(img("check -f raw a.raw").status, 63);
  EXPECT_EQ(img("check none.qcow2").status, 1);
  EXPECT_EQ(img("frobnicate").status, 1);
  EXPECT_EQ(img("create -f vmdk x 1G").status, 1);
  EXPECT_EQ(img("info --frob a.raw").status, 1);
  EXPECT_EQ(img("info nbd://somewhere/disk").status, 1);

  succeeds("convert -f raw -O qcow2 a.raw c.qcow2");
  // A count that is too high is a leak; one that is too low is a corruption.
  Bytes c = content("c.qcow2");
  const std::size_t block = 2 * 64 * KiB;
  c[block + 2 * 100 + 1] = 1;
  c.resize(std::max<std::size_t>(c.size(), 101 * 64 * KiB));
  make("leak.qcow2", c);
  EXPECT_EQ(img("check leak.qcow2").status, 3);
  succeeds("check -r leaks leak.qcow2");
  succeeds("check leak.qcow2");
  agrees("qemu-img check leak.qcow2");
  c[block + 2 * 5 + 1] = 0;
  make("bad.qcow2", c);
  EXPECT_EQ(img("check bad.qcow2").status, 2);
  succeeds("check -r all bad.qcow2");
  succeeds("check bad.qcow2");
  agrees("qemu-img check bad.qcow2");
  succeeds("compare -f raw a.raw bad.qcow2");
}

TEST_F(QuinceImg, AnErrorIsOneLineThatNamesTheFile) {
  for (const char* arguments : {"info none.qcow2", "convert none.raw x.raw", "resize none.raw 1G",
                                "create -f qcow2 -b none.raw -F raw top.qcow2"}) {
    const auto r = img(arguments);
    EXPECT_EQ(r.status, 1);
    EXPECT_EQ(std::count(r.output.begin(), r.output.end(), '\n'), 1) << r.output;
    EXPECT_NE(r.output.find("none."), std::string::npos) << r.output;
  }
}

TEST_F(QuinceImg, ImportPrintsAndWritesACommandLine) {
  std::filesystem::create_directory(dir_ / "it's, a machine");
  const auto put = [&](const std::string& name, const std::string& text) {
    std::ofstream(dir_ / ("it's, a machine/" + name)) << text;
  };
  put("MachineIdentifier", "<plist><dict><key>ECID</key><integer>4660</integer></dict></plist>");
  put("Disk.img", "d");
  put("AuxiliaryStorage", "a");
  const auto r = img("import \"it's, a machine\"");
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(r.output,
            "ECID: 0x1234\nUUID: 4660\nMAC: none\n"
            "quince -M vmapple,ecid=0x1234,aux='it'\\''s,, a machine/AuxiliaryStorage',"
            "root='it'\\''s,, a machine/Disk.img' -nic user -bios AVPBooter.vmapple2.bin "
            "-serial mon:stdio\n");
  succeeds("import -o run.sh \"it's, a machine\"");
  // What a shell makes of it.
  std::ofstream(dir_ / "quince") << "printf '%s|' \"$@\"\n";
  std::filesystem::permissions(dir_ / "quince", std::filesystem::perms::owner_all);
  const auto said = run_command("cd " + dir_.path() + " && PATH=$PWD:$PATH ./run.sh -S");
  EXPECT_EQ(
      said.output,
      "-M|vmapple,ecid=0x1234,aux=it's,, a machine/AuxiliaryStorage,root=it's,, a machine/Disk.img|"
      "-nic|user|-bios|AVPBooter.vmapple2.bin|-serial|mon:stdio|-S|");
  EXPECT_EQ(img("import -o run.sh \"it's, a machine\"").status, 1) << "it does not overwrite";
}

}  // namespace
}  // namespace quince::test
