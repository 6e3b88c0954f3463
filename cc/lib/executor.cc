#include "cc/lib/executor.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace affinity_seg {
namespace {

// One loop. Helpers may start after the loop has ended: they find no item left, and touch nothing
// but this state, which they share.
struct Loop {
  const Executor::Body* body;
  int64_t num_items;
  std::atomic<int64_t> next{0};
  std::atomic<int> next_worker{0};
  std::mutex mutex;
  std::condition_variable all_done;
  int64_t num_done = 0;  // guarded by `mutex`

  void Work() {
    int64_t item = next.fetch_add(1);
    if (item >= num_items) return;
    const int worker = next_worker.fetch_add(1);
    int64_t done = 0;
    for (; item < num_items; item = next.fetch_add(1), ++done) (*body)(item, worker);
    const std::lock_guard<std::mutex> lock(mutex);
    num_done += done;
    if (num_done == num_items) all_done.notify_all();
  }
};

}  // namespace

void PoolExecutor::ParallelFor(int64_t num_items, const Body& body) {
  if (num_items <= 1 || num_threads_ == 1) {
    for (int64_t item = 0; item < num_items; ++item) body(item, 0);
    return;
  }
  const auto loop = std::make_shared<Loop>();
  loop->body = &body;
  loop->num_items = num_items;
  const int64_t helpers = std::min<int64_t>(num_threads_, num_items) - 1;
  for (int64_t i = 0; i < helpers; ++i) schedule_([loop] { loop->Work(); });
  loop->Work();
  std::unique_lock<std::mutex> lock(loop->mutex);
  loop->all_done.wait(lock, [&] { return loop->num_done == loop->num_items; });
}

}  // namespace affinity_seg
