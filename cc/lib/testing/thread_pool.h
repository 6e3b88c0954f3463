// A pool of threads for tests and benchmarks.

#ifndef AFFINITY_SEG_CC_LIB_TESTING_THREAD_POOL_H_
#define AFFINITY_SEG_CC_LIB_TESTING_THREAD_POOL_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include "cc/lib/executor.h"

namespace affinity_seg {

// Threads that wait for tasks, in the place of TensorFlow's.
class ThreadPool {
 public:
  explicit ThreadPool(int num_threads) : executor_(num_threads, [this](auto task) { Schedule(task); }) {
    for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~ThreadPool() {
    Schedule(nullptr);
    for (std::thread& thread : threads_) thread.join();
  }
  Executor* executor() { return &executor_; }

  // Returns when threads have taken all tasks.
  void WaitUntilTaken() {
    std::unique_lock<std::mutex> lock(mutex_);
    taken_.wait(lock, [this] { return tasks_.empty(); });
  }

  // An empty task ends the threads.
  void Schedule(std::function<void()> task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push(std::move(task));
    added_.notify_all();
  }

 private:
  void Work() {
    while (true) {
      std::function<void()> task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        added_.wait(lock, [this] { return !tasks_.empty(); });
        if (!tasks_.front()) return;
        task = std::move(tasks_.front());
        tasks_.pop();
        taken_.notify_all();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable added_, taken_;
  std::queue<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  PoolExecutor executor_;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_TESTING_THREAD_POOL_H_
