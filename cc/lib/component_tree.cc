#include "cc/lib/component_tree.h"

#include <algorithm>
#include <type_traits>

namespace affinity_seg {
namespace {

constexpr size_t kInsertBatch = 1024;

// Returns the slot that `slot` has been merged into, and halves the path to it. Several threads
// may do so at once: whatever they write leads to the same slot.
int32_t FindCluster(Cluster* clusters, int32_t slot) {
  int32_t parent = __atomic_load_n(&clusters[slot].parent, __ATOMIC_RELAXED);
  while (parent != slot) {
    const int32_t next = __atomic_load_n(&clusters[parent].parent, __ATOMIC_RELAXED);
    if (next != parent) __atomic_store_n(&clusters[slot].parent, next, __ATOMIC_RELAXED);
    slot = parent;
    parent = next;
  }
  return slot;
}

}  // namespace

ClusterForest::ClusterForest(const Components& components)
    : clusters(components.vertex_of_slot.size()), cluster_of_slot(clusters.size()) {
  for (int32_t slot = 0; slot < static_cast<int32_t>(clusters.size()); ++slot) {
    clusters[slot].parent = cluster_of_slot[slot] = slot;
    clusters[slot].id = components.vertex_of_slot[slot];
  }
}

int32_t ClusterForest::Find(int32_t slot) {
  return FindCluster(clusters.data(), cluster_of_slot[slot]);
}

ComponentTree::ComponentTree(const SlotGraph& graph, int32_t begin, int32_t end, int leaf_shift,
                             ClusterForest* forest)
    : graph_(graph),
      forest_(*forest),
      begin_(begin),
      end_(end),
      leaf_shift_(leaf_shift),
      num_leaves_(((end - begin - 1) >> leaf_shift) + 1),
      num_levels_(CommonLevel(begin, end - 1) + 1),
      active_(num_leaves_) {}

int32_t ComponentTree::LeafEnd(int32_t leaf) const {
  return static_cast<int32_t>(std::min<int64_t>(end_, begin_ + (int64_t{leaf + 1} << leaf_shift_)));
}

void ComponentTree::PrepareLeaf(int32_t leaf) {
  Cluster* clusters = forest_.clusters.data();
  for (int32_t slot = LeafBegin(leaf); slot < LeafEnd(leaf); ++slot) {
    forest_.cluster_of_slot[slot] = FindCluster(clusters, forest_.cluster_of_slot[slot]);
  }
  std::vector<int32_t>& active = active_[leaf];
  active.clear();
  for (int32_t slot = LeafBegin(leaf); slot < LeafEnd(leaf); ++slot) {
    if (forest_.cluster_of_slot[slot] != slot) continue;
    active.push_back(slot);
    clusters[slot].best = Cluster::kUnknown;
    clusters[slot].home_level = 0;
    clusters[slot].stuck_level = Cluster::kNeverStuck;
  }
}

void ComponentTree::RunFirstStage(int64_t threshold, int level, int32_t index,
                                  WorkerPools* pools) {
  if (level == 0) {
    PrepareLeaf(index);
    ReadLeaf(0, index, pools);
  } else {
    const int32_t end = std::min(2 * index + 2, NumNodes(level - 1));
    for (int32_t child = 2 * index; child < end; ++child) {
      RunFirstStage(threshold, level - 1, child, pools);
    }
  }
  RunNode(threshold, level, index, pools);
}

template <typename Mean>
ComponentTreeOf<Mean>::ComponentTreeOf(const SlotGraph& graph, int32_t begin, int32_t end,
                                       int leaf_shift, ClusterForest* forest)
    : ComponentTree(graph, begin, end, leaf_shift, forest), pending_(num_leaves_) {}

template <typename Mean>
BlockPool* ComponentTreeOf<Mean>::PoolOf(WorkerPools* pools) {
  return std::is_same_v<Mean, PackedMean> ? &pools->packed : &pools->wide;
}

template <typename Mean>
void ComponentTreeOf<Mean>::RaiseHomeLevel(int32_t slot, int level) {
  uint8_t* home = &forest_.clusters[slot].home_level;
  uint8_t old = __atomic_load_n(home, __ATOMIC_RELAXED);
  while (old < level && !__atomic_compare_exchange_n(home, &old, static_cast<uint8_t>(level), true,
                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

template <typename Mean>
void ComponentTreeOf<Mean>::ReadLeaf(int stage, int32_t leaf, WorkerPools* pools) {
  if (stage == 0) {
    BuildLists(leaf, PoolOf(pools));
  } else {
    AddEdges(stage, leaf, PoolOf(pools));
  }
  if (num_leaves_ == 1) return;
  for (int32_t slot : active_[leaf]) {
    const Cluster& cluster = forest_.clusters[slot];
    const ListView<Mean> list(cluster);
    int level = 0;
    for (int32_t i = 0; i < cluster.size; ++i) {
      if (list.slots[i] >= 0) level = std::max(level, CommonLevel(slot, list.slots[i]));
    }
    RaiseHomeLevel(slot, level);
  }
}

template <typename Mean>
void ComponentTreeOf<Mean>::BuildLists(int32_t leaf, BlockPool* pool) {
  // Every entry has its place: a vertex writes its own list only, and knows the twins' places.
  const int32_t size = graph_.NumNeighbors(0);
  int32_t capacity = kListGrain;
  while (capacity < size) capacity *= 2;
  Cluster* clusters = forest_.clusters.data();
  for (int32_t slot = LeafBegin(leaf); slot < LeafEnd(leaf); ++slot) {
    ResizeList<Mean>(capacity, &clusters[slot], pool);
    clusters[slot].size = size;
  }
  graph_.ReadNeighbors(0, LeafBegin(leaf), LeafEnd(leaf), begin_, end_,
                       [&](int32_t slot, int position, int twin, int32_t other, int32_t value) {
                         const ListView<Mean> list(clusters[slot]);
                         list.means[position] = Mean(value, 1);
                         list.keys[position] = static_cast<float>(value);
                         list.slots[position] = other;
                         list.twins[position] = twin;
                       });
}

template <typename Mean>
void ComponentTreeOf<Mean>::AddEdges(int stage, int32_t leaf, BlockPool* pool) {
  if (num_leaves_ > 1) pending_[leaf].resize(size_t{1} << num_levels_);
  EdgeList own;  // edges between clusters of this leaf
  own.reserve(kInsertBatch);
  const auto insert_own = [&] {
    InsertEdges(own.data(), static_cast<int64_t>(own.size()), forest_.clusters.data(), pool);
    own.clear();
  };
  graph_.ReadStage(stage, LeafBegin(leaf), LeafEnd(leaf), begin_, end_,
                   forest_.cluster_of_slot.data(),
                   [&](int32_t a, int32_t b, int64_t sum, int64_t count) {
                     const ClusterEdge<Mean> edge = {a, b, Mean(sum, count)};
                     const int level = CommonLevel(a, b);
                     if (level == 0 && LeafOf(a) == leaf) {
                       own.push_back(edge);
                       if (own.size() == kInsertBatch) insert_own();
                       return;
                     }
                     pending_[leaf][NodeIndex(level, LeafOf(a) >> level)].push_back(edge);
                     RaiseHomeLevel(a, level);
                     RaiseHomeLevel(b, level);
                   });
  insert_own();
}

template <typename Mean>
void ComponentTreeOf<Mean>::RunNode(int64_t threshold, int level, int32_t index,
                                    WorkerPools* pools) {
  Cluster* clusters = forest_.clusters.data();
  for (std::vector<EdgeList>& read : pending_) {
    if (read.empty()) continue;
    EdgeList& edges = read[NodeIndex(level, index)];
    InsertEdges(edges.data(), static_cast<int64_t>(edges.size()), clusters, PoolOf(pools));
    edges = EdgeList();
  }
  const int32_t first = index << level;
  const int32_t last = std::min(num_leaves_, (index + 1) << level);
  for (int32_t leaf = first; leaf < last; ++leaf) {
    MergeClusters<Mean>(level, threshold, &active_[leaf], clusters, PoolOf(pools));
  }
}

template <typename Mean>
void ComponentTreeOf<Mean>::Release(WorkerPools* pools) {
  for (const std::vector<int32_t>& active : active_) {
    for (int32_t slot : active) FreeList(&forest_.clusters[slot], PoolOf(pools));
  }
}

template class ComponentTreeOf<PackedMean>;
template class ComponentTreeOf<WideMean>;

}  // namespace affinity_seg
