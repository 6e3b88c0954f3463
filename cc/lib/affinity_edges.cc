#include "cc/lib/affinity_edges.h"

#include <algorithm>

#include "cc/lib/probability.h"
#include "cc/lib/refinement.h"
#include "cc/lib/window_sums.h"

namespace affinity_seg {
namespace {

constexpr int64_t kVerticesPerTask = 1024;

// Mean probabilities of the foreground groups at each vertex, planar.
class GroupProbabilities {
 public:
  GroupProbabilities(const Semantics& semantics, const WindowGrid& grid, Executor* executor) {
    const int num_groups = semantics.num_groups - 1;
    const Vertices& vertices = semantics.vertices;
    planes_.resize(num_groups);
    for (std::vector<double>& plane : planes_) {
      plane.resize(vertices.size());
      pointers_.push_back(plane.data());
    }
    ParallelRanges(executor, vertices.size(), kVerticesPerTask,
                   [&](int64_t begin, int64_t end, int) {
      for (int64_t v = begin; v < end; ++v) {
        const int64_t window = vertices.windows[v];
        const int32_t* sums = &semantics.group_sums[window * semantics.num_groups];
        const double pixels = grid.NumPixels(window);
        for (int g = 0; g < num_groups; ++g) planes_[g][v] = sums[g + 1] / pixels;
      }
    });
  }

  int num_groups() const { return static_cast<int>(planes_.size()); }
  const double* const* planes() const { return pointers_.data(); }

 private:
  std::vector<std::vector<double>> planes_;  // [groups without background][V]
  std::vector<const double*> pointers_;
};

// Steps 2 to 6 for the edges that start at some vertices.
class EdgeWorker {
 public:
  EdgeWorker(const GraphMergeOptions& options, const Semantics& semantics,
             const ChannelMap& channels, const WindowSums& sums,
             const GroupProbabilities& probabilities, WindowGraph* graph)
      : grid_(graph->grid),
        options_(options),
        semantics_(semantics),
        vertices_(graph->vertices),
        channels_(channels),
        sums_(sums),
        graph_(graph),
        is_refined_class_(options.num_classes(), false) {
    for (int k : options.refine_classes) is_refined_class_[k] = true;
    sources_.alpha = options.alpha;
    if (!options.refine) return;
    sources_.num_groups = probabilities.num_groups();
    sources_.probabilities = probabilities.planes();
  }

  // Computes the edges of vertices [begin, end).
  void Compute(int64_t begin, int64_t end) {
    const int num_distances = static_cast<int>(graph_->distances.size());
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
    FindRuns(row, begin, end, j, f);
    const int forward = kNumDirections * j + kNumForward + f;
    sources_.from_u = sums_.channel(forward, vertices_.size());
    sources_.from_v = sums_.channel(Backward(forward), vertices_.size());
    Refine(sources_, runs_, &refined_);
    if (j + 1 == static_cast<int>(graph_->distances.size()) && !options_.refine_classes.empty()) {
      RefineClasses();
    }
    const int64_t per_vertex = graph_->edges_per_vertex();
    const double* refined = refined_.data();
    for (const EdgeRun& run : runs_) {
      uint16_t* values = &graph_->values[run.u * per_vertex + kNumForward * j + f];
      // Halves up: an edge is not negative.
      for (int32_t i = 0; i < run.size; ++i) {
        values[i * per_vertex] = static_cast<uint16_t>(*refined++ + 0.5);
      }
    }
  }

  // Collects the edges (j, f) of vertices [begin, end) of `row` that are not 0 for their ends.
  void FindRuns(int64_t row, int64_t begin, int64_t end, int j, int f) {
    runs_.clear();
    const int64_t distance = graph_->distances[j].distance;
    const Offset offset = Direction(kNumForward + f);
    if (row + distance * offset.dy >= grid_.rows()) return;
    const int forward = kNumDirections * j + kNumForward + f;
    const int full_count = channels_.FullCount(forward) + channels_.FullCount(Backward(forward));
    const int64_t step = graph_->window_steps[kNumForward * j + f];
    const int64_t first_col = std::max<int64_t>(0, -distance * offset.dx);
    const int64_t last_col = grid_.cols() - 1 - std::max<int64_t>(0, distance * offset.dx);
    const int32_t* winner = semantics_.group_winner.data();
    EdgeRun run = {0, 0, 0, 0};
    for (int64_t u = begin; u < end; ++u) {
      const int64_t window = vertices_.windows[u];
      const int64_t col = window - row * grid_.cols();
      if (col < first_col || col > last_col) continue;
      const int32_t v = vertices_.of_window[window + step];
      if (v < 0 || (options_.refine && winner[window] != winner[window + step])) continue;
      const int32_t count = grid_.IsFullAround(row, col, distance)
                                ? full_count
                                : CountValues(grid_, channels_, window, forward) +
                                      CountValues(grid_, channels_, window + step,
                                                  Backward(forward));
      if (u != run.u + run.size || v != run.v + run.size || count != run.count) {
        if (run.size > 0) runs_.push_back(run);
        run = {static_cast<int32_t>(u), v, 0, count};
      }
      ++run.size;
    }
    if (run.size > 0) runs_.push_back(run);
  }

  // Semantic class refinement (5.3).
  void RefineClasses() {
    const auto is_refined = [&](int32_t vertex) {
      return is_refined_class_[semantics_.class_winner[vertices_.windows[vertex]]];
    };
    double* edge = refined_.data();
    for (const EdgeRun& run : runs_) {
      for (int32_t i = 0; i < run.size; ++i, ++edge) {
        if (!is_refined(run.u + i) || !is_refined(run.v + i)) continue;
        const double z = options_.alpha * (*edge / kOne);
        Sigma(&z, 1, edge);
        *edge *= kOne;
      }
    }
  }

  static int Backward(int forward) {
    return forward - forward % kNumDirections + Opposite(forward % kNumDirections);
  }

  const WindowGrid& grid_;
  const GraphMergeOptions& options_;
  const Semantics& semantics_;
  const Vertices& vertices_;
  const ChannelMap& channels_;
  const WindowSums& sums_;
  WindowGraph* graph_;
  std::vector<bool> is_refined_class_;
  // One row of edges.
  EdgeSources sources_;
  std::vector<EdgeRun> runs_;
  std::vector<double> refined_;
};

}  // namespace

Error ComputeEdges(const NetworkOutput& affinity, const Semantics& semantics,
                   const GraphMergeOptions& options, Executor* executor, WindowGraph* graph) {
  const ChannelMap channels(options, graph->distances);
  WindowSums sums;
  Error error = SumWindows(affinity, graph->grid, graph->vertices, channels, executor, &sums);
  if (!error.empty()) return error;

  graph->values.assign(graph->num_vertices() * graph->edges_per_vertex(), 0);
  const GroupProbabilities probabilities(semantics, graph->grid, executor);
  ParallelRanges(executor, graph->num_vertices(), kVerticesPerTask,
                 [&](int64_t begin, int64_t end, int) {
    EdgeWorker(options, semantics, channels, sums, probabilities, graph).Compute(begin, end);
  });
  return "";
}

}  // namespace affinity_seg
