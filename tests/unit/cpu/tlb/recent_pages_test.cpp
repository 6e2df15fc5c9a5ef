// Pages that come back to the first-level TLB: what counts, for which address space, and what is forgotten.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "cpu/first_level.h"

namespace quince::cpu {
namespace {

constexpr unsigned kEl0 = 0, kEl1 = 1;
constexpr u64 kLower = 0x0000'0012'3456'7000, kUpper = 0xffff'8000'1234'5000;
constexpr u64 kTtbr0 = 0x4000'0000, kOtherTtbr0 = 0x4000'1000;

class RecentPagesTest : public testing::Test {
 protected:
  void keep(u64 va, u64 addend, bool read = true, bool write = true) {
    const u64 page = va & ~u64{0xfff};
    p_->keep(kEl0, va, {read ? page : kNoPage, write ? page : kNoPage, addend, va + addend});
  }
  std::optional<u64> found(u64 va, bool write = false, unsigned table = kEl0) {
    TlbEntry e;
    if (!p_->find(table, va, write, e)) return std::nullopt;
    EXPECT_EQ(write ? e.write : e.read, va & ~u64{0xfff});
    return e.addend;
  }

  std::unique_ptr<RecentPages> p_ = std::make_unique<RecentPages>();
};

TEST_F(RecentPagesTest, AreFoundByTheirAddressAndRegime) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11);
  keep(kUpper, 22);
  EXPECT_EQ(found(kLower + 0xabc), 11u);
  EXPECT_EQ(found(kUpper, true), 22u);
  EXPECT_EQ(found(kLower, false, kEl1), std::nullopt);
  EXPECT_EQ(found(kLower + 0x1000), std::nullopt);
  EXPECT_EQ(found(kLower ^ 1ull << 55), std::nullopt);
}

TEST_F(RecentPagesTest, LetThroughWhatTheyLetThrough) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11, true, false);
  EXPECT_EQ(found(kLower), 11u);
  EXPECT_EQ(found(kLower, true), std::nullopt);
  keep(kLower, 11, false, true);
  EXPECT_EQ(found(kLower), std::nullopt);
  EXPECT_EQ(found(kLower, true), 11u);
}

TEST_F(RecentPagesTest, TheLowerHalfComesBackWithItsAddressSpace) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11);
  keep(kUpper, 22);
  p_->leave_space();
  EXPECT_EQ(found(kLower), std::nullopt);
  EXPECT_EQ(found(kUpper), 22u);
  p_->settle(kOtherTtbr0, 1);
  EXPECT_EQ(found(kLower), std::nullopt);
  keep(kLower, 33);
  p_->leave_space();
  p_->settle(kTtbr0, 2);  // the same tables with another ASID are another space
  EXPECT_EQ(found(kLower), std::nullopt);
  p_->leave_space();
  p_->settle(kTtbr0, 1);
  EXPECT_EQ(found(kLower), 11u);
  p_->leave_space();
  p_->settle(kOtherTtbr0, 1);
  EXPECT_EQ(found(kLower), 33u);
}

TEST_F(RecentPagesTest, SettlingTwiceChangesNothing) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11);
  p_->settle(kOtherTtbr0, 5);  // nobody has left the first one
  EXPECT_EQ(found(kLower), 11u);
}

TEST_F(RecentPagesTest, ASpaceIsForgottenByItsAsid) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11);
  keep(kUpper, 22);
  p_->leave_space();
  p_->settle(kOtherTtbr0, 2);
  keep(kLower, 33);
  p_->forget_space(1);
  p_->settle(kTtbr0, 1);
  EXPECT_EQ(found(kLower), std::nullopt);
  EXPECT_EQ(found(kUpper), 22u);
  p_->leave_space();
  p_->settle(kOtherTtbr0, 2);
  EXPECT_EQ(found(kLower), 33u);
}

TEST_F(RecentPagesTest, APageIsForgottenInEverySpaceAndRegimeWhateverItsTag) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11);
  keep(kLower | 0x5aull << 56, 12);
  keep(kLower + 0x1000, 13);
  p_->leave_space();
  p_->settle(kOtherTtbr0, 2);
  keep(kLower, 21);
  p_->keep(kEl1, kLower, {kLower, kLower, 22, 0});
  p_->forget_page(kLower);
  EXPECT_EQ(found(kLower), std::nullopt);
  EXPECT_EQ(found(kLower, false, kEl1), std::nullopt);
  p_->leave_space();
  p_->settle(kTtbr0, 1);
  EXPECT_EQ(found(kLower), std::nullopt);
  EXPECT_EQ(found(kLower | 0x5aull << 56), std::nullopt);
  EXPECT_EQ(found(kLower + 0x1000), 13u);
}

TEST_F(RecentPagesTest, TheUpperHalfIsForgottenByItself) {
  p_->settle(kTtbr0, 1);
  keep(kLower, 11);
  keep(kUpper, 22);
  p_->forget_upper();
  EXPECT_EQ(found(kUpper), std::nullopt);
  EXPECT_EQ(found(kLower), 11u);
  keep(kUpper, 23);
  EXPECT_EQ(found(kUpper), 23u);
  p_->forget_page(kUpper + 8);
  EXPECT_EQ(found(kUpper), std::nullopt);
}

TEST_F(RecentPagesTest, TranslatedCodeSeesTheStampsUnlessTheyAreHidden) {
  p_->settle(kTtbr0, 1);
  EXPECT_EQ(p_->shown, p_->stamps);
  p_->hide(true);
  p_->leave_space();
  p_->settle(kOtherTtbr0, 1);
  EXPECT_EQ(p_->shown[0], RecentPages::kNoStamp);
  EXPECT_EQ(p_->shown[1], RecentPages::kNoStamp);
  p_->hide(false);
  EXPECT_EQ(p_->shown, p_->stamps);
}

// Stamps are what is left of an address's lower bits, odd numbers: they come to an end, and nothing of before counts.
constexpr unsigned kMoreThanStamps = 5000;

TEST_F(RecentPagesTest, StampsThatComeAgainBringNoUpperPageBack) {
  unsigned again = 0;
  for (unsigned n = 0; n < kMoreThanStamps; ++n) {
    const u64 before = p_->stamps[1];
    keep(kUpper, n);
    if (n == 5) p_->keep_block(kEl0, kUpper, n, 0);
    p_->forget_upper();
    EXPECT_EQ(p_->stamps[1] & 1, 1u);
    EXPECT_LE(p_->stamps[1], RecentPages::kPage);
    ASSERT_EQ(found(kUpper), std::nullopt) << n;
    for (const auto& b : p_->tables[kEl0].blocks)
      ASSERT_NE(b.read, p_->tag(kUpper & ~RecentPages::kBlock)) << n;
    again += p_->stamps[1] < before ? 1 : 0;
  }
  EXPECT_GE(again, 2u) << "the test did not get that far";
}

TEST_F(RecentPagesTest, StampsThatComeAgainAreOfOneSpaceEach) {
  p_->settle(kTtbr0, 0);
  keep(kLower, kMoreThanStamps);
  for (unsigned n = 0; n < kMoreThanStamps; ++n) {
    p_->leave_space();
    p_->settle(kOtherTtbr0 + (u64{n} << 16), 0);
    ASSERT_EQ(found(kLower), std::nullopt) << n;
    keep(kLower, n);
    p_->leave_space();
    p_->settle(kTtbr0, 0);
    ASSERT_EQ(found(kLower).value_or(kMoreThanStamps), kMoreThanStamps);
  }
}

TEST_F(RecentPagesTest, ABlockIsTaggedWithTheSpaceAndBeginsAtItsFirstPage) {
  constexpr u64 kFlags = 2, kPhysical = 0x4'4000'0000;
  p_->settle(kTtbr0, 1);
  p_->keep_block(kEl0, kLower, 44, (kPhysical + (kLower & RecentPages::kBlock)) | kFlags);
  const auto& b =
      p_->tables[kEl0].blocks[kLower >> RecentPages::kBlockShift & (RecentPages::kBlocks - 1)];
  EXPECT_EQ(b.read, (kLower & ~RecentPages::kBlock) | p_->stamps[0]);
  EXPECT_EQ(b.addend, 44u);
  EXPECT_EQ(b.pa_page, kPhysical | kFlags);
  p_->leave_space();
  p_->settle(kOtherTtbr0, 1);
  EXPECT_NE(b.read, p_->tag(kLower & ~RecentPages::kBlock));
}

}  // namespace
}  // namespace quince::cpu
