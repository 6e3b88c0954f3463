// From edges between windows to clusters of windows (paper 3.4, Algorithm 1).

#ifndef AFFINITY_SEG_CC_LIB_CLUSTERING_H_
#define AFFINITY_SEG_CC_LIB_CLUSTERING_H_

#include <cstdint>
#include <vector>

#include "cc/lib/average_clustering.h"
#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/window_graph.h"

namespace affinity_seg {

// Clusters of vertices, numbered from 0 in raster order of their first vertex.
struct Clustering {
  std::vector<int32_t> cluster_of_vertex;  // [V]
  // Over all edges with both ends in the cluster, in units of 1/65535.
  std::vector<int64_t> inner_sums;    // [clusters]
  std::vector<int64_t> inner_counts;  // [clusters]
  // Of each stage, the time of all threads together; 0 for weighted linkage.
  std::vector<int64_t> stage_nanoseconds;

  int64_t num_clusters() const { return static_cast<int64_t>(inner_sums.size()); }
};

// Runs the stages of `options` over the edges. In a stage the largest edge between two clusters
// merges until none reaches the stage's threshold; among equals the smaller min(id), then the
// smaller max(id) goes first, where a cluster's id is its largest vertex. The result is the same
// for every number of threads.
//
// Average linkage runs in parallel; time is close to O(E log E) for the graphs of images. The proof
// that this gives the same clusters is in agglomerator.h. HeapMerger (heap_merger.h) is the
// sequential reference, and clustering_test.cc compares the two.
Clustering ClusterVertices(const WindowGraph& graph, const GraphMergeOptions& options,
                           const ClusteringLimits& limits, Executor* executor);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_CLUSTERING_H_
