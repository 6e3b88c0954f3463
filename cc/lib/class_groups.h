// Super-classes: groups of classes whose probabilities are summed (paper 4.5).

#ifndef AFFINITY_SEG_CC_LIB_CLASS_GROUPS_H_
#define AFFINITY_SEG_CC_LIB_CLASS_GROUPS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace affinity_seg {

// The classes of each group.
class ClassGroups {
 public:
  // Args: groups: of each class; 0 for class 0, the others consecutive from 1.
  explicit ClassGroups(const std::vector<int>& groups)
      : num_groups_(*std::max_element(groups.begin(), groups.end()) + 1) {
    for (int g = 0; g < num_groups_; ++g) {
      for (int k = 0; k < static_cast<int>(groups.size()); ++k) {
        if (groups[k] == g) classes_.push_back(k);
      }
      ends_.push_back(static_cast<int>(classes_.size()));
    }
  }

  int num_groups() const { return num_groups_; }

  // Writes the sums of `values` [K] in each group, [G], and returns the largest group, a tie to
  // the lower. Not inlined: the loops need the registers.
  template <typename T>
  __attribute__((noinline)) int Sum(const T* values, int32_t* sums) const {
    const int* next = classes_.data();
    int best = 0;
    int32_t largest = -1;
    for (int g = 0; g < num_groups_; ++g) {
      const int* const end = classes_.data() + ends_[g];
      int32_t sum = 0;
      while (next != end) sum += values[*next++];
      sums[g] = sum;
      best = sum > largest ? g : best;
      largest = std::max(largest, sum);
    }
    return best;
  }

 private:
  int num_groups_;
  std::vector<int> classes_;  // [K], by group
  std::vector<int> ends_;     // [G]: of each group in classes_
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_CLASS_GROUPS_H_
