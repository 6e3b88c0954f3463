// Average linkage over all components of an image, in parallel.

#ifndef AFFINITY_SEG_CC_LIB_AVERAGE_CLUSTERING_H_
#define AFFINITY_SEG_CC_LIB_AVERAGE_CLUSTERING_H_

#include <cstdint>
#include <vector>

#include "cc/lib/component_tree.h"
#include "cc/lib/components.h"
#include "cc/lib/executor.h"
#include "cc/lib/mean.h"
#include "cc/lib/slot_graph.h"

namespace affinity_seg {

// Limits of the schedule; tests lower them to try large components' code on small graphs. The
// result does not depend on them.
struct ClusteringLimits {
  // Components with more edges count them in wide means.
  int64_t max_packed_count = PackedMean::kMaxCount;
  int32_t min_leaf_size = 4096;  // slots
  // Of the first stage, inside what one thread merges: its lists fill 5 MB.
  int32_t first_leaf_size = 16384;  // slots
  // A component with more than this share of what one thread has to do is split.
  double split_share = 0.75;
};

// Runs all stages on every component and returns the clusters. Components do not wait for each
// other between stages: FindComponents says why.
//
// Args:
//   thresholds: of each stage, in millionths.
//   nanoseconds: output: of each stage, the time of all threads together.
ClusterForest ClusterByAverage(const SlotGraph& graph, const Components& components,
                               const std::vector<int64_t>& thresholds,
                               const ClusteringLimits& limits, Executor* executor,
                               std::vector<int64_t>* nanoseconds);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_AVERAGE_CLUSTERING_H_
