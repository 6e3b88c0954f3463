#include "cc/lib/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "cc/lib/probability.h"
#include "cc/lib/simd_level.h"

namespace affinity_seg {
namespace {

using Quantizer = bool (*)(const float*, int64_t, uint16_t*);

class QuantizeTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const auto level = static_cast<SimdLevel>(GetParam());
    if (level > ProcessorSimdLevel()) GTEST_SKIP() << "no " << SimdLevelName(level) << " here";
    SetSimdLevelForTest(level);
  }
  void TearDown() override { SetSimdLevelForTest(ProcessorSimdLevel()); }

  static std::vector<uint16_t> Run(Quantizer quantizer, const std::vector<float>& input) {
    std::vector<uint16_t> output(input.size());
    EXPECT_TRUE(quantizer(input.data(), static_cast<int64_t>(input.size()), output.data()));
    return output;
  }
};

TEST_P(QuantizeTest, ProbabilitiesAreRoundedTiesToEven) {
  std::vector<float> input = {0.0f, 1.0f, -kTolerance, 1.0f + kTolerance, 0.5f};
  for (int i = 0; i < 65535; ++i) {
    const float half = (static_cast<float>(i) + 0.5f) / kOne;
    for (float p : {half, std::nextafter(half, 0.0f), std::nextafter(half, 1.0f)}) {
      input.push_back(p);
    }
  }
  const std::vector<uint16_t> output = Run(QuantizeProbabilities, input);
  for (size_t i = 0; i < input.size(); ++i) ASSERT_EQ(output[i], Quantize(input[i])) << input[i];
}

TEST_P(QuantizeTest, SigmoidsAreWithinTheRoundingOfExactOnes) {
  std::mt19937 random(3);
  std::normal_distribution<float> logit(0.0f, 4.0f);
  std::vector<float> input = {0.0f, -0.0f, 1e30f, -1e30f, 87.0f, -87.0f, 200.0f, -200.0f};
  for (int i = 0; i < 100001; ++i) input.push_back(logit(random));
  const std::vector<uint16_t> output = Run(QuantizeSigmoids, input);
  for (size_t i = 0; i < input.size(); ++i) {
    const double exact = kOne / (1.0 + std::exp(-static_cast<double>(input[i])));
    ASSERT_NEAR(output[i], exact, 0.5 + kOne * 0x1p-22) << input[i];
  }
}

TEST_P(QuantizeTest, EveryLevelGivesTheSame) {
  std::mt19937 random(5);
  std::normal_distribution<float> logit(0.0f, 6.0f);
  std::vector<float> input(10007);
  for (float& x : input) x = logit(random);
  const std::vector<uint16_t> output = Run(QuantizeSigmoids, input);
  SetSimdLevelForTest(SimdLevel::kBaseline);
  EXPECT_EQ(Run(QuantizeSigmoids, input), output);
}

TEST_P(QuantizeTest, FindsBadValuesAtEveryPosition) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (int size : {1, 3, 16, 35}) {
    for (int at = 0; at < size; ++at) {
      std::vector<uint16_t> output(size);
      for (float bad : {nan, inf, -inf}) {
        std::vector<float> input(size, 0.5f);
        input[at] = bad;
        EXPECT_FALSE(QuantizeProbabilities(input.data(), size, output.data()));
        EXPECT_FALSE(QuantizeSigmoids(input.data(), size, output.data()));
      }
      for (float bad : {-0.002f, 1.002f}) {
        std::vector<float> input(size, 0.5f);
        input[at] = bad;
        EXPECT_FALSE(QuantizeProbabilities(input.data(), size, output.data()));
        EXPECT_TRUE(QuantizeSigmoids(input.data(), size, output.data()));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, QuantizeTest, testing::Values(0, 1, 2));

}  // namespace
}  // namespace affinity_seg
