#include "cc/lib/clustering.h"

#include <cmath>

#include "cc/lib/heap_merger.h"
#include "cc/lib/linkage.h"

namespace affinity_seg {
namespace {

template <typename LinkageEdge>
std::vector<int32_t> Cluster(const EdgeGrid& edges, const WindowGrid& grid,
                             const GraphMergeOptions& options) {
  HeapMerger<LinkageEdge> merger(grid.num_windows());
  for (size_t stage = 0; stage < options.stages.size(); ++stage) {
    for (size_t j = 0; j < edges.distances.size(); ++j) {
      if (edges.distances[j].stage != static_cast<int>(stage)) continue;
      ForEachEdge(edges, grid, j, [&](int64_t u, int64_t v, int32_t value) {
        merger.AddEdge(static_cast<int32_t>(u), static_cast<int32_t>(v), value);
      });
    }
    merger.MergeStage(std::llround(options.thresholds[stage] * kThresholdUnits));
  }
  constexpr int32_t kNone = -1;
  std::vector<int32_t> first(grid.num_windows(), kNone);  // of each representative
  std::vector<int32_t> clusters(grid.num_windows());
  for (int32_t window = 0; window < static_cast<int32_t>(clusters.size()); ++window) {
    int32_t& first_window = first[merger.Find(window)];
    if (first_window == kNone) first_window = window;
    clusters[window] = first_window;
  }
  return clusters;
}

}  // namespace

std::vector<int32_t> ClusterWindows(const EdgeGrid& edges, const WindowGrid& grid,
                                    const GraphMergeOptions& options) {
  return options.linkage == Linkage::kAverage ? Cluster<AverageEdge>(edges, grid, options)
                                              : Cluster<WeightedEdge>(edges, grid, options);
}

}  // namespace affinity_seg
