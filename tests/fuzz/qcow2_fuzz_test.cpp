// Damaged qcow2 files: whatever their tables say costs an error at most.  Each case takes a good
// file, changes bytes where they matter (header, tables, counts), opens it, uses it, checks and
// repairs it. QUINCE_FUZZ_IMAGES sets the number of files, QUINCE_FUZZ_SEED the seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "block/qcow2/check.h"
#include "block/qcow2/create.h"
#include "block/qcow2/image.h"
#include "tests/support/fault_image.h"

namespace quince::test {
namespace {

using namespace quince::block;
using qcow2::Qcow2Image;

constexpr u64 kSize = 256 * KiB;

u64 setting(const char* name, u64 otherwise) {
  const char* v = std::getenv(name);
  return v != nullptr ? std::strtoull(v, nullptr, 0) : otherwise;
}

/// The image must not close the file under the test.
class Borrowed final : public Image {
 public:
  explicit Borrowed(FaultImage& image) : image_(image) {}
  const std::string& name() const override { return image_.name(); }
  u64 size() const override { return image_.size(); }
  bool read_only() const override { return false; }
  Status read(u64 o, std::span<const iovec> p) override { return image_.read(o, p); }
  Status write(u64 o, std::span<const iovec> p) override {
    // A file of the host would be sparse; this one is in memory.
    return o + total_length(p) > 64 * MiB ? Status::file_too_large : image_.write(o, p);
  }
  Status flush() override { return image_.flush(); }
  Status discard(u64, u64) override { return {}; }
  Status write_zeroes(u64, u64, bool) override { return Status::operation_not_supported; }

 private:
  FaultImage& image_;
};

Bytes good_file(std::mt19937_64& random) {
  FaultImage file;
  qcow2::CreateOptions o;
  o.size = kSize;
  o.version = random() % 4 == 0 ? 2 : 3;
  o.cluster_size = u64{512} << random() % 5;
  o.refcount_bits = o.version == 2 ? 16 : 1u << random() % 7;
  o.compression =
      o.version == 3 && random() % 2 == 0 ? qcow2::Compression::Zstd : qcow2::Compression::Zlib;
  EXPECT_TRUE(qcow2::create(file, o));
  auto image = Qcow2Image::open(std::make_unique<Borrowed>(file), nullptr, {});
  EXPECT_TRUE(image);
  for (unsigned n = 0; n < 8; ++n) {
    EXPECT_EQ(write_at(**image, random() % (kSize - 9000), pattern(random() % 9000 + 1, n)), kOk);
    EXPECT_EQ((*image)->write_zeroes(random() % (kSize - 9000), 9000, n % 2 == 0), kOk);
    static_cast<void>((*image)->write_compressed(random() % kSize / o.cluster_size * o.cluster_size,
                                                 Bytes(o.cluster_size, static_cast<u8>(n))));
  }
  EXPECT_EQ((*image)->flush(), kOk);
  image->reset();
  return file.content();
}

void damage(Bytes& file, std::mt19937_64& random) {
  // The header, or one of the first clusters' tables, or anything.
  const unsigned changes = 1 + random() % 4;
  for (unsigned n = 0; n < changes; ++n) {
    const u64 reach = random() % 2 == 0 ? 112 : random() % 2 == 0 ? 20000 : file.size();
    const u64 at = random() % std::min<u64>(reach, file.size());
    switch (random() % 4) {
      case 0:
        file[at] ^= static_cast<u8>(1u << random() % 8);
        break;
      case 1:
        file[at] = static_cast<u8>(random());
        break;
      case 2: {  // an entry that leads to another place in the file
        const u64 entry = at / 8 * 8;
        if (entry + 8 > file.size()) break;
        const u64 flags = random() % 4 << 62 | random() % 2;
        qcow2::store_be<u64>(&file[entry], (random() % (file.size() * 2) & ~u64{511}) | flags);
        break;
      }
      default:
        for (u64 i = at; i < std::min<u64>(at + 8, file.size()); ++i)
          file[i] = random() % 2 == 0 ? 0xff : 0;
        break;
    }
  }
  if (random() % 16 == 0) file.resize(random() % file.size());
}

/// Everything a guest and a tool do.  Results do not matter, the sanitizers and the clock do.
void use(FaultImage& file, std::mt19937_64& random, bool read_only, u64& opened) {
  qcow2::Options o;
  o.read_only = read_only;
  o.discard = true;
  auto image = Qcow2Image::open(std::make_unique<Borrowed>(file), nullptr, o);
  if (!image) {
    EXPECT_FALSE(image.error().message().empty());
    EXPECT_EQ(image.error().message().find('\n'), std::string::npos);
    return;
  }
  ++opened;
  const u64 size = (*image)->size();
  if (size < 20000) return;
  for (unsigned n = 0; n < 12; ++n) {
    const u64 offset = random() % (std::min<u64>(size, kSize) - 10000),
              length = random() % 9000 + 1;
    static_cast<void>(read_at(**image, offset, length));
    const auto e = (*image)->extent(offset, length);
    EXPECT_TRUE(e.length >= 1 && e.length <= length);
    if (read_only) continue;
    static_cast<void>(write_at(**image, offset, pattern(length, n)));
    if (n % 3 == 0) static_cast<void>((*image)->discard(offset, length));
    if (n % 3 == 1) static_cast<void>((*image)->write_zeroes(offset, length, n % 2 == 0));
    if (n % 4 == 0) static_cast<void>((*image)->flush());
  }
}

TEST(Qcow2Fuzz, DamagedFilesCostErrorsOnly) {
  const u64 seed = setting("QUINCE_FUZZ_SEED", 1), images = setting("QUINCE_FUZZ_IMAGES", 600);
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937_64 random(seed);
  u64 opened = 0, repaired = 0;
  Bytes good;
  for (u64 n = 0; n < images; ++n) {
    SCOPED_TRACE(fmt::format("QUINCE_FUZZ_SEED={} image {}", seed, n));
    if (n % 10 == 0) good = good_file(random);
    Bytes bad = good;
    damage(bad, random);
    for (const bool read_only : {true, false}) {
      FaultImage file(bad);
      use(file, random, read_only, opened);
    }
    FaultImage file(bad);
    Borrowed borrowed(file);
    const auto report = qcow2::check(borrowed, qcow2::Repair::All);
    if (!report || report->corruptions != 0) continue;
    // What a repair calls good is good.
    const auto again = qcow2::check(borrowed, qcow2::Repair::None);
    ASSERT_TRUE(again) << again.error().message();
    ASSERT_EQ(again->corruptions, 0u) << again->messages.at(0);
    ASSERT_EQ(again->leaks, 0u) << again->messages.at(0);
    ++repaired;
    u64 ignored = 0;
    use(file, random, false, ignored);
  }
  EXPECT_GT(opened, images / 4);  // or nothing but the header's checks was tested
  EXPECT_GT(repaired, images / 8);
}

}  // namespace
}  // namespace quince::test
