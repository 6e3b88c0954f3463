// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/agglomerator.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/agglomerator.h"

#include <algorithm>
#include <utility>

#include "cc/lib/neighbor_list.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Returns the position of `id` in `ids` [size, padded], or -1.
inline int32_t FindId(const int32_t* ids, int32_t size, int32_t id) {
  const hn::CappedTag<int32_t, kListGrain> d;
  const auto wanted = hn::Set(d, id);
  for (int32_t i = 0; i < size; i += static_cast<int32_t>(hn::Lanes(d))) {
    const intptr_t lane = hn::FindFirstTrue(d, hn::Eq(hn::Load(d, ids + i), wanted));
    if (lane >= 0) return i + static_cast<int32_t>(lane);
  }
  return -1;
}

// Returns the largest of `keys` [size, padded with -1].
inline float MaxKey(const float* keys, int32_t size) {
  const hn::CappedTag<float, kListGrain> d;
  auto largest = hn::Set(d, -1.0f);
  for (int32_t i = 0; i < size; i += static_cast<int32_t>(hn::Lanes(d))) {
    largest = hn::Max(largest, hn::Load(d, keys + i));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// Calls `visit(i)` for the positions of `key` in `keys` [size, padded].
template <typename Visit>
inline void ForEachKey(const float* keys, int32_t size, float key, const Visit& visit) {
  const hn::CappedTag<float, kListGrain> d;
  const auto wanted = hn::Set(d, key);
  for (int32_t i = 0; i < size; i += static_cast<int32_t>(hn::Lanes(d))) {
    uint64_t bits = 0;
    hn::StoreMaskBits(d, hn::Eq(hn::Load(d, keys + i), wanted), reinterpret_cast<uint8_t*>(&bits));
    for (; bits != 0; bits &= bits - 1) visit(i + __builtin_ctzll(bits));
  }
}

template <typename Mean>
class Agglomerator {
 public:
  Agglomerator(Cluster* clusters, BlockPool* pool) : clusters_(clusters), pool_(pool) {}

  void Insert(const ClusterEdge<Mean>& edge) {
    Cluster& u = clusters_[edge.u];
    if (edge.u == edge.v) {
      u.inner_sum += edge.mean.sum();
      u.inner_count += edge.mean.count();
      return;
    }
    Cluster& v = clusters_[edge.v];
    u.best = v.best = Cluster::kUnknown;
    const auto [found_u, found_v] = FindEdge(edge.u, edge.v);
    if (found_u >= 0) {
      AddMean(edge.mean, &u, found_u, &v, found_v);
      return;
    }
    const int32_t in_u = Append(&u), in_v = Append(&v);
    Write(edge.mean, edge.mean.Key(), edge.v, in_v, u, in_u);
    Write(edge.mean, edge.mean.Key(), edge.u, in_u, v, in_v);
  }

  void Merge(int level, int64_t threshold, const std::vector<int32_t>& active) {
    level_ = level;
    threshold_ = threshold;
    for (int32_t slot : active) {
      FollowChain(slot);
      while (!merged_.empty()) {
        const int32_t next = merged_.back();
        merged_.pop_back();
        FollowChain(next);
      }
    }
  }

 private:
  using List = ListView<Mean>;

  // Merges along the chain of best neighbours that starts at `start`.
  void FollowChain(int32_t start) {
    if (clusters_[start].parent != start || !MayMerge(clusters_[start])) return;
    chain_.assign(1, start);
    while (!chain_.empty()) {
      const int32_t top = chain_.back();
      const int32_t next = Best(top);
      if (next == Cluster::kNone) {
        // Nothing below leads here any more: its edge would have reached the threshold.
        chain_.pop_back();
      } else if (chain_.size() > 1 && chain_[chain_.size() - 2] == next) {
        chain_.resize(chain_.size() - 2);
        merged_.push_back(MergePair(top, next));
      } else if (!MayMerge(clusters_[next])) {
        // Whoever waits for a cluster that waits can do nothing else at this level: its best edge
        // stays its best edge.
        for (int32_t slot : chain_) clusters_[slot].stuck_level = static_cast<uint8_t>(level_ + 1);
        chain_.clear();
      } else {
        chain_.push_back(next);
      }
    }
  }

  bool MayMerge(const Cluster& cluster) const {
    return cluster.home_level <= level_ && cluster.stuck_level != level_ + 1;
  }

  // Returns the neighbour of the best edge of `slot`, or Cluster::kNone.
  int32_t Best(int32_t slot) {
    Cluster& cluster = clusters_[slot];
    if (cluster.best == Cluster::kNone) return Cluster::kNone;
    if (cluster.best != Cluster::kUnknown && clusters_[cluster.best].tie == cluster.best_tie) {
      return cluster.best;
    }
    cluster.best = Cluster::kNone;
    if (cluster.size == 0) return Cluster::kNone;
    const List list(cluster);
    const int32_t best =
        cluster.chunks == nullptr ? BestOf(list, 0, cluster.size) : BestOfGroups(cluster, list);
    if (best < 0 || !list.means[best].Reaches(threshold_)) return Cluster::kNone;
    cluster.best = list.ids[best];
    cluster.best_tie = clusters_[cluster.best].tie;
    return cluster.best;
  }

  // Whether entry `i` goes before entry `j` of the same list.
  bool IsBetter(const List& list, int32_t i, int32_t j) const {
    if (Mean::Less(list.means[j], list.means[i])) return true;
    return !Mean::Less(list.means[i], list.means[j]) &&
           clusters_[list.ids[i]].tie < clusters_[list.ids[j]].tie;
  }

  // Returns the position of the best of the entries [begin, end), or -1 if all are unused;
  // `begin` is a multiple of kListGrain.
  int32_t BestOf(const List& list, int32_t begin, int32_t end) const {
    const float key = MaxKey(list.keys + begin, end - begin);
    int32_t best = -1;
    if (key < 0.0f) return best;
    ForEachKey(list.keys + begin, end - begin, key, [&](int32_t i) {
      if (best < 0 || IsBetter(list, begin + i, best)) best = begin + i;
    });
    return best;
  }

  int32_t BestOfGroups(const Cluster& cluster, const List& list) const {
    const int32_t num_chunks = (cluster.size + kChunkSize - 1) / kChunkSize;
    return BestOfParts(
        list, cluster.groups(), 0, (num_chunks + kGroupSize - 1) / kGroupSize, [&](int32_t group) {
          return BestOfParts(list, cluster.chunks.get(), group * kGroupSize,
                             std::min(num_chunks, (group + 1) * kGroupSize), [&](int32_t chunk) {
                               const int32_t begin = chunk * kChunkSize;
                               return BestOf(list, begin,
                                             std::min(cluster.size, begin + kChunkSize));
                             });
        });
  }

  // Returns the position of the best entry of the parts [begin, end), or -1 if all are unused.
  // Calls `search(part)` for the best entry of a part that is not known.
  template <typename Search>
  int32_t BestOfParts(const List& list, Chunk* parts, int32_t begin, int32_t end,
                      const Search& search) const {
    int32_t best = -1;
    for (int32_t i = begin; i < end; ++i) {
      Chunk& part = parts[i];
      // The key of a part that is known is right even where its tie has changed.
      if (best >= 0 && part.position != Chunk::kUnknown && part.key < list.keys[best]) continue;
      if (part.position == Chunk::kUnknown ||
          clusters_[list.ids[part.position]].tie != part.tie) {
        part.position = search(i);
        if (part.position < 0) continue;
        part.tie = clusters_[list.ids[part.position]].tie;
        part.key = list.keys[part.position];
      }
      if (best < 0 || IsBetter(list, part.position, best)) best = part.position;
    }
    return best;
  }

  // The entry at `at` has got this key, or none (-1).
  static void Touch(const Cluster& cluster, int32_t at, float key) {
    if (cluster.chunks == nullptr) return;
    const int32_t chunk = at / kChunkSize;
    for (Chunk* part : {&cluster.chunks[chunk], &cluster.groups()[chunk / kGroupSize]}) {
      if (at == part->position || key >= part->key) part->position = Chunk::kUnknown;
    }
  }

  // Merges two neighbours and returns the slot of the union: the one with the longer list.
  int32_t MergePair(int32_t u, int32_t v) {
    if (clusters_[u].size < clusters_[v].size) std::swap(u, v);
    Cluster& kept = clusters_[u];
    Cluster& gone = clusters_[v];
    const auto [in_gone, in_kept] = FindEdge(v, u);
    const Mean between = List(gone).means[in_gone];
    kept.inner_sum += gone.inner_sum + between.sum();
    kept.inner_count += gone.inner_count + between.count();
    Remove(&kept, in_kept);
    kept.tie = std::max(kept.tie, gone.tie);
    kept.best = Cluster::kUnknown;
    kept.home_level = std::max(kept.home_level, gone.home_level);

    const List list(gone);
    for (int32_t i = 0; i < gone.size; ++i) {
      const int32_t other_slot = list.ids[i];
      if (i == in_gone || other_slot < 0) continue;
      Cluster& other = clusters_[other_slot];
      if (other.best == u || other.best == v) other.best = Cluster::kUnknown;
      const auto [found_kept, found_other] = FindEdge(u, other_slot);
      if (found_kept >= 0) {
        AddMean(list.means[i], &kept, found_kept, &other, found_other);
        Remove(&other, list.twins[i]);
      } else {
        const int32_t at = Append(&kept);
        Write(list.means[i], list.keys[i], other_slot, list.twins[i], kept, at);
        const List other_list(other);
        other_list.ids[list.twins[i]] = u;
        other_list.twins[list.twins[i]] = at;
      }
    }
    FreeList(&gone, pool_);
    gone.parent = u;
    return u;
  }

  // Returns the positions of the edge between u and v in the list of u and in the list of v, or
  // -1 twice. Searches the shorter list.
  std::pair<int32_t, int32_t> FindEdge(int32_t u, int32_t v) const {
    const bool swap = clusters_[v].size < clusters_[u].size;
    const Cluster& shorter = clusters_[swap ? v : u];
    if (shorter.size == 0) return {-1, -1};
    const List list(shorter);
    const int32_t at = FindId(list.ids, shorter.size, swap ? u : v);
    if (at < 0) return {-1, -1};
    const int32_t twin = list.twins[at];
    return swap ? std::make_pair(twin, at) : std::make_pair(at, twin);
  }

  static void AddMean(Mean mean, Cluster* u, int32_t in_u, Cluster* v, int32_t in_v) {
    const List list_u(*u), list_v(*v);
    mean.Add(list_u.means[in_u]);
    const float key = mean.Key();
    list_u.means[in_u] = list_v.means[in_v] = mean;
    list_u.keys[in_u] = list_v.keys[in_v] = key;
    Touch(*u, in_u, key);
    Touch(*v, in_v, key);
  }

  static void Write(Mean mean, float key, int32_t id, int32_t twin, const Cluster& cluster,
                    int32_t at) {
    const List list(cluster);
    list.means[at] = mean;
    list.keys[at] = key;
    list.ids[at] = id;
    list.twins[at] = twin;
    Touch(cluster, at, key);
  }

  // Removes an entry; the last one takes its place. Not so in the list of a cluster that waits for
  // a higher level: the last entry's twin may be in a list that another thread writes.
  void Remove(Cluster* cluster, int32_t at) {
    const List list(*cluster);
    int32_t unused = at;
    if (cluster->home_level <= level_) {
      unused = --cluster->size;
      if (at != unused) {
        Write(list.means[unused], list.keys[unused], list.ids[unused], list.twins[unused],
              *cluster, at);
        if (list.ids[unused] >= 0) List(clusters_[list.ids[unused]]).twins[list.twins[unused]] = at;
      }
    }
    list.ids[unused] = -1;
    list.keys[unused] = -1.0f;
    Touch(*cluster, unused, -1.0f);
  }

  // Returns the position of a new entry, which the caller writes.
  int32_t Append(Cluster* cluster) {
    if (cluster->size == cluster->capacity) {
      ResizeList<Mean>(std::max(kListGrain, 2 * cluster->capacity), cluster, pool_);
    }
    return cluster->size++;
  }

  Cluster* clusters_;
  BlockPool* pool_;
  int level_ = 0;
  int64_t threshold_ = 0;
  std::vector<int32_t> chain_;   // each cluster's best neighbour follows it
  std::vector<int32_t> merged_;  // unions whose own best edge was not looked at yet
};

template <typename Mean>
void InsertEdgesAtLevel(const ClusterEdge<Mean>* edges, int64_t num_edges, Cluster* clusters,
                        BlockPool* pool) {
  Agglomerator<Mean> agglomerator(clusters, pool);
  for (int64_t i = 0; i < num_edges; ++i) agglomerator.Insert(edges[i]);
}

template <typename Mean>
void MergeClustersAtLevel(int level, int64_t threshold, const std::vector<int32_t>& active,
                          Cluster* clusters, BlockPool* pool) {
  Agglomerator<Mean>(clusters, pool).Merge(level, threshold, active);
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

template <typename Mean>
void InsertEdges(const ClusterEdge<Mean>* edges, int64_t num_edges, Cluster* clusters,
                 BlockPool* pool) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(InsertEdgesAtLevel<Mean>, edges, num_edges, clusters, pool);
}

template <typename Mean>
void MergeClusters(int level, int64_t threshold, std::vector<int32_t>* active, Cluster* clusters,
                   BlockPool* pool) {
  const auto merge = [&] {
    AFFINITY_SEG_CALL_AT_SIMD_LEVEL(MergeClustersAtLevel<Mean>, level, threshold, *active,
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
