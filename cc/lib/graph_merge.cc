#include "cc/lib/graph_merge.h"

#include <chrono>
#include <string>

#include "cc/lib/clustering.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {
namespace {

// Writes the time since the last call, or since it was made, to the next entry of `seconds`.
class StepClock {
 public:
  explicit StepClock(double* seconds) : next_(seconds) {}

  void EndStep() {
    const Clock::time_point now = Clock::now();
    *next_++ = std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;

  double* next_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace

Error GraphMerge(const GraphMergeInput& input, const GraphMergeOptions& options,
                 Executor* executor, GraphMergeOutput* output, const ClusteringLimits& limits) {
  const int group = input.vertices.group;
  if (group < 0 || group >= options.num_groups()) {
    return "`group` must be in [0, " + std::to_string(options.num_groups() - 1) +
           "]: " + std::to_string(group);
  }
  const WindowGrid grid(input.height, input.width, options.merge_window);
  Error error = grid.CheckSize(static_cast<int>(MergedDistances(options).size()));
  if (!error.empty()) return error;

  StepClock clock(output->seconds);
  Semantics semantics;
  error = ComputeSemantics(input.semantic, input.vertices, grid, options, executor, &semantics);
  if (!error.empty()) return error;
  clock.EndStep();
  EdgeGrid edges;
  error = ComputeEdges(input.affinity, grid, options, semantics, executor, &edges);
  if (!error.empty()) return error;
  clock.EndStep();
  const Clustering clustering =
      ClusterVertices(edges, semantics.vertices, grid, options, limits, executor);
  clock.EndStep();
  output->instances = DescribeInstances(clustering, semantics, grid, options, group,
                                        executor, output->ids);
  clock.EndStep();
  if (output->edges != nullptr) ExpandEdges(edges, semantics.vertices, grid, output->edges);
  return "";
}

}  // namespace affinity_seg
