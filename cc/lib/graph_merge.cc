#include "cc/lib/graph_merge.h"

#include <string>

#include "cc/lib/clustering.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {
Error GraphMerge(const GraphMergeInput& input, const GraphMergeOptions& options,
                 Executor* executor, GraphMergeOutput* output, const ClusteringLimits& limits) {
  if (input.group < 0 || input.group >= options.num_groups()) {
    return "`group` must be in [0, " + std::to_string(options.num_groups() - 1) +
           "]: " + std::to_string(input.group);
  }
  const WindowGrid grid(input.height, input.width, options.merge_window);
  Error error = grid.CheckSize(static_cast<int>(MergedDistances(options).size()));
  if (!error.empty()) return error;

  Semantics semantics;
  const SemanticInput semantic = {input.semantic, input.from_logits, input.mask, input.group};
  error = ComputeSemantics(semantic, grid, options, executor, &semantics);
  if (!error.empty()) return error;
  EdgeGrid edges;
  error = ComputeEdges(input.affinity, input.from_logits, grid, options, semantics, executor,
                       &edges);
  if (!error.empty()) return error;
  const Clustering clustering =
      ClusterVertices(edges, semantics.vertices, grid, options, limits, executor);
  output->instances = DescribeInstances(clustering, semantics, grid, options, input.group,
                                        executor, output->ids);
  if (output->edges != nullptr) ExpandEdges(edges, semantics.vertices, grid, output->edges);
  return "";
}

}  // namespace affinity_seg
