#include "cc/lib/components.h"

#include <algorithm>

#include "cc/lib/disjoint_set.h"
#include "cc/lib/mean.h"
#include "cc/lib/tile_order.h"

namespace affinity_seg {
namespace {

// Joins the ends of edges that start at vertices [begin, end) and end at vertices for which
// `accept(neighbor)` holds.
template <typename Accept>
void JoinEnds(const WindowGraph& graph, int32_t min_value, int64_t begin, int64_t end,
              const Accept& accept, DisjointSet* sets) {
  const Vertices& vertices = graph.vertices;
  const int64_t per_vertex = graph.edges_per_vertex();
  for (int64_t u = begin; u < end; ++u) {
    const uint16_t* values = &graph.values[u * per_vertex];
    const int64_t window = vertices.windows[u];
    int32_t root = sets->Find(static_cast<int32_t>(u));
    for (int64_t e = 0; e < per_vertex; ++e) {
      // Values of edges that are not there are 0, below every threshold.
      if (values[e] < min_value) continue;
      const int32_t v = vertices.of_window[window + graph.window_steps[e]];
      if (!accept(v)) continue;
      const int32_t other = sets->Find(v);
      if (other == root) continue;
      sets->Attach(std::max(root, other), std::min(root, other));
      root = std::min(root, other);
    }
  }
}

}  // namespace

Components FindComponents(const WindowGraph& graph, int64_t threshold, Executor* executor) {
  const std::vector<int32_t>& windows = graph.vertices.windows;
  const int64_t num_vertices = graph.num_vertices();
  // The smallest value that reaches the threshold.
  const int32_t min_value =
      static_cast<int32_t>((threshold * kOne + kThresholdUnits - 1) / kThresholdUnits);
  DisjointSet sets(num_vertices);
  // First within one part of the vertices for each thread, then across the parts.
  const int64_t num_parts = executor->num_threads();
  const int64_t part = std::max<int64_t>(1, (num_vertices + num_parts - 1) / num_parts);
  executor->ParallelFor(num_parts, [&](int64_t i, int) {
    const int64_t begin = std::min(num_vertices, i * part);
    const int64_t end = std::min(num_vertices, begin + part);
    JoinEnds(graph, min_value, begin, end, [&](int32_t v) { return v < end; }, &sets);
  });
  const int64_t reach = int64_t{graph.distances.back().distance} * (graph.grid.cols() + 1);
  for (int64_t end = part; end < num_vertices; end += part) {
    const auto first =
        std::lower_bound(windows.begin(), windows.begin() + end, windows[end] - reach);
    JoinEnds(graph, min_value, first - windows.begin(), end,
             [&](int32_t v) { return v >= end; }, &sets);
  }

  Components result;
  std::vector<int32_t> component(num_vertices);
  std::vector<int32_t> sizes;
  for (int32_t v = 0; v < num_vertices; ++v) {
    const int32_t root = sets.Find(v);  // the component's first vertex
    if (root == v) {
      component[v] = static_cast<int32_t>(sizes.size());
      sizes.push_back(0);
    } else {
      component[v] = component[root];
    }
    ++sizes[component[v]];
  }
  result.begins.resize(sizes.size() + 1, 0);
  for (size_t c = 0; c < sizes.size(); ++c) result.begins[c + 1] = result.begins[c] + sizes[c];
  std::vector<int32_t> next(result.begins.begin(), result.begins.end() - 1);
  result.vertex_of_slot.resize(num_vertices);
  result.slot_of_vertex.resize(num_vertices);
  for (int32_t v : TileOrder(graph.grid, graph.vertices)) {
    const int32_t slot = next[component[v]]++;
    result.vertex_of_slot[slot] = v;
    result.slot_of_vertex[v] = slot;
  }
  return result;
}

}  // namespace affinity_seg
