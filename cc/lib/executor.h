// Runs the items of a loop on several threads.

#ifndef AFFINITY_SEG_CC_LIB_EXECUTOR_H_
#define AFFINITY_SEG_CC_LIB_EXECUTOR_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>

namespace affinity_seg {

class Executor {
 public:
  // Called as (item, worker): `worker` in [0, num_threads()) is held by one thread at a time.
  using Body = std::function<void(int64_t item, int worker)>;

  virtual ~Executor() = default;
  virtual int num_threads() const = 0;

  // Calls `body` once for each item in [0, num_items), the first items first, and returns when
  // all calls have. What they wrote is visible to the caller, and to all calls of the loops that
  // the caller runs next. `body` may call it again: workers are numbered for each loop.
  // REQUIRES: only one thread at a time calls it from outside of a `body`.
  virtual void ParallelFor(int64_t num_items, const Body& body) = 0;
};

// Runs everything on the calling thread.
class SerialExecutor : public Executor {
 public:
  int num_threads() const override { return 1; }
  void ParallelFor(int64_t num_items, const Body& body) override {
    for (int64_t item = 0; item < num_items; ++item) body(item, 0);
  }
};

// Runs items on the calling thread and on up to `num_threads` - 1 threads of a pool. Loops inside
// loops share these threads: one that finds no item left in its loop helps with another one.
class PoolExecutor : public Executor {
 public:
  // Hands a task to the pool, which runs it at some time, or never. What is visible to the caller
  // must be visible to the task: it may read what the loop before wrote.
  using Schedule = std::function<void(std::function<void()>)>;

  // REQUIRES: num_threads >= 1.
  PoolExecutor(int num_threads, Schedule schedule);

  int num_threads() const override { return num_threads_; }
  void ParallelFor(int64_t num_items, const Body& body) override;

 private:
  struct State;

  int num_threads_;
  Schedule schedule_;
  std::shared_ptr<State> state_;  // also of tasks that run when this object is gone
};

// Calls `body(begin, end, worker)` for contiguous parts of [0, size): enough parts for every
// thread to get several, none smaller than `grain` but the last.
template <typename RangeBody>
void ParallelRanges(Executor* executor, int64_t size, int64_t grain, const RangeBody& body) {
  constexpr int kPartsPerThread = 8;
  const int64_t wanted =
      executor->num_threads() == 1 ? 1 : int64_t{executor->num_threads()} * kPartsPerThread;
  const int64_t part = std::max<int64_t>(grain, (size + wanted - 1) / wanted);
  executor->ParallelFor((size + part - 1) / part, [&](int64_t item, int worker) {
    body(item * part, std::min(size, (item + 1) * part), worker);
  });
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_EXECUTOR_H_
