// Memory for the neighbour lists of clusters.

#ifndef AFFINITY_SEG_CC_LIB_BLOCK_POOL_H_
#define AFFINITY_SEG_CC_LIB_BLOCK_POOL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cc/lib/cluster.h"

namespace affinity_seg {

// Hands out blocks of 2^k * `unit` bytes and takes them back for later use. Memory goes back to
// the system when the pool is destroyed. A block may be returned to another pool than it came
// from, as long as that one lives no longer than this one. Not thread-safe: one for each worker.
class BlockPool {
 public:
  // REQUIRES: `unit` is a multiple of 64.
  explicit BlockPool(size_t unit) : unit_(unit) {}

  // Returns the class of blocks of `capacity` list entries, a power of two of grains.
  static int SizeClass(int32_t capacity) { return __builtin_ctz(capacity / kListGrain); }

  // Returns uninitialized memory of 2^`size_class` units, aligned to 64 bytes.
  void* Allocate(int size_class) {
    std::vector<void*>& free = free_[size_class];
    if (!free.empty()) {
      void* block = free.back();
      free.pop_back();
      return block;
    }
    const size_t bytes = unit_ << size_class;
    if (bytes > left_) AddChunk(bytes);
    char* block = next_;
    next_ += bytes;
    left_ -= bytes;
    return block;
  }

  void Free(void* block, int size_class) { free_[size_class].push_back(block); }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr int kNumSizeClasses = 32;  // capacities are of 31 bits
  static constexpr size_t kMinChunk = size_t{1} << 16;
  static constexpr size_t kMaxChunk = size_t{1} << 22;

  // What is left of the last chunk is lost: chunks are large against the blocks of all but giant
  // clusters.
  void AddChunk(size_t bytes) {
    const size_t size = std::max(bytes, chunk_size_);
    chunk_size_ = std::min(2 * chunk_size_, kMaxChunk);
    chunks_.emplace_back(new char[size + kAlignment]);
    const size_t misaligned = reinterpret_cast<uintptr_t>(chunks_.back().get()) % kAlignment;
    next_ = chunks_.back().get() + (kAlignment - misaligned);
    left_ = size;
  }

  size_t unit_;
  size_t chunk_size_ = kMinChunk;
  char* next_ = nullptr;
  size_t left_ = 0;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::array<std::vector<void*>, kNumSizeClasses> free_;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_BLOCK_POOL_H_
