// The ROM's device trees against dtc and libfdt.
#include <gtest/gtest.h>
#include <libfdt.h>

#include <cstring>
#include <random>

#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/boot/fdt.h"
}

namespace quince::test {
namespace {

using Bytes = std::vector<u8>;

class RomFdt : public NeedsTools {
 protected:
  RomFdt() : NeedsTools({"dtc"}) {}
};

constexpr char kSource[] = R"(/dts-v1/;
/memreserve/ 0x1000 0x2000;
/memreserve/ 0x80000000 0x1000;
/ {
  #address-cells = <2>;
  #size-cells = <2>;
  compatible = "quince,vmapple", "linux,dummy-virt";
  empty;
  aliases { serial0 = "/soc/uart@20010000"; };
  memory@70000000 { device_type = "memory"; reg = <0 0x70000000 1 0x00000000>; };
  soc {
    ranges;
    uart@20010000 { reg = <0 0x20010000 0 0x1000>; odd = [01 02 03]; };
    uart@20020000 { reg = <0 0x20020000 0 0x1000>; };
    chosen { inner = "not the one"; };
  };
  CHOSEN
  last { value = "x"; };
};
)";

std::string source(const std::string& chosen) {
  std::string s = kSource;
  return s.replace(s.find("CHOSEN"), 6, chosen);
}

Bytes compile(const std::string& text, const char* options = "") {
  const TempDir dir(true);
  write_file(dir / "t.dts", text);
  must_run(std::string("dtc -q -I dts -O dtb ") + options + " -o '" + (dir / "t.dtb") + "' '" +
           (dir / "t.dts") + "'");
  const std::string b = read_file(dir / "t.dtb");
  return {b.begin(), b.end()};
}

std::string open_error(const Bytes& tree) {
  Fdt f{};
  // Memory that ends where the tree does.
  const auto copy = std::make_unique<Bytes>(tree);
  const char* const why = fdt_open(&f, copy->data(), copy->size());
  return why != nullptr ? why : "";
}

TEST_F(RomFdt, PropertiesAreWhatLibfdtFinds) {
  const Bytes tree = compile(source("chosen { bootargs = \"old\"; };"));
  Fdt f{};
  ASSERT_EQ(fdt_open(&f, tree.data(), tree.size()), nullptr);
  const char* const kPaths[] = {"/",
                                "/memory",
                                "/memory@70000000",
                                "/soc",
                                "/soc/uart@20010000",
                                "/soc/uart@20020000",
                                "/soc/uart",
                                "/soc/chosen",
                                "/chosen",
                                "/last",
                                "/none",
                                "/soc/none",
                                "/soc/uart@2",
                                "/last/more",
                                "/cho"};
  const char* const kNames[] = {"reg",   "compatible", "empty",  "odd",  "bootargs",
                                "inner", "value",      "ranges", "none", "re"};
  unsigned found = 0;
  for (const char* const path : kPaths)
    for (const char* const name : kNames) {
      const int node = fdt_path_offset(tree.data(), path);
      int length = -1;
      const void* const want = node < 0 ? nullptr : fdt_getprop(tree.data(), node, name, &length);
      u32 bytes = 0;
      const u8* const got = fdt_value(&f, path, name, &bytes);
      ASSERT_EQ(got, want) << path << " " << name;
      if (want == nullptr) continue;
      EXPECT_EQ(bytes, static_cast<u32>(length));
      ++found;
    }
  EXPECT_EQ(found, 13u);
}

/// What dtc makes of a tree: sorted, so that order does not matter.
std::string decompile(const Bytes& tree) {
  const TempDir dir(true);
  write_file(dir / "t.dtb", std::string(tree.begin(), tree.end()));
  return must_run("dtc -q -s -I dtb -O dts '" + (dir / "t.dtb") + "'");
}

std::string copy_error;  // of the last copy_with()
Bytes copy_with(const Bytes& tree, const std::vector<FdtProperty>& changes,
                std::size_t room = 4096) {
  Fdt f{};
  EXPECT_EQ(fdt_open(&f, tree.data(), tree.size()), nullptr);
  Bytes to(room, 0xee);
  u64 written = 0;
  const char* const why = fdt_copy_with(&f, changes.data(), static_cast<u32>(changes.size()),
                                        to.data(), room, &written);
  copy_error = why != nullptr ? why : "";
  to.resize(why != nullptr ? 0 : written);
  return to;
}

const u8 kStart[8] = {0, 0, 0, 0, 0x78, 0, 0, 0};
const FdtProperty kArgs = {"bootargs", "root=/dev/vda", 14};
const FdtProperty kInitrd = {"linux,initrd-start", kStart, 8};
const FdtProperty kNoEnd = {"linux,initrd-end", nullptr, 0};

TEST_F(RomFdt, ACopyHasOtherPropertiesInChosen) {
  const struct {
    const char *before, *after;
  } kCases[] = {
      {"chosen { bootargs = \"old and long enough\"; stdout-path = \"serial0\"; linux,initrd-end = "
       "<1>; "
       "below { bootargs = \"stays\"; }; };",
       "chosen { bootargs = \"root=/dev/vda\"; linux,initrd-start = <0 0x78000000>; "
       "stdout-path = \"serial0\"; below { bootargs = \"stays\"; }; };"},
      {"chosen { };",
       "chosen { bootargs = \"root=/dev/vda\"; linux,initrd-start = <0 0x78000000>; };"},
      {"", "chosen { bootargs = \"root=/dev/vda\"; linux,initrd-start = <0 0x78000000>; };"},
  };
  for (const auto& c : kCases)
    for (const char* const version : {"", "-V 16", "-p 64"}) {
      const Bytes tree = compile(source(c.before), version);
      const Bytes copy = copy_with(tree, {kArgs, kInitrd, kNoEnd});
      ASSERT_EQ(copy_error, "") << version;
      EXPECT_EQ(fdt_check_full(copy.data(), copy.size()), 0) << version;
      EXPECT_EQ(decompile(copy), decompile(compile(source(c.after)))) << version;
      // And again, from what it wrote.
      EXPECT_EQ(decompile(copy_with(copy, {kArgs, kInitrd, kNoEnd})), decompile(copy));
    }
}

TEST_F(RomFdt, NothingIsChangedByNoChange) {
  const Bytes tree = compile(source("chosen { bootargs = \"old\"; };"));
  EXPECT_EQ(decompile(copy_with(tree, {})), decompile(tree));
}

TEST_F(RomFdt, ATreeThatLibfdtEditedIsCopied) {
  // NOPs where something was deleted.
  Bytes tree = compile(source("chosen { a = <1>; b { }; };"));
  ASSERT_EQ(fdt_nop_property(tree.data(), fdt_path_offset(tree.data(), "/chosen"), "a"), 0);
  ASSERT_EQ(fdt_nop_node(tree.data(), fdt_path_offset(tree.data(), "/soc")), 0);
  const Bytes copy = copy_with(tree, {kArgs});
  EXPECT_EQ(fdt_check_full(copy.data(), copy.size()), 0);
  // libfdt does the same to its own copy.
  Bytes theirs(8192);
  ASSERT_EQ(fdt_open_into(tree.data(), theirs.data(), 8192), 0);
  ASSERT_EQ(fdt_setprop(theirs.data(), fdt_path_offset(theirs.data(), "/chosen"), kArgs.name,
                        kArgs.data, static_cast<int>(kArgs.bytes)),
            0);
  EXPECT_EQ(decompile(copy), decompile(theirs));
}

TEST_F(RomFdt, TheRoomIsKept) {
  const Bytes tree = compile(source(""));
  const std::size_t needed = copy_with(tree, {kArgs, kInitrd}).size();
  for (std::size_t room = 0; room < needed; ++room) {
    copy_with(tree, {kArgs, kInitrd}, room);
    EXPECT_EQ(copy_error, "there is no room for the device tree") << room;
  }
  copy_with(tree, {kArgs, kInitrd}, needed);
  EXPECT_EQ(copy_error, "");
}

TEST_F(RomFdt, DamagedTreesAreRefused) {
  const Bytes good = compile(source("chosen { };"));
  EXPECT_EQ(open_error(good), "");
  EXPECT_EQ(open_error({}), "there is no device tree");
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_NE(open_error(Bytes(good.begin(), good.begin() + static_cast<long>(n))), "") << n;
  const auto with = [&](std::size_t at, u32 value) {
    Bytes b = good;
    put_be32(b.data() + at, value);
    return open_error(b);
  };
  const std::string damaged = "the device tree is damaged";
  EXPECT_EQ(with(0, 0), "there is no device tree");
  EXPECT_EQ(with(4, 0xffffffff), damaged);
  EXPECT_EQ(with(4, 39), damaged);
  EXPECT_EQ(with(8, 0xfffffffc), damaged);  // structure
  EXPECT_EQ(with(8, 0x39), damaged);
  EXPECT_EQ(with(12, 0xfffffffc), damaged);  // strings
  EXPECT_EQ(with(16, 0xfffffff8), damaged);  // reservations
  EXPECT_EQ(with(20, 15), "the device tree is of an unknown version");
  EXPECT_EQ(with(24, 18), "the device tree is of an unknown version");
  EXPECT_EQ(with(32, 0xffffffff), damaged);
  EXPECT_EQ(with(36, 0xffffffff), damaged);
  const u32 structure = be32(good.data() + 8);
  EXPECT_EQ(with(structure, 2), damaged) << "an end before the beginning";
  EXPECT_EQ(with(structure, 9), damaged) << "an end without a root";
  EXPECT_EQ(with(structure, 7), damaged) << "no token";
  EXPECT_EQ(with(structure + 12, 0xffffffff), damaged) << "a property's size";
  EXPECT_EQ(with(structure + 16, 0xffffffff), damaged) << "a property's name";
}

TEST_F(RomFdt, DepthIsLimited) {
  const auto deep = [](int levels) {
    std::string s = "/dts-v1/;\n/ {";
    for (int n = 1; n < levels; ++n) s += "n {";
    for (int n = 1; n < levels; ++n) s += "};";
    return compile(s + "};");
  };
  EXPECT_EQ(open_error(deep(32)), "");
  EXPECT_EQ(open_error(deep(33)), "the device tree is damaged");
}

}  // namespace
}  // namespace quince::test
