// What the disk answers to SCSI commands (SPC-4, SBC-3), over its transport.
#include <gtest/gtest.h>

#include "tests/unit/hw/usb/storage_bench.h"

namespace quince::test {
namespace {

using Bench = StorageBench;
constexpr u8 kToHost = Bench::kToHost, kFromHost = Bench::kFromHost;

std::string text(const Bytes& b, std::size_t from, std::size_t n) {
  return std::string(b.begin() + static_cast<long>(from), b.begin() + static_cast<long>(from + n));
}

TEST(ScsiDisk, Inquiry) {
  Bench b;
  const Bytes i = b.get({0x12, 0, 0, 0, 36, 0}, 36);
  ASSERT_EQ(i.size(), 36u);
  EXPECT_EQ(Bytes(i.begin(), i.begin() + 8), (Bytes{0, 0, 5, 2, 31, 0, 0, 0}));
  EXPECT_EQ(text(i, 8, 24), "QUINCE  QUINCE HARDDISK ");
  EXPECT_EQ(b.get({0x12, 0, 0, 0, 5, 0}, 5).size(), 5u) << "cut to what is allowed";
  EXPECT_EQ(b.command({0x12, 0, 0, 0, 255, 0}, 255, kToHost).residue, 255u - 36);
  EXPECT_EQ(b.command({0x12, 0, 0x80, 0, 255, 0}, 255, kToHost).csw, 1) << "a page without EVPD";
  EXPECT_EQ(b.sense(), 0x05'2400u);
  Bench stick({.removable = true, .serial = "1"});
  EXPECT_EQ(stick.get({0x12, 0, 0, 0, 36, 0}, 36)[1], 0x80);
}

TEST(ScsiDisk, VitalProductData) {
  Bench b;
  const auto page = [&](u8 n) { return b.get({0x12, 1, n, 0, 255, 0}, 255); };
  EXPECT_EQ(page(0x00), (Bytes{0, 0, 0, 5, 0x00, 0x80, 0x83, 0xb0, 0xb1}));
  EXPECT_EQ(text(page(0x80), 4, 12), "123456789ABC");
  const Bytes id = page(0x83);
  EXPECT_EQ(Bytes(id.begin(), id.begin() + 8), (Bytes{0, 0x83, 0, 24, 2, 1, 0, 20}));
  EXPECT_EQ(text(id, 8, 20), "QUINCE  123456789ABC");
  EXPECT_EQ(page(0xb0).size(), 64u);
  EXPECT_EQ(page(0xb1)[5], 1);
  EXPECT_EQ(b.command({0x12, 1, 0xb9, 0, 255, 0}, 255, kToHost).csw, 1);
}

TEST(ScsiDisk, Capacity) {
  Bench b;
  EXPECT_EQ(b.get(Bench::cdb10(0x25, 0, 0), 8), (Bytes{0, 0, 0, 127, 0, 0, 2, 0}));
  const Bytes long_form = {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0};
  const Bytes c = b.get(long_form, 32);
  EXPECT_EQ(Bytes(c.begin(), c.begin() + 14), (Bytes{0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 2, 0, 0, 0}));
  EXPECT_EQ(b.get({0x23, 0, 0, 0, 0, 0, 0, 0, 12, 0}, 12),
            (Bytes{0, 0, 0, 8, 0, 0, 0, 128, 2, 0, 2, 0}));
  Bench large({.logical_block = 1024, .physical_block = 4096, .serial = "1"});
  EXPECT_EQ(large.get(Bench::cdb10(0x25, 0, 0), 8), (Bytes{0, 0, 0, 63, 0, 0, 4, 0}));
  EXPECT_EQ(large.get(long_form, 32)[13], 2) << "four blocks in a physical one";
  EXPECT_EQ(b.command({0x9e, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, 32, kToHost).csw, 1);
}

TEST(ScsiDisk, ReadsAndWritesOfEveryLength) {
  Bench b;
  const Bytes read[] = {{0x08, 0, 0, 3, 2, 0},
                        Bench::cdb10(0x28, 3, 2),
                        {0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0},
                        {0x88, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0}};
  for (const Bytes& cdb : read) EXPECT_EQ(b.get(cdb, 1024), b.stored(3 * 512, 1024)) << +cdb[0];
  const Bytes write[] = {{0x0a, 0, 0, 5, 1, 0},
                         Bench::cdb10(0x2a, 6, 1),
                         {0xaa, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0},
                         {0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0}};
  u8 n = 0;
  for (const Bytes& cdb : write) {
    const Bytes data(512, static_cast<u8>(0xa0 + n));
    EXPECT_EQ(b.command(cdb, 512, kFromHost, data).csw, 0);
    EXPECT_EQ(b.stored((5u + n++) * 512u, 512), data) << +cdb[0];
  }
  EXPECT_EQ(b.command({0x08, 0, 0, 0, 0, 0}, 256 * 512, kToHost).csw, 1) << "0 is 256: too many";
  Bench larger({.serial = "1"}, 256 * 512);
  EXPECT_EQ(larger.get({0x08, 0, 0, 0, 0, 0}, 256 * 512), larger.disk.data);
}

TEST(ScsiDisk, RangesAreChecked) {
  Bench b;
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 127, 1), 512, kToHost).csw, 0);
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 127, 2), 1024, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'2100u);
  EXPECT_EQ(b.command(Bench::cdb10(0x2a, 0xffff'ffff, 1), 512, kFromHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'2100u);
  const Bytes far = {0x88, 0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0};
  EXPECT_EQ(b.command(far, 512, kToHost).csw, 1);
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 128, 0), 0, kToHost).csw, 0) << "nothing at the end";
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 0, 1, 0x20), 512, kToHost).csw, 1) << "RDPROTECT";
  EXPECT_EQ(b.sense(), 0x05'2400u);
}

TEST(ScsiDisk, WhatIsDurable) {
  Bench b;
  const auto ops = [&] { return std::exchange(b.disk.done, {}); };
  ops();
  EXPECT_EQ(b.command(Bench::cdb10(0x2a, 0, 1), 512, kFromHost, Bytes(512)).csw, 0);
  EXPECT_EQ(ops(), std::vector{block::Op::Write});
  EXPECT_EQ(b.command(Bench::cdb10(0x2a, 0, 1, 8), 512, kFromHost, Bytes(512)).csw, 0);
  EXPECT_EQ(ops(), (std::vector{block::Op::Write, block::Op::Flush})) << "FUA";
  EXPECT_EQ(b.command(Bench::cdb10(0x35, 0, 0), 0, kFromHost).csw, 0);
  EXPECT_EQ(ops(), std::vector{block::Op::Flush});
  EXPECT_EQ(b.command({0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, kFromHost).csw, 0);
  EXPECT_EQ(ops(), std::vector{block::Op::Flush});
  b.disk.fail = std::errc::io_error;
  EXPECT_EQ(b.command(Bench::cdb10(0x35, 0, 0), 0, kFromHost).csw, 1);
  b.disk.fail = {};
  EXPECT_EQ(b.sense(), 0x03'0c00u);
}

TEST(ScsiDisk, Verify) {
  Bench b;
  b.disk.done.clear();
  EXPECT_EQ(b.command(Bench::cdb10(0x2f, 2, 8), 0, kToHost).csw, 0);
  EXPECT_EQ(b.disk.done, std::vector{block::Op::Read}) << "the medium is read";
  EXPECT_EQ(b.command(Bench::cdb10(0x2f, 2, 1, 2), 512, kFromHost, b.stored(1024, 512)).csw, 0);
  EXPECT_EQ(b.command(Bench::cdb10(0x2f, 2, 1, 2), 512, kFromHost, Bytes(512)).csw, 1);
  EXPECT_EQ(b.sense(), 0x0e'1d00u);
  EXPECT_EQ(b.command(Bench::cdb10(0x2f, 2, 1, 6), 512, kFromHost).csw, 1) << "BYTCHK 3";
  EXPECT_EQ(b.command({0xaf, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0}, 0, kToHost).csw, 0);
  EXPECT_EQ(b.command({0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0}, 0, kToHost).csw, 0);
  b.disk.fail = std::errc::io_error;
  EXPECT_EQ(b.command(Bench::cdb10(0x2f, 2, 8), 0, kToHost).csw, 1);
  b.disk.fail = {};
  EXPECT_EQ(b.sense(), 0x03'1100u);
}

TEST(ScsiDisk, AFailingDiskIsACheckCondition) {
  Bench b;
  const auto failing = [&](std::errc e, const Bytes& cdb, u8 way) {
    b.disk.fail = e;
    const StorageResult r = b.command(cdb, 512, way, Bytes(512, 7));
    b.disk.fail = {};
    EXPECT_EQ(r.csw, 1);
    EXPECT_EQ(r.residue, 512u);
    EXPECT_EQ(r.stalled, way == kToHost);
    return b.sense();
  };
  EXPECT_EQ(failing(std::errc::io_error, Bench::cdb10(0x28, 0, 1), kToHost), 0x03'1100u);
  EXPECT_EQ(failing(std::errc::io_error, Bench::cdb10(0x2a, 0, 1), kFromHost), 0x03'0c00u);
  EXPECT_EQ(failing(std::errc::no_space_on_device, Bench::cdb10(0x2a, 0, 1), kFromHost),
            0x07'2707u);
  EXPECT_EQ(failing(std::errc::invalid_argument, Bench::cdb10(0x28, 0, 1), kToHost), 0x05'2100u);
  EXPECT_EQ(b.sense(), 0u) << "sense data are read once";
  EXPECT_EQ(b.get(Bench::cdb10(0x28, 0, 1), 512).size(), 512u) << "and the disk goes on";
}

TEST(ScsiDisk, ReadOnly) {
  Bench b;
  b.disk.is_read_only = true;
  EXPECT_EQ(b.command(Bench::cdb10(0x2a, 0, 1), 512, kFromHost, Bytes(512)).csw, 1);
  EXPECT_EQ(b.sense(), 0x07'2700u);
  EXPECT_EQ(b.get({0x1a, 0, 0x3f, 0, 4, 0}, 4)[2], 0x90);
}

TEST(ScsiDisk, ModeSense) {
  Bench b;
  const Bytes six = b.get({0x1a, 0, 0x3f, 0, 255, 0}, 255);
  ASSERT_EQ(six.size(), 4u + 8 + 12 + 20 + 12);
  EXPECT_EQ(Bytes(six.begin(), six.begin() + 12),
            (Bytes{static_cast<u8>(six.size() - 1), 0, 0x10, 8, 0, 0, 0, 128, 0, 0, 2, 0}));
  EXPECT_EQ(b.get({0x1a, 8, 0x08, 0, 255, 0}, 255),
            (Bytes{23, 0, 0x10, 0, 8, 0x12, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Bytes ten = b.get({0x5a, 8, 0x0a, 0, 0, 0, 0, 0, 255, 0}, 255);
  EXPECT_EQ(ten, (Bytes{0, 18, 0, 0x10, 0, 0, 0, 0, 0x0a, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.get({0x1a, 8, 0x48, 0, 255, 0}, 255)[6], 0) << "nothing is changeable";
  EXPECT_EQ(b.command({0x1a, 0, 0xc8, 0, 255, 0}, 255, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'3900u) << "nothing is saved";
  EXPECT_EQ(b.command({0x1a, 0, 0x1c, 0, 255, 0}, 255, kToHost).csw, 1) << "there is no such page";
}

TEST(ScsiDisk, UnitAttentionIsToldOnce) {
  Bench b;
  b.host.bus.port().reset();
  b.host.configure();
  EXPECT_EQ(b.get({0x12, 0, 0, 0, 36, 0}, 36).size(), 36u) << "INQUIRY does not mind";
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x06'2900u);
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 0);
  b.device.reset();
  b.host.configure();
  EXPECT_EQ(b.sense(), 0x06'2900u) << "REQUEST SENSE takes it too";
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 0);
}

TEST(ScsiDisk, EjectAndLoad) {
  Bench b({.removable = true, .serial = "1"});
  EXPECT_EQ(b.command({0x1e, 0, 0, 0, 1, 0}, 0, kToHost).csw, 0);
  EXPECT_EQ(b.command({0x1b, 0, 0, 0, 2, 0}, 0, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'5302u) << "removal is prevented";
  EXPECT_EQ(b.command({0x1e, 0, 0, 0, 0, 0}, 0, kToHost).csw, 0);
  b.disk.done.clear();
  EXPECT_EQ(b.command({0x1b, 0, 0, 0, 2, 0}, 0, kToHost).csw, 0);
  EXPECT_EQ(b.disk.done, std::vector{block::Op::Flush});
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x02'3a00u);
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 0, 1), 512, kToHost).csw, 1);
  b.host.bus.port().reset();
  b.host.configure();
  b.command({0x00}, 0, kToHost);
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 1) << "a reset does not bring it back";
  EXPECT_EQ(b.command({0x1b, 0, 0, 0, 3, 0}, 0, kToHost).csw, 0);
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x06'2800u) << "the medium may have changed";
  EXPECT_EQ(b.command({0x00}, 0, kToHost).csw, 0);
}

TEST(ScsiDisk, StopAndStart) {
  Bench b;
  EXPECT_EQ(b.command({0x1b, 0, 0, 0, 0, 0}, 0, kToHost).csw, 0);
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 0, 1), 512, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x02'0402u);
  EXPECT_EQ(b.command({0x1b, 0, 0, 0, 1, 0}, 0, kToHost).csw, 0);
  EXPECT_EQ(b.command(Bench::cdb10(0x28, 0, 1), 512, kToHost).csw, 0);
  EXPECT_EQ(b.command({0x1b, 0, 0, 0, 2, 0}, 0, kToHost).csw, 1) << "it cannot be ejected";
  EXPECT_EQ(b.command({0x1e, 0, 0, 0, 1, 0}, 0, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'2000u);
}

TEST(ScsiDisk, OtherUnitsAndUnknownCommands) {
  Bench b;
  EXPECT_EQ(b.command({0x12, 0, 0, 0, 36, 0}, 36, kToHost, {}, 3).data[0], 0x7f);
  EXPECT_EQ(b.command({0x00}, 0, kToHost, {}, 3).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'2500u);
  EXPECT_EQ(b.command({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0}, 16, kToHost).data,
            (Bytes{0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.command({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0}, 8, kToHost).csw, 1);
  EXPECT_EQ(b.command({0x04, 0, 0, 0, 0, 0}, 0, kToHost).csw, 1);
  EXPECT_EQ(b.sense(), 0x05'2000u);
  const Bytes s = b.get({0x03, 1, 0, 0, 252, 0}, 252);
  EXPECT_EQ(s, (Bytes{0x72, 0, 0, 0, 0, 0, 0, 0})) << "descriptor format";
}

TEST(ScsiDisk, OptionsAreChecked) {
  const auto text = [](hw::ScsiDiskConfig c) {
    const auto r = c.check();
    return r ? std::string() : r.error().message();
  };
  EXPECT_EQ(text({}), "");
  EXPECT_EQ(text({.logical_block = 8192, .physical_block = 8192}),
            "logical_block_size: must be a power of two from 512 to 4096");
  EXPECT_EQ(text({.logical_block = 4096}),
            "physical_block_size: must not be below logical_block_size");
  EXPECT_EQ(text({.serial = std::string(37, 'x')}), "serial: must have at most 36 characters");
  EXPECT_EQ(text({.serial = "\n"}), "serial: must be printable ASCII");
}

}  // namespace
}  // namespace quince::test
