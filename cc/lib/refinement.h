// Edges refined by the semantics (paper 4.2) and by classes (5.3).

#ifndef AFFINITY_SEG_CC_LIB_REFINEMENT_H_
#define AFFINITY_SEG_CC_LIB_REFINEMENT_H_

#include <cstdint>
#include <vector>

#include "cc/lib/options.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// Returns sigma(x) = 2 (1 / (1 + exp(-alpha x)) - 1/2) as a function of z = alpha x, for z >= 0:
// tanh(z / 2), interpolated by cubics in a table. Within 2^-33 of the exact value, and the same on
// every machine.
double SigmaOfProduct(double z);

// Refines and rounds edges. Thread-safe.
class Refiner {
 public:
  // All arguments must outlive the refiner.
  Refiner(const GraphMergeOptions& options, const WindowGrid& grid, const Semantics& semantics);

  // Returns the edge between windows u and v, in units of 1/65535, whose pixel values have this
  // sum and count. `largest`: whether it is of the largest distance.
  int32_t Refine(int64_t u, int64_t v, int64_t sum, int64_t count, bool largest) const;

 private:
  // alpha times the inner product of the mean super-class probabilities, without background.
  double ScaledSimilarity(int64_t u, int64_t v) const;

  const GraphMergeOptions& options_;
  const WindowGrid& grid_;
  const Semantics& semantics_;
  std::vector<bool> is_refined_class_;
  double full_scale_;  // alpha over (65535 * pixels)^2, for two full windows
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_REFINEMENT_H_
