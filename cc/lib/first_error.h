// The first of the errors that several threads find.

#ifndef AFFINITY_SEG_CC_LIB_FIRST_ERROR_H_
#define AFFINITY_SEG_CC_LIB_FIRST_ERROR_H_

#include <cstdint>
#include <mutex>
#include <utility>

#include "cc/lib/options.h"

namespace affinity_seg {

// Keeps the error with the lowest position, so that the message does not depend on the threads.
class FirstError {
 public:
  // Thread-safe.
  void Add(int64_t position, Error error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error_.empty() && position_ <= position) return;
    position_ = position;
    error_ = std::move(error);
  }

  // After the threads have joined.
  bool empty() const { return error_.empty(); }
  const Error& first() const { return error_; }

 private:
  std::mutex mutex_;
  int64_t position_ = 0;
  Error error_;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_FIRST_ERROR_H_
