#include "cc/lib/clustering.h"

#include <cmath>

#include "cc/lib/average_clustering.h"
#include "cc/lib/components.h"
#include "cc/lib/mean.h"
#include "cc/lib/slot_graph.h"
#include "cc/lib/weighted_clustering.h"

namespace affinity_seg {
namespace {

// Numbers the clusters by their first vertex. Args: representative(v): any name of v's cluster in
// [0, V). The numbers do not depend on the names. This matters for average linkage, where the slot
// that names a cluster may depend on the number of threads.
template <typename Representative>
std::vector<int32_t> NumberClusters(int64_t num_vertices, const Representative& representative,
                                    std::vector<int32_t>* representatives) {
  std::vector<int32_t> number(num_vertices, -1);
  std::vector<int32_t> clusters(num_vertices);
  for (int32_t v = 0; v < num_vertices; ++v) {
    const int32_t name = representative(v);
    if (number[name] < 0) {
      number[name] = static_cast<int32_t>(representatives->size());
      representatives->push_back(name);
    }
    clusters[v] = number[name];
  }
  return clusters;
}

Clustering MergeByAverage(const WindowGraph& graph, const std::vector<int64_t>& thresholds,
                          const ClusteringLimits& limits, Executor* executor) {
  const Components components = FindComponents(graph, thresholds.back(), executor);
  const SlotGraph slots(graph, components);
  Clustering result;
  ClusterForest forest = ClusterByAverage(slots, components, thresholds, limits, executor,
                                          &result.stage_nanoseconds);
  std::vector<int32_t> representatives;
  result.cluster_of_vertex = NumberClusters(
      graph.num_vertices(), [&](int32_t v) { return forest.Find(components.slot_of_vertex[v]); },
      &representatives);
  for (int32_t slot : representatives) {
    result.inner_sums.push_back(forest.clusters[slot].inner_sum);
    result.inner_counts.push_back(forest.clusters[slot].inner_count);
  }
  return result;
}

Clustering MergeByWeighted(const WindowGraph& graph, const std::vector<int64_t>& thresholds) {
  const std::vector<int32_t> clusters = ClusterByWeighted(graph, thresholds);
  Clustering result;
  result.stage_nanoseconds.assign(thresholds.size(), 0);
  std::vector<int32_t> representatives;
  result.cluster_of_vertex = NumberClusters(
      graph.num_vertices(), [&](int32_t v) { return clusters[v]; }, &representatives);
  result.inner_sums.assign(representatives.size(), 0);
  result.inner_counts.assign(representatives.size(), 0);
  for (size_t j = 0; j < graph.distances.size(); ++j) {
    graph.ForEachEdge(static_cast<int>(j), [&](int32_t u, int64_t, int32_t v, int32_t value) {
      const int32_t cluster = result.cluster_of_vertex[u];
      if (cluster != result.cluster_of_vertex[v]) return;
      result.inner_sums[cluster] += value;
      ++result.inner_counts[cluster];
    });
  }
  return result;
}

}  // namespace

Clustering ClusterVertices(const WindowGraph& graph, const GraphMergeOptions& options,
                           const ClusteringLimits& limits, Executor* executor) {
  std::vector<int64_t> thresholds;
  for (double threshold : options.thresholds) {
    thresholds.push_back(std::llround(threshold * kThresholdUnits));
  }
  return options.linkage == Linkage::kAverage ? MergeByAverage(graph, thresholds, limits, executor)
                                              : MergeByWeighted(graph, thresholds);
}

}  // namespace affinity_seg
