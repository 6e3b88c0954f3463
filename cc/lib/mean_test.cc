#include "cc/lib/mean.h"

#include <gtest/gtest.h>

#include <random>

namespace affinity_seg {
namespace {

TEST(PackedMeanTest, HoldsTheLargestSumAndCount) {
  const int64_t half = PackedMean::kMaxCount / 2;
  PackedMean mean(half * kOne, half);
  mean.Add(PackedMean((half + 1) * kOne, half + 1));
  EXPECT_EQ(mean.count(), PackedMean::kMaxCount);
  EXPECT_EQ(mean.sum(), PackedMean::kMaxCount * kOne);
  EXPECT_EQ(mean.Key(), static_cast<float>(kOne));
  EXPECT_TRUE(mean.Reaches(kThresholdUnits));
  // One unit less is less, and does not reach 1.
  const PackedMean less(PackedMean::kMaxCount * kOne - 1, PackedMean::kMaxCount);
  EXPECT_TRUE(PackedMean::Less(less, mean));
  EXPECT_FALSE(PackedMean::Less(mean, less));
  EXPECT_FALSE(less.Reaches(kThresholdUnits));
  EXPECT_TRUE(less.Reaches(kThresholdUnits - 1));
}

// One edge more and the count would run into the sum: this is why larger components use WideMean.
TEST(PackedMeanTest, OneMoreCarriesIntoTheSum) {
  PackedMean mean(0, PackedMean::kMaxCount);
  mean.Add(PackedMean(0, 1));
  EXPECT_EQ(mean.count(), 0);
  EXPECT_EQ(mean.sum(), 1);
  WideMean wide(0, PackedMean::kMaxCount);
  wide.Add(WideMean(0, 1));
  EXPECT_EQ(wide.count(), PackedMean::kMaxCount + 1);
  EXPECT_EQ(wide.sum(), 0);
}

template <typename Mean>
class MeanTest : public testing::Test {};
using Means = testing::Types<PackedMean, WideMean>;
TYPED_TEST_SUITE(MeanTest, Means);

TYPED_TEST(MeanTest, KeyNeverContradictsTheExactOrder) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const int64_t count_a = 1 + random() % (1 << (random() % 24));
    const int64_t count_b = 1 + random() % (1 << (random() % 24));
    const int64_t sum_a = random() % (count_a * kOne + 1);
    // Close to equal: the difference is below the resolution of a float.
    const int64_t sum_b = std::min<int64_t>(sum_a * count_b / count_a + random() % 3 - (sum_a > 3),
                                            count_b * kOne);
    if (sum_b < 0) continue;
    const TypeParam a(sum_a, count_a), b(sum_b, count_b);
    const bool less =
        static_cast<__int128>(sum_a) * count_b < static_cast<__int128>(sum_b) * count_a;
    EXPECT_EQ(TypeParam::Less(a, b), less);
    if (a.Key() < b.Key()) {
      EXPECT_TRUE(less);
    }
    if (less) {
      EXPECT_LE(a.Key(), b.Key());
    }
  }
}

TYPED_TEST(MeanTest, ThresholdIsReachedExactly) {
  EXPECT_TRUE(TypeParam(45875, 1).Reaches(700000));
  EXPECT_FALSE(TypeParam(45874, 1).Reaches(700000));
  EXPECT_TRUE(TypeParam(458745, 10).Reaches(700000));  // exactly 0.7
  EXPECT_FALSE(TypeParam(458744, 10).Reaches(700000));
}

}  // namespace
}  // namespace affinity_seg
