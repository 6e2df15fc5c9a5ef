// usb-storage behind the controller, whose disk takes its time.
#include <algorithm>

#include "hw/usb/storage/usb_storage.h"
#include "tests/support/fake_disk.h"
#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using hw::UsbSpeed;
using D = XhciDriver;

constexpr unsigned kIn = 3, kOut = 4;  // endpoints 0x81 and 0x02, as device context indices
constexpr u32 kBlocks = 8, kBytes = kBlocks * 512;

struct XhciStorageTest : ::testing::Test {
  XhciStorageTest() {
    for (std::size_t n = 0; n < disk.data.size(); ++n) disk.data[n] = static_cast<u8>(n * 7 + 1);
    plug();
  }
  ~XhciStorageTest() override {
    if (device.port() != nullptr) port().detach();
  }
  hw::UsbPort& port() { return *b.xhci.controller().port(1); }
  D& d() { return b.driver; }

  void plug() {
    ASSERT_TRUE(port().attach(device));
    if (first) d().start();
    first = false;
    slot = d().enumerate(1, UsbSpeed::Super);
    ASSERT_EQ(d().configure(slot, {{kIn, EpType::BulkIn, 1024}, {kOut, EpType::BulkOut, 1024}}),
              Code::Success);
    // The unit attention of power-on.
    wrapper({0x00}, 0, true);
    d().push_normal(slot, kIn, {d().allocate(64), 13});
    d().doorbell(slot, kIn);
    disk.finish_all();
    d().take();
  }
  /// Sends a Command Block Wrapper (Bulk-Only Transport 1.0, 5.1).
  void wrapper(std::vector<u8> cdb, u32 expected, bool in) {
    std::vector<u8> w(31);
    store_le<u32>(&w[0], 0x4342'5355);
    store_le<u32>(&w[8], expected);
    w[12] = in ? 0x80 : 0;
    w[14] = static_cast<u8>(cdb.size());
    std::copy(cdb.begin(), cdb.end(), w.begin() + 15);
    const u64 at = d().allocate(64);
    d().write(at, w);
    d().push_normal(slot, kOut, {at, 31});
    d().doorbell(slot, kOut);
    d().take();
  }
  /// READ (10) or WRITE (10) of the disk's first blocks, until the disk has to work for its data.
  /// Returns where the data is.
  u64 begin(bool read) {
    wrapper({u8{read ? u8{0x28} : u8{0x2a}}, 0, 0, 0, 0, 0, 0, 0, kBlocks, 0}, kBytes, read);
    const u64 data = d().allocate(kBytes);
    d().write(data, std::vector<u8>(kBytes, 0xee));
    d().push_normal(slot, read ? kIn : kOut, {data, kBytes});
    d().doorbell(slot, read ? kIn : kOut);
    EXPECT_EQ(disk.waiting.size(), 1u);
    EXPECT_TRUE(d().take().empty());
    return data;
  }

  FakeDisk disk{64 * KiB};
  XhciBench b;
  hw::UsbStorage device{"disk", {.serial = "1"}, disk};
  unsigned slot = 0;
  bool first = true;
};

/// The guest sees an error, and nothing of what the disk says afterwards.
TEST_F(XhciStorageTest, PulledWhileTheDiskWorks) {
  for (const bool read : {true, false}) {
    const std::vector<u8> before = disk.data;
    const u64 data = begin(read);
    port().detach();
    disk.finish_all();
    unsigned errors = 0;
    for (const XhciEvent& e : d().take())
      if (e.type == TrbType::TransferEvent) {
        EXPECT_EQ(e.code, Code::UsbTransactionError);
        EXPECT_EQ(e.slot, slot);
        ++errors;
      }
    EXPECT_EQ(errors, 1u) << (read ? "a read" : "a write");
    EXPECT_EQ(d().read(data, kBytes), std::vector<u8>(kBytes, 0xee)) << "the guest's memory";
    if (read) {
      EXPECT_EQ(disk.data, before);
    }
    d().command_on(TrbType::DisableSlot, slot);

    plug();
    const u64 again = begin(true);
    disk.finish_all();
    const auto events = d().take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].code, Code::Success);
    EXPECT_EQ(d().read(again, kBytes),
              std::vector<u8>(disk.data.begin(), disk.data.begin() + kBytes));
    d().push_normal(slot, kIn, {d().allocate(64), 13});
    d().doorbell(slot, kIn);
    d().take();
  }
}

}  // namespace
}  // namespace quince::test
