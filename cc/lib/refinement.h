// Edges refined by the semantics (paper 4.2) and by classes (5.3).

#ifndef AFFINITY_SEG_CC_LIB_REFINEMENT_H_
#define AFFINITY_SEG_CC_LIB_REFINEMENT_H_

#include <cstdint>
#include <vector>

namespace affinity_seg {

// Writes sigma(x) = 2 (1 / (1 + exp(-alpha x)) - 1/2) as a function of z = alpha x, for z >= 0:
// tanh(z / 2). Float64 operations in fixed order: the same on every machine, within 2^-45 of the
// exact value. [size] each; `output` may be `z`.
void Sigma(const double* z, int64_t size, double* output);

// Edges between vertices that follow each other: from u + i to v + i for i in [0, size).
struct EdgeRun {
  int32_t u, v, size;
  int32_t count;  // how many pixel values each edge is the mean of
};

// What the edges of some runs are made from. Arrays are indexed by vertex.
struct EdgeSources {
  const int32_t* from_u = nullptr;  // [V]: sums of the pixel values that lead from u to v,
  const int32_t* from_v = nullptr;  // [V]: and back
  // Mean super-class probabilities in units of 1/65535, planar: [groups without background, V].
  const double* const* probabilities = nullptr;
  int num_groups = 0;  // without background; 0: edges are not refined
  double alpha = 0.0;
};

// Writes the refined edges of the runs, one run after the other, in units of 1/65535, not rounded.
void Refine(const EdgeSources& sources, const std::vector<EdgeRun>& runs,
            std::vector<double>* edges);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_REFINEMENT_H_
