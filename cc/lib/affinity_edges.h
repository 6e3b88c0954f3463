// From pixel affinities to the integer edges between windows (paper 3.4, 4.2, 4.4).

#ifndef AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_
#define AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_

#include <cstdint>
#include <vector>

#include "cc/lib/options.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

constexpr int32_t kNoEdge = -1;

// The undirected graph of windows. Edge (window, j, f) leads from `window` in forward direction
// `4 + f` to the window at merged distance `distances[j]`. Its value is in units of 1/65535, or
// `kNoEdge` where an end lies outside the grid or is no vertex.
struct EdgeGrid {
  std::vector<MergedDistance> distances;
  std::vector<int32_t> values;  // [rows, cols, 4 * distances]

  int64_t edges_per_window() const { return kNumForward * static_cast<int64_t>(distances.size()); }
};

// Averages the two directions of each pixel pair, averages the pixel pairs between two windows,
// applies the refinements and rounds halves up: steps 1 to 6 of section 4 of the specification.
//
// Args:
//   affinity: [H, W, 8 * distances], probabilities or logits; only read at pixels of vertices,
//     where all channels are checked.
//   vertices: [windows], nonzero for vertices.
// REQUIRES: options.Check() and grid.CheckSize() found no error.
// Time O(H W C); memory besides the result is one merged distance of sums.
Error ComputeEdges(const float* affinity, bool from_logits, const WindowGrid& grid,
                   const GraphMergeOptions& options, const Semantics& semantics,
                   const std::vector<uint8_t>& vertices, EdgeGrid* edges);

// Calls `visit(window, neighbor, value)` for every edge of merged distance `j`, in raster order.
template <typename Visit>
void ForEachEdge(const EdgeGrid& edges, const WindowGrid& grid, int j, Visit visit) {
  for (int64_t row = 0; row < grid.rows(); ++row) {
    for (int64_t col = 0; col < grid.cols(); ++col) {
      const int64_t window = row * grid.cols() + col;
      for (int f = 0; f < kNumForward; ++f) {
        const int32_t value =
            edges.values[window * edges.edges_per_window() + j * kNumForward + f];
        if (value == kNoEdge) continue;
        const Offset offset = Direction(kNumForward + f);
        const int64_t distance = edges.distances[j].distance;
        visit(window, window + distance * (offset.dy * grid.cols() + offset.dx), value);
      }
    }
  }
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_
