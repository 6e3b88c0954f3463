// Weighted linkage: Algorithm 1 of the paper to the letter. Only `linkage = "weighted"` needs it,
// which nothing but a study of the method asks for: it shows what it is worth that average linkage
// counts the edges. It depends on the order of merging, so it runs on one thread, with a heap.

#ifndef AFFINITY_SEG_CC_LIB_WEIGHTED_CLUSTERING_H_
#define AFFINITY_SEG_CC_LIB_WEIGHTED_CLUSTERING_H_

#include <cstdint>
#include <vector>

#include "cc/lib/window_graph.h"

namespace affinity_seg {

// Runs all stages and returns the cluster of each vertex: any of the cluster's own vertices, the
// same for all of them. Args: thresholds: of each stage, in millionths.
std::vector<int32_t> ClusterByWeighted(const WindowGraph& graph,
                                       const std::vector<int64_t>& thresholds);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_WEIGHTED_CLUSTERING_H_
