// The second level of the jump caches: what it finds, and what a change of address spaces or an invalidation leaves.
#include <gtest/gtest.h>

#include <memory>

#include "cpu/jit/far_jumps.h"

namespace quince::cpu::jit {
namespace {

const u8* code(u64 n) { return reinterpret_cast<const u8*>(u64{0x7f12'3456'0000} + n); }

class FarJumpsTest : public testing::Test {
 protected:
  std::unique_ptr<FarJumps> far_ = std::make_unique<FarJumps>();
};

TEST_F(FarJumpsTest, FindsByLevelAddressAndBtype) {
  far_->put(0, 0x1000, 0, code(1));
  far_->put(0, 0x1000, 1, code(2));
  far_->put(1, 0x1000, 0, code(3));
  EXPECT_EQ(far_->find(0, 0x1000, 0), code(1));
  EXPECT_EQ(far_->find(0, 0x1000, 1), code(2));
  EXPECT_EQ(far_->find(1, 0x1000, 0), code(3));
  EXPECT_EQ(far_->find(0, 0x1000, 2), nullptr);
  EXPECT_EQ(far_->find(0, 0x1004, 0), nullptr);
  EXPECT_EQ(far_->find(0, ~u64{0}, 0), nullptr) << "what unused entries have";
  far_->forget(0);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
  EXPECT_EQ(far_->find(1, 0x1000, 0), code(3));
}

TEST_F(FarJumpsTest, ForgetsOneTarget) {
  far_->enter_space(0x8000, 1);
  far_->put(0, 0x1000, 0, code(1));
  far_->put(0, 0x1000, 2, code(2));
  far_->put(0, 0x1004, 0, code(3));
  far_->put(1, 0x1000, 0, code(4));
  far_->forget(0, 0x1000 + (u64{FarJumps::kEntries} << 2), 0);  // has no entry
  EXPECT_EQ(far_->find(0, 0x1000, 0), code(1));
  far_->enter_space(0x9000, 2);
  far_->forget(0, 0x1000, 0);
  far_->enter_space(0x8000, 1);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr) << "in a space that was away";
  EXPECT_EQ(far_->find(0, 0x1000, 2), code(2));
  EXPECT_EQ(far_->find(0, 0x1004, 0), code(3));
  EXPECT_EQ(far_->find(1, 0x1000, 0), code(4));
}

TEST_F(FarJumpsTest, AddressSpacesComeBack) {
  far_->enter_space(0x8000, 1);
  far_->put(0, 0x1000, 0, code(1));
  far_->put(1, 0x2000, 0, code(9));
  far_->leave_space();
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
  far_->enter_space(0x9000, 2);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
  EXPECT_EQ(far_->find(1, 0x2000, 0), code(9));
  far_->put(0, 0x3000, 0, code(2));
  far_->leave_space();
  far_->enter_space(0x8000, 1);
  EXPECT_EQ(far_->find(0, 0x1000, 0), code(1));
  EXPECT_EQ(far_->find(0, 0x3000, 0), nullptr);
  // The same tables with another ASID are another space.
  far_->enter_space(0x8000, 3);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
}

TEST_F(FarJumpsTest, AnInvalidationReachesSpacesThatAreAway) {
  far_->enter_space(0x8000, 1);
  far_->put(0, 0x1000, 0, code(1));
  far_->enter_space(0x9000, 2);
  far_->put(0, 0x1000, 0, code(2));
  far_->forget_space(1, false);
  EXPECT_EQ(far_->find(0, 0x1000, 0), code(2));
  far_->enter_space(0x8000, 1);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
  far_->enter_space(0x9000, 2);
  far_->put(0, 0x1000, 0, code(2));
  far_->forget_space(2, true);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
  far_->put(0, 0x1000, 0, code(3));
  far_->enter_space(0x8000, 1);
  far_->forget(0);
  far_->enter_space(0x9000, 2);
  EXPECT_EQ(far_->find(0, 0x1000, 0), nullptr);
}

TEST_F(FarJumpsTest, GenerationsThatHaveBeenUsedUpMatchNothingOld) {
  far_->enter_space(0x8000, 1);
  far_->put(0, 0x1000, 0, code(1));
  for (u64 n = 0; n < 0x1'0010; ++n) {
    far_->enter_space(0x10'0000 + 0x1000 * n, 7);
    ASSERT_EQ(far_->find(0, 0x1000, 0), nullptr) << n;
  }
}

TEST_F(FarJumpsTest, KnowsWhichPagesMayHaveEntries) {
  far_->put(1, 0xffff'8000'0010'1004, 0, code(1));
  EXPECT_TRUE(far_->may_have(1, 0xffff'8000'0010'1000, 0xffff'8000'0010'1fff));
  EXPECT_TRUE(far_->may_have(1, 0, ~u64{0}));
  EXPECT_FALSE(far_->may_have(1, 0xffff'8000'0010'2000, 0xffff'8000'0010'2fff));
  EXPECT_FALSE(far_->may_have(1, 0x1000, 0x1fff));
  EXPECT_FALSE(far_->may_have(0, 0, ~u64{0}));
  far_->forget();
  EXPECT_FALSE(far_->may_have(1, 0, ~u64{0}));
}

}  // namespace
}  // namespace quince::cpu::jit
