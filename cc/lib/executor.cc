#include "cc/lib/executor.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace affinity_seg {
namespace {

struct Loop {
  const Executor::Body* body;
  int64_t num_items;
  std::atomic<int64_t> next{0};
  std::atomic<int> next_worker{0};
  std::mutex mutex;
  std::condition_variable all_done;
  std::atomic<int64_t> num_done{0};

  bool HasItems() const { return next.load() < num_items; }

  // Calls the body for items that are left.
  void Work() {
    int64_t item = next.fetch_add(1);
    if (item >= num_items) return;
    const int worker = next_worker.fetch_add(1);
    int64_t done = 0;
    for (; item < num_items; item = next.fetch_add(1), ++done) (*body)(item, worker);
    const std::lock_guard<std::mutex> lock(mutex);
    num_done += done;
    if (IsDone()) all_done.notify_all();
  }

  bool IsDone() const { return num_done.load() == num_items; }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex);
    all_done.wait(lock, [this] { return IsDone(); });
  }
};

}  // namespace

// What the threads of an executor share. A task of the pool belongs to no loop: it helps with any
// that has items left, so none is without help because its tasks came when all helpers were busy.
struct PoolExecutor::State {
  std::mutex mutex;
  int num_free;                              // how many more threads may help at this moment
  std::vector<std::shared_ptr<Loop>> loops;  // that have not ended

  // Works while there are items, unless as many threads as may are helping already.
  void Help() {
    std::unique_lock<std::mutex> lock(mutex);
    if (num_free == 0) return;
    --num_free;
    while (WorkOnLoopAfter(nullptr, &lock)) continue;
    ++num_free;
  }

  // Works, while a loop is not done, on those that began after it. A thread that waits for a loop
  // is in it and in those around it, which began before. So no thread enters a loop twice.
  void HelpAfter(const Loop* loop) {
    std::unique_lock<std::mutex> lock(mutex);
    while (!loop->IsDone() && WorkOnLoopAfter(loop, &lock)) continue;
  }

 private:
  // Works on the loop that began last of those with items left, but only on one that began after
  // `first`. Returns whether there was one. `mutex` is held, but not while this works.
  bool WorkOnLoopAfter(const Loop* first, std::unique_lock<std::mutex>* lock) {
    for (auto place = loops.rbegin(); place != loops.rend() && place->get() != first; ++place) {
      if (!(*place)->HasItems()) continue;
      const std::shared_ptr<Loop> loop = *place;
      lock->unlock();
      loop->Work();
      lock->lock();
      return true;
    }
    return false;
  }
};

PoolExecutor::PoolExecutor(int num_threads, Schedule schedule)
    : num_threads_(num_threads),
      schedule_(std::move(schedule)),
      state_(std::make_shared<State>()) {
  state_->num_free = num_threads - 1;
}

void PoolExecutor::ParallelFor(int64_t num_items, const Body& body) {
  if (num_items <= 1 || num_threads_ == 1) {
    for (int64_t item = 0; item < num_items; ++item) body(item, 0);
    return;
  }
  const auto loop = std::make_shared<Loop>();
  loop->body = &body;
  loop->num_items = num_items;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->loops.push_back(loop);
  }
  const int64_t helpers = std::min<int64_t>(num_threads_, num_items) - 1;
  for (int64_t i = 0; i < helpers; ++i) schedule_([state = state_] { state->Help(); });
  loop->Work();
  state_->HelpAfter(loop.get());
  loop->Wait();
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->loops.erase(std::find(state_->loops.begin(), state_->loops.end(), loop));
}

}  // namespace affinity_seg
