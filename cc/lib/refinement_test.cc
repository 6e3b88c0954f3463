#include "cc/lib/refinement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cc/lib/simd_level.h"

namespace affinity_seg {
namespace {

TEST(SigmaTest, IsTanhOfHalfAtEveryLevel) {
  std::vector<double> z = {0.0, 699.0, 701.0, 1e9};
  for (int i = 0; i <= 1000000; ++i) z.push_back(i * 5e-5);
  std::vector<double> baseline(z.size()), sigma(z.size());
  SetSimdLevelForTest(SimdLevel::kBaseline);
  Sigma(z.data(), static_cast<int64_t>(z.size()), baseline.data());
  for (size_t i = 0; i < z.size(); ++i) {
    ASSERT_NEAR(baseline[i], std::tanh(z[i] / 2), 0x1p-45) << z[i];
  }
  EXPECT_EQ(baseline[0], 0.0);
  EXPECT_EQ(baseline[3], 1.0);
  for (SimdLevel level : {SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    if (level > ProcessorSimdLevel()) continue;
    SetSimdLevelForTest(level);
    Sigma(z.data(), static_cast<int64_t>(z.size()), sigma.data());
    EXPECT_EQ(sigma, baseline) << SimdLevelName(level);
  }
  SetSimdLevelForTest(ProcessorSimdLevel());
}

}  // namespace
}  // namespace affinity_seg
