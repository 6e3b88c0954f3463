#include "cc/lib/graph_merge.h"

#include <string>
#include <vector>

#include "cc/lib/clustering.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

Error GraphMerge(const GraphMergeInput& input, const GraphMergeOptions& options,
                 Instances* instances, EdgeGrid* edges) {
  if (input.group < 0 || input.group >= options.num_groups()) {
    return "`group` must be in [0, " + std::to_string(options.num_groups() - 1) +
           "]: " + std::to_string(input.group);
  }
  const WindowGrid grid(input.height, input.width, options.merge_window);
  Error error = grid.CheckSize(static_cast<int>(MergedDistances(options).size()));
  if (!error.empty()) return error;

  Semantics semantics;
  error = ComputeSemantics(input.semantic, input.from_logits, grid, options, &semantics);
  if (!error.empty()) return error;
  const std::vector<uint8_t> vertices = FindVertices(semantics, grid, input.group, input.mask);
  error = ComputeEdges(input.affinity, input.from_logits, grid, options, semantics, vertices, edges);
  if (!error.empty()) return error;
  const std::vector<int32_t> clusters = ClusterWindows(*edges, grid, options);
  *instances = DescribeInstances(clusters, vertices, *edges, semantics, grid, options, input.group);
  return "";
}

}  // namespace affinity_seg
