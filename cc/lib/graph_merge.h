// Affinity derivation and graph merge: from network outputs to instances.

#ifndef AFFINITY_SEG_CC_LIB_GRAPH_MERGE_H_
#define AFFINITY_SEG_CC_LIB_GRAPH_MERGE_H_

#include <cstdint>
#include <vector>

#include "cc/lib/affinity_edges.h"
#include "cc/lib/average_clustering.h"
#include "cc/lib/executor.h"
#include "cc/lib/instances.h"
#include "cc/lib/options.h"

namespace affinity_seg {

// One image, or one region of an image. K classes, C = 8 * distances channels.
struct GraphMergeInput {
  int64_t height = 0;
  int64_t width = 0;
  const float* affinity = nullptr;  // [H, W, C], probabilities or logits
  const float* semantic = nullptr;  // [H, W, K], likewise
  const bool* mask = nullptr;       // [H, W]: the grown region; null: everywhere
  bool from_logits = false;
  int group = 0;  // 0: vertices of any super-class, else of this one only (4.5)
};

struct GraphMergeOutput {
  int32_t* ids = nullptr;  // [H, W], given by the caller: 0 on the background, else the instance
  // [rows, cols, 4 * merged distances], given by the caller or null: the graph, -1 for no edge
  int32_t* edges = nullptr;
  Instances instances;
};

// Runs the method of Liu et al. (ECCV 2018) after the networks: affinities of both directions are
// averaged, windows merged, edges refined by the semantics (4.2, 4.4), and the graph merged in
// stages (3.4). Returns the first rule that the input breaks; then the outputs are undefined.
// The outputs are the same for every executor.
// REQUIRES: options.Check() found no error.
Error GraphMerge(const GraphMergeInput& input, const GraphMergeOptions& options,
                 Executor* executor, GraphMergeOutput* output,
                 const ClusteringLimits& limits = ClusteringLimits());

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_GRAPH_MERGE_H_
