#include "firmware/linux_boot.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/bits.h"
#include "images.h"

namespace quince::firmware {
namespace {

constexpr PhysAddr kBase(0x7000'0000);

Bytes small_dtb(u32 address_cells = 2, u32 size_cells = 2) {
  FdtWriter w;
  w.cells("#address-cells", {address_cells});
  w.cells("#size-cells", {size_cells});
  {
    const auto memory = w.node("memory@1000");
    w.cells("reg", {1, 2, 3, 4});
  }
  {
    const auto chosen = w.node("chosen");
    w.string("bootargs", "from the tree");
    w.string("stdout-path", "/serial");
  }
  return w.finish().value();
}

BootInputs inputs(Bytes kernel, u64 ram = 512 * MiB) {
  BootInputs in;
  in.ram = {kBase, ram};
  in.kernel_name = "Image";
  in.kernel = parse_image(std::move(kernel)).value();
  in.dtb.bytes = small_dtb();
  return in;
}

u64 number(std::span<const u8> cells) {
  u64 v = 0;
  for (const u8 b : cells) v = v << 8 | b;
  return v;
}
u64 number(const FdtEditor& tree, const char* path, const char* name) {
  const auto v = tree.property(path, name);
  EXPECT_TRUE(v) << path << " " << name;
  return v ? number(*v) : 0;
}
std::string text(const FdtEditor& tree, const char* path, const char* name) {
  const auto v = tree.property(path, name);
  return v && !v->empty() ? std::string(v->begin(), v->end() - 1) : "(none)";
}

TEST(LinuxBoot, UsualPlaces) {
  BootInputs in = inputs(linux_image(0x10000, {.image_size = 0x20000}));
  in.initrd = {"initrd", pattern(5000)};
  in.append = "console=ttyAMA0";
  const auto plan = plan_boot(std::move(in));
  ASSERT_TRUE(plan) << message(plan);
  EXPECT_EQ(plan->pc, kBase + 2 * MiB);
  EXPECT_EQ(plan->kernel.start, kBase + 2 * MiB);
  EXPECT_EQ(plan->kernel.size, 0x20000u);
  EXPECT_EQ(plan->initrd.start, kBase + 128 * MiB);
  EXPECT_EQ(plan->initrd.size, 5000u);
  EXPECT_EQ(plan->dtb.start, kBase + 130 * MiB);
  EXPECT_EQ(plan->x0, plan->dtb.start.raw());

  const auto tree = FdtEditor::open(plan->dtb_bytes);
  ASSERT_TRUE(tree);
  EXPECT_EQ(number(*tree, "/chosen", "linux,initrd-start"), plan->initrd.start.raw());
  EXPECT_EQ(number(*tree, "/chosen", "linux,initrd-end"), plan->initrd.end().raw());
  EXPECT_EQ(text(*tree, "/chosen", "bootargs"), "console=ttyAMA0");
  EXPECT_EQ(text(*tree, "/chosen", "stdout-path"), "/serial");
  EXPECT_FALSE(tree->has_node("/memory@1000"));
  const auto reg = tree->property("/memory@70000000", "reg");
  ASSERT_TRUE(reg && reg->size() == 16);
  EXPECT_EQ(number(reg->first(8)), kBase.raw());
  EXPECT_EQ(number(reg->last(8)), 512 * MiB);
  EXPECT_EQ(text(*tree, "/memory@70000000", "device_type"), "memory");
}

TEST(LinuxBoot, TextOffsetCountsFromA2MiBBoundary) {
  BootInputs in = inputs(linux_image(0x1000, {.text_offset = 0x80000}));
  in.ram.start = PhysAddr(0x7010'0000);
  const auto plan = plan_boot(std::move(in));
  ASSERT_TRUE(plan) << message(plan);
  EXPECT_EQ(plan->pc, PhysAddr(0x7028'0000));
}

TEST(LinuxBoot, RawBinaryStartsAt512KiB) {
  const auto plan = plan_boot(inputs(pattern(100)));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->pc, kBase + 512 * KiB);
  EXPECT_EQ(plan->x0, plan->dtb.start.raw());
}

TEST(LinuxBoot, SmallRamPacksClosely) {
  BootInputs in = inputs(linux_image(MiB, {.image_size = 2 * MiB - 100}), 4 * MiB);
  in.initrd = {"initrd", pattern(MiB)};
  const auto plan = plan_boot(std::move(in));
  ASSERT_TRUE(plan) << message(plan);
  EXPECT_EQ(plan->kernel.start, kBase);  // the usual place at 2 MiB leaves too little
  EXPECT_EQ(plan->initrd.start, kBase + 2 * MiB);
  EXPECT_EQ(plan->dtb.start, kBase + 3 * MiB);
}

TEST(LinuxBoot, EverythingIsApartAndInRamWhateverTheSizes) {
  for (u64 ram = MiB; ram <= 1024 * MiB; ram += ram / 3)
    for (const u64 image : {64 * KiB, 3 * MiB, 40 * MiB})
      for (const u64 initrd : {u64{0}, 100 * KiB, 9 * MiB}) {
        BootInputs in = inputs(linux_image(0x1000, {.image_size = image}), align_down(ram, 4096));
        in.initrd = {initrd != 0 ? "initrd" : "", Bytes(initrd)};
        const Range bank = in.ram;
        const auto plan = plan_boot(std::move(in));
        if (!plan) {
          EXPECT_LT(ram, image + initrd + 64 * KiB) << message(plan);
          EXPECT_TRUE(message(plan).starts_with("-")) << message(plan);
          continue;
        }
        for (const Range& r : {plan->kernel, plan->initrd, plan->dtb})
          EXPECT_TRUE(bank.contains(r));
        EXPECT_FALSE(plan->kernel.overlaps(plan->initrd));
        EXPECT_FALSE(plan->kernel.overlaps(plan->dtb));
        EXPECT_FALSE(plan->initrd.overlaps(plan->dtb));
        EXPECT_EQ(plan->kernel.start.raw() % (2 * MiB), 0u);
        EXPECT_EQ(plan->x0 % 8, 0u);
      }
}

TEST(LinuxBoot, WhatDoesNotFitIsNamedByItsOption) {
  EXPECT_EQ(message(plan_boot(inputs(linux_image(0x1000, {.image_size = 5 * MiB}), 4 * MiB))),
            "-kernel: could not load kernel 'Image': it needs 0x500000 bytes and a text offset of "
            "0x0, which do not fit in RAM (4 MiB at 0x70000000)");
  // Sizes that would wrap a careless sum.
  for (const u64 huge : {~u64{0}, ~u64{0} - kBase.raw(), u64{1} << 63}) {
    EXPECT_FALSE(plan_boot(inputs(linux_image(0x1000, {.image_size = huge}))));
    EXPECT_FALSE(plan_boot(inputs(linux_image(0x1000, {.text_offset = huge}))));
  }
  BootInputs in = inputs(linux_image(0x1000, {.image_size = 3 * MiB}), 8 * MiB);
  in.initrd = {"big.cpio", Bytes(6 * MiB)};
  EXPECT_EQ(message(plan_boot(std::move(in))),
            "-initrd: could not load initrd 'big.cpio': its 0x600000 bytes do not fit behind the "
            "kernel, which ends at 0x70300000, in RAM (8 MiB at 0x70000000)");
  in = inputs(linux_image(0x1000, {.image_size = 8 * MiB - 4096}), 8 * MiB);
  EXPECT_EQ(message(plan_boot(std::move(in))).substr(0, 36),
            "-dtb: the device tree needs 0x2000 b");
}

TEST(LinuxBoot, ElfGoesWhereItSaysWithItsTreeAtTheStartOfRam) {
  const u64 at = kBase.raw() + MiB;
  const auto plan = plan_boot(inputs(elf(at + 4, {{at, at, pattern(64), 0x1000}})));
  ASSERT_TRUE(plan) << message(plan);
  EXPECT_EQ(plan->pc, PhysAddr(at + 4));
  EXPECT_EQ(plan->dtb.start, kBase);
  EXPECT_EQ(plan->x0, kBase.raw());
  const auto low = plan_boot(
      inputs(elf(kBase.raw(), {{kBase.raw(), kBase.raw(), pattern(64), 0x1000}}), 4 * MiB));
  ASSERT_TRUE(low) << message(low);
  EXPECT_EQ(low->dtb.start, kBase + 2 * MiB);
}

TEST(LinuxBoot, ElfOutsideOfRamIsFoundOutWhenWritten) {
  Memory memory;
  BootInputs in = inputs(elf(0, {{0, 0xffff'8000'0000'0000, pattern(64), 0x1000}}));
  in.ram = Memory::kRange;
  const auto plan = plan_boot(std::move(in));
  ASSERT_TRUE(plan) << message(plan);
  EXPECT_EQ(
      message(plan->memory.write(memory.dma)),
      "could not load kernel 'Image': 0x1000 bytes at 0xffff800000000000 are not all writable "
      "memory");
}

TEST(LinuxBoot, WritesEverythingAndAgainAtReset) {
  Memory memory;
  const Bytes kernel = linux_image(0x9000, {.image_size = 0x10000});
  BootInputs in = inputs(kernel);
  in.ram = Memory::kRange;
  in.initrd = {"initrd", pattern(70'000)};
  const auto plan = plan_boot(std::move(in));
  ASSERT_TRUE(plan) << message(plan);
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(plan->memory.write(memory.dma));
    EXPECT_EQ(memory.read(plan->kernel.start, 0x9000), kernel);
    EXPECT_EQ(memory.read(plan->kernel.start + 0x9000, 0x7000), Bytes(0x7000));
    EXPECT_EQ(memory.read(plan->initrd.start, 70'000), pattern(70'000));
    EXPECT_EQ(memory.read(plan->dtb.start, plan->dtb.size),
              Bytes(plan->dtb_bytes.begin(), plan->dtb_bytes.end()));
    // The guest spoils it all.
    for (const Range& r : {plan->kernel, plan->initrd, plan->dtb})
      ASSERT_TRUE(memory.dma.write(r.start, Bytes(r.size, 0xee)));
  }
}

TEST(LinuxBoot, NoTreeNoX0) {
  BootInputs in = inputs(linux_image(0x1000));
  in.dtb.bytes.clear();
  const auto plan = plan_boot(std::move(in));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->x0, 0u);
  EXPECT_EQ(plan->dtb.size, 0u);
}

TEST(PatchDtb, KeepsBootargsWithoutAppendAndFollowsTheCells) {
  const auto patched = patch_dtb(small_dtb(1, 1), {{kBase, MiB}, {kBase, 0x1234}, ""});
  ASSERT_TRUE(patched) << message(patched);
  const auto tree = FdtEditor::open(*patched);
  EXPECT_EQ(text(*tree, "/chosen", "bootargs"), "from the tree");
  EXPECT_EQ(tree->property("/memory@70000000", "reg")->size(), 8u);
  EXPECT_EQ(tree->property("/chosen", "linux,initrd-end")->size(), 4u);
  EXPECT_EQ(number(*tree, "/chosen", "linux,initrd-end"), kBase.raw() + 0x1234);
}

TEST(PatchDtb, TooFewCellsAreNamed) {
  EXPECT_EQ(message(patch_dtb(small_dtb(1, 1), {{kBase, 4 * GiB}, {}, ""})),
            "its #size-cells of 1 cannot say 0x100000000");
  EXPECT_EQ(message(patch_dtb(small_dtb(1, 2), {{PhysAddr(4 * GiB), 4096}, {}, ""})),
            "its #address-cells of 1 cannot say 0x100000000");
  EXPECT_EQ(message(patch_dtb(small_dtb(0, 1), {{kBase, MiB}, {}, ""})),
            "the device tree's root has an invalid #address-cells");
  BootInputs in = inputs(linux_image(0x1000), 4 * GiB);
  in.dtb = {"my.dtb", small_dtb(1, 1)};
  EXPECT_EQ(message(plan_boot(std::move(in))),
            "-dtb: 'my.dtb': its #size-cells of 1 cannot say 0x100000000");
}

TEST(PatchDtb, MakesTheNodesThatAreMissing) {
  FdtWriter w;
  w.cells("#address-cells", {2});
  w.cells("#size-cells", {2});
  const auto patched = patch_dtb(w.finish().value(), {{kBase, MiB}, {}, "x=y"});
  ASSERT_TRUE(patched);
  const auto tree = FdtEditor::open(*patched);
  EXPECT_EQ(text(*tree, "/chosen", "bootargs"), "x=y");
  EXPECT_FALSE(tree->property("/chosen", "linux,initrd-start"));
  EXPECT_TRUE(tree->has_node("/memory@70000000"));
}

/// A file that lives as long as the test.
struct TemporaryFile {
  explicit TemporaryFile(const Bytes& bytes)
      : path(std::filesystem::temp_directory_path() /
             fmt::format("quince-firmware-test-{}", ::getpid())) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

TEST(BootFiles, MissingFilesAreNamedWithTheirOption) {
  EXPECT_EQ(message(read_kernel("/nonexistent/Image")),
            "-kernel: could not load kernel '/nonexistent/Image': could not open "
            "'/nonexistent/Image': No such file or directory");
  EXPECT_TRUE(message(read_initrd("/nonexistent/i"))
                  .starts_with("-initrd: could not load initrd '/nonexistent/i': "));
  EXPECT_TRUE(message(read_dtb("/nonexistent/d"))
                  .starts_with("-dtb: could not load device tree '/nonexistent/d': "));
}

TEST(BootFiles, ContentsAreChecked) {
  {
    const TemporaryFile file(linux_image(0x1000));
    EXPECT_TRUE(read_kernel(file.path));
    EXPECT_EQ(read_initrd(file.path)->bytes, linux_image(0x1000));
    EXPECT_EQ(message(read_dtb(file.path)),
              fmt::format("-dtb: could not load device tree '{}': it is not a device tree",
                          file.path.string()));
  }
  {
    const TemporaryFile file(small_dtb());
    EXPECT_EQ(message(read_kernel(file.path)),
              fmt::format("-kernel: could not load kernel '{}': it is a device tree or a FIT image",
                          file.path.string()));
    EXPECT_EQ(read_dtb(file.path)->bytes, small_dtb());
  }
  const TemporaryFile file({});
  EXPECT_FALSE(read_kernel(file.path));
  EXPECT_FALSE(read_initrd(file.path));
  EXPECT_FALSE(read_dtb(file.path));
}

}  // namespace
}  // namespace quince::firmware
