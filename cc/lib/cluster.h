// A cluster of vertices.

#ifndef AFFINITY_SEG_CC_LIB_CLUSTER_H_
#define AFFINITY_SEG_CC_LIB_CLUSTER_H_

#include <cstdint>
#include <memory>

namespace affinity_seg {

// Lists are padded to whole vectors of this many entries, the most that any SIMD level compares
// at once.
constexpr int32_t kListGrain = 16;

// Long lists remember the best entry of every chunk of so many entries, and of every group of so
// many chunks, so that a cluster whose list names thousands of neighbours does not read all of it
// after each merge.
constexpr int32_t kChunkSize = 64;
constexpr int32_t kGroupSize = 64;  // chunks
constexpr int32_t kMinChunkedCapacity = 4 * kChunkSize;

// The best entry of a chunk or group. It stays the best while no entry becomes better and the
// `id` of its neighbour is unchanged.
struct Chunk {
  static constexpr int32_t kUnknown = -1;

  int32_t position = kUnknown;
  int32_t neighbor_id = 0;  // `id` of the neighbour when the entry was found
  float key = 0.0f;         // of the entry
};

// One cluster, in the slot of one of its vertices: a cache line. The slot of a cluster that
// another one has absorbed only keeps its `parent`.
struct alignas(64) Cluster {
  // Values of `best` that are no slot.
  static constexpr int32_t kUnknown = -1;  // to be searched
  static constexpr int32_t kNone = -2;     // no edge reaches the threshold in this stage
  // Value of `stuck_level` that is no level.
  static constexpr uint8_t kNeverStuck = 255;

  void* block = nullptr;  // the list, see neighbor_list.h; null where capacity is 0
  int32_t size = 0;
  int32_t capacity = 0;
  int32_t parent;  // itself, or the slot that absorbed it
  // The largest of the cluster's vertices: among equal edges, the smaller id wins.
  int32_t id;
  int32_t best = kUnknown;  // the neighbour of the best edge,
  int32_t best_id = 0;      // and its `id` when it was found: if that has changed, search again
  int64_t inner_sum = 0;    // over all edges of the grid inside the cluster
  int64_t inner_count = 0;
  // From kMinChunkedCapacity on, else null: [capacity / kChunkSize], and then the groups.
  std::unique_ptr<Chunk[]> chunks;
  // The level of the tree of patches from which on it may merge: see component_tree.h. When the
  // stage began, the node of this level was the lowest that held it and all its neighbours. Later
  // merges of neighbours may bring slots outside that node into the list.
  uint8_t home_level = 0;
  // The last level at which its merge had to wait for another cluster.
  uint8_t stuck_level = kNeverStuck;

  Chunk* groups() const { return chunks.get() + capacity / kChunkSize; }
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_CLUSTER_H_
