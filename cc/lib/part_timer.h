// Times a part of the merge.

#ifndef AFFINITY_SEG_CC_LIB_PART_TIMER_H_
#define AFFINITY_SEG_CC_LIB_PART_TIMER_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace affinity_seg {

// Adds the nanoseconds from its construction to its destruction. Several threads may add to one
// sum.
class PartTimer {
 public:
  explicit PartTimer(std::atomic<int64_t>* sum) : sum_(sum) {}
  ~PartTimer() {
    const auto time = Clock::now() - start_;
    *sum_ += std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
  }
  PartTimer(const PartTimer&) = delete;
  PartTimer& operator=(const PartTimer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<int64_t>* sum_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_PART_TIMER_H_
