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

// Calls `quantize(d, values)`, which returns the mask of good lanes and stores, for all vectors of
// `input`; the last one may be partial.
template <typename Convert, typename Check>
bool QuantizeAll(const float* input, int64_t size, uint16_t* output, const Check& check,
                 const Convert& convert) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto bad = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const FloatVector values = hn::LoadU(d, input + i);
    bad = hn::Or(bad, check(d, values));
    StoreQuantized(d, convert(d, values), output + i);
  }
  if (i < size) {
    float rest[HWY_MAX_BYTES / sizeof(float)] = {};
    uint16_t quantized[HWY_MAX_BYTES / sizeof(float)];
    for (int64_t j = i; j < size; ++j) rest[j - i] = input[j];
    const FloatVector values = hn::LoadU(d, rest);
    bad = hn::Or(bad, check(d, values));
    StoreQuantized(d, convert(d, values), quantized);
    for (int64_t j = i; j < size; ++j) output[j] = quantized[j - i];
  }
  return hn::AllTrue(d, hn::Eq(bad, hn::Zero(d)));
}

bool QuantizeProbabilitiesAtLevel(const float* probabilities, int64_t size, uint16_t* output) {
  return QuantizeAll(
      probabilities, size, output,
      [](FloatTag d, FloatVector p) {
        const auto good = hn::And(hn::Ge(p, hn::Set(d, -kTolerance)),
                                  hn::Le(p, hn::Set(d, 1.0f + kTolerance)));
        return hn::IfThenElse(good, hn::Zero(d), hn::Set(d, 1.0f));
      },
      [](FloatTag d, FloatVector p) {
        return hn::Min(hn::Max(p, hn::Zero(d)), hn::Set(d, 1.0f));
      });
}

bool QuantizeSigmoidsAtLevel(const float* logits, int64_t size, uint16_t* output) {
  return QuantizeAll(
      logits, size, output,
      [](FloatTag d, FloatVector x) {
        // x - x is 0 for finite numbers, else NaN.
        const auto good = hn::Eq(hn::Sub(x, x), hn::Zero(d));
        return hn::IfThenElse(good, hn::Zero(d), hn::Set(d, 1.0f));
      },
      [](FloatTag d, FloatVector x) { return Sigmoid(d, x); });
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

}  // namespace affinity_seg
#endif  // HWY_ONCE
