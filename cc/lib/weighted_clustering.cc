#include "cc/lib/weighted_clustering.h"

#include "cc/lib/heap_merger.h"
#include "cc/lib/weighted_edge.h"

namespace affinity_seg {

std::vector<int32_t> ClusterByWeighted(const WindowGraph& graph,
                                       const std::vector<int64_t>& thresholds) {
  HeapMerger<WeightedEdge> merger(graph.num_vertices());
  for (size_t stage = 0; stage < thresholds.size(); ++stage) {
    for (size_t j = 0; j < graph.distances.size(); ++j) {
      if (graph.distances[j].stage != static_cast<int>(stage)) continue;
      graph.ForEachEdge(static_cast<int>(j), [&](int32_t u, int64_t, int32_t v, int32_t value) {
        merger.AddEdge(u, v, value);
      });
    }
    merger.MergeStage(thresholds[stage]);
  }
  std::vector<int32_t> clusters(graph.num_vertices());
  for (int32_t v = 0; v < graph.num_vertices(); ++v) clusters[v] = merger.Find(v);
  return clusters;
}

}  // namespace affinity_seg
