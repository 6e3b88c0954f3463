// The neighbour list of a cluster: its layout and its memory.

#ifndef AFFINITY_SEG_CC_LIB_NEIGHBOR_LIST_H_
#define AFFINITY_SEG_CC_LIB_NEIGHBOR_LIST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cc/lib/block_pool.h"
#include "cc/lib/cluster.h"

namespace affinity_seg {

// What unused entries hold. No cluster has this slot, and every true key is larger.
constexpr int32_t kUnusedSlot = -1;
constexpr float kUnusedKey = -1.0f;

// The list of one cluster: parallel arrays in one block, so that slots and keys fill whole vectors.
// Every edge is kept in the lists of both its ends. There may be unused entries before `size` too.
template <typename Mean>
struct ListView {
  Mean* means;
  float* keys;     // means[i].Key()
  int32_t* slots;  // of the neighbours
  int32_t* twins;  // position of the same edge in the neighbour's list

  ListView(void* block, int32_t capacity)
      : means(static_cast<Mean*>(block)),
        keys(reinterpret_cast<float*>(means + capacity)),
        slots(reinterpret_cast<int32_t*>(keys + capacity)),
        twins(slots + capacity) {}
  explicit ListView(const Cluster& cluster) : ListView(cluster.block, cluster.capacity) {}

  static constexpr size_t BytesPerEntry() { return sizeof(Mean) + sizeof(float) + 8; }
};

// Gives the memory of the list back.
inline void FreeList(Cluster* cluster, BlockPool* pool) {
  if (cluster->capacity == 0) return;
  pool->Free(cluster->block, BlockPool::SizeClass(cluster->capacity));
  cluster->block = nullptr;
  cluster->chunks.reset();
  cluster->size = cluster->capacity = 0;
}

// Moves the list to a block of `capacity` entries, a power of two of grains and more than its
// `size`. `pool` has units of kListGrain list entries.
template <typename Mean>
void ResizeList(int32_t capacity, Cluster* cluster, BlockPool* pool) {
  const int32_t size = cluster->size;
  void* block = pool->Allocate(BlockPool::SizeClass(capacity));
  const ListView<Mean> list(block, capacity);
  if (size > 0) {
    const ListView<Mean> old(*cluster);
    std::copy_n(old.means, size, list.means);
    std::copy_n(old.keys, size, list.keys);
    std::copy_n(old.slots, size, list.slots);
    std::copy_n(old.twins, size, list.twins);
  }
  std::fill(list.slots + size, list.slots + capacity, kUnusedSlot);
  std::fill(list.keys + size, list.keys + capacity, kUnusedKey);
  FreeList(cluster, pool);
  cluster->block = block;
  cluster->size = size;
  cluster->capacity = capacity;
  if (capacity >= kMinChunkedCapacity) {
    const int32_t num_chunks = capacity / kChunkSize;
    cluster->chunks.reset(new Chunk[num_chunks + (num_chunks + kGroupSize - 1) / kGroupSize]);
  }
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_NEIGHBOR_LIST_H_
