#include "cc/lib/average_clustering.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "cc/lib/part_timer.h"

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
        pools_(executor->num_threads()),
        nanoseconds_(thresholds.size()) {}

  void Run() {
    PlanTasks();
    if (num_split_ > 0) {
      for (int stage = 0; stage < static_cast<int>(thresholds_.size()); ++stage) RunSplit(stage);
    }
    executor_->ParallelFor(static_cast<int64_t>(tasks_.size()) - next_task_,
                           [&](int64_t i, int worker) { RunTask(next_task_ + i, worker); });
  }

  // Returns the time of all threads in each stage.
  std::vector<int64_t> Nanoseconds() const { return {nanoseconds_.begin(), nanoseconds_.end()}; }

 private:
  // A task merges the components `order_[first]` to `order_[last - 1]` one after the other.
  struct Task {
    size_t first, last;
  };
  struct SharedTree {
    std::unique_ptr<ComponentTree> tree;
    int shared_level;
  };
  struct Node {
    ComponentTree* tree;
    int level;
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
    while (threads > 1 && num_split_ < order_.size()) {
      const int32_t size = Size(order_[num_split_]);
      if (size < 2 * limits_.min_leaf_size || size < limits_.split_share * total / threads) break;
      ++num_split_;
    }
    size_t i = num_split_;
    while (i < order_.size()) {
      Task task = {i, i};
      int64_t size = 0;
      while (i < order_.size() && size < kMinTaskSize) size += Size(order_[i++]);
      task.last = i;
      tasks_.push_back(task);
    }
  }

  // Returns the smallest shift whose leaves have at least `size` slots.
  static int LeafShift(int64_t size) {
    int shift = 0;
    while ((int64_t{1} << shift) < size) ++shift;
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
      std::unique_ptr<ComponentTree> tree = MakeTree(order_[i], LeafShift(limits_.first_leaf_size));
      {
        const PartTimer timer(&nanoseconds_[0]);
        tree->RunFirstStage(thresholds_[0], tree->num_levels() - 1, 0, &pools_[worker]);
      }
      for (int stage = 1; stage < static_cast<int>(thresholds_.size()); ++stage) {
        const PartTimer timer(&nanoseconds_[stage]);
        tree = MakeTree(order_[i], kUncutLeafShift);
        tree->PrepareLeaf(0);
        tree->ReadLeaf(stage, 0, &pools_[worker]);
        tree->RunNode(thresholds_[stage], 0, 0, &pools_[worker]);
      }
      tree->Release(&pools_[worker]);
    }
  }

  // Makes the trees of a stage. In the first one a thread has the nodes at `shared_level` and all
  // below them for itself, so that their leaves may be small; in the others they are the leaves.
  void MakeTrees(int stage) {
    trees_.clear();
    for (size_t i = 0; i < num_split_; ++i) {
      const int32_t component = order_[i];
      const int shared = LeafShift(
          std::max<int64_t>(limits_.min_leaf_size,
                            Size(component) / (executor_->num_threads() * kLeavesPerThread)));
      const int small = std::min(shared, LeafShift(limits_.first_leaf_size));
      trees_.push_back({MakeTree(component, stage == 0 ? small : shared),
                        stage == 0 ? shared - small : 0});
    }
  }

  // Returns the nodes of all trees that are `step` levels above those that threads share.
  std::vector<Node> NodesAt(int step) const {
    std::vector<Node> nodes;
    for (const SharedTree& shared : trees_) {
      const int level = shared.shared_level + step;
      if (level >= shared.tree->num_levels()) continue;
      for (int32_t i = 0; i < shared.tree->NumNodes(level); ++i) {
        nodes.push_back({shared.tree.get(), level, i});
      }
    }
    return nodes;
  }

  // Runs a stage of the components that are split, level by level. The last level has few nodes:
  // the roots of the highest trees. So its loop also runs a share of the tasks, for the other
  // threads: what is left of them, over the number of stages that are left.
  void RunSplit(int stage) {
    MakeTrees(stage);
    const int64_t threshold = thresholds_[stage];
    std::vector<Node> nodes = NodesAt(0);
    if (stage > 0) {
      executor_->ParallelFor(static_cast<int64_t>(nodes.size()), [&](int64_t i, int) {
        const PartTimer timer(&nanoseconds_[stage]);
        nodes[i].tree->PrepareLeaf(nodes[i].index);
      });
      executor_->ParallelFor(static_cast<int64_t>(nodes.size()), [&](int64_t i, int worker) {
        const PartTimer timer(&nanoseconds_[stage]);
        nodes[i].tree->ReadLeaf(stage, nodes[i].index, &pools_[worker]);
      });
    }
    for (int step = 0; !nodes.empty(); ++step) {
      const std::vector<Node> parents = NodesAt(step + 1);
      const size_t num_nodes = nodes.size();
      const size_t num_tasks =
          parents.empty() ? (tasks_.size() - next_task_) / (thresholds_.size() - stage) : 0;
      executor_->ParallelFor(
          static_cast<int64_t>(num_nodes + num_tasks), [&](int64_t i, int worker) {
            if (i >= static_cast<int64_t>(num_nodes)) {
              return RunTask(next_task_ + (i - num_nodes), worker);
            }
            const PartTimer timer(&nanoseconds_[stage]);
            const Node& node = nodes[i];
            if (stage == 0 && step == 0) {
              node.tree->RunFirstStage(threshold, node.level, node.index, &pools_[worker]);
            } else {
              node.tree->RunNode(threshold, node.level, node.index, &pools_[worker]);
            }
          });
      next_task_ += num_tasks;
      nodes = parents;
    }
  }

  const SlotGraph& graph_;
  const Components& components_;
  const std::vector<int64_t>& thresholds_;
  const ClusteringLimits& limits_;
  Executor* executor_;
  ClusterForest* forest_;
  std::vector<int32_t> order_;  // components of more than one vertex, the largest first
  size_t num_split_ = 0;  // so many of them are split
  std::vector<SharedTree> trees_;  // of these
  std::vector<Task> tasks_;
  size_t next_task_ = 0;
  std::vector<WorkerPools> pools_;  // of each worker
  std::vector<std::atomic<int64_t>> nanoseconds_;  // of each stage
};

}  // namespace

ClusterForest ClusterByAverage(const SlotGraph& graph, const Components& components,
                               const std::vector<int64_t>& thresholds,
                               const ClusteringLimits& limits, Executor* executor,
                               std::vector<int64_t>* nanoseconds) {
  ClusterForest forest(components);
  Schedule schedule(graph, components, thresholds, limits, executor, &forest);
  schedule.Run();
  *nanoseconds = schedule.Nanoseconds();
  return forest;
}

}  // namespace affinity_seg
