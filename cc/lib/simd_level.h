// Which vector instructions the SIMD code of this library uses.

#ifndef AFFINITY_SEG_CC_LIB_SIMD_LEVEL_H_
#define AFFINITY_SEG_CC_LIB_SIMD_LEVEL_H_

namespace affinity_seg {

// Results do not depend on the level.
enum class SimdLevel { kBaseline = 0, kAvx2 = 1, kAvx512 = 2 };

// Returns the best level of this processor, or the level named by the environment variable
// AFFINITY_SEG_SIMD ("baseline", "avx2" or "avx512") if the processor has it and it is lower.
// Read once, at the first call. Levels other than the baseline are for x86-64.
SimdLevel ActiveSimdLevel();

const char* SimdLevelName(SimdLevel level);

// For tests and benchmarks: sets the active level, which must not be above the processor's.
// Not thread-safe.
void SetSimdLevelForTest(SimdLevel level);
SimdLevel ProcessorSimdLevel();

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_SIMD_LEVEL_H_
