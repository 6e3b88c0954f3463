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

bool QuantizePlainSigmoids(const float* logits, int64_t size, uint16_t* output) {
  return QuantizeSigmoids(logits, nullptr, size, output);
}

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
  const std::vector<uint16_t> output = Run(QuantizePlainSigmoids, input);
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
  const std::vector<uint16_t> output = Run(QuantizePlainSigmoids, input);
  SetSimdLevelForTest(SimdLevel::kBaseline);
  EXPECT_EQ(Run(QuantizePlainSigmoids, input), output);
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
        EXPECT_FALSE(QuantizePlainSigmoids(input.data(), size, output.data()));
      }
      for (float bad : {-0.002f, 1.002f}) {
        std::vector<float> input(size, 0.5f);
        input[at] = bad;
        EXPECT_FALSE(QuantizeProbabilities(input.data(), size, output.data()));
        EXPECT_TRUE(QuantizePlainSigmoids(input.data(), size, output.data()));
      }
    }
  }
}

TEST_P(QuantizeTest, ConvertsAllHalves) {
  std::vector<uint16_t> bits(1 << 16);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint16_t>(i);
  std::vector<float> values(bits.size());
  ConvertToFloat(ValueType::kFloat16, bits.data(), static_cast<int64_t>(bits.size()),
                 values.data());
  for (size_t i = 0; i < bits.size(); ++i) {
    const int exponent = static_cast<int>(i >> 10 & 31), fraction = static_cast<int>(i & 1023);
    const double sign = i >> 15 ? -1.0 : 1.0;
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(values[i])) << i;
    } else if (exponent == 31) {
      ASSERT_EQ(values[i], sign * std::numeric_limits<double>::infinity()) << i;
    } else if (exponent == 0) {
      ASSERT_EQ(values[i], sign * std::ldexp(fraction, -24)) << i;
    } else {
      ASSERT_EQ(values[i], sign * std::ldexp(1024 + fraction, exponent - 25)) << i;
    }
  }
}

TEST_P(QuantizeTest, ConvertsBfloat16) {
  const std::vector<uint16_t> bits = {0x0000, 0x3F80, 0xBF80, 0x3F00, 0x4049, 0x7F80};
  std::vector<float> values(bits.size());
  ConvertToFloat(ValueType::kBfloat16, bits.data(), static_cast<int64_t>(bits.size()),
                 values.data());
  EXPECT_EQ(values, (std::vector<float>{0.0f, 1.0f, -1.0f, 0.5f, 3.140625f,
                                        std::numeric_limits<float>::infinity()}));
}

INSTANTIATE_TEST_SUITE_P(Levels, QuantizeTest, testing::Values(0, 1, 2));

}  // namespace
}  // namespace affinity_seg
