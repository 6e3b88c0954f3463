#include "cc/lib/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "cc/lib/testing/thread_pool.h"

namespace affinity_seg {
namespace {

TEST(PoolExecutorTest, CallsEachItemOnceWithItsOwnWorker) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int64_t items : {0, 1, 2, 7, 1000}) {
      std::vector<int> calls(items, 0);
      std::vector<std::atomic<bool>> busy(threads);
      std::atomic<bool> shared{false};
      pool.executor()->ParallelFor(items, [&](int64_t item, int worker) {
        if (busy[worker].exchange(true)) shared = true;
        ++calls[item];
        busy[worker] = false;
      });
      EXPECT_EQ(calls, std::vector<int>(items, 1));
      EXPECT_FALSE(shared);
    }
  }
}

// The pool of TensorFlow may be busy with other kernels for long.
TEST(PoolExecutorTest, DoesNotNeedThePool) {
  std::vector<std::function<void()>> never_run_in_time;
  int64_t sum = 0;
  PoolExecutor executor(4, [&](std::function<void()> task) { never_run_in_time.push_back(task); });
  executor.ParallelFor(10, [&](int64_t item, int) { sum += item; });
  EXPECT_EQ(sum, 45);
  for (const auto& task : never_run_in_time) task();  // too late: finds nothing to do
  EXPECT_EQ(sum, 45);
}

TEST(PoolExecutorTest, LoopsInsideLoopsShareTheThreads) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(16);
    PoolExecutor executor(threads, [&](std::function<void()> task) { pool.Schedule(task); });
    std::atomic<int> running{0}, most{0};
    std::vector<std::vector<int>> calls(5);
    executor.ParallelFor(5, [&](int64_t outer, int) {
      calls[outer].assign(200, 0);
      executor.ParallelFor(200, [&](int64_t inner, int worker) {
        EXPECT_LT(worker, threads);
        const int now = ++running;
        int before = most;
        while (before < now && !most.compare_exchange_weak(before, now)) continue;
        ++calls[outer][inner];
        --running;
      });
    });
    EXPECT_EQ(calls, std::vector<std::vector<int>>(5, std::vector<int>(200, 1)));
    EXPECT_LE(most, threads);
  }
}

// TensorFlow's pool has idle threads, which take the tasks of an inner loop while all helpers are
// still busy. A helper that ends its part of the outer loop must find the inner one nevertheless.
TEST(PoolExecutorTest, InnerLoopsGetTheHelpThatBecomesFreeLater) {
  constexpr auto kLong = std::chrono::seconds(20);
  ThreadPool pool(3);
  PoolExecutor executor(2, [&](std::function<void()> task) { pool.Schedule(task); });
  std::mutex mutex;
  std::condition_variable changed;
  bool is_inner_open = false;
  std::set<std::thread::id> inner_threads;
  executor.ParallelFor(2, [&](int64_t outer, int) {
    if (outer == 1) {  // the part of the helper ends while the inner loop runs
      std::unique_lock<std::mutex> lock(mutex);
      EXPECT_TRUE(changed.wait_for(lock, kLong, [&] { return is_inner_open; }));
      return;
    }
    executor.ParallelFor(8, [&](int64_t, int) {
      std::unique_lock<std::mutex> lock(mutex);
      inner_threads.insert(std::this_thread::get_id());
      if (inner_threads.size() == 1) {
        lock.unlock();
        pool.WaitUntilTaken();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // they find all helpers busy
        lock.lock();
      }
      is_inner_open = true;
      changed.notify_all();
      changed.wait_for(lock, kLong, [&] { return inner_threads.size() == 2; });
    });
  });
  EXPECT_EQ(inner_threads.size(), 2);
}

TEST(ParallelRangesTest, CoversEverythingOnce) {
  ThreadPool pool(3);
  for (int64_t size : {0, 1, 5, 100, 1001}) {
    for (int64_t grain : {1, 7, 1000}) {
      std::vector<int> covered(size, 0);
      ParallelRanges(pool.executor(), size, grain, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) ++covered[i];
      });
      EXPECT_EQ(covered, std::vector<int>(size, 1));
    }
  }
}

}  // namespace
}  // namespace affinity_seg
