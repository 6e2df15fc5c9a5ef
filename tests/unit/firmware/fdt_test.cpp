#include "firmware/fdt.h"

#include "images.h"

namespace quince::firmware {
namespace {

Bytes value(const FdtEditor& tree, const char* path, const char* name) {
  const auto v = tree.property(path, name);
  EXPECT_TRUE(v) << path << " " << name;
  return v ? Bytes(v->begin(), v->end()) : Bytes{};
}

Bytes finished() {
  FdtWriter w;
  w.cells("#address-cells", {2});
  w.cells("#size-cells", {1});
  {
    const auto a = w.node("a");
    w.flag("yes");
    const auto inner = w.node("inner@10");
    w.cells64("reg", {0x1'0000'0002});
    w.strings("names", {"one", "two"});
  }
  {
    const auto b = w.node("b");
    w.phandle(w.new_phandle());
  }
  return w.finish().value();
}

TEST(FdtWriter, WhatIsWrittenIsThere) {
  const Bytes blob = finished();
  const auto tree = FdtEditor::open(blob);
  ASSERT_TRUE(tree) << message(tree);
  EXPECT_TRUE(value(*tree, "/a", "yes").empty());
  EXPECT_EQ(value(*tree, "/a/inner@10", "reg"), (Bytes{0, 0, 0, 1, 0, 0, 0, 2}));
  EXPECT_EQ(value(*tree, "/a/inner@10", "names"), (Bytes{'o', 'n', 'e', 0, 't', 'w', 'o', 0}));
  EXPECT_EQ(value(*tree, "/b", "phandle"), (Bytes{0, 0, 0, 1}));
  EXPECT_EQ(tree->address_cells().value(), 2u);
  EXPECT_EQ(tree->size_cells().value(), 1u);
  EXPECT_FALSE(tree->has_node("/c"));
  EXPECT_FALSE(tree->property("/a", "no"));
  EXPECT_FALSE(tree->property("/c", "no"));
}

TEST(FdtWriter, GrowsToTheLimitAndNoFurther) {
  FdtWriter fits;
  const Bytes big = pattern(MiB);
  fits.bytes("big", big);
  const auto blob = fits.finish();
  ASSERT_TRUE(blob) << message(blob);
  EXPECT_EQ(value(*FdtEditor::open(*blob), "/", "big"), big);

  FdtWriter too_big;
  for (int n = 0; n < 3; ++n) too_big.bytes("big", big);
  { const auto later = too_big.node("later"); }
  EXPECT_EQ(message(too_big.finish()), "the device tree is larger than 2 MiB");
}

TEST(FdtEditor, ChangesAndGrows) {
  FdtEditor tree = std::move(*FdtEditor::open(finished()));
  tree.ensure_node("b");
  tree.ensure_node("c");
  const Bytes big = pattern(100'000);
  tree.bytes("/c", "big", big);
  tree.number("/c", "one", 0x12345678, 1);
  tree.number("/c", "two", 0x1'2345'6789, 2);
  tree.number("/c", "three", 1, 3);
  tree.string("/b", "text", "hello");
  const auto blob = tree.finish();
  ASSERT_TRUE(blob) << message(blob);
  const auto again = FdtEditor::open(*blob);
  ASSERT_TRUE(again);
  EXPECT_EQ(value(*again, "/c", "big"), big);
  EXPECT_EQ(value(*again, "/c", "one"), (Bytes{0x12, 0x34, 0x56, 0x78}));
  EXPECT_EQ(value(*again, "/c", "two"), (Bytes{0, 0, 0, 1, 0x23, 0x45, 0x67, 0x89}));
  EXPECT_EQ(value(*again, "/c", "three"), (Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(value(*again, "/b", "text"), (Bytes{'h', 'e', 'l', 'l', 'o', 0}));
  EXPECT_EQ(value(*again, "/b", "phandle"), (Bytes{0, 0, 0, 1}));
}

TEST(FdtEditor, RemovesNodesByTheNameBeforeTheAddress) {
  FdtWriter w;
  for (const char* name : {"memory@0", "memory", "memory-controller@1", "x", "memory@80000000"})
    const auto node = w.node(name);
  FdtEditor tree = std::move(*FdtEditor::open(*w.finish()));
  tree.remove_nodes("memory");
  const auto after = FdtEditor::open(*tree.finish());
  ASSERT_TRUE(after);
  for (const char* gone : {"/memory@0", "/memory", "/memory@80000000"})
    EXPECT_FALSE(after->has_node(gone)) << gone;
  EXPECT_TRUE(after->has_node("/memory-controller@1"));
  EXPECT_TRUE(after->has_node("/x"));
}

TEST(FdtEditor, ErrorsStay) {
  FdtEditor tree = std::move(*FdtEditor::open(finished()));
  tree.number("/a", "small", 0x1'0000'0000, 1);
  tree.string("/a", "text", "fine");
  EXPECT_FALSE(tree.finish());
  FdtEditor other = std::move(*FdtEditor::open(finished()));
  other.string("/nowhere", "text", "x");
  EXPECT_EQ(message(other.finish()), "device tree: FDT_ERR_NOTFOUND");
  FdtEditor big = std::move(*FdtEditor::open(finished()));
  big.bytes("/a", "big", pattern(2 * MiB));
  EXPECT_EQ(message(big.finish()), "the device tree is larger than 2 MiB");
}

TEST(FdtEditor, UnsoundBlobsAreRefused) {
  EXPECT_EQ(message(FdtEditor::open({})), "it is too short for a device tree");
  EXPECT_EQ(message(FdtEditor::open(pattern(500))), "it is not a device tree");
  EXPECT_EQ(message(FdtEditor::open(Bytes(kMaxFdtBytes + 1))),
            "the device tree is larger than 2 MiB");
  const Bytes blob = finished();
  for (std::size_t n = 0; n < blob.size(); ++n)
    EXPECT_FALSE(FdtEditor::open(std::span(blob).first(n))) << n;
}

TEST(FdtEditor, AppendCellsSaysWhenANumberDoesNotFit) {
  Bytes out;
  EXPECT_FALSE(append_cells(out, u64{1} << 32, 1));
  EXPECT_FALSE(append_cells(out, 1, 0));
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(append_cells(out, 0, 0));
  EXPECT_TRUE(append_cells(out, 0xffff'ffff, 1));
  EXPECT_EQ(out.size(), 4u);
}

}  // namespace
}  // namespace quince::firmware
