// Average linkage inside one component, by several threads.

#ifndef AFFINITY_SEG_CC_LIB_COMPONENT_TREE_H_
#define AFFINITY_SEG_CC_LIB_COMPONENT_TREE_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "cc/lib/agglomerator.h"
#include "cc/lib/block_pool.h"
#include "cc/lib/cluster.h"
#include "cc/lib/components.h"
#include "cc/lib/mean.h"
#include "cc/lib/neighbor_list.h"
#include "cc/lib/slot_graph.h"

namespace affinity_seg {

// What all components of an image share. [V] each, by slot.
struct ClusterForest {
  explicit ClusterForest(const Components& components);

  // Returns the slot of the cluster that holds `slot`.
  int32_t Find(int32_t slot);

  std::vector<Cluster> clusters;
  // The slot of the cluster that each slot belonged to when the present stage began.
  std::vector<int32_t> cluster_of_slot;
};

// Memory of one worker for lists with either kind of mean.
struct WorkerPools {
  BlockPool packed{kListGrain * ListView<PackedMean>::BytesPerEntry()};
  BlockPool wide{kListGrain * ListView<WideMean>::BytesPerEntry()};
};

// The slots of a component are cut into leaves of 2^`leaf_shift` slots, the leaves of a binary
// tree: the node at (level, index) holds the leaves [index * 2^level, (index + 1) * 2^level). The
// slots of a component follow the tiles of the image (tile_order.h), so a leaf is a patch of it.
//
// Take the lowest node that holds a cluster's own slot and those of all its neighbours. The level
// of that node is the `home_level` of the cluster, and the cluster may merge from that level on. It
// merges higher up if its best edge leads to a cluster that has to wait. Then it is stuck: it has
// to wait as well. At the root nothing has to wait.
//
// No list is locked. A node at `level` searches and merges only clusters with `home_level` <=
// `level`, and it holds all their neighbours. A merge writes the lists of the two clusters and of
// their neighbours. So a node writes only lists of clusters whose slots it holds, and the nodes of
// one level have no slot in common.
//
// Which pair merges first does not matter (see agglomerator.h), so the clusters do not depend on
// the tree or on the number of threads. Only the slot that a cluster ends up in may depend on them;
// NumberClusters in clustering.cc numbers the clusters in an order that does not.
//
// A home level is found only once in a stage. The home level of a union is the higher one of its
// two parts: that node holds both parts, as they are neighbours, and the neighbours of both. The
// home levels of the neighbours stay as they are. But if v merges into u, a neighbour K of v has an
// entry that names u from then on, and u may lie outside the node that K's home level was found
// for. (With v and K in leaf 0 and u in leaf 1, v and u merge at level 1, and K may keep level 0.)
// This does no harm: the node that merges u and v holds u, v and K, and levels only go up. From
// then on K is searched and merged only at that node or above it.
//
// An example with two threads: eight vertices in a row, leaves of two slots, threshold 0.7.
//
//             0.9     0.8     0.9     0.5     0.9     0.8     0.9
//          0 ----- 1 ----- 2 ----- 3 ----- 4 ----- 5 ----- 6 ----- 7
//   home   0       1       1       2       2       1       1       0
//
//   level 2   [                 0 to 7                  ]
//   level 1   [      0 to 3      ]   [      4 to 7      ]
//   level 0   [ 0, 1 ]   [ 2, 3 ]     [ 4, 5 ]   [ 6, 7 ]
//
//   Level 0: the best edge of 0 leads to 1, which waits for level 1. So 0 is stuck, and 7 likewise.
//   Level 1: the first thread merges 0 and 1, while the second one merges 6 and 7. The chain from
//            {0, 1} goes to 2 and on to 3, which waits for level 2: {0, 1} and 2 are stuck. So are
//            5 and {6, 7}.
//   Level 2: one thread merges 2 and 3, then {0, 1} and {2, 3} with 0.8, and the same on the right.
//            0.5 stays below the threshold: {0, 1, 2, 3} and {4, 5, 6, 7}.
//
// A merge may also write the list of a cluster that has to wait. Suppose that 0 and 1 both have a
// weak edge to 3 as well. When the first thread merges them at level 1, these two edges become one,
// and the list of 3 loses an entry. The last entry must not move into the gap: its twin may be in
// the list of 4, which belongs to the second thread. So the gap stays (NeighborLists::Remove).
//
// In each stage, first `PrepareLeaf`, then `ReadLeaf` for all leaves, then `RunNode` for all nodes
// of level 0, of level 1, and so on to the root. Calls of one kind and level may run in parallel.
//
// In the first stage `RunFirstStage` does all three leaf by leaf, and runs a node as soon as its
// children are done. So a leaf's lists are built and merged while they are in the cache, and their
// memory is free again for those of the next leaf. A list of a leaf that is read later has its
// entries where the lists before it expect them: clusters with neighbours in such a leaf wait for a
// higher level, so they keep their slots, and entries of their lists do not move. To see what this
// saves, run `python -m benchmarks.merge --suite=growth` with `first_leaf_size`
// (average_clustering.h) as it is and with 2^30. Later stages cannot do so: the edges that a leaf
// reads may lead from clusters of any other leaf.
//
// `ReadLeaf` inserts the edges of a later stage at once if the clusters at both ends have their
// slots in the leaf that reads them. Other edges are pending: the lowest node that holds the slots
// of both ends inserts them before it merges. Until then neither end may merge, because `ReadLeaf`
// has raised the home levels of both to that node's level. So the ends of a pending edge are still
// clusters when it is inserted, and a cluster that may merge has all its edges in its list.
class ComponentTree {
 public:
  virtual ~ComponentTree() = default;

  int num_levels() const { return num_levels_; }
  int32_t NumNodes(int level) const { return ((num_leaves_ - 1) >> level) + 1; }

  // Finds the clusters of the leaf's slots at the start of a stage. Resets what the clusters in the
  // leaf remember of the stage before: `best`, `home_level` and `stuck_level`.
  void PrepareLeaf(int32_t leaf);
  // The first stage of all leaves below a node, of the nodes between, and of the node itself.
  void RunFirstStage(int64_t threshold, int level, int32_t index, WorkerPools* pools);
  // Reads the edges of `stage` that start in the leaf.
  virtual void ReadLeaf(int stage, int32_t leaf, WorkerPools* pools) = 0;
  // Inserts the edges that are pending for the node. Then merges what reaches `threshold` / 10^6,
  // but for clusters that have to wait for a higher level.
  virtual void RunNode(int64_t threshold, int level, int32_t index, WorkerPools* pools) = 0;
  // Gives the lists back. After the last stage.
  virtual void Release(WorkerPools* pools) = 0;

 protected:
  ComponentTree(const SlotGraph& graph, int32_t begin, int32_t end, int leaf_shift,
                ClusterForest* forest);

  int32_t LeafOf(int32_t slot) const { return (slot - begin_) >> leaf_shift_; }
  // Returns the level of the lowest node that holds both slots.
  int CommonLevel(int32_t u, int32_t v) const {
    // A node at `level` holds the leaves that are equal but for their last `level` bits.
    const uint32_t differ = static_cast<uint32_t>(LeafOf(u) ^ LeafOf(v));
    return differ == 0 ? 0 : std::numeric_limits<uint32_t>::digits - __builtin_clz(differ);
  }
  // Heap order: the root is node 1.
  int32_t NodeIndex(int level, int32_t index) const {
    return (1 << (num_levels_ - 1 - level)) + index;
  }
  int32_t LeafBegin(int32_t leaf) const { return begin_ + (leaf << leaf_shift_); }
  int32_t LeafEnd(int32_t leaf) const;

  const SlotGraph& graph_;
  ClusterForest& forest_;
  int32_t begin_;
  int32_t end_;
  int leaf_shift_;
  int32_t num_leaves_;
  int num_levels_;
  std::vector<std::vector<int32_t>> active_;  // [leaves]: slots of clusters
};

template <typename Mean>
class ComponentTreeOf : public ComponentTree {
 public:
  // Args: [begin, end): the slots of the component. `graph` and `forest` must outlive the tree.
  ComponentTreeOf(const SlotGraph& graph, int32_t begin, int32_t end, int leaf_shift,
                  ClusterForest* forest);

  void ReadLeaf(int stage, int32_t leaf, WorkerPools* pools) override;
  void RunNode(int64_t threshold, int level, int32_t index, WorkerPools* pools) override;
  void Release(WorkerPools* pools) override;

 private:
  using EdgeList = std::vector<ClusterEdge<Mean>>;

  static BlockPool* PoolOf(WorkerPools* pools);
  // Writes the lists of the first stage, where clusters are vertices.
  void BuildLists(int32_t leaf, BlockPool* pool);
  // Adds the edges of a later stage to the lists or to `pending_`.
  void AddEdges(int stage, int32_t leaf, BlockPool* pool);
  // Several threads may do so for the same slot at once: the highest level stays.
  void RaiseHomeLevel(int32_t slot, int level);

  std::vector<std::vector<EdgeList>> pending_;  // [leaf that read them][node that inserts them]
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_COMPONENT_TREE_H_
