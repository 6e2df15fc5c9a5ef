#include "hw/fw_cfg/fw_cfg.h"

#include <gtest/gtest.h>

#include "hw/core/archive.h"

namespace quince::hw {
namespace {

constexpr u64 kRamBase = 0x4000'0000, kRequest = kRamBase + 0x100, kTarget = kRamBase + 0x1000;

struct FwCfgTest : ::testing::Test {
  FwCfgTest() {
    EXPECT_TRUE(space.map_ram(PhysAddr(kRamBase), *ram));
    cfg.add_u16(FwCfg::kNbCpus, 0x1234);
    EXPECT_TRUE(cfg.add_file("opt/b", {1, 2, 3}));
    EXPECT_TRUE(cfg.add_file("etc/a", std::vector<u8>(300, 7)));
    cfg.reset();
  }
  u64 rd(u64 off, unsigned size) {
    u64 v = 0;
    EXPECT_EQ(cfg.read(off, {size}, v), Bus::Ok);
    return v;
  }
  void select(u16 key) { EXPECT_EQ(cfg.write(8, {2}, __builtin_bswap16(key)), Bus::Ok); }
  /// Starts a request; the answer is the control word afterwards.
  u32 dma(u32 control, u32 length, u64 address) {
    start(control, length, address);
    return control_word();
  }
  void start(u32 control, u32 length, u64 address) {
    u8* p = ram->data() + (kRequest - kRamBase);
    store_le(p, __builtin_bswap32(control));
    store_le(p + 4, __builtin_bswap32(length));
    store_le(p + 8, __builtin_bswap64(address));
    EXPECT_EQ(cfg.write(0x10, {8}, __builtin_bswap64(kRequest)), Bus::Ok);
  }
  u32 control_word() {
    return __builtin_bswap32(load_le<u32>(ram->data() + (kRequest - kRamBase)));
  }
  u8* target() { return ram->data() + (kTarget - kRamBase); }

  Log log;
  AddressSpace space{log};
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("ram", 32 * MiB).value());
  TimerQueue timers;
  FwCfg cfg{"fw-cfg", timers, DmaPort(space, 0), log};
};

TEST_F(FwCfgTest, SignatureAndInterfaces) {
  select(FwCfg::kSignature);
  EXPECT_EQ(rd(0, 4), load_le<u32>("QEMU"));
  EXPECT_EQ(rd(0, 1), 0u);  // behind the end
  select(FwCfg::kId);
  EXPECT_EQ(rd(0, 4), 3u);  // a little-endian number
  EXPECT_EQ(rd(0x10, 8), __builtin_bswap64(0x5145'4d55'2043'4647));
}

TEST_F(FwCfgTest, DataComesInPiecesOfAnySize) {
  select(FwCfg::kFirstFile);
  EXPECT_EQ(rd(0, 1), 1u);
  EXPECT_EQ(rd(1, 2), 0x0302u);
  select(FwCfg::kFirstFile);
  EXPECT_EQ(rd(0, 8), 0x03'0201u);
}

TEST_F(FwCfgTest, DebuggersDoNotMoveTheCursor) {
  select(FwCfg::kFirstFile);
  u64 v = 0;
  EXPECT_EQ(cfg.read(0, {.size = 1, .debug = true}, v), Bus::WriteOnly);
  EXPECT_EQ(rd(0, 1), 1u);
}

TEST_F(FwCfgTest, DirectoryIsSortedByName) {
  EXPECT_EQ(dma(FwCfg::kFileDir << 16 | 8 | 2, 4 + 2 * 64, kTarget), 0u);
  const u8* d = target();
  EXPECT_EQ(__builtin_bswap32(load_le<u32>(d)), 2u);
  EXPECT_EQ(__builtin_bswap32(load_le<u32>(d + 4)), 300u);
  EXPECT_EQ(__builtin_bswap16(load_le<u16>(d + 8)), FwCfg::kFirstFile + 1);
  EXPECT_STREQ(reinterpret_cast<const char*>(d + 12), "etc/a");
  EXPECT_STREQ(reinterpret_cast<const char*>(d + 76), "opt/b");
}

TEST_F(FwCfgTest, DmaReadsSkipsAndFillsWithZeroes) {
  std::fill_n(target(), 16, u8{0xff});
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 4, 1, 0), 0u);  // select and skip
  EXPECT_EQ(dma(2, 4, kTarget), 0u);
  EXPECT_EQ(load_le<u32>(target()), 0x0000'0302u);
  EXPECT_EQ(target()[4], 0xff);
}

TEST_F(FwCfgTest, AnItemThatIsNotThereIsEmpty) {
  target()[0] = 9;
  EXPECT_EQ(dma(0x7777u << 16 | 8 | 2, 1, kTarget), 0u);
  EXPECT_EQ(target()[0], 0);
}

TEST_F(FwCfgTest, DmaErrors) {
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 2, 3, 0x1000), 1u);  // no memory there
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 2, 64, kRamBase + 32 * MiB - 8), 1u);
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 16, 3, kTarget), 1u);   // nothing is writable
  EXPECT_EQ(cfg.write(0x10, {8}, __builtin_bswap64(0x10)), Bus::Ok);  // no request there
  EXPECT_EQ(dma(2, 1, kTarget), 0u);                                  // and all goes on
}

TEST_F(FwCfgTest, LongTransfersComeInPiecesAndSurviveASnapshot) {
  std::vector<u8> big(10 * MiB);
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<u8>(i * 31 >> 8);
  cfg.add(FwCfg::kKernelData, big);
  start(FwCfg::kKernelData << 16 | 8 | 2, static_cast<u32>(big.size()), kTarget);
  EXPECT_NE(control_word(), 0u);
  Archive ar(Archive::Mode::Save);
  cfg.snapshot(ar);
  cfg.reset();
  timers.run_due();
  EXPECT_NE(control_word(), 0u);
  ar.set_mode(Archive::Mode::Load);
  cfg.snapshot(ar);
  EXPECT_TRUE(ar.finish());
  cfg.restored();
  timers.run_due();
  timers.run_due();
  EXPECT_EQ(control_word(), 0u);
  EXPECT_TRUE(std::equal(big.begin(), big.end(), target()));
}

TEST_F(FwCfgTest, FilesAreCheckedByName) {
  EXPECT_EQ(cfg.add_file("opt/b", {}).error().message(), "there are two files 'opt/b'");
  EXPECT_FALSE(cfg.add_file(std::string(56, 'x'), {}));
  EXPECT_FALSE(cfg.add_file("", {}));
}

}  // namespace
}  // namespace quince::hw
