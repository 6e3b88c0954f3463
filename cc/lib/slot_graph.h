// The graph of windows with its vertices in the order of Components: what is next to each other in
// memory merges with each other.

#ifndef AFFINITY_SEG_CC_LIB_SLOT_GRAPH_H_
#define AFFINITY_SEG_CC_LIB_SLOT_GRAPH_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cc/lib/components.h"
#include "cc/lib/window_graph.h"

namespace affinity_seg {

class SlotGraph {
 public:
  // Both arguments must outlive this graph.
  SlotGraph(const WindowGraph& graph, const Components& components)
      : graph_(graph),
        grid_(graph.grid),
        vertex_of_slot_(components.vertex_of_slot),
        slot_of_window_(grid_.num_windows(), -1),
        window_of_slot_(graph.num_vertices()) {
    for (int64_t slot = 0; slot < graph.num_vertices(); ++slot) {
      window_of_slot_[slot] = graph.vertices.windows[vertex_of_slot_[slot]];
      slot_of_window_[window_of_slot_[slot]] = static_cast<int32_t>(slot);
    }
  }

  int64_t edges_per_vertex() const { return graph_.edges_per_vertex(); }

  // Returns how many neighbours a vertex has in `stage`: 8 for each distance.
  int NumNeighbors(int stage) const {
    return kNumDirections * static_cast<int>(DistancesOf(stage).size());
  }

  // Calls `emit(slot, position, twin, other, value)` for all neighbours in `stage` of slots
  // [begin, end) that are in the component of slots [first, last), slot by slot. `position` in
  // [0, NumNeighbors) tells direction and distance; `twin` is that of the way back.
  template <typename Emit>
  void ReadNeighbors(int stage, int32_t begin, int32_t end, int32_t first, int32_t last,
                     const Emit& emit) const {
    std::vector<Way> ways;
    const std::vector<int> distances = DistancesOf(stage);
    for (size_t i = 0; i < distances.size(); ++i) {
      for (int n = 0; n < kNumDirections; ++n) {
        ways.push_back(MakeWay(distances[i], n, static_cast<int>(i) * kNumDirections));
      }
    }
    const int64_t per_vertex = graph_.edges_per_vertex();
    for (int32_t slot = begin; slot < end; ++slot) {
      const int64_t window = window_of_slot_[slot];
      const int64_t row = window / grid_.cols(), col = window % grid_.cols();
      for (const Way& way : ways) {
        if (row < way.first_row || row >= way.end_row || col < way.first_col ||
            col >= way.end_col) {
          continue;
        }
        const int32_t other = slot_of_window_[window + way.step];
        if (other < first || other >= last) continue;
        const int64_t vertex = vertex_of_slot_[way.is_forward ? slot : other];
        emit(slot, way.position, way.twin, other, graph_.values[vertex * per_vertex + way.edge]);
      }
    }
  }

  // Calls `emit(a, b, sum, count)` for the edges of `stage` that start at slots [begin, end) and
  // end in the component of slots [first, last): `a` and `b` are the clusters of their ends. Edges
  // that follow each other along a row between the same two clusters are added up.
  template <typename Emit>
  void ReadStage(int stage, int32_t begin, int32_t end, int32_t first, int32_t last,
                 const int32_t* cluster_of_slot, const Emit& emit) const {
    while (begin < end) {
      // A run of neighbours in one row of windows.
      const int32_t window = window_of_slot_[begin];
      const int64_t col = window % grid_.cols();
      int32_t run_end = begin + 1;
      while (run_end < end && window_of_slot_[run_end] == window + (run_end - begin) &&
             col + (run_end - begin) < grid_.cols()) {
        ++run_end;
      }
      for (size_t j = 0; j < graph_.distances.size(); ++j) {
        if (graph_.distances[j].stage != stage) continue;
        for (int f = 0; f < kNumForward; ++f) {
          ReadRun(static_cast<int>(j), f, begin, run_end, first, last, cluster_of_slot, emit);
        }
      }
      begin = run_end;
    }
  }

 private:
  // One distance and direction, and the windows from which it stays in the grid.
  struct Way {
    int64_t step;
    int64_t edge;  // at the earlier end
    bool is_forward;
    int position, twin;
    int64_t first_row, end_row, first_col, end_col;
  };

  Way MakeWay(int j, int direction, int first_position) const {
    const int64_t distance = graph_.distances[j].distance;
    const Offset offset = Direction(direction);
    const int64_t dy = distance * offset.dy, dx = distance * offset.dx;
    Way way;
    way.step = dy * grid_.cols() + dx;
    way.is_forward = direction >= kNumForward;
    way.edge = kNumForward * j + (way.is_forward ? direction : Opposite(direction)) - kNumForward;
    way.position = first_position + direction;
    way.twin = first_position + Opposite(direction);
    way.first_row = std::max<int64_t>(0, -dy);
    way.end_row = grid_.rows() - std::max<int64_t>(0, dy);
    way.first_col = std::max<int64_t>(0, -dx);
    way.end_col = grid_.cols() - std::max<int64_t>(0, dx);
    return way;
  }

  std::vector<int> DistancesOf(int stage) const {
    std::vector<int> distances;
    for (size_t j = 0; j < graph_.distances.size(); ++j) {
      if (graph_.distances[j].stage == stage) distances.push_back(static_cast<int>(j));
    }
    return distances;
  }

  // Reads edge (j, f) of a run of slots.
  template <typename Emit>
  void ReadRun(int j, int f, int32_t begin, int32_t end, int32_t first, int32_t last,
               const int32_t* cluster_of_slot, const Emit& emit) const {
    const int64_t distance = graph_.distances[j].distance;
    const Offset offset = Direction(kNumForward + f);
    const int64_t window = window_of_slot_[begin];
    const int64_t col = window % grid_.cols() + distance * offset.dx;  // of the other end
    if (window / grid_.cols() + distance * offset.dy >= grid_.rows()) return;
    // The part of the run whose other ends lie in the grid.
    const int64_t skipped = std::max<int64_t>(0, -col);
    const int64_t stop = std::min<int64_t>(end, begin + grid_.cols() - col);
    const int64_t edge = kNumForward * j + f;
    const int64_t other_window = window + graph_.window_steps[edge] - begin;  // plus the slot
    int32_t a = -1, b = -1;
    int64_t sum = 0, count = 0;
    for (int64_t slot = begin + skipped; slot < stop; ++slot) {
      const int32_t other = slot_of_window_[other_window + slot];
      if (other < first || other >= last) continue;
      const int32_t cluster = cluster_of_slot[slot], other_cluster = cluster_of_slot[other];
      if (cluster != a || other_cluster != b) {
        if (count > 0) emit(a, b, sum, count);
        a = cluster;
        b = other_cluster;
        sum = count = 0;
      }
      sum += graph_.values[vertex_of_slot_[slot] * graph_.edges_per_vertex() + edge];
      ++count;
    }
    if (count > 0) emit(a, b, sum, count);
  }

  const WindowGraph& graph_;
  const WindowGrid& grid_;
  const std::vector<int32_t>& vertex_of_slot_;
  std::vector<int32_t> slot_of_window_;  // [windows], -1 where there is no vertex
  std::vector<int32_t> window_of_slot_;  // [V]
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_SLOT_GRAPH_H_
