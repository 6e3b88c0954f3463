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
#include "cc/lib/pixel_rows.h"
#include "cc/lib/semantics.h"

namespace affinity_seg {

// One image, or one region of an image.
struct GraphMergeInput {
  int64_t height = 0;
  int64_t width = 0;
  NetworkOutput semantic;  // a channel for each class
  NetworkOutput affinity;  // 8 channels for each distance
  VertexFilter vertices;
};

// Wall time of the steps, in order.
constexpr int kNumSteps = 4;  // semantics, edges, clusters, instances

struct GraphMergeOutput {
  int32_t* ids = nullptr;  // [H, W], given by the caller: 0 on the background, else the instance
  // [rows, cols, 4 * merged distances], given by the caller or null: the graph, -1 for no edge
  int32_t* edges = nullptr;
  Instances instances;
  double seconds[kNumSteps] = {};
  // Of each stage of the clusters, the time of all threads together.
  std::vector<int64_t> stage_nanoseconds;
};

// Runs the method of Liu et al. (ECCV 2018) after the networks: affinities of both directions are
// averaged, windows merged, edges refined by the semantics (4.2, 4.4), and the graph merged in
// stages (3.4). Returns the first rule that the input breaks; then the outputs are undefined.
// The outputs are the same for every executor.
// REQUIRES: options.Check() found no error.
Error GraphMerge(const GraphMergeInput& input, const GraphMergeOptions& options,
                 Executor* executor, GraphMergeOutput* output,
                 const ClusteringLimits& limits = ClusteringLimits());

// Merges images, or regions, of one call: in parallel across them as well as inside them, the
// largest first. Returns the error of each.
std::vector<Error> GraphMergeBatch(const std::vector<GraphMergeInput>& inputs,
                                   const GraphMergeOptions& options, Executor* executor,
                                   std::vector<GraphMergeOutput>* outputs);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_GRAPH_MERGE_H_
