// Virtual machines of other tools: synthetic folders with the shapes that the tools write.
#include "block/tool/bundle/bundle.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "tests/support/temp_dir.h"

namespace quince::block::tool {
namespace {

constexpr u64 kEcid = 0x1122'3344'5566'7788;
/// Binary property lists, written by Python's plistlib: {"ECID": kEcid} and {"Other": 1}.
const std::string kIdentifier =
    "YnBsaXN0MDDRAQJURUNJRBMRIjNEVWZ3iAgLEAAAAAAAAAEBAAAAAAAAAAMAAAAAAAAAAAAAAAAAAAAZ";
const std::string kNoIdentifier =
    "YnBsaXN0MDDRAQJVT3RoZXIQAQgLEQAAAAAAAAEBAAAAAAAAAAMAAAAAAAAAAAAAAAAAAAAT";

const std::string kMacosvm = R"({"version":1,"serial":true,"os":"macOS","ram":4294967296,"cpus":4,
  "storage":[{"type":"disk","file":"disk.img","readOnly":false},{"type":"aux","file":"aux.img"}],
  "displays":[{"dpi":200,"width":2560,"height":1600}],
  "networks":[{"type":"nat","mac":"52:54:00:aa:bb:cc"}],"machineId":")" +
                             kIdentifier + "\"}";
const std::string kTart = R"({"version":1,"os":"darwin","arch":"arm64","cpuCountMin":4,"cpuCount":6,
  "memorySizeMin":4294967296,"memorySize":8589934592,"macAddress":"7e:1f:aa:bb:cc:dd","ecid":")" +
                          kIdentifier + R"(","hardwareModel":"AAAA"})";
const std::string kUtm = R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "">
<plist version="1.0"><dict>
<key>Backend</key><string>Apple</string>
<key>System</key><dict><key>CPUCount</key><integer>3</integer><key>MemorySize</key><integer>2048</integer>
<key>MacPlatform</key><dict><key>AuxiliaryStoragePath</key><string>AuxiliaryStorage</string>
<key>MachineIdentifier</key><data>)" +
                         kIdentifier + R"(</data></dict></dict>
<key>Drive</key><array><dict><key>ImageName</key><string>A.img</string></dict></array>
<key>Network</key><array><dict><key>MacAddress</key><string>AA:BB:CC:DD:EE:FF</string></dict></array>
</dict></plist>)";

struct BundleTest : ::testing::Test {
  quince::test::TempDir folder;
  void put(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  std::string error() {
    const auto b = read_bundle(folder.path());
    return b ? "" : b.error().message();
  }
};

TEST_F(BundleTest, Macosvm) {
  put("vm.json", kMacosvm);
  put("disk.img", "d");
  put("aux.img", "a");
  const auto b = read_bundle(folder.path());
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->ecid, kEcid);
  EXPECT_EQ(b->memory, 4 * GiB);
  EXPECT_EQ(b->cpus, 4u);
  EXPECT_EQ(b->disk, folder / "disk.img");
  EXPECT_EQ(b->aux, folder / "aux.img");
  EXPECT_EQ(b->mac, (MacAddress{0x52, 0x54, 0, 0xaa, 0xbb, 0xcc}));
}

TEST_F(BundleTest, Tart) {
  put("config.json", kTart);
  put("disk.img", "d");
  put("nvram.bin", "a");
  const auto b = read_bundle(folder.path());
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->ecid, kEcid);
  EXPECT_EQ(b->memory, 8 * GiB);
  EXPECT_EQ(b->cpus, 6u);
  EXPECT_EQ(b->aux, folder / "nvram.bin");
  EXPECT_EQ(b->mac, (MacAddress{0x7e, 0x1f, 0xaa, 0xbb, 0xcc, 0xdd}));
}

TEST_F(BundleTest, Utm) {
  put("config.plist", kUtm);
  put("Data/A.img", "d");
  put("Data/AuxiliaryStorage", "a");
  const auto b = read_bundle(folder.path());
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->ecid, kEcid);
  EXPECT_EQ(b->memory, 2 * GiB);
  EXPECT_EQ(b->cpus, 3u);
  EXPECT_EQ(b->disk, folder / "Data/A.img");
  EXPECT_EQ(b->aux, folder / "Data/AuxiliaryStorage");
  EXPECT_EQ(b->mac, (MacAddress{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}));
}

TEST_F(BundleTest, SampleCode) {
  put("MachineIdentifier", "<plist><dict><key>ECID</key><integer>77</integer></dict></plist>");
  put("Disk.img", "d");
  EXPECT_EQ(error(), "the auxiliary storage '" + folder / "AuxiliaryStorage" + "' is not there");
  put("AuxiliaryStorage", "a");
  const auto b = read_bundle(folder.path());
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->ecid, 77u);
  EXPECT_FALSE(b->mac);
}

TEST_F(BundleTest, ErrorsNameTheFile) {
  EXPECT_EQ(error(), "'" + folder.path() +
                         "' has no config.plist, MachineIdentifier, config.json or other *.json");
  const auto of = [&](const std::string& text) {
    put("vm.json", text);
    const std::string e = error(), where = folder / "vm.json" + ": ";
    return e.starts_with(where) ? e.substr(where.size()) : "not named: " + e;
  };
  EXPECT_EQ(of("["), "it is no JSON object");
  EXPECT_EQ(of("{}"), "'machineId' is missing");
  EXPECT_EQ(of(R"({"machineId":5})"), "'machineId' is no text");
  EXPECT_EQ(of(R"({"machineId":"AAAA"})"), "there is no property list");
  EXPECT_EQ(of(R"({"machineId":")" + kNoIdentifier + "\"}"), "the machine identifier has no ECID");
  EXPECT_EQ(of(R"({"ram":"4G","machineId":")" + kIdentifier + "\"}"), "'ram' is no number");
  EXPECT_EQ(of(R"({"machineId":")" + kIdentifier + "\"}"), "it names no disk");
  EXPECT_EQ(of(R"({"networks":[{"mac":"x"}],"machineId":")" + kIdentifier + "\"}"),
            "mac=x is not six bytes like 52:54:00:12:34:56");
}

// Damaged descriptions are refused or read as something, and nothing else happens.
TEST(BundleDamage, ChangesNothingButTheAnswer) {
  std::mt19937 random(7);
  unsigned read = 0;
  const auto damage = [&](std::string text, auto parse) {
    for (unsigned i = 0; i < 4000; ++i) {
      std::string t = text;
      for (unsigned n = 1 + random() % 4; n != 0; --n) {
        const std::size_t at = random() % t.size();
        switch (random() % 3) {
          case 0:
            t[at] = static_cast<char>(random());
            break;
          case 1:
            t.erase(at, random() % 16);
            break;
          default:
            t.insert(at, t, random() % t.size(), random() % 16);
        }
        if (t.empty()) t = "{";
      }
      read += parse(t);
    }
  };
  damage(kMacosvm, [](const std::string& t) { return bool(parse_macosvm(t, "f")); });
  damage(kTart, [](const std::string& t) { return bool(parse_tart(t, "f")); });
  damage(kUtm, [](const std::string& t) { return bool(parse_utm(t, "f")); });
  EXPECT_GT(read, 100u);
}

}  // namespace
}  // namespace quince::block::tool
