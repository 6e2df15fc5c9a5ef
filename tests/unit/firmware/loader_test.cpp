#include "firmware/loader.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "images.h"

namespace quince::firmware {
namespace {

using Properties = std::vector<std::pair<std::string, std::string>>;

std::string error(const Properties& p) { return message(LoaderOptions::parse(p)); }

struct LoaderTest : ::testing::Test {
  ~LoaderTest() override { std::filesystem::remove(path); }
  void file(const Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  /// The plan for properties, where file= stands for the test's file.
  Result<LoaderPlan> plan(Properties p) {
    for (auto& [name, value] : p)
      if (name == "file") value = path.string();
    const auto options = LoaderOptions::parse(p);
    EXPECT_TRUE(options) << message(options);
    return plan_loader(options.value());
  }
  std::string name() const { return path.string(); }

  Memory memory;
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("quince-loader-test-{}", ::getpid());
};

TEST_F(LoaderTest, DataInBothOrders) {
  const auto little = plan({{"data", "0x0102030405"}, {"data-len", "5"}, {"addr", "0x40000010"}});
  ASSERT_TRUE(little) << message(little);
  ASSERT_TRUE(little->memory.write(memory.dma));
  EXPECT_EQ(memory.read(PhysAddr(0x4000'0010), 6), (Bytes{5, 4, 3, 2, 1, 0}));
  EXPECT_FALSE(little->pc);
  const auto big = plan({{"data", "0xfeffffffffffffff"},
                         {"data-len", "8"},
                         {"addr", "0x40000010"},
                         {"data-be", "on"},
                         {"cpu-num", "1"}});
  ASSERT_TRUE(big) << message(big);
  ASSERT_TRUE(big->memory.write(memory.dma));
  EXPECT_EQ(memory.read(PhysAddr(0x4000'0010), 2), (Bytes{0xfe, 0xff}));
  EXPECT_FALSE(big->pc);
}

TEST_F(LoaderTest, RawFile) {
  file(pattern(1000));
  const auto p = plan({{"file", ""}, {"addr", "0x40001000"}});
  ASSERT_TRUE(p) << message(p);
  ASSERT_TRUE(p->memory.write(memory.dma));
  EXPECT_EQ(memory.read(PhysAddr(0x4000'1000), 1000), pattern(1000));
  EXPECT_FALSE(p->pc);
  const auto started = plan({{"file", ""}, {"addr", "0x40001000"}, {"cpu-num", "2"}});
  ASSERT_TRUE(started);
  EXPECT_EQ(started->cpu, 2u);
  EXPECT_EQ(started->pc, PhysAddr(0x4000'1000));
  EXPECT_EQ(message(plan({{"file", ""}})),
            "-device loader: '" + name() + "' is not an ELF file and needs an addr");
}

TEST_F(LoaderTest, ElfFileUnlessForcedRaw) {
  const Bytes program = elf(0x4000'2004, {{0x4000'2000, 0x4000'2000, pattern(32), 64}});
  file(program);
  const auto p = plan({{"file", ""}, {"cpu-num", "0"}});
  ASSERT_TRUE(p) << message(p);
  ASSERT_TRUE(p->memory.write(memory.dma));
  EXPECT_EQ(memory.read(PhysAddr(0x4000'2000), 32), pattern(32));
  EXPECT_EQ(p->pc, PhysAddr(0x4000'2004));
  const auto raw = plan({{"file", ""}, {"addr", "0x40008000"}, {"force-raw", "on"}});
  ASSERT_TRUE(raw) << message(raw);
  ASSERT_TRUE(raw->memory.write(memory.dma));
  EXPECT_EQ(memory.read(PhysAddr(0x4000'8000), program.size()), program);
}

TEST_F(LoaderTest, ProblemsNameTheFile) {
  Bytes program = elf(0, {{0, 0, pattern(32), 64}});
  put<u16>(program, 18, 62);
  file(program);
  EXPECT_EQ(message(plan({{"file", ""}})),
            "-device loader: '" + name() +
                "': it is an ELF file for x86-64 (machine 62), not for AArch64");
  file(pattern(8));
  const auto outside = plan({{"file", ""}, {"addr", "0x100"}});
  ASSERT_TRUE(outside);
  EXPECT_EQ(message(outside->memory.write(memory.dma)),
            "could not load loader file '" + name() +
                "': 0x8 bytes at 0x100 are not all writable memory");
  const LoaderOptions missing{.file = "/nonexistent/x"};
  EXPECT_EQ(message(plan_loader(missing)),
            "-device loader: could not open '/nonexistent/x': No such file or directory");
}

TEST_F(LoaderTest, APlaceForACpuToStart) {
  const auto p = plan({{"addr", "0x40000000"}, {"cpu-num", "3"}});
  ASSERT_TRUE(p);
  EXPECT_EQ(p->pc, PhysAddr(0x4000'0000));
  EXPECT_EQ(p->cpu, 3u);
  EXPECT_TRUE(p->memory.blobs().empty());
}

TEST(LoaderOptions, NumbersInThreeBases) {
  const auto o =
      LoaderOptions::parse(Properties{{"data", "010"}, {"data-len", "0x4"}, {"addr", "16"}});
  ASSERT_TRUE(o) << message(o);
  EXPECT_EQ(*o->data, 8u);
  EXPECT_EQ(o->data_len, 4u);
  EXPECT_EQ(o->addr, PhysAddr(16));
}

TEST(LoaderOptions, ContradictionsAreOneLine) {
  const std::string o = "-device loader: ";
  EXPECT_EQ(error({}), o + "it needs a file, data, or both addr and cpu-num");
  EXPECT_EQ(error({{"addr", "0"}}), o + "it needs a file, data, or both addr and cpu-num");
  EXPECT_EQ(error({{"data", "1"}, {"addr", "0"}}), o + "data and data-len come together");
  EXPECT_EQ(error({{"data-len", "1"}, {"addr", "0"}}), o + "data and data-len come together");
  EXPECT_EQ(error({{"data", "1"}, {"data-len", "9"}}), o + "data-len is 1 to 8 bytes");
  EXPECT_EQ(error({{"data", "1"}, {"data-len", "0"}}), o + "data-len is 1 to 8 bytes");
  EXPECT_EQ(error({{"data", "1"}, {"data-len", "4294967297"}}), o + "data-len is 1 to 8 bytes");
  EXPECT_EQ(error({{"data", "256"}, {"data-len", "1"}}),
            o + "the data 0x100 is longer than data-len of 1 bytes");
  EXPECT_EQ(error({{"data", "1"}, {"data-len", "1"}}), o + "data needs an addr");
  EXPECT_EQ(error({{"data", "1"}, {"data-len", "1"}, {"file", "x"}}),
            o + "file and data exclude each other");
  EXPECT_EQ(error({{"file", "x"}, {"data-be", "on"}}), o + "data-be needs data");
  EXPECT_EQ(error({{"addr", "0"}, {"cpu-num", "0"}, {"force-raw", "on"}}),
            o + "force-raw needs a file");
  EXPECT_EQ(error({{"file", "x"}, {"force-raw", "on"}}), o + "force-raw needs an addr");
  EXPECT_EQ(error({{"file", ""}}), o + "file has no name");
  EXPECT_EQ(error({{"addr", "12q"}}), o + "'12q' is not a number that addr can be");
  EXPECT_EQ(error({{"addr", ""}}), o + "'' is not a number that addr can be");
  EXPECT_EQ(error({{"addr", "-1"}}), o + "'-1' is not a number that addr can be");
  EXPECT_EQ(error({{"addr", "0x10000000000000000"}}),
            o + "'0x10000000000000000' is not a number that addr can be");
  EXPECT_EQ(error({{"cpu-num", "65536"}}), o + "cpu-num 65536 is too large");
  EXPECT_EQ(error({{"force-raw", "maybe"}}), o + "force-raw is 'on' or 'off', not 'maybe'");
  EXPECT_EQ(error({{"color", "red"}}), o + "there is no property 'color'");
}

}  // namespace
}  // namespace quince::firmware
