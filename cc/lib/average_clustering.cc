#include "cc/lib/average_clustering.h"

#include <algorithm>
#include <memory>

namespace affinity_seg {
namespace {

// Small components share a task of at least so many slots.
constexpr int32_t kMinTaskSize = 4096;
// Leaves per thread of a component that is split.
constexpr int kLeavesPerThread = 4;
// A component that one task merges is not cut: its only leaf has room for any number of slots.
constexpr int kUncutLeafShift = 31;

class Schedule {
 public:
  Schedule(const SlotGraph& graph, const Components& components,
           const std::vector<int64_t>& thresholds, const ClusteringLimits& limits,
           Executor* executor, ClusterForest* forest)
      : graph_(graph),
        components_(components),
        thresholds_(thresholds),
        limits_(limits),
        executor_(executor),
        forest_(forest),
        pools_(executor->num_threads()) {}

  void Run() {
    PlanTasks();
    for (int stage = 0; stage < static_cast<int>(thresholds_.size()); ++stage) RunSplit(stage);
    executor_->ParallelFor(static_cast<int64_t>(tasks_.size()) - next_task_,
                           [&](int64_t i, int worker) { RunTask(next_task_ + i, worker); });
  }

 private:
  // A task merges the components `order_[first]` to `order_[last - 1]` one after the other.
  struct Task {
    size_t first, last;
  };
  struct Leaf {
    ComponentTree* tree;
    int32_t index;
  };

  int32_t Size(int32_t component) const {
    return components_.begins[component + 1] - components_.begins[component];
  }

  // Orders the components by size and decides which are split and which share a task.
  void PlanTasks() {
    for (int32_t c = 0; c < components_.num_components(); ++c) {
      if (Size(c) > 1) order_.push_back(c);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](int32_t a, int32_t b) { return Size(a) > Size(b); });
    const int64_t total = components_.begins.back();
    const int threads = executor_->num_threads();
    size_t i = 0;
    for (; threads > 1 && i < order_.size(); ++i) {
      const int32_t size = Size(order_[i]);
      if (size < 2 * limits_.min_leaf_size || size < limits_.split_share * total / threads) break;
      trees_.push_back(MakeTree(order_[i], LeafShift(size)));
      for (int32_t leaf = 0; leaf < trees_.back()->num_leaves(); ++leaf) {
        leaves_.push_back({trees_.back().get(), leaf});
      }
    }
    while (i < order_.size()) {
      Task task = {i, i};
      int64_t size = 0;
      while (i < order_.size() && size < kMinTaskSize) size += Size(order_[i++]);
      task.last = i;
      tasks_.push_back(task);
    }
  }

  int LeafShift(int32_t size) const {
    const int64_t leaf = std::max<int64_t>(limits_.min_leaf_size,
                                           size / (executor_->num_threads() * kLeavesPerThread));
    int shift = 0;
    while ((int64_t{1} << shift) < leaf) ++shift;
    return shift;
  }

  std::unique_ptr<ComponentTree> MakeTree(int32_t component, int leaf_shift) {
    const int32_t begin = components_.begins[component], end = components_.begins[component + 1];
    // No more edges than these can lead from one cluster to another.
    const int64_t edges = (end - begin) * graph_.edges_per_vertex();
    if (edges <= limits_.max_packed_count) {
      return std::make_unique<ComponentTreeOf<PackedMean>>(graph_, begin, end, leaf_shift,
                                                           forest_);
    }
    return std::make_unique<ComponentTreeOf<WideMean>>(graph_, begin, end, leaf_shift, forest_);
  }

  void RunTask(size_t index, int worker) {
    for (size_t i = tasks_[index].first; i < tasks_[index].last; ++i) {
      const std::unique_ptr<ComponentTree> tree = MakeTree(order_[i], kUncutLeafShift);
      for (int stage = 0; stage < static_cast<int>(thresholds_.size()); ++stage) {
        tree->PrepareLeaf(0);
        tree->ReadLeaf(stage, 0, &pools_[worker]);
        tree->RunNode(thresholds_[stage], 0, 0, &pools_[worker]);
      }
      tree->Release(&pools_[worker]);
    }
  }

  // Runs a stage of the components that are split, level by level. The last level has few nodes:
  // the roots of the highest trees. So its loop also runs a share of the tasks, for the other
  // threads: what is left of them, over the number of stages that are left.
  void RunSplit(int stage) {
    if (trees_.empty()) return;
    const int64_t num_leaves = static_cast<int64_t>(leaves_.size());
    executor_->ParallelFor(
        num_leaves, [&](int64_t i, int) { leaves_[i].tree->PrepareLeaf(leaves_[i].index); });
    executor_->ParallelFor(num_leaves, [&](int64_t i, int worker) {
      leaves_[i].tree->ReadLeaf(stage, leaves_[i].index, &pools_[worker]);
    });
    int num_levels = 0;
    for (const auto& tree : trees_) num_levels = std::max(num_levels, tree->num_levels());
    for (int level = 0; level < num_levels; ++level) {
      std::vector<Leaf> nodes;
      for (const auto& tree : trees_) {
        if (level >= tree->num_levels()) continue;
        for (int32_t i = 0; i < tree->NumNodes(level); ++i) nodes.push_back({tree.get(), i});
      }
      const size_t num_nodes = nodes.size();
      const size_t num_tasks =
          level + 1 < num_levels ? 0 : (tasks_.size() - next_task_) / (thresholds_.size() - stage);
      executor_->ParallelFor(
          static_cast<int64_t>(num_nodes + num_tasks), [&](int64_t i, int worker) {
            if (i >= static_cast<int64_t>(num_nodes)) {
              return RunTask(next_task_ + (i - num_nodes), worker);
            }
            nodes[i].tree->RunNode(thresholds_[stage], level, nodes[i].index, &pools_[worker]);
          });
      next_task_ += num_tasks;
    }
  }

  const SlotGraph& graph_;
  const Components& components_;
  const std::vector<int64_t>& thresholds_;
  const ClusteringLimits& limits_;
  Executor* executor_;
  ClusterForest* forest_;
  std::vector<int32_t> order_;  // components of more than one vertex, the largest first
  std::vector<std::unique_ptr<ComponentTree>> trees_;
  std::vector<Leaf> leaves_;  // of all trees
  std::vector<Task> tasks_;
  size_t next_task_ = 0;
  std::vector<WorkerPools> pools_;  // of each worker
};

}  // namespace

ClusterForest ClusterByAverage(const SlotGraph& graph, const Components& components,
                               const std::vector<int64_t>& thresholds,
                               const ClusteringLimits& limits, Executor* executor) {
  ClusterForest forest(components.begins.back());
  Schedule(graph, components, thresholds, limits, executor, &forest).Run();
  return forest;
}

}  // namespace affinity_seg
