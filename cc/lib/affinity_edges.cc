#include "cc/lib/affinity_edges.h"

#include <algorithm>
#include <memory>

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
        is_refined_class_(options.num_classes(), false),
        is_edge_(new bool[grid_.cols()]) {
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
      FindRowRuns(row_begin, next);
      for (int j = 0; j < num_distances; ++j) {
        for (int f = 0; f < kNumForward; ++f) ComputeRow(row, j, f);
      }
      row_begin = next;
    }
  }

 private:
  // Computes edge (j, f) of the vertices of `row_runs_`, which are in `row`.
  void ComputeRow(int64_t row, int j, int f) {
    FindRuns(row, j, f);
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

  // Windows of one row that follow each other and are vertices.
  struct RowRun {
    int64_t begin, size;  // vertices
    int64_t window;       // of the first
  };

  // Finds the runs of vertices [begin, end), which are in one row.
  void FindRowRuns(int64_t begin, int64_t end) {
    row_runs_.clear();
    for (int64_t v = begin; v < end; ++v) {
      const int64_t window = vertices_.windows[v];
      if (v == begin || window != vertices_.windows[v - 1] + 1) row_runs_.push_back({v, 0, window});
      ++row_runs_.back().size;
    }
  }

  // Collects the edges (j, f) of the vertices of `row_runs_` that are not 0 for their ends.
  void FindRuns(int64_t row, int j, int f) {
    runs_.clear();
    const int64_t distance = graph_->distances[j].distance;
    const Offset offset = Direction(kNumForward + f);
    if (row + distance * offset.dy >= grid_.rows()) return;
    const int64_t step = graph_->window_steps[kNumForward * j + f];
    // The other ends must lie in the grid.
    const int64_t first_window = row * grid_.cols() + std::max<int64_t>(0, -distance * offset.dx);
    const int64_t end_window =
        (row + 1) * grid_.cols() - std::max<int64_t>(0, distance * offset.dx);
    for (const RowRun& run : row_runs_) {
      const int64_t begin = std::max(run.window, first_window);
      const int64_t end = std::min(run.window + run.size, end_window);
      if (begin < end) FindRunsOf(row, j, f, run.begin + begin - run.window, begin, end, step);
    }
  }

  // As FindRuns, for windows [begin, end) that follow each other: `u` is the vertex of the first.
  // Compares many windows at once: with this, edges take 0.9 of the time.
  void FindRunsOf(int64_t row, int j, int f, int64_t u, int64_t begin, int64_t end, int64_t step) {
    const int64_t size = end - begin;
    const int32_t* others = vertices_.of_window.data() + begin + step;
    const int32_t* winners = semantics_.group_winner.data() + begin;
    const int32_t* other_winners = winners + step;
    const bool any_winner = !options_.refine;
    bool* __restrict is_edge = is_edge_.get();
    for (int64_t i = 0; i < size; ++i) {
      is_edge[i] = (others[i] >= 0) & (any_winner | (winners[i] == other_winners[i]));
    }
    for (int64_t i = 0; i < size;) {
      bool* const first = std::find(is_edge + i, is_edge + size, true);
      bool* const last = std::find(first, is_edge + size, false);
      if (first == last) break;
      i = first - is_edge;
      AddRun(row, j, f, begin + i, begin + (last - is_edge), static_cast<int32_t>(u + i),
             others[i]);
      i = last - is_edge;
    }
  }

  // Adds the edges of windows [begin, end), which follow each other: from vertices `u` on to
  // vertices `v` on.
  void AddRun(int64_t row, int j, int f, int64_t begin, int64_t end, int32_t u, int32_t v) {
    const int64_t distance = graph_->distances[j].distance;
    const int forward = kNumDirections * j + kNumForward + f;
    const int full_count = channels_.FullCount(forward) + channels_.FullCount(Backward(forward));
    const int64_t step = graph_->window_steps[kNumForward * j + f];
    int64_t window = grid_.IsPartial() ? begin : end;
    while (window < end && grid_.IsFullAround(row, window - row * grid_.cols(), distance)) ++window;
    if (window > begin) runs_.push_back({u, v, static_cast<int32_t>(window - begin), full_count});
    for (; window < end; ++window) {
      const int32_t i = static_cast<int32_t>(window - begin);
      const int count = CountValues(grid_, channels_, window, forward) +
                        CountValues(grid_, channels_, window + step, Backward(forward));
      runs_.push_back({u + i, v + i, 1, count});
    }
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
  std::unique_ptr<bool[]> is_edge_;  // [windows of a row]
  // One row of edges.
  std::vector<RowRun> row_runs_;
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
