#include "cc/lib/executor.h"

#include <condition_variable>
#include <mutex>

namespace affinity_seg {
namespace {

// One loop. Helpers may start after the loop has ended: they find no item left, and touch nothing
// but this state, which they share.
struct Loop {
  const Executor::Body* body;
  int64_t num_items;
  std::shared_ptr<std::atomic<int>> num_helpers;
  std::atomic<int64_t> next{0};
  std::atomic<int> next_worker{0};
  std::mutex mutex;
  std::condition_variable all_done;
  int64_t num_done = 0;  // guarded by `mutex`

  // Calls the body for items that are left and returns how many those were.
  int64_t CallBody() {
    int64_t item = next.fetch_add(1);
    if (item >= num_items) return 0;
    const int worker = next_worker.fetch_add(1);
    int64_t done = 0;
    for (; item < num_items; item = next.fetch_add(1), ++done) (*body)(item, worker);
    return done;
  }

  void CountDone(int64_t done) {
    const std::lock_guard<std::mutex> lock(mutex);
    num_done += done;
    if (num_done == num_items) all_done.notify_all();
  }

  // Works unless as many as may are working already.
  void Help() {
    int free = num_helpers->load();
    while (free > 0 && !num_helpers->compare_exchange_weak(free, free - 1)) continue;
    if (free <= 0) return;
    const int64_t done = CallBody();
    num_helpers->fetch_add(1);  // before the loop can end: the next one wants this helper
    if (done > 0) CountDone(done);
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
  loop->num_helpers = num_helpers_;
  const int64_t helpers = std::min<int64_t>(num_threads_, num_items) - 1;
  for (int64_t i = 0; i < helpers; ++i) schedule_([loop] { loop->Help(); });
  loop->CountDone(loop->CallBody());
  std::unique_lock<std::mutex> lock(loop->mutex);
  loop->all_done.wait(lock, [&] { return loop->num_done == loop->num_items; });
}

}  // namespace affinity_seg
