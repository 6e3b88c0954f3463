// The neighbour lists of clusters: edges, their twins, and the search for the best edge.

// Highway compiles this file once for each SIMD level: the guard is open once for each.
#if defined(AFFINITY_SEG_CC_LIB_NEIGHBOR_LISTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef AFFINITY_SEG_CC_LIB_NEIGHBOR_LISTS_INL_H_
#undef AFFINITY_SEG_CC_LIB_NEIGHBOR_LISTS_INL_H_
#else
#define AFFINITY_SEG_CC_LIB_NEIGHBOR_LISTS_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cc/lib/block_pool.h"
#include "cc/lib/cluster.h"
#include "cc/lib/neighbor_list.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Returns the position of `slot` in `slots` [size, padded], or -1.
inline int32_t FindSlot(const int32_t* slots, int32_t size, int32_t slot) {
  const hn::CappedTag<int32_t, kListGrain> d;
  const auto wanted = hn::Set(d, slot);
  for (int32_t i = 0; i < size; i += static_cast<int32_t>(hn::Lanes(d))) {
    const intptr_t lane = hn::FindFirstTrue(d, hn::Eq(hn::Load(d, slots + i), wanted));
    if (lane >= 0) return i + static_cast<int32_t>(lane);
  }
  return -1;
}

// Returns the largest of `keys` [size, padded with kUnusedKey].
inline float MaxKey(const float* keys, int32_t size) {
  const hn::CappedTag<float, kListGrain> d;
  auto largest = hn::Set(d, kUnusedKey);
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

// The lists of all clusters. Every edge stands in the lists of both its ends, and each entry knows
// the position of the other, its twin. So whoever finds an edge in the shorter list has it in both.
//
// The best edge of a cluster has the largest mean; among equals, the smallest `id` at the other
// end. Its search is remembered for the whole list, for each group of chunks and for each chunk of
// entries. What is remembered holds until an entry of that part becomes as good, or the `id` of the
// best one's neighbour changes.
template <typename Mean>
class NeighborLists {
 public:
  // Args:
  //   tree_level: lists of clusters with a higher home level are not compacted, see Remove.
  //   pool: memory for lists, in units of kListGrain entries.
  NeighborLists(int tree_level, Cluster* clusters, BlockPool* pool)
      : tree_level_(tree_level), clusters_(clusters), pool_(pool) {}

  // Adds an edge of the grid between two clusters, or to the mean that is there already.
  void AddEdge(int32_t u_slot, int32_t v_slot, Mean mean) {
    Cluster& u = clusters_[u_slot];
    Cluster& v = clusters_[v_slot];
    u.best = v.best = Cluster::kUnknown;
    const auto [found_u, found_v] = FindEdge(u_slot, v_slot);
    if (found_u >= 0) {
      AddMean(mean, &u, found_u, &v, found_v);
      return;
    }
    const int32_t in_u = Append(&u), in_v = Append(&v);
    Write(mean, mean.Key(), v_slot, in_v, u, in_u);
    Write(mean, mean.Key(), u_slot, in_u, v, in_v);
  }

  // Returns the neighbour of the best edge of `slot`, or Cluster::kNone if that edge does not reach
  // `threshold` / 10^6.
  //
  // That no edge reaches it is remembered until AddEdge adds an edge to the list or the next stage
  // begins. Merges cannot change it: where they add up two edges, the mean is not above the larger
  // one of the two.
  int32_t BestNeighbor(int32_t slot, int64_t threshold) {
    Cluster& cluster = clusters_[slot];
    if (cluster.best == Cluster::kNone) return Cluster::kNone;
    if (cluster.best != Cluster::kUnknown && clusters_[cluster.best].id == cluster.best_id) {
      return cluster.best;
    }
    cluster.best = Cluster::kNone;
    if (cluster.size == 0) return Cluster::kNone;
    const List list(cluster);
    const int32_t best =
        cluster.chunks == nullptr ? BestOf(list, 0, cluster.size) : BestOfGroups(cluster, list);
    if (best < 0 || !list.means[best].Reaches(threshold)) return Cluster::kNone;
    cluster.best = list.slots[best];
    cluster.best_id = clusters_[cluster.best].id;
    return cluster.best;
  }

  // Removes the edge between two neighbours and returns its mean.
  // Moves all other edges of `gone_slot` to `kept_slot`; where both lead to the same neighbour,
  // they are added up. Frees the list of `gone_slot`.
  Mean Join(int32_t kept_slot, int32_t gone_slot) {
    Cluster& kept = clusters_[kept_slot];
    Cluster& gone = clusters_[gone_slot];
    const auto [in_gone, in_kept] = FindEdge(gone_slot, kept_slot);
    const List list(gone);
    const Mean between = list.means[in_gone];
    Remove(&kept, in_kept);
    kept.best = Cluster::kUnknown;
    for (int32_t i = 0; i < gone.size; ++i) {
      const int32_t other_slot = list.slots[i];
      if (i == in_gone || other_slot == kUnusedSlot) continue;
      Cluster& other = clusters_[other_slot];
      if (other.best == kept_slot || other.best == gone_slot) other.best = Cluster::kUnknown;
      const auto [found_kept, found_other] = FindEdge(kept_slot, other_slot);
      if (found_kept >= 0) {
        AddMean(list.means[i], &kept, found_kept, &other, found_other);
        Remove(&other, list.twins[i]);
      } else {
        const int32_t at = Append(&kept);
        Write(list.means[i], list.keys[i], other_slot, list.twins[i], kept, at);
        const List other_list(other);
        other_list.slots[list.twins[i]] = kept_slot;
        other_list.twins[list.twins[i]] = at;
      }
    }
    FreeList(&gone, pool_);
    return between;
  }

 private:
  using List = ListView<Mean>;

  // Whether entry `i` goes before entry `j` of the same list.
  bool IsBetter(const List& list, int32_t i, int32_t j) const {
    if (Mean::Less(list.means[j], list.means[i])) return true;
    return !Mean::Less(list.means[i], list.means[j]) &&
           clusters_[list.slots[i]].id < clusters_[list.slots[j]].id;
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
      // The key of a part that is known is right even where that id has changed.
      if (best >= 0 && part.position != Chunk::kUnknown && part.key < list.keys[best]) continue;
      if (part.position == Chunk::kUnknown ||
          clusters_[list.slots[part.position]].id != part.neighbor_id) {
        part.position = search(i);
        if (part.position < 0) continue;
        part.neighbor_id = clusters_[list.slots[part.position]].id;
        part.key = list.keys[part.position];
      }
      if (best < 0 || IsBetter(list, part.position, best)) best = part.position;
    }
    return best;
  }

  // The entry at `at` has got this key.
  static void Touch(const Cluster& cluster, int32_t at, float key) {
    if (cluster.chunks == nullptr) return;
    const int32_t chunk = at / kChunkSize;
    for (Chunk* part : {&cluster.chunks[chunk], &cluster.groups()[chunk / kGroupSize]}) {
      if (at == part->position || key >= part->key) part->position = Chunk::kUnknown;
    }
  }

  // Returns the positions of the edge between u and v in the list of u and in the list of v, or
  // -1 twice. Searches the shorter list.
  std::pair<int32_t, int32_t> FindEdge(int32_t u, int32_t v) const {
    const bool swap = clusters_[v].size < clusters_[u].size;
    const Cluster& shorter = clusters_[swap ? v : u];
    if (shorter.size == 0) return {-1, -1};
    const List list(shorter);
    const int32_t at = FindSlot(list.slots, shorter.size, swap ? u : v);
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

  static void Write(Mean mean, float key, int32_t slot, int32_t twin, const Cluster& cluster,
                    int32_t at) {
    const List list(cluster);
    list.means[at] = mean;
    list.keys[at] = key;
    list.slots[at] = slot;
    list.twins[at] = twin;
    Touch(cluster, at, key);
  }

  // Removes an entry; the last one takes its place. Not so in the list of a cluster that waits for
  // a higher level: the last entry's twin may be in a list that another thread writes. There the
  // place stays empty.
  void Remove(Cluster* cluster, int32_t at) {
    const List list(*cluster);
    int32_t unused = at;
    if (cluster->home_level <= tree_level_) {
      unused = --cluster->size;
      if (at != unused) {
        Write(list.means[unused], list.keys[unused], list.slots[unused], list.twins[unused],
              *cluster, at);
        if (list.slots[unused] != kUnusedSlot) {
          List(clusters_[list.slots[unused]]).twins[list.twins[unused]] = at;
        }
      }
    }
    list.slots[unused] = kUnusedSlot;
    list.keys[unused] = kUnusedKey;
    Touch(*cluster, unused, kUnusedKey);
  }

  // Returns the position of a new entry, which the caller writes.
  int32_t Append(Cluster* cluster) {
    if (cluster->size == cluster->capacity) {
      ResizeList<Mean>(std::max(kListGrain, 2 * cluster->capacity), cluster, pool_);
    }
    return cluster->size++;
  }

  int tree_level_;
  Cluster* clusters_;
  BlockPool* pool_;
};

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#endif  // AFFINITY_SEG_CC_LIB_NEIGHBOR_LISTS_INL_H_
