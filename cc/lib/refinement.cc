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

void SigmaAtSimdLevel(const double* z, int64_t size, double* output) {
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

void RefineAtSimdLevel(const EdgeSources& sources, const std::vector<EdgeRun>& runs,
                       std::vector<double>* edges) {
  int64_t size = 0;
  for (const EdgeRun& run : runs) size += run.size;
  edges->resize(size);
  double* edge = edges->data();
  for (const EdgeRun& run : runs) {
    const int32_t* from_u = sources.from_u + run.u;
    const int32_t* from_v = sources.from_v + run.v;
    const double count = run.count;
    for (int32_t i = 0; i < run.size; ++i) edge[i] = (from_u[i] + from_v[i]) / count;
    edge += run.size;
  }
  if (sources.num_groups == 0) return;
  const double scale = sources.alpha / (static_cast<double>(kOne) * kOne);
  constexpr int32_t kBlock = 64;
  double z[kBlock] = {};
  edge = edges->data();
  for (const EdgeRun& run : runs) {
    for (int32_t begin = 0; begin < run.size; begin += kBlock) {
      const int32_t count = std::min(kBlock, run.size - begin);
      std::fill_n(z, count, 0.0);
      for (int g = 0; g < sources.num_groups; ++g) {
        const double* of_u = sources.probabilities[g] + run.u + begin;
        const double* of_v = sources.probabilities[g] + run.v + begin;
        for (int32_t i = 0; i < count; ++i) z[i] += of_u[i] * of_v[i];
      }
      for (int32_t i = 0; i < count; ++i) z[i] *= scale;
      const DoubleTag d;
      for (int32_t i = 0; i < count; i += static_cast<int32_t>(hn::Lanes(d))) {
        hn::StoreU(SigmaOf(d, hn::LoadU(d, z + i)), d, z + i);
      }
      for (int32_t i = 0; i < count; ++i) edge[i] *= z[i];
      edge += count;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

void Sigma(const double* z, int64_t size, double* output) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(SigmaAtSimdLevel, z, size, output);
}

void Refine(const EdgeSources& sources, const std::vector<EdgeRun>& runs,
            std::vector<double>* edges) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(RefineAtSimdLevel, sources, runs, edges);
}

}  // namespace affinity_seg
#endif  // HWY_ONCE
