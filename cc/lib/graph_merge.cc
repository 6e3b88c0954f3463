#include "cc/lib/graph_merge.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>

#include "cc/lib/clustering.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_graph.h"
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
  for (const NetworkOutput* output : {&input.affinity, &input.semantic}) {
    if (error.empty()) error = CheckCovers(*output, input.height, input.width);
  }
  if (!error.empty()) return error;
  output->instances = Instances();
  output->stage_nanoseconds.assign(options.stages.size(), 0);
  if (grid.num_windows() == 0) return "";

  StepClock clock(output->seconds);
  Semantics semantics;
  error = ComputeSemantics(input.semantic, input.vertices, grid, options, executor, &semantics);
  if (!error.empty()) return error;
  clock.EndStep();
  WindowGraph graph(grid, semantics.vertices, MergedDistances(options));
  error = ComputeEdges(input.affinity, semantics, options, executor, &graph);
  if (!error.empty()) return error;
  clock.EndStep();
  const Clustering clustering = ClusterVertices(graph, options, limits, executor);
  output->stage_nanoseconds = clustering.stage_nanoseconds;
  clock.EndStep();
  output->instances = DescribeInstances(clustering, semantics, grid, options, group,
                                        executor, output->ids);
  clock.EndStep();
  if (output->edges != nullptr) graph.Expand(output->edges);
  return "";
}

std::vector<Error> GraphMergeBatch(const std::vector<GraphMergeInput>& inputs,
                                   const GraphMergeOptions& options, Executor* executor,
                                   std::vector<GraphMergeOutput>* outputs) {
  std::vector<size_t> order(inputs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return inputs[a].height * inputs[a].width > inputs[b].height * inputs[b].width;
  });
  std::vector<Error> errors(inputs.size());
  executor->ParallelFor(static_cast<int64_t>(inputs.size()), [&](int64_t i, int) {
    const size_t image = order[i];
    errors[image] = GraphMerge(inputs[image], options, executor, &(*outputs)[image]);
  });
  return errors;
}

}  // namespace affinity_seg
