// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/quantize.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/quantize.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

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

// exp(x) for x in [-87, 0]: 2^n e^r with |r| <= ln(2) / 2, e^r by its Taylor polynomial of degree
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

// x - x is 0 for finite numbers, else NaN.
inline auto IsFinite(FloatTag d, FloatVector x) { return hn::Eq(hn::Sub(x, x), hn::Zero(d)); }

bool AllFiniteAtSimdLevel(const float* values, int64_t size) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto good = hn::Eq(hn::Zero(d), hn::Zero(d));
  for (int64_t i = 0; i < size; i += lanes) {
    good = hn::And(good, IsFinite(d, LoadUpTo(d, values + i, size - i)));
  }
  return hn::AllTrue(d, good);
}

// So many values ahead are read into the cache: 0.9 of the time of leaving it to the processor,
// which stops at the end of each page of memory.
constexpr int64_t kPrefetch = 512;

bool QuantizeProbabilitiesAtSimdLevel(const float* probabilities, int64_t size, uint16_t* output) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const FloatVector zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  auto good = hn::Eq(zero, zero);
  for (int64_t i = 0; i < size; i += lanes) {
    // As a number: the address may lie beyond the values, where no pointer may point.
    const auto here = reinterpret_cast<std::uintptr_t>(probabilities + i);
    __builtin_prefetch(reinterpret_cast<const void*>(here + kPrefetch * sizeof(float)));
    const FloatVector p = LoadUpTo(d, probabilities + i, size - i);
    good = hn::And(good, hn::And(hn::Ge(p, hn::Set(d, -kTolerance)),
                                 hn::Le(p, hn::Set(d, 1.0f + kTolerance))));
    StoreQuantizedUpTo(d, hn::Min(hn::Max(p, zero), one), size - i, output + i);
  }
  return hn::AllTrue(d, good);
}

bool QuantizeSigmoidsAtSimdLevel(const float* a, const float* b, int64_t size, uint16_t* output) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto good = hn::Eq(hn::Zero(d), hn::Zero(d));
  const auto sigmoid = [&](const float* values, int64_t left) {
    const FloatVector logits = LoadUpTo(d, values, left);
    good = hn::And(good, IsFinite(d, logits));
    return Sigmoid(d, logits);
  };
  for (int64_t i = 0; i < size; i += lanes) {
    FloatVector p = sigmoid(a + i, size - i);
    if (b != nullptr) p = hn::Mul(hn::Add(p, sigmoid(b + i, size - i)), hn::Set(d, 0.5f));
    StoreQuantizedUpTo(d, p, size - i, output + i);
  }
  return hn::AllTrue(d, good);
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

bool QuantizeSoftmaxAtSimdLevel(float* a, float* b, int64_t pixels, int channels,
                                uint16_t* output) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), size = pixels * channels;
  for (float* logits : {a, b}) {
    if (logits == nullptr) continue;
    if (!AllFiniteAtSimdLevel(logits, size)) return false;
    Softmax(logits, pixels, channels);
  }
  for (int64_t i = 0; i < size; i += lanes) {
    FloatVector p = LoadUpTo(d, a + i, size - i);
    if (b != nullptr) {
      p = hn::Mul(hn::Add(p, LoadUpTo(d, b + i, size - i)), hn::Set(d, 0.5f));
    }
    StoreQuantizedUpTo(d, hn::Min(p, hn::Set(d, 1.0f)), size - i, output + i);
  }
  return true;
}

inline float FloatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

void ConvertToFloatAtSimdLevel(ValueType type, const uint16_t* values, int64_t size,
                               float* output) {
  if (type == ValueType::kBfloat16) {
    for (int64_t i = 0; i < size; ++i) output[i] = FloatOfBits(uint32_t{values[i]} << 16);
    return;
  }
  for (int64_t i = 0; i < size; ++i) {
    const uint32_t magnitude = values[i] & 0x7FFFu;
    const uint32_t sign = (values[i] & 0x8000u) << 16;
    // Exponents of float16 are biased by 15, of float32 by 127.
    const uint32_t bias = magnitude >= 0x7C00u ? (255u - 31u) << 23 : (127u - 15u) << 23;
    const float normal = FloatOfBits((magnitude << 13) + bias);
    // No arithmetic with subnormal float32, which threads may flush to zero.
    const float subnormal = static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f;
    const float value = magnitude < 0x400u ? subnormal : normal;
    output[i] = sign ? -value : value;
  }
}

inline void InterpolateInline(const float* a, const float* b, float share, int64_t size,
                              float* output) {
  for (int64_t i = 0; i < size; ++i) output[i] = a[i] + (b[i] - a[i]) * share;
}

void InterpolateAtSimdLevel(const float* a, const float* b, float share, int64_t size,
                            float* output) {
  InterpolateInline(a, b, share, size, output);
}

void UpsampleRowAtSimdLevel(const float* row, int64_t cols, int channels, int64_t stride,
                            int64_t first, int64_t step, int64_t count, float* output) {
  for (int64_t i = 0, x = first; i < count; ++i, x += step) {
    const int64_t col = x / stride, next = std::min(col + 1, cols - 1);
    const float share = static_cast<float>(x % stride) / static_cast<float>(stride);
    InterpolateInline(row + col * channels, row + next * channels, share, channels,
                      output + i * channels);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

bool QuantizeProbabilities(const float* probabilities, int64_t size, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeProbabilitiesAtSimdLevel, probabilities, size, output);
}

bool QuantizeSigmoids(const float* a, const float* b, int64_t size, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeSigmoidsAtSimdLevel, a, b, size, output);
}

bool QuantizeSoftmax(float* a, float* b, int64_t pixels, int channels, uint16_t* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(QuantizeSoftmaxAtSimdLevel, a, b, pixels, channels, output);
}

void ConvertToFloat(ValueType type, const uint16_t* values, int64_t size, float* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(ConvertToFloatAtSimdLevel, type, values, size, output);
}

bool AllFinite(const float* values, int64_t size) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(AllFiniteAtSimdLevel, values, size);
}

void Interpolate(const float* a, const float* b, float share, int64_t size, float* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(InterpolateAtSimdLevel, a, b, share, size, output);
}

void UpsampleRow(const float* row, int64_t cols, int channels, int64_t stride, int64_t first,
                 int64_t step, int64_t count, float* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(UpsampleRowAtSimdLevel, row, cols, channels, stride, first, step,
                                  count, output);
}

}  // namespace affinity_seg
#endif  // HWY_ONCE
