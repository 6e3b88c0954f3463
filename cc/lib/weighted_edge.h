// The edge between two clusters under weighted linkage.

#ifndef AFFINITY_SEG_CC_LIB_WEIGHTED_EDGE_H_
#define AFFINITY_SEG_CC_LIB_WEIGHTED_EDGE_H_

#include <cstdint>

#include "cc/lib/mean.h"
#include "cc/lib/probability.h"

namespace affinity_seg {

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

#endif  // AFFINITY_SEG_CC_LIB_WEIGHTED_EDGE_H_
