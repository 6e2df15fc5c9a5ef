#include "base/bits.h"

#include <gtest/gtest.h>

#include "base/addr.h"
#include "base/ring.h"

namespace quince {
namespace {

static_assert(bits(0xabcd, 15, 12) == 0xa);
static_assert(sign_extend<9>(0x1ff) == -1);
static_assert(with_bits(0xffff, 7, 4, 0) == 0xff0f);
static_assert(low_mask(64) == ~u64{0} && low_mask(0) == 0);

template <class A, class B>
concept Subtractable = requires(A a, B b) { a - b; };
static_assert(Subtractable<PhysAddr, PhysAddr> && !Subtractable<PhysAddr, VirtAddr>);

TEST(Address, PageArithmetic) {
  const VirtAddr a(0x12345);
  EXPECT_EQ(a.page().raw(), 0x12000u);
  EXPECT_EQ(a.page_offset(), 0x345u);
  EXPECT_EQ((a + 1) - a, 1u);
}

TEST(Ring, WrapsAndKeepsOrder) {
  Ring<u8, 3> r;
  for (u8 round = 0; round < 10; ++round) {
    r.push(round);
    r.push(static_cast<u8>(round + 100));
    EXPECT_EQ(r.pop(), round);
    EXPECT_EQ(r.at(0), round + 100);
    EXPECT_EQ(r.pop(), round + 100);
    EXPECT_TRUE(r.empty());
  }
}

}  // namespace
}  // namespace quince
