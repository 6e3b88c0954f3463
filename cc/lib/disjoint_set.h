// Disjoint sets with path halving. The caller chooses which root survives a union.

#ifndef AFFINITY_SEG_CC_LIB_DISJOINT_SET_H_
#define AFFINITY_SEG_CC_LIB_DISJOINT_SET_H_

#include <cstdint>
#include <numeric>
#include <vector>

namespace affinity_seg {

class DisjointSet {
 public:
  explicit DisjointSet(int64_t size) : parent_(size) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  int32_t Find(int32_t element) {
    while (parent_[element] != element) {
      parent_[element] = parent_[parent_[element]];
      element = parent_[element];
    }
    return element;
  }

  // REQUIRES: both are roots.
  void Attach(int32_t child, int32_t root) { parent_[child] = root; }

 private:
  std::vector<int32_t> parent_;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_DISJOINT_SET_H_
