// Hostile input: every prefix and random mutations of good files.  Sanitizers are the judge; what
// can be checked besides is that whatever is accepted keeps the promises of its type.
#include <random>

#include "firmware/board_fdt.h"
#include "firmware/linux_boot.h"
#include "images.h"

namespace quince::firmware {
namespace {

constexpr u64 kLimit = 256 * KiB;

/// What parse_image promises about anything that it accepts.
void check_image(const Image& image) {
  ASSERT_FALSE(image.segments.empty());
  const u8* begin = image.data.data();
  const u8* end = begin + image.data.size();
  u64 sum = 0;
  for (const Segment& s : image.segments) {
    ASSERT_GE(s.bytes.data(), begin);
    ASSERT_LE(s.bytes.data() + s.bytes.size(), end);
    ASSERT_GE(s.memory_size, s.bytes.size());
    ASSERT_LE(s.memory_size, ~u64{0} - s.address.raw());
    ASSERT_GE(image.size, s.memory_size);
    for (const u8 b : s.bytes) sum += b;  // touches every byte
  }
  ASSERT_LE(sum, u64{255} * (image.data.size() * image.segments.size() + 1));
}

/// Parses, and when that works also plans and writes a boot.  Whether the image was accepted.
bool try_kernel(Memory& memory, const Bytes& file) {
  auto image = parse_image(file, kLimit);
  if (!image) {
    EXPECT_FALSE(image.error().message().empty());
    return false;
  }
  check_image(*image);
  BootInputs in;
  in.ram = Memory::kRange;
  in.kernel = std::move(*image);
  in.kernel_name = "fuzz";
  if (const auto plan = plan_boot(std::move(in)))
    static_cast<void>(plan->memory.write(memory.dma).has_value());
  return true;
}

/// Whether the tree was accepted.
bool try_dtb(const Bytes& blob) {
  const DtbPatch patch{Memory::kRange, {PhysAddr(0x4800'0000), 0x1000}, "console=ttyAMA0"};
  const auto patched = patch_dtb(blob, patch);
  if (!patched) return false;
  // What was accepted is a sound tree afterwards.
  const auto again = FdtEditor::open(*patched);
  EXPECT_TRUE(again) << message(again);
  EXPECT_TRUE(again && again->property("/chosen", "linux,initrd-end"));
  return true;
}

/// One to eight changes, mostly of small distance from what was there.
Bytes mutate(Bytes b, std::mt19937& random) {
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (std::size_t changes = 1 + pick(8); changes > 0 && !b.empty(); --changes) {
    // Headers matter most.
    const std::size_t at =
        pick(random() % 2 == 0 ? std::min<std::size_t>(b.size(), 256) : b.size());
    switch (pick(6)) {
      case 0:
        b[at] = static_cast<u8>(random());
        break;
      case 1:
        b[at] ^= static_cast<u8>(1u << pick(8));
        break;
      case 2:
        b[at] = random() % 2 == 0 ? 0xff : 0x00;
        break;
      case 3:
        b[at] = static_cast<u8>(b[at] + (random() % 2 == 0 ? 1 : -1));
        break;
      case 4:
        if (at + 8 <= b.size()) put<u64>(b, at, ~u64{0} - random() % 64);
        break;
      default:
        b.resize(at + pick(16));
        break;
    }
  }
  return b;
}

std::vector<Bytes> kernels() {
  const Bytes image = linux_image(3000, {.image_size = 8000});
  const Bytes program = elf(0x4010'0000, {{0x4010'0000, 0x4010'0000, pattern(64), 0x200},
                                          {0x4020'0000, 0x4020'0000, pattern(32), 32}});
  return {
      image,   gzip(image),  zstd(image), zboot(gzip(image), "gzip"), zboot(zstd(image), "zstd22"),
      program, gzip(program)};
}

Bytes tree() {
  BoardDescription b;
  b.model = "fuzz";
  b.compatible = "quince,fuzz";
  b.memory = {{PhysAddr(0x7000'0000), GiB}, {PhysAddr(0x1'0000'0000), GiB}};
  b.cpus = {{0}, {1}};
  b.gic = {{PhysAddr(0x1000'0000), 0x10000}, {PhysAddr(0x1001'0000), 0x40000}, {}};
  b.uart = WiredDevice{{PhysAddr(0x2001'0000), 0x1000}, 1};
  b.chosen.bootargs = "quiet";
  return board_fdt(b).value();
}

TEST(Fuzz, EveryPrefixOfEveryKernel) {
  Memory memory;
  for (const Bytes& file : kernels())
    for (std::size_t n = 0; n <= file.size(); ++n)
      try_kernel(memory, Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n)));
}

TEST(Fuzz, MutatedKernels) {
  Memory memory;
  std::mt19937 random(1);
  const auto seeds = kernels();
  int accepted = 0;
  for (int n = 0; n < 6000; ++n)
    accepted += try_kernel(memory, mutate(seeds[random() % seeds.size()], random)) ? 1 : 0;
  EXPECT_GT(accepted, 500) << "the mutations are too wild to reach the code behind the checks";
  EXPECT_LT(accepted, 5500) << "the mutations change nothing";
}

TEST(Fuzz, EveryPrefixOfATree) {
  const Bytes blob = tree();
  for (std::size_t n = 0; n < blob.size(); ++n) {
    const Bytes prefix(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(FdtEditor::open(prefix)) << n;
  }
  EXPECT_TRUE(try_dtb(blob));
}

TEST(Fuzz, MutatedTrees) {
  std::mt19937 random(2);
  const Bytes blob = tree();
  int accepted = 0;
  for (int n = 0; n < 20000; ++n) accepted += try_dtb(mutate(blob, random)) ? 1 : 0;
  EXPECT_GT(accepted, 1000) << "the mutations are too wild to reach the code behind the checks";
  EXPECT_LT(accepted, 18000) << "the mutations change nothing";
}

}  // namespace
}  // namespace quince::firmware
