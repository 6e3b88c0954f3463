// The edge between two clusters under each linkage: how values are added, merged and compared.
//
// Both types offer the same members, which HeapMerger uses:
//   Add(value)      adds one edge of the grid, in units of 1/65535, within the current stage.
//   EndStage()      settles the edges that the stage has added.
//   Merge(other)    becomes the edge of the union: `other` leads to the same neighbour.
//   Less(other)     exact order of the mean value.
//   Reaches(T)      whether the mean is at least T / 10^6.
// Merging two edges never gives more than the larger of the two (reducibility).

#ifndef AFFINITY_SEG_CC_LIB_LINKAGE_H_
#define AFFINITY_SEG_CC_LIB_LINKAGE_H_

#include <cmath>
#include <cstdint>

#include "cc/lib/probability.h"

namespace affinity_seg {

constexpr int64_t kThresholdUnits = 1000000;

// Mean of all edges between the vertices of two clusters, as an exact fraction.
struct AverageEdge {
  int64_t sum = 0;
  int64_t count = 0;

  void Add(int32_t value) {
    sum += value;
    ++count;
  }
  void EndStage() {}
  void Merge(const AverageEdge& other) {
    sum += other.sum;
    count += other.count;
  }
  bool Less(const AverageEdge& other) const {
    return static_cast<__int128>(sum) * other.count < static_cast<__int128>(other.sum) * count;
  }
  bool Reaches(int64_t threshold) const {
    return static_cast<__int128>(sum) * kThresholdUnits >=
           static_cast<__int128>(threshold) * kOne * count;
  }
};

// Algorithm 1 to the letter: the mean of two means, whatever their sizes. Edges that a later stage
// adds between the same clusters are averaged first and then count as one value.
class WeightedEdge {
 public:
  void Add(int32_t value) {
    added_sum_ += value;
    ++added_count_;
  }
  void EndStage() {
    if (added_count_ == 0) return;
    const double added = static_cast<double>(added_sum_) / static_cast<double>(added_count_);
    mean_ = has_mean_ ? (mean_ + added) / 2 : added;
    has_mean_ = true;
    added_sum_ = added_count_ = 0;
  }
  void Merge(const WeightedEdge& other) { mean_ = (mean_ + other.mean_) / 2; }
  bool Less(const WeightedEdge& other) const { return mean_ < other.mean_; }
  bool Reaches(int64_t threshold) const {
    return mean_ * static_cast<double>(kThresholdUnits) >=
           static_cast<double>(threshold) * static_cast<double>(kOne);
  }

 private:
  double mean_ = 0;  // units of 1/65535
  bool has_mean_ = false;
  int64_t added_sum_ = 0;
  int64_t added_count_ = 0;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_LINKAGE_H_
