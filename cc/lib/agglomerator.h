// Agglomerative clustering with average linkage by nearest-neighbour chains (paper 3.4).
//
// WHAT IS COMPUTED
//
// Greedy merging: of all edges between two clusters that reach the stage's threshold, merge the
// first one, until none is left. An edge is first by its mean, the largest first. Among equal means
// it is the one with the smaller min(id) of its two ends, and then with the smaller max(id), where
// the id of a cluster is its largest vertex (`Cluster::id`). No two edges are equal in this order.
// The mean of an edge is over all edges of the grid between the two clusters, a fraction of whole
// numbers, so it does not depend on the order of additions.
//
// HeapMerger (heap_merger.h) does exactly this, one merge after the other. clustering_test.cc
// compares the code below with it on random graphs.
//
// WHY MERGES MAY HAPPEN IN ANY ORDER, AND AT THE SAME TIME
//
// Let clusters A and B merge, and let K be a neighbour of either.
//
// (1) The edge from the union of A and B to K is not before the earlier one of A-K and B-K. Its
//     mean is a weighted mean of theirs, so it is not above the larger one. If it equals the larger
//     one, both are equal, or only one of them is there. Then ids decide, and the id of the union
//     is max(id A, id B): neither min(id) nor max(id) has become smaller.
//     (With the smallest vertex as id it would become smaller, and what follows would be wrong.)
//
// (2) Call u and v a pair if u-v is the first edge of u and also the first edge of v. A pair stays
//     a pair until u and v merge with each other. A merge elsewhere replaces edges of u and v by
//     edges that are not before them, by (1), and leaves u-v as it is.
//
// (3) So greedy merging will merge every pair whose mean reaches the threshold, whatever else it
//     merges before, and with the same mean.
//
// (4) A pair u and v may merge earlier than that. Let e be the first edge of all, and not u-v. Then
//     e does not touch u or v: the first edge of both is u-v. If u and v merge now, the edges of
//     their union are not before the earlier ones, by (1). So none of them is before e, and e is
//     still the first edge of all. Greedy merging goes on with the same merges, only without u-v.
//
// (5) Adding up sums and counts commutes, so the means are the same in either order. Hence merging
//     pairs in any order, or several of them at the same time, ends with the clusters of greedy
//     merging.
//
// The same holds for every stage. A stage starts with the clusters that the stage before has left,
// which are those of greedy merging. The new edges between two clusters go into their mean, as in
// greedy merging. The new edges inside a cluster go into its inner sum, which decides no merge.
//
// Seen from one cluster, the first edge has the largest mean and, among equals, leads to the
// neighbour of the smallest id: that is its best edge.
//
// HOW PAIRS ARE FOUND
//
// A chain: from any cluster go to the neighbour of its best edge, and on, until two clusters name
// each other. Each edge of a chain is before the one that led there, so a chain cannot return. It
// ends in one of three ways:
//
// - With a pair. When that has merged, the rest of the chain is still a chain, by (1), and goes on:
//   its last cluster looks for its best edge anew.
// - With a cluster that has no edge at the threshold. That is the first cluster of the chain: the
//   others have the edge that led there.
// - Before a cluster that has to wait for a higher level of the tree (component_tree.h). Then the
//   whole chain waits.
//
// AN EXAMPLE
//
// Five vertices, threshold 0.7:
//
//      0.9     0.8     0.9     0.6
//   0 ----- 1 ----- 2 ----- 3 ----- 4        and 0 - 2 of 0.4
//
// Each cluster has a list of its neighbours; "2: 0.8 @0" is an edge to cluster 2 of mean 0.8, whose
// twin is entry 0 of the list of 2:
//
//   list of 0   1: 0.9 @0   2: 0.4 @2
//   list of 1   0: 0.9 @0   2: 0.8 @0
//   list of 2   1: 0.8 @1   3: 0.9 @0   0: 0.4 @1
//   list of 3   2: 0.9 @1   4: 0.6 @0
//   list of 4   3: 0.6 @1
//
// The chain from 0 goes to 1, whose best edge leads back: 0 and 1 merge. The lists are of the same
// length; that of 1 is kept. Its entry to 0 is removed, and the last entry takes its place. Then
// entry 2: 0.4 of the list of 0 moves over. The list of 1 has an edge to 2 already, so the two are
// added up: (0.8 + 0.4) / 2 = 0.6, in both lists, and the list of 2 loses its entry to 0:
//
//   list of 1   2: 0.6 @0                    (clusters 0 and 1, id 1)
//   list of 2   1: 0.6 @0   3: 0.9 @0
//   list of 3   2: 0.9 @1   4: 0.6 @0
//   list of 4   3: 0.6 @1
//
// The chain from 1 ends at once: 0.6 is below the threshold. The chain from 2 goes to 3 and back: 2
// and 3 merge into the list of 3. It has no edge to 1, so the entry 1: 0.6 moves over and its twin
// gets the new name and place:
//
//   list of 1   3: 0.6 @1
//   list of 3   4: 0.6 @0   1: 0.6 @0        (clusters 2 and 3, id 3)
//   list of 4   3: 0.6 @0
//
// Nothing reaches 0.7 any more: the clusters are {0, 1}, {2, 3} and {4}. Merging 2 and 3 first
// would have given the same. component_tree.h shows how several threads do it.

#ifndef AFFINITY_SEG_CC_LIB_AGGLOMERATOR_H_
#define AFFINITY_SEG_CC_LIB_AGGLOMERATOR_H_

#include <cstdint>
#include <vector>

#include "cc/lib/block_pool.h"
#include "cc/lib/cluster.h"
#include "cc/lib/mean.h"

namespace affinity_seg {

// Edges of the grid between two clusters, named by their slots, or inside one cluster (u = v).
template <typename Mean>
struct ClusterEdge {
  int32_t u, v;
  Mean mean;
};

// Adds edges to the lists of both ends, or to the mean that is there already. `pool` has units of
// kListGrain list entries.
template <typename Mean>
void InsertEdges(const ClusterEdge<Mean>* edges, int64_t num_edges, Cluster* clusters,
                 BlockPool* pool);

// Merges pairs, found by chains from the clusters of `active`, while their edge reaches `threshold`
// / 10^6. Drops from `active` the slots that were absorbed.
//
// Only clusters with `home_level` <= `tree_level` merge. Every slot that the lists of such a
// cluster name must be left alone by other threads. A cluster whose chain leads to one that may not
// merge at this level is marked as stuck (`stuck_level`) and waits for a higher one.
template <typename Mean>
void MergeClusters(int tree_level, int64_t threshold, std::vector<int32_t>* active,
                   Cluster* clusters, BlockPool* pool);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_AGGLOMERATOR_H_
