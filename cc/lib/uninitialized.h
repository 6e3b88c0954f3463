// Vectors whose elements are not set to zero first: each is written before it is read, or never.

#ifndef AFFINITY_SEG_CC_LIB_UNINITIALIZED_H_
#define AFFINITY_SEG_CC_LIB_UNINITIALIZED_H_

#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace affinity_seg {

// Leaves new elements as the memory is. Memory that is never written, as that of windows that are
// no vertices, then never gets a page from the system.
template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  static_assert(std::is_trivial_v<T>);

  template <typename Other>
  struct rebind {
    using other = UninitializedAllocator<Other>;
  };
  void construct(T*) {}
  template <typename... Args>
  void construct(T* element, Args&&... args) {
    ::new (static_cast<void*>(element)) T(std::forward<Args>(args)...);
  }
};

template <typename T>
using UninitializedVector = std::vector<T, UninitializedAllocator<T>>;

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_UNINITIALIZED_H_
