#include "base/option_values.h"

#include <gtest/gtest.h>

namespace quince {
namespace {

using Items = PropertyList;

TEST(OptionValues, Split) {
  EXPECT_EQ(split_options("a", "type"), (Items{{"type", "a"}}));
  EXPECT_EQ(split_options("a", ""), (Items{{"a", "on"}}));
  EXPECT_EQ(split_options("k=v,flag", "type"), (Items{{"k", "v"}, {"flag", "on"}}));
  EXPECT_EQ(split_options("a,,b,c", "type"), (Items{{"type", "a,b"}, {"c", "on"}}));
  EXPECT_EQ(split_options("k=a,,,j=b", ""), (Items{{"k", "a,"}, {"j", "b"}}));
  EXPECT_EQ(split_options("k=,,,,", ""), (Items{{"k", ",,"}}));
  EXPECT_EQ(split_options("k=a=b", ""), (Items{{"k", "a=b"}}));
  EXPECT_EQ(split_options("", "type"), Items{});
  EXPECT_EQ(split_options("a,", "type"), (Items{{"type", "a"}, {"", "on"}}));
  EXPECT_EQ(split_options("=", ""), (Items{{"", ""}}));
}

TEST(OptionValues, Numbers) {
  EXPECT_EQ(parse_number("0").value(), 0u);
  EXPECT_EQ(parse_number("18446744073709551615").value(), ~u64{0});
  EXPECT_EQ(parse_number("0xFf").value(), 255u);
  EXPECT_EQ(parse_number("0X10").value(), 16u);
  for (const char* bad : {"", "0x", "-1", "+1", " 1", "1 ", "1x", "0x1g", "1.5",
                          "18446744073709551616", "0x10000000000000000"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(OptionValues, Sizes) {
  EXPECT_EQ(parse_size("3", MiB).value(), 3 * MiB);
  EXPECT_EQ(parse_size("3B", MiB).value(), 3u);
  EXPECT_EQ(parse_size("3k", MiB).value(), 3 * KiB);
  EXPECT_EQ(parse_size("3K", 1).value(), 3 * KiB);
  EXPECT_EQ(parse_size("3M", 1).value(), 3 * MiB);
  EXPECT_EQ(parse_size("3g", 1).value(), 3 * GiB);
  EXPECT_EQ(parse_size("3T", 1).value(), 3 * 1024 * GiB);
  EXPECT_EQ(parse_size("16777215T", 1).value(), u64{16777215} << 40);
  for (const char* bad : {"", "K", "1KK", "1P", "-1M", "16777216T", "1.5G", "M1"})
    EXPECT_FALSE(parse_size(bad, MiB)) << bad;
}

TEST(OptionValues, Switches) {
  for (const char* on : {"on", "yes", "true", "y"}) EXPECT_TRUE(parse_switch(on).value()) << on;
  for (const char* off : {"off", "no", "false", "n"})
    EXPECT_FALSE(parse_switch(off).value()) << off;
  for (const char* bad : {"", "1", "On", "onn"}) EXPECT_FALSE(parse_switch(bad)) << bad;
}

TEST(Properties, AreReadByNameAndTheLastOneCounts) {
  Properties p(split_options("blk,n=3,size=2K,share,mode=b,n=4", "driver"));
  EXPECT_EQ(p.take_or("driver", ""), "blk");
  EXPECT_EQ(p.number("n", 0, 1, 4).value(), 4u);
  EXPECT_EQ(p.size("size", 0).value(), 2048u);
  EXPECT_TRUE(p.flag("share", false).value());
  EXPECT_EQ(p.choice("mode", {"a", "b"}, 0).value(), 1u);
  EXPECT_TRUE(p.finish());
  EXPECT_EQ(p.number("absent", 7, 1, 4).value(), 7u);
  EXPECT_FALSE(p.take("absent"));
}

TEST(Properties, SeveralOfOneName) {
  Properties p(split_options("fwd=a,x=1,fwd=b", ""));
  EXPECT_EQ(p.take_all("fwd"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(p.finish().error().message(), "there is no property 'x'");
}

TEST(Properties, ErrorsNameThem) {
  Properties p(split_options("n=5,f=maybe,s=x,m=c", ""));
  EXPECT_EQ(p.number("n", 0, 1, 4).error().message(), "n=5 is out of range (1 to 4)");
  EXPECT_EQ(p.flag("f", true).error().message(), "f: 'maybe' is neither on nor off");
  EXPECT_EQ(p.size("s", 0).error().message(), "s: 'x' is not a size");
  EXPECT_EQ(p.choice("m", {"a", "b"}, 0).error().message(), "m=c is not one of a, b");
}

}  // namespace
}  // namespace quince
