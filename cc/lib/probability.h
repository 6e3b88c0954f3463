// Probabilities on the 16-bit grid: from here on every sum is an exact integer.

#ifndef AFFINITY_SEG_CC_LIB_PROBABILITY_H_
#define AFFINITY_SEG_CC_LIB_PROBABILITY_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace affinity_seg {

// The integer that stands for the probability 1.
constexpr int kOne = 65535;

// Probabilities this far outside [0, 1] are rounding noise of the network and are clamped.
constexpr float kTolerance = 1e-3f;

inline bool IsProbability(float p) { return p >= -kTolerance && p <= 1.0f + kTolerance; }

// Returns rint(p * 65535): one float32 product, ties to even.
// REQUIRES: IsProbability(p).
inline uint16_t Quantize(float p) {
  const float clamped = std::min(std::max(p, 0.0f), 1.0f);
  return static_cast<uint16_t>(std::nearbyint(clamped * static_cast<float>(kOne)));
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_PROBABILITY_H_
