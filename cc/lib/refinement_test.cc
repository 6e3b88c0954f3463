#include "cc/lib/refinement.h"

#include <gtest/gtest.h>

#include <cmath>

namespace affinity_seg {
namespace {

TEST(SigmaTest, IsTanhOfHalf) {
  for (int i = 0; i <= 1000000; ++i) {
    const double z = i * 5e-5;
    ASSERT_NEAR(SigmaOfProduct(z), std::tanh(z / 2), 0x1p-33) << z;
  }
  EXPECT_EQ(SigmaOfProduct(0.0), 0.0);
  EXPECT_EQ(SigmaOfProduct(1e9), 1.0);
}

}  // namespace
}  // namespace affinity_seg
