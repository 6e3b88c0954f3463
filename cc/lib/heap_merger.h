// Greedy agglomerative clustering with a heap.

#ifndef AFFINITY_SEG_CC_LIB_HEAP_MERGER_H_
#define AFFINITY_SEG_CC_LIB_HEAP_MERGER_H_

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cc/lib/disjoint_set.h"

namespace affinity_seg {

// Merges the two clusters with the largest edge until no edge reaches the threshold, stage by
// stage (Algorithm 1, paper 3.4).
//
// Order: the largest mean first, compared exactly; among equals the smaller min(id), then the
// smaller max(id) of the two ends, where a cluster's id is its largest vertex. The result is
// deterministic: it depends on no hash order.
//
// Heap entries are not updated when clusters merge. Merging never raises an edge above the larger
// of its two parts and never lowers an id, so the entries of the parts stay in front of the edge
// of the union. An entry that comes to the top and is no longer true is replaced by the current
// state of its edge; `queued` avoids a second entry for the same state.
//
// `LinkageEdge` is the edge between two clusters:
//   Add(value)      adds one edge of the grid, in units of 1/65535, within the current stage.
//   EndStage()      settles the edges that the stage has added.
//   Merge(other)    becomes the edge of the union: `other` leads to the same neighbour.
//   Less(other)     order of the values.
//   Reaches(T)      whether the value is at least T / 10^6.
// Merging two edges never gives more than the larger of the two (reducibility).
//
// Time: O(E log^2 V) expected for the unions (smaller neighbour list into larger) and their heap
// entries. Memory: O(E). Not thread-safe.
template <typename LinkageEdge>
class HeapMerger {
 public:
  explicit HeapMerger(int64_t num_vertices)
      : clusters_(num_vertices), ids_(num_vertices), neighbors_(num_vertices) {
    std::iota(ids_.begin(), ids_.end(), 0);
  }

  // Adds an edge of the grid between two vertices to the current stage. Edges inside a cluster
  // are ignored.
  void AddEdge(int32_t u, int32_t v, int32_t value) {
    u = clusters_.Find(u);
    v = clusters_.Find(v);
    if (u == v) return;
    const auto [entry, is_new] = neighbors_[u].try_emplace(v, edges_.size());
    if (is_new) {
      neighbors_[v].emplace(u, entry->second);
      edges_.push_back({});
    }
    edges_[entry->second].linkage.Add(value);
  }

  // Merges while an edge reaches `threshold` / 10^6.
  void MergeStage(int64_t threshold) {
    QueueAll(threshold);
    while (!heap_.empty()) {
      const Candidate top = heap_.top();
      heap_.pop();
      const int32_t u = clusters_.Find(top.u);
      const int32_t v = clusters_.Find(top.v);
      if (u == v) continue;
      const int64_t index = neighbors_[u].at(v);
      EdgeState& edge = edges_[index];
      if (IsCurrent(top, edge, u, v)) {
        Merge(u, v);
      } else if (!edge.queued && edge.linkage.Reaches(threshold)) {
        Queue(u, v, &edge);
      }
    }
  }

  // Returns the representative of the cluster of `vertex`.
  int32_t Find(int32_t vertex) { return clusters_.Find(vertex); }

 private:
  struct EdgeState {
    LinkageEdge linkage;
    bool queued = false;  // the heap holds an entry with the present value and ids
  };

  struct Candidate {
    LinkageEdge linkage;
    int32_t u, v;
    int32_t min_id, max_id;

    // Later in the order of merging.
    bool operator<(const Candidate& other) const {
      if (linkage.Less(other.linkage)) return true;
      if (other.linkage.Less(linkage)) return false;
      if (min_id != other.min_id) return min_id > other.min_id;
      return max_id > other.max_id;
    }
  };

  bool IsCurrent(const Candidate& top, const EdgeState& edge, int32_t u, int32_t v) const {
    return !edge.linkage.Less(top.linkage) && top.min_id == std::min(ids_[u], ids_[v]) &&
           top.max_id == std::max(ids_[u], ids_[v]);
  }

  void Queue(int32_t u, int32_t v, EdgeState* edge) {
    edge->queued = true;
    heap_.push({edge->linkage, u, v, std::min(ids_[u], ids_[v]), std::max(ids_[u], ids_[v])});
  }

  void QueueAll(int64_t threshold) {
    for (EdgeState& edge : edges_) {
      edge.linkage.EndStage();
      edge.queued = false;
    }
    for (int32_t u = 0; u < static_cast<int32_t>(neighbors_.size()); ++u) {
      for (const auto& [v, index] : neighbors_[u]) {
        EdgeState& edge = edges_[index];
        if (u < v && edge.linkage.Reaches(threshold)) Queue(u, v, &edge);
      }
    }
  }

  void Merge(int32_t u, int32_t v) {
    if (neighbors_[u].size() < neighbors_[v].size()) std::swap(u, v);
    const std::unordered_map<int32_t, int64_t> absorbed = std::move(neighbors_[v]);
    neighbors_[v].clear();
    neighbors_[u].erase(v);
    // The union has another id at one of its ends: no entry of that end is current any more.
    const int32_t id = std::max(ids_[u], ids_[v]);
    if (ids_[u] != id) {
      for (const auto& neighbor : neighbors_[u]) edges_[neighbor.second].queued = false;
    }
    for (const auto& [k, index] : absorbed) {
      if (k == u) continue;
      neighbors_[k].erase(v);
      const auto [entry, is_new] = neighbors_[u].try_emplace(k, index);
      EdgeState& edge = edges_[entry->second];
      if (is_new) {
        neighbors_[k].emplace(u, index);
      } else {
        edge.linkage.Merge(edges_[index].linkage);
      }
      edge.queued = false;
    }
    clusters_.Attach(v, u);
    ids_[u] = id;
  }

  DisjointSet clusters_;
  std::vector<int32_t> ids_;  // of each root: the largest vertex of its cluster
  std::vector<std::unordered_map<int32_t, int64_t>> neighbors_;  // of each root: edge to a root
  std::vector<EdgeState> edges_;
  std::priority_queue<Candidate> heap_;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_HEAP_MERGER_H_
