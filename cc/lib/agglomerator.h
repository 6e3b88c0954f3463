// Agglomerative clustering with average linkage by nearest-neighbour chains (paper 3.4).

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

// Merges clusters reached from `active` while an edge is the best edge of both its ends and
// reaches `threshold` / 10^6, and drops absorbed slots from `active`. The best edge has the
// largest mean; among equals, the smallest `tie` at the other end.
//
// The best edges of both ends may merge at once, in any order: the mean to a union is never above
// the larger of the two means, ties of a union are never smaller, so no edge that would have gone
// first can appear later. The result is that of merging the largest edge of all again and again.
//
// Only clusters with `home_level` <= `level` merge. Every slot that the lists of such a cluster
// name must be left alone by other threads. Clusters whose best edge leads to one that may not
// merge yet are marked as stuck and wait for a higher level.
template <typename Mean>
void MergeClusters(int level, int64_t threshold, std::vector<int32_t>* active, Cluster* clusters,
                   BlockPool* pool);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_AGGLOMERATOR_H_
