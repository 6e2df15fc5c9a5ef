#include "machine/listing/options.h"

#include <gtest/gtest.h>

namespace quince::machine {
namespace {

using Ranges = std::vector<AddressRange>;

TEST(AddressRanges, ThreeForms) {
  EXPECT_EQ(*parse_address_ranges("0x8000..0x8fff"), (Ranges{{0x8000, 0x8fff}}));
  EXPECT_EQ(*parse_address_ranges("0x8000+0x1000"), (Ranges{{0x8000, 0x8fff}}));
  EXPECT_EQ(*parse_address_ranges("0x8fff-0x1000"), (Ranges{{0x8000, 0x8fff}}));
  EXPECT_EQ(*parse_address_ranges("5..5,0xffffffffffffffff+1"),
            (Ranges{{5, 5}, {~u64{0}, ~u64{0}}}));
}

TEST(AddressRanges, WhatIsNone) {
  for (const auto& [text, error] : std::vector<std::pair<const char*, const char*>>{
           {"", "'' is not FIRST..LAST, FIRST+SIZE or LAST-SIZE"},
           {"5", "'5' is not FIRST..LAST, FIRST+SIZE or LAST-SIZE"},
           {"5..4", "'5..4' ends before it begins"},
           {"5+0", "'5+0' has no size"},
           {"5-7", "'5-7' does not fit into 64 bits"},
           {"0xffffffffffffffff+2", "'0xffffffffffffffff+2' does not fit into 64 bits"},
           {"1..x", "'x' is not a number"},
           {"1..2,", "'' is not FIRST..LAST, FIRST+SIZE or LAST-SIZE"}}) {
    const auto r = parse_address_ranges(text);
    ASSERT_FALSE(r) << text;
    EXPECT_EQ(r.error().message(), error);
  }
}

}  // namespace
}  // namespace quince::machine
