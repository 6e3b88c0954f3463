// The undirected graph that is merged: windows, and the edges between them (paper 3.4, 4.4).

#ifndef AFFINITY_SEG_CC_LIB_WINDOW_GRAPH_H_
#define AFFINITY_SEG_CC_LIB_WINDOW_GRAPH_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "cc/lib/options.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

constexpr int32_t kNoEdge = -1;

// Vertices are windows of the grid. Edge e = 4 * j + f of a vertex leads in forward direction
// `4 + f` to the window at merged distance `distances[j]`, if that is a vertex too.
struct WindowGraph {
  // `grid` and `vertices` must outlive the graph. It has no edges yet: see ComputeEdges.
  WindowGraph(const WindowGrid& grid, const Vertices& vertices,
              std::vector<MergedDistance> merged_distances);

  int64_t num_vertices() const { return vertices.size(); }
  int64_t edges_per_vertex() const { return kNumForward * static_cast<int64_t>(distances.size()); }

  // Calls `visit(u, edge, v, value)` for every edge of merged distance `j` between two vertices, in
  // raster order.
  template <typename Visit>
  void ForEachEdge(int j, const Visit& visit) const {
    for (int32_t u = 0; u < num_vertices(); ++u) {
      for (int f = 0; f < kNumForward; ++f) {
        const int64_t to =
            grid.Neighbor(vertices.windows[u], kNumForward + f, distances[j].distance);
        if (to < 0 || vertices.of_window[to] < 0) continue;
        const int64_t edge = kNumForward * j + f;
        visit(u, edge, vertices.of_window[to], int32_t{values[u * edges_per_vertex() + edge]});
      }
    }
  }

  // Writes the edges of all windows to `output`, [windows, edges_per_vertex]; kNoEdge where there
  // is none.
  void Expand(int32_t* output) const;

  const WindowGrid& grid;
  const Vertices& vertices;
  const std::vector<MergedDistance> distances;
  std::vector<int64_t> window_steps;  // [edges_per_vertex]: from a window to the edge's other end
  std::vector<uint16_t> values;       // [V, edges_per_vertex], units of 1/65535; 0 for no edge
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_WINDOW_GRAPH_H_
