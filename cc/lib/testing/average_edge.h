// Average linkage for HeapMerger: the oracle of the tests.

#ifndef AFFINITY_SEG_CC_LIB_TESTING_AVERAGE_EDGE_H_
#define AFFINITY_SEG_CC_LIB_TESTING_AVERAGE_EDGE_H_

#include <cstdint>

#include "cc/lib/mean.h"
#include "cc/lib/probability.h"

namespace affinity_seg {

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

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_TESTING_AVERAGE_EDGE_H_
