// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/refinement.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/refinement.h"

#include <algorithm>

#include "cc/lib/probability.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using DoubleTag = hn::ScalableTag<double>;
using DoubleVector = hn::Vec<DoubleTag>;

// exp(x) for x in [-700, 0]: 2^n e^r with |r| <= ln(2) / 2, e^r by its Taylor polynomial of degree
// 12, whose remainder is below 2^-50 of it.
inline DoubleVector ExpOfNegative(DoubleTag d, DoubleVector x) {
  const hn::RebindToSigned<DoubleTag> di;
  const DoubleVector magic = hn::Set(d, 6755399441055744.0);  // 1.5 * 2^52: rounds to an integer
  const DoubleVector shifted = hn::Add(hn::Mul(x, hn::Set(d, 1.4426950408889634)), magic);
  const DoubleVector n = hn::Sub(shifted, magic);
  // ln(2) in two parts; the product of n and the first is exact.
  DoubleVector r = hn::Sub(x, hn::Mul(n, hn::Set(d, 0.693147180369123816490)));
  r = hn::Sub(r, hn::Mul(n, hn::Set(d, 1.90821492927058770002e-10)));
  constexpr double kInverseFactorials[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                                           1.0 / 40320,    1.0 / 5040,    1.0 / 720,
                                           1.0 / 120,      1.0 / 24,      1.0 / 6,
                                           1.0 / 2,        1.0,           1.0};
  DoubleVector sum = hn::Set(d, 1.0 / 479001600);
  for (double coefficient : kInverseFactorials) {
    sum = hn::Add(hn::Mul(sum, r), hn::Set(d, coefficient));
  }
  const auto exponent = hn::ShiftLeft<52>(
      hn::Sub(hn::BitCast(di, shifted), hn::Set(di, int64_t{0x4338000000000000} - 1023)));
  return hn::Mul(sum, hn::BitCast(d, exponent));
}

// (1 - e^-z) / (1 + e^-z)
inline DoubleVector SigmaOf(DoubleTag d, DoubleVector z) {
  const DoubleVector one = hn::Set(d, 1.0);
  const DoubleVector e = ExpOfNegative(d, hn::Neg(hn::Min(z, hn::Set(d, 700.0))));
  return hn::Div(hn::Sub(one, e), hn::Add(one, e));
}

void SigmaAtLevel(const double* z, int64_t size, double* output) {
  const DoubleTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < size; i += lanes) {
    double values[HWY_MAX_BYTES / sizeof(double)] = {};
    const int64_t count = std::min(lanes, size - i);
    std::copy_n(z + i, count, values);
    hn::StoreU(SigmaOf(d, hn::LoadU(d, values)), d, values);
    std::copy_n(values, count, output + i);
  }
}

void RefineAtLevel(const RefinementBatch& batch, double* edges) {
  for (int64_t i = 0; i < batch.size; ++i) {
    const double sum = batch.from_u[batch.u[i]] + batch.from_v[batch.v[i]];
    edges[i] = sum / batch.count[i];
  }
  if (batch.num_groups == 0) return;
  constexpr int64_t kBlock = 64;
  const double scale = batch.alpha / (static_cast<double>(kOne) * kOne);
  for (int64_t begin = 0; begin < batch.size; begin += kBlock) {
    const int64_t count = std::min(kBlock, batch.size - begin);
    double sigma[kBlock] = {};
    for (int g = 0; g < batch.num_groups; ++g) {
      const double* probabilities = batch.probabilities[g];
      for (int64_t i = 0; i < count; ++i) {
        sigma[i] += probabilities[batch.u[begin + i]] * probabilities[batch.v[begin + i]];
      }
    }
    for (int64_t i = 0; i < count; ++i) sigma[i] *= scale;
    const DoubleTag d;
    for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
      hn::StoreU(SigmaOf(d, hn::LoadU(d, sigma + i)), d, sigma + i);
    }
    for (int64_t i = 0; i < count; ++i) edges[begin + i] *= sigma[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

void Sigma(const double* z, int64_t size, double* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(SigmaAtLevel, z, size, output);
}

void Refine(const RefinementBatch& batch, double* edges) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(RefineAtLevel, batch, edges);
}

}  // namespace affinity_seg
#endif  // HWY_ONCE
