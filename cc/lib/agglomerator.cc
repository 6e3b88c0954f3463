// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/agglomerator.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/agglomerator.h"

#include <algorithm>
#include <utility>

#include "cc/lib/neighbor_lists-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

// Follows chains of best edges and merges the clusters at their ends.
template <typename Mean>
class Agglomerator {
 public:
  Agglomerator(int tree_level, int64_t threshold, Cluster* clusters, BlockPool* pool)
      : tree_level_(tree_level),
        threshold_(threshold),
        clusters_(clusters),
        lists_(tree_level, clusters, pool) {}

  // Merges along the chains that start at `slot` and at every union on the way.
  void MergeFrom(int32_t slot) {
    FollowChain(slot);
    while (!merged_.empty()) {
      const int32_t next = merged_.back();
      merged_.pop_back();
      FollowChain(next);
    }
  }

 private:
  // Merges along the chain of best neighbours that starts at `start`.
  void FollowChain(int32_t start) {
    if (clusters_[start].parent != start || !MayMerge(clusters_[start])) return;
    chain_.assign(1, start);
    while (!chain_.empty()) {
      const int32_t top = chain_.back();
      const int32_t next = lists_.BestNeighbor(top, threshold_);
      if (next == Cluster::kNone) {
        // `top` is the start: a cluster below in the chain would have got here by an edge that
        // reaches the threshold.
        chain_.pop_back();
      } else if (chain_.size() > 1 && chain_[chain_.size() - 2] == next) {
        chain_.resize(chain_.size() - 2);
        merged_.push_back(MergePair(top, next));
      } else if (!MayMerge(clusters_[next])) {
        // `next` has to wait, so its edge to `top` has to wait. That is and stays the best edge of
        // `top`, so `top` cannot merge with any other cluster, and likewise down the chain.
        for (int32_t slot : chain_) clusters_[slot].stuck_level = static_cast<uint8_t>(tree_level_);
        chain_.clear();
      } else {
        chain_.push_back(next);
      }
    }
  }

  bool MayMerge(const Cluster& cluster) const {
    return cluster.home_level <= tree_level_ && cluster.stuck_level != tree_level_;
  }

  // Merges two neighbours and returns the slot of the union. That is the slot with the larger
  // `size`, unused entries included, so that fewer entries move. If they are equal, it is `u`: when
  // the first stage begins, all lists are equally long.
  int32_t MergePair(int32_t u, int32_t v) {
    if (clusters_[u].size < clusters_[v].size) std::swap(u, v);
    Cluster& kept = clusters_[u];
    Cluster& gone = clusters_[v];
    kept.id = std::max(kept.id, gone.id);
    const Mean between = lists_.Join(u, v);
    kept.inner_sum += gone.inner_sum + between.sum();
    kept.inner_count += gone.inner_count + between.count();
    kept.home_level = std::max(kept.home_level, gone.home_level);
    gone.parent = u;
    return u;
  }

  int tree_level_;
  int64_t threshold_;
  Cluster* clusters_;
  NeighborLists<Mean> lists_;
  std::vector<int32_t> chain_;   // each cluster's best neighbour follows it
  std::vector<int32_t> merged_;  // unions whose own best edge was not looked at yet
};

template <typename Mean>
void InsertEdgesAtSimdLevel(const ClusterEdge<Mean>* edges, int64_t num_edges, Cluster* clusters,
                            BlockPool* pool) {
  NeighborLists<Mean> lists(/*tree_level=*/0, clusters, pool);
  for (const ClusterEdge<Mean>* edge = edges; edge != edges + num_edges; ++edge) {
    if (edge->u == edge->v) {
      clusters[edge->u].inner_sum += edge->mean.sum();
      clusters[edge->u].inner_count += edge->mean.count();
    } else {
      lists.AddEdge(edge->u, edge->v, edge->mean);
    }
  }
}

template <typename Mean>
void MergeClustersAtSimdLevel(int tree_level, int64_t threshold,
                              const std::vector<int32_t>& active, Cluster* clusters,
                              BlockPool* pool) {
  Agglomerator<Mean> agglomerator(tree_level, threshold, clusters, pool);
  for (int32_t slot : active) agglomerator.MergeFrom(slot);
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

template <typename Mean>
void InsertEdges(const ClusterEdge<Mean>* edges, int64_t num_edges, Cluster* clusters,
                 BlockPool* pool) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(InsertEdgesAtSimdLevel<Mean>, edges, num_edges, clusters, pool);
}

template <typename Mean>
void MergeClusters(int tree_level, int64_t threshold, std::vector<int32_t>* active,
                   Cluster* clusters, BlockPool* pool) {
  const auto merge = [&] {
    AFFINITY_SEG_CALL_AT_SIMD_LEVEL(MergeClustersAtSimdLevel<Mean>, tree_level, threshold, *active,
                                    clusters, pool);
  };
  merge();
  active->erase(std::remove_if(active->begin(), active->end(),
                               [&](int32_t slot) { return clusters[slot].parent != slot; }),
                active->end());
}

#define AFFINITY_SEG_INSTANTIATE(Mean)                                                          \
  template void InsertEdges(const ClusterEdge<Mean>*, int64_t, Cluster*, BlockPool*);           \
  template void MergeClusters<Mean>(int, int64_t, std::vector<int32_t>*, Cluster*, BlockPool*)
AFFINITY_SEG_INSTANTIATE(PackedMean);
AFFINITY_SEG_INSTANTIATE(WideMean);
#undef AFFINITY_SEG_INSTANTIATE

}  // namespace affinity_seg
#endif  // HWY_ONCE
