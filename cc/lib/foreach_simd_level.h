// Includes the file HWY_TARGET_INCLUDE again for each SIMD level, with Highway's means, and calls
// the code of the active level. Only Highway's headers are used, not its shared library, which a
// wheel could not count on. No include guard: it opens every file that holds SIMD code.

// The levels of simd_level.h and nothing between them: each one more is compiled and tested.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif

#include "hwy/foreach_target.h"  // IWYU pragma: keep

#ifndef AFFINITY_SEG_CALL_AT_SIMD_LEVEL
#include "cc/lib/simd_level.h"

// Returns what `function` of the active level returns.
#if defined(__x86_64__)
#define AFFINITY_SEG_CALL_AT_SIMD_LEVEL(function, ...)   \
  switch (ActiveSimdLevel()) {                           \
    case SimdLevel::kAvx512:                             \
      return N_AVX3::function(__VA_ARGS__);              \
    case SimdLevel::kAvx2:                               \
      return N_AVX2::function(__VA_ARGS__);              \
    case SimdLevel::kBaseline:                           \
      break;                                             \
  }                                                      \
  return HWY_STATIC_DISPATCH(function)(__VA_ARGS__)
#else
#define AFFINITY_SEG_CALL_AT_SIMD_LEVEL(function, ...) \
  return HWY_STATIC_DISPATCH(function)(__VA_ARGS__)
#endif
#endif  // AFFINITY_SEG_CALL_AT_SIMD_LEVEL
