// Frames in a stream: every way of cutting it into reads gives the same frames.
#include "net/socket/framing.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/net_bench.h"

namespace quince::net {
namespace {

/// Feeds `stream` in reads of random sizes and collects frames.
std::vector<Bytes> parse(const Bytes& stream, std::mt19937& rng, FrameParser& parser) {
  std::vector<Bytes> frames;
  std::size_t done = 0;
  while (done < stream.size() && !parser.broken()) {
    const std::span<u8> space = parser.space();
    EXPECT_FALSE(space.empty());
    const std::size_t limit = rng() % 4 == 0 ? 100'000 : rng() % 2 == 0 ? 3 : 1500;
    const std::size_t n = std::min({space.size(), stream.size() - done, 1 + rng() % limit});
    std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(done), n, space.begin());
    parser.filled(n);
    done += n;
    while (const auto f = parser.next()) {
      frames.emplace_back(f->begin(), f->end());
      parser.pop();
    }
  }
  return frames;
}

TEST(Framing, WhatOneEndWritesTheOtherReads) {
  std::mt19937 rng(1);
  for (unsigned round = 0; round < 50; ++round) {
    std::vector<Bytes> frames;
    FrameWriter writer;
    Bytes stream;
    for (unsigned i = 0; i < 40; ++i) {
      const std::size_t size = rng() % 8 == 0 ? rng() % (kMaxFrame + 1) : rng() % 1600;
      const Bytes frame(size, static_cast<u8>(rng()));
      if (writer.push(frame)) frames.push_back(frame);
      const std::size_t n = rng() % (writer.pending().size() + 1);
      const auto pending = writer.pending().first(n);
      stream.insert(stream.end(), pending.begin(), pending.end());
      writer.written(n);
    }
    const auto rest = writer.pending();
    stream.insert(stream.end(), rest.begin(), rest.end());
    FrameParser parser;
    EXPECT_EQ(parse(stream, rng, parser), frames);
    EXPECT_FALSE(parser.broken());
  }
}

TEST(Framing, TheBytesAreThoseOfOthers) {
  FrameWriter writer;
  ASSERT_TRUE(writer.push(from_hex("0a0b0c")));
  const auto p = writer.pending();
  EXPECT_EQ(Bytes(p.begin(), p.end()), from_hex("00000003 0a0b0c"));
}

TEST(Framing, AWriterThatIsFullTakesNoPartOfAFrame) {
  FrameWriter writer;
  const Bytes frame(1000);
  unsigned n = 0;
  while (writer.push(frame)) ++n;
  EXPECT_EQ(n, FrameWriter::kCapacity / 1004);
  EXPECT_EQ(writer.pending().size(), std::size_t{1004} * n);
  writer.written(1004);
  EXPECT_TRUE(writer.push(frame));
}

TEST(Framing, ALengthThatMakesNoSenseBreaksTheStream) {
  std::mt19937 rng(2);
  FrameParser parser;
  EXPECT_TRUE(parse(from_hex("00000001 aa 00010101 bb"), rng, parser).size() == 1u);
  EXPECT_TRUE(parser.broken());
  EXPECT_FALSE(parser.next());
  parser.clear();
  EXPECT_EQ(parse(from_hex("00000002 0102"), rng, parser).size(), 1u);
}

}  // namespace
}  // namespace quince::net
