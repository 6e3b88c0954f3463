#include "cc/lib/affinity_edges.h"

#include <algorithm>

#include "cc/lib/refinement.h"
#include "cc/lib/window_sums.h"

namespace affinity_seg {
namespace {

// Steps 2 to 6 for the edges that start at some vertices.
class EdgeWorker {
 public:
  EdgeWorker(const WindowGrid& grid, const Vertices& vertices, const ChannelMap& channels,
             const WindowSums& sums, const Refiner& refiner, EdgeGrid* edges)
      : grid_(grid),
        vertices_(vertices),
        channels_(channels),
        sums_(sums),
        refiner_(refiner),
        edges_(edges) {}

  // Computes the edges of vertices [begin, end).
  void Compute(int64_t begin, int64_t end) {
    const int num_distances = static_cast<int>(edges_->distances.size());
    for (int64_t row_begin = begin; row_begin < end;) {
      const int64_t row = vertices_.windows[row_begin] / grid_.cols();
      const auto row_end = std::lower_bound(vertices_.windows.begin() + row_begin,
                                            vertices_.windows.begin() + end,
                                            (row + 1) * grid_.cols());
      const int64_t next = row_end - vertices_.windows.begin();
      for (int j = 0; j < num_distances; ++j) {
        for (int f = 0; f < kNumForward; ++f) ComputeRow(row, row_begin, next, j, f);
      }
      row_begin = next;
    }
  }

 private:
  // Computes edge (j, f) of vertices [begin, end) of `row`.
  void ComputeRow(int64_t row, int64_t begin, int64_t end, int j, int f) {
    const int64_t num_vertices = vertices_.size();
    const int64_t distance = edges_->distances[j].distance;
    const int forward = kNumDirections * j + kNumForward + f;
    const int backward = kNumDirections * j + Opposite(kNumForward + f);
    const int32_t* from_u = sums_.channel(forward, num_vertices);
    const int32_t* from_v = sums_.channel(backward, num_vertices);
    const bool largest = j + 1 == static_cast<int>(edges_->distances.size());
    const int full_count = channels_.FullCount(forward) + channels_.FullCount(backward);
    const Offset offset = Direction(kNumForward + f);
    if (row + distance * offset.dy >= grid_.rows()) return;
    const int64_t step = edges_->window_steps[kNumForward * j + f];
    uint16_t* values = &edges_->values[kNumForward * j + f];
    for (int64_t u = begin; u < end; ++u) {
      const int64_t window = vertices_.windows[u];
      const int64_t col = window - row * grid_.cols() + distance * offset.dx;
      if (col < 0 || col >= grid_.cols()) continue;
      const int32_t v = vertices_.of_window[window + step];
      if (v < 0) continue;
      const int count = grid_.IsFullAround(row, window - row * grid_.cols(), distance)
                            ? full_count
                            : CountValues(grid_, channels_, window, forward) +
                                  CountValues(grid_, channels_, window + step, backward);
      values[u * edges_->edges_per_vertex()] = static_cast<uint16_t>(
          refiner_.Refine(window, window + step, from_u[u] + from_v[v], count, largest));
    }
  }

  const WindowGrid& grid_;
  const Vertices& vertices_;
  const ChannelMap& channels_;
  const WindowSums& sums_;
  const Refiner& refiner_;
  EdgeGrid* edges_;
};

}  // namespace

Error ComputeEdges(const NetworkOutput& affinity, const WindowGrid& grid,
                   const GraphMergeOptions& options, const Semantics& semantics,
                   Executor* executor, EdgeGrid* edges) {
  const Vertices& vertices = semantics.vertices;
  *edges = EdgeGrid();
  edges->distances = MergedDistances(options);
  for (const MergedDistance& merged : edges->distances) {
    for (int f = 0; f < kNumForward; ++f) {
      const Offset offset = Direction(kNumForward + f);
      edges->window_steps.push_back(merged.distance * (offset.dy * grid.cols() + offset.dx));
    }
  }
  const ChannelMap channels(options, edges->distances);
  WindowSums sums;
  Error error = SumWindows(affinity, grid, vertices, channels, executor, &sums);
  if (!error.empty()) return error;

  edges->values.resize(vertices.size() * edges->edges_per_vertex());
  const Refiner refiner(options, grid, semantics);
  ParallelRanges(executor, vertices.size(), 1024, [&](int64_t begin, int64_t end, int) {
    EdgeWorker(grid, vertices, channels, sums, refiner, edges).Compute(begin, end);
  });
  return "";
}

void ExpandEdges(const EdgeGrid& edges, const Vertices& vertices, const WindowGrid& grid,
                 int32_t* output) {
  const int64_t per_window = edges.edges_per_vertex();
  std::fill_n(output, grid.num_windows() * per_window, kNoEdge);
  for (size_t j = 0; j < edges.distances.size(); ++j) {
    ForEachEdge(edges, vertices, grid, static_cast<int>(j),
                [&](int32_t u, int64_t edge, int32_t, int32_t value) {
                  output[vertices.windows[u] * per_window + edge] = value;
                });
  }
}

}  // namespace affinity_seg
