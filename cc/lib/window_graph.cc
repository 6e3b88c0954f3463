#include "cc/lib/window_graph.h"

#include <algorithm>

namespace affinity_seg {

WindowGraph::WindowGraph(const WindowGrid& grid, const Vertices& vertices,
                         std::vector<MergedDistance> merged_distances)
    : grid(grid), vertices(vertices), distances(std::move(merged_distances)) {
  for (const MergedDistance& merged : distances) {
    for (int f = 0; f < kNumForward; ++f) {
      const Offset offset = Direction(kNumForward + f);
      window_steps.push_back(merged.distance * (offset.dy * grid.cols() + offset.dx));
    }
  }
}

void WindowGraph::Expand(int32_t* output) const {
  std::fill_n(output, grid.num_windows() * edges_per_vertex(), kNoEdge);
  for (size_t j = 0; j < distances.size(); ++j) {
    ForEachEdge(static_cast<int>(j), [&](int32_t u, int64_t edge, int32_t, int32_t value) {
      output[vertices.windows[u] * edges_per_vertex() + edge] = value;
    });
  }
}

}  // namespace affinity_seg
