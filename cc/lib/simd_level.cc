#include "cc/lib/simd_level.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace affinity_seg {
namespace {

constexpr SimdLevel kLevels[] = {SimdLevel::kBaseline, SimdLevel::kAvx2, SimdLevel::kAvx512};

SimdLevel InitialLevel() {
  const SimdLevel best = ProcessorSimdLevel();
  const char* name = std::getenv("AFFINITY_SEG_SIMD");
  if (name == nullptr) return best;
  for (SimdLevel level : kLevels) {
    if (std::strcmp(name, SimdLevelName(level)) == 0) return std::min(level, best);
  }
  std::fprintf(stderr, "`AFFINITY_SEG_SIMD` must be baseline, avx2 or avx512: %s; baseline is used\n",
               name);
  return SimdLevel::kBaseline;
}

SimdLevel& MutableLevel() {
  static SimdLevel level = InitialLevel();
  return level;
}

}  // namespace

SimdLevel ProcessorSimdLevel() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // What Highway's AVX2 and AVX3 targets are compiled for.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd");
  if (avx512) return SimdLevel::kAvx512;
  if (avx2) return SimdLevel::kAvx2;
#endif
  return SimdLevel::kBaseline;
}

SimdLevel ActiveSimdLevel() { return MutableLevel(); }

void SetSimdLevelForTest(SimdLevel level) { MutableLevel() = level; }

const char* SimdLevelName(SimdLevel level) {
  switch (level) {
    case SimdLevel::kBaseline:
      return "baseline";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kAvx512:
      return "avx512";
  }
  return "";
}

}  // namespace affinity_seg
