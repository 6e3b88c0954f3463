// The edge between two clusters: the mean of the edges of the grid between them, as an exact
// fraction (sum, count). Adding two edges is exact and independent of the order.
//
// Both types offer:
//   Mean(sum, count)  so many edges of the grid, in units of 1/65535.
//   Add(other)        the edge of the union of two clusters: `other` leads to the same neighbour.
//   Key()             float32, never smaller for a larger mean: most comparisons end there.
//   Less(a, b)        exact order of the means.
//   Reaches(T)        exact: whether the mean is at least T / 10^6.

#ifndef AFFINITY_SEG_CC_LIB_MEAN_H_
#define AFFINITY_SEG_CC_LIB_MEAN_H_

#include <cstdint>

#include "cc/lib/probability.h"

namespace affinity_seg {

constexpr int64_t kThresholdUnits = 1000000;

// Sum and count in one word, so that adding two edges is one addition: 40 bits of sum above 24
// bits of count. No product of a comparison exceeds 64 bits: sum * count < 2^40 * 2^24.
class PackedMean {
 public:
  static constexpr int64_t kMaxCount = (int64_t{1} << 24) - 1;

  PackedMean() = default;
  // REQUIRES: 0 <= sum <= 65535 * count, count <= kMaxCount.
  PackedMean(int64_t sum, int64_t count)
      : word_(static_cast<uint64_t>(sum) << kCountBits | static_cast<uint64_t>(count)) {}

  int64_t sum() const { return static_cast<int64_t>(word_ >> kCountBits); }
  int64_t count() const { return static_cast<int64_t>(word_ & kMaxCount); }
  // REQUIRES: the counts add up to at most kMaxCount.
  void Add(PackedMean other) { word_ += other.word_; }
  float Key() const {
    return static_cast<float>(static_cast<double>(sum()) / static_cast<double>(count()));
  }
  static bool Less(PackedMean a, PackedMean b) {
    return static_cast<uint64_t>(a.sum()) * static_cast<uint64_t>(b.count()) <
           static_cast<uint64_t>(b.sum()) * static_cast<uint64_t>(a.count());
  }
  bool Reaches(int64_t threshold) const {
    return static_cast<uint64_t>(sum()) * kThresholdUnits >=
           static_cast<uint64_t>(threshold) * kOne * static_cast<uint64_t>(count());
  }

 private:
  static constexpr int kCountBits = 24;
  uint64_t word_ = 0;
};

// For components with so many edges that the count of one mean might not fit into 24 bits.
class WideMean {
 public:
  // Sums up to 2^16 * 2^37 are exact in the double of Key().
  static constexpr int64_t kMaxCount = (int64_t{1} << 37) - 1;

  WideMean() = default;
  WideMean(int64_t sum, int64_t count) : sum_(sum), count_(count) {}

  int64_t sum() const { return sum_; }
  int64_t count() const { return count_; }
  void Add(WideMean other) {
    sum_ += other.sum_;
    count_ += other.count_;
  }
  float Key() const {
    return static_cast<float>(static_cast<double>(sum_) / static_cast<double>(count_));
  }
  static bool Less(WideMean a, WideMean b) {
    return static_cast<__int128>(a.sum_) * b.count_ < static_cast<__int128>(b.sum_) * a.count_;
  }
  bool Reaches(int64_t threshold) const {
    return static_cast<__int128>(sum_) * kThresholdUnits >=
           static_cast<__int128>(threshold) * kOne * count_;
  }

 private:
  int64_t sum_ = 0;
  int64_t count_ = 0;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_MEAN_H_
