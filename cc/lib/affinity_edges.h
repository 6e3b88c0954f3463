// From pixel affinities to the integer edges between windows (paper 3.4, 4.2, 4.4).

#ifndef AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_
#define AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_

#include <cstdint>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/pixel_rows.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// The undirected graph of windows. Edge e = 4 * j + f of a vertex leads in forward direction
// `4 + f` to the window at merged distance `distances[j]`, if that is a vertex too.
struct EdgeGrid {
  std::vector<MergedDistance> distances;
  std::vector<int64_t> window_steps;  // [edges_per_vertex]: from a window to the edge's other end
  std::vector<uint16_t> values;       // [V, edges_per_vertex], units of 1/65535; 0 for no edge

  int64_t edges_per_vertex() const { return kNumForward * static_cast<int64_t>(distances.size()); }
};

// Averages the two directions of each pixel pair, averages the pixel pairs between two windows,
// applies the refinements and rounds halves up: steps 1 to 6 of section 4 of the specification.
//
// `affinity` has 8 channels for each distance; it is only read and checked at pixels of vertices,
// all channels there.
// REQUIRES: options.Check() and grid.CheckSize() found no error.
// Time O(H W C); memory besides the result: 8 * merged distances integers for each vertex.
Error ComputeEdges(const NetworkOutput& affinity, const WindowGrid& grid,
                   const GraphMergeOptions& options, const Semantics& semantics,
                   Executor* executor, EdgeGrid* edges);

// Calls `visit(u, edge, v, value)` for every edge of merged distance `j` between two vertices, in
// raster order.
template <typename Visit>
void ForEachEdge(const EdgeGrid& edges, const Vertices& vertices, const WindowGrid& grid, int j,
                 const Visit& visit) {
  const int64_t per_vertex = edges.edges_per_vertex();
  for (int32_t u = 0; u < vertices.size(); ++u) {
    for (int f = 0; f < kNumForward; ++f) {
      const int64_t to =
          grid.Neighbor(vertices.windows[u], kNumForward + f, edges.distances[j].distance);
      if (to < 0 || vertices.of_window[to] < 0) continue;
      const int64_t edge = kNumForward * j + f;
      visit(u, edge, vertices.of_window[to], int32_t{edges.values[u * per_vertex + edge]});
    }
  }
}

constexpr int32_t kNoEdge = -1;

// Writes the edges of all windows to `output`, [windows, edges_per_vertex].
void ExpandEdges(const EdgeGrid& edges, const Vertices& vertices, const WindowGrid& grid,
                 int32_t* output);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_
