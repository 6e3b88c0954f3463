// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/quantize.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/quantize.h"

#include "cc/lib/probability.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;

// Writes rint(p * 65535), ties to even. REQUIRES: p in [0, 1].
inline void StoreQuantized(FloatTag d, FloatVector p, uint16_t* output) {
  const hn::RebindToSigned<FloatTag> di;
  const hn::Rebind<uint16_t, FloatTag> du16;
  // Adding 2^23 leaves no bits for a fraction: the sum is rounded to an integer, ties to even.
  const FloatVector integer = hn::Add(hn::Mul(p, hn::Set(d, static_cast<float>(kOne))),
                                      hn::Set(d, 8388608.0f));
  const auto value = hn::And(hn::BitCast(di, integer), hn::Set(di, 0x7FFFFF));
  hn::StoreU(hn::DemoteTo(du16, value), du16, output);
}

// exp(x) for x in [-88, 0]: 2^n e^r with |r| <= ln(2) / 2, e^r by its Taylor polynomial of degree
// 7, whose remainder is below 2^-27 of it.
inline FloatVector Exp(FloatTag d, FloatVector x) {
  const hn::RebindToSigned<FloatTag> di;
  const FloatVector magic = hn::Set(d, 12582912.0f);  // 1.5 * 2^23: rounds to an integer
  const FloatVector shifted = hn::Add(hn::Mul(x, hn::Set(d, 1.44269504f)), magic);
  const FloatVector n = hn::Sub(shifted, magic);
  // ln(2) in two parts; the product of n and the first is exact.
  FloatVector r = hn::Sub(x, hn::Mul(n, hn::Set(d, 0.693359375f)));
  r = hn::Sub(r, hn::Mul(n, hn::Set(d, -2.12194440e-4f)));
  constexpr float kInverseFactorials[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6,
                                          1.0f / 2,   1.0f,       1.0f};
  FloatVector sum = hn::Set(d, 1.0f / 5040);
  for (float coefficient : kInverseFactorials) {
    sum = hn::Add(hn::Mul(sum, r), hn::Set(d, coefficient));
  }
  const auto exponent =
      hn::ShiftLeft<23>(hn::Sub(hn::BitCast(di, shifted), hn::Set(di, 0x4B400000 - 127)));
  return hn::Mul(sum, hn::BitCast(d, exponent));
}

// 1 / (1 + e^-|x|), or 1 minus that for negative x: e^-|x| never overflows.
inline FloatVector Sigmoid(FloatTag d, FloatVector x) {
  const FloatVector one = hn::Set(d, 1.0f);
  const FloatVector magnitude = hn::Min(hn::Abs(x), hn::Set(d, 87.0f));
  const FloatVector e = Exp(d, hn::Neg(magnitude));
  const FloatVector denominator = hn::Add(one, e);
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), denominator);
}

// Returns a vector of the first `size` values, and zeros where that is not a whole vector.
inline FloatVector LoadUpTo(FloatTag d, const float* values, int64_t size) {
  if (size >= static_cast<int64_t>(hn::Lanes(d))) return hn::LoadU(d, values);
  float padded[HWY_MAX_BYTES / sizeof(float)] = {};
  for (int64_t i = 0; i < size; ++i) padded[i] = values[i];
  return hn::LoadU(d, padded);
}

// Stores the quantized first `size` values.
inline void StoreQuantizedUpTo(FloatTag d, FloatVector p, int64_t size, uint16_t* output) {
  if (size >= static_cast<int64_t>(hn::Lanes(d))) return StoreQuantized(d, p, output);
  uint16_t padded[HWY_MAX_BYTES / sizeof(float)];
  StoreQuantized(d, p, padded);
  for (int64_t i = 0; i < size; ++i) output[i] = padded[i];
}

// Stores `convert(d, values)` quantized for all vectors of `input`. Returns whether `is_good(d,
// values)` held for every value.
template <typename IsGood, typename Convert>
bool QuantizeAll(const float* input, int64_t size, uint16_t* output, const IsGood& is_good,
                 const Convert& convert) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto good = hn::Eq(hn::Zero(d), hn::Zero(d));
  for (int64_t i = 0; i < size; i += lanes) {
    const FloatVector values = LoadUpTo(d, input + i, size - i);
    good = hn::And(good, is_good(d, values));
    StoreQuantizedUpTo(d, convert(d, values), size - i, output + i);
  }
  return hn::AllTrue(d, good);
}

// x - x is 0 for finite numbers, else NaN.
inline auto IsFinite(FloatTag d, FloatVector x) { return hn::Eq(hn::Sub(x, x), hn::Zero(d)); }

bool QuantizeProbabilitiesAtLevel(const float* probabilities, int64_t size, uint16_t* output) {
  return QuantizeAll(
      probabilities, size, output,
      [](FloatTag d, FloatVector p) {
        return hn::And(hn::Ge(p, hn::Set(d, -kTolerance)),
                       hn::Le(p, hn::Set(d, 1.0f + kTolerance)));
      },
      [](FloatTag d, FloatVector p) {
        return hn::Min(hn::Max(p, hn::Zero(d)), hn::Set(d, 1.0f));
      });
}

bool QuantizeSigmoidsAtLevel(const float* logits, int64_t size, uint16_t* output) {
  return QuantizeAll(
      logits, size, output, [](FloatTag d, FloatVector x) { return IsFinite(d, x); },
      [](FloatTag d, FloatVector x) { return Sigmoid(d, x); });
}

void QuantizeMeanSigmoidsAtLevel(const float* a, const float* b, int64_t size, uint16_t* output) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < size; i += lanes) {
    FloatVector p = Sigmoid(d, LoadUpTo(d, a + i, size - i));
    if (b != nullptr) {
      p = hn::Mul(hn::Add(p, Sigmoid(d, LoadUpTo(d, b + i, size - i))), hn::Set(d, 0.5f));
    }
    StoreQuantizedUpTo(d, p, size - i, output + i);
  }
}

// Replaces logits [pixels, channels] by their softmax.
void Softmax(float* values, int64_t pixels, int channels) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < pixels * channels; i += channels) {
    float largest = values[i];
    for (int k = 1; k < channels; ++k) largest = values[i + k] > largest ? values[i + k] : largest;
    for (int k = 0; k < channels; ++k) values[i + k] -= largest;
  }
  const int64_t size = pixels * channels;
  const auto exp = [&](FloatVector x) { return Exp(d, hn::Max(x, hn::Set(d, -87.0f))); };
  int64_t i = 0;
  for (; i + lanes <= size; i += lanes) hn::StoreU(exp(hn::LoadU(d, values + i)), d, values + i);
  if (i < size) {
    float rest[HWY_MAX_BYTES / sizeof(float)];
    hn::StoreU(exp(LoadUpTo(d, values + i, size - i)), d, rest);
    for (int64_t j = i; j < size; ++j) values[j] = rest[j - i];
  }
  for (i = 0; i < size; i += channels) {
    float sum = 0.0f;
    for (int k = 0; k < channels; ++k) sum += values[i + k];
    for (int k = 0; k < channels; ++k) values[i + k] /= sum;
  }
}

void QuantizeMeanSoftmaxAtLevel(float* a, float* b, int64_t pixels, int channels,
                                uint16_t* output) {
  Softmax(a, pixels, channels);
  if (b != nullptr) Softmax(b, pixels, channels);
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), size = pixels * channels;
  for (int64_t i = 0; i < size; i += lanes) {
    FloatVector p = LoadUpTo(d, a + i, size - i);
    if (b != nullptr) {
      p = hn::Mul(hn::Add(p, LoadUpTo(d, b + i, size - i)), hn::Set(d, 0.5f));
    }
    StoreQuantizedUpTo(d, hn::Min(p, hn::Set(d, 1.0f)), size - i, output + i);
  }
}

bool AllFiniteAtLevel(const float* values, int64_t size) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto good = hn::Eq(hn::Zero(d), hn::Zero(d));
  for (int64_t i = 0; i < size; i += lanes) {
    good = hn::And(good, IsFinite(d, LoadUpTo(d, values + i, size - i)));
  }
  return hn::AllTrue(d, good);
}

void InterpolateAtLevel(const float* a, const float* b, float share, int64_t size, float* output) {
  for (int64_t i = 0; i < size; ++i) output[i] = a[i] + (b[i] - a[i]) * share;
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

bool QuantizeProbabilities(const float* probabilities, int64_t size, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeProbabilitiesAtLevel, probabilities, size, output);
}

bool QuantizeSigmoids(const float* logits, int64_t size, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeSigmoidsAtLevel, logits, size, output);
}

void QuantizeMeanSigmoids(const float* a, const float* b, int64_t size, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeMeanSigmoidsAtLevel, a, b, size, output);
}

void QuantizeMeanSoftmax(float* a, float* b, int64_t pixels, int channels, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeMeanSoftmaxAtLevel, a, b, pixels, channels, output);
}

bool AllFinite(const float* values, int64_t size) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(AllFiniteAtLevel, values, size);
}

void Interpolate(const float* a, const float* b, float share, int64_t size, float* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(InterpolateAtLevel, a, b, share, size, output);
}

}  // namespace affinity_seg
#endif  // HWY_ONCE
