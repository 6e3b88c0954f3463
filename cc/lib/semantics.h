// Semantic probabilities of pixels and windows (paper 4.1, 4.2, 4.5).

#ifndef AFFINITY_SEG_CC_LIB_SEMANTICS_H_
#define AFFINITY_SEG_CC_LIB_SEMANTICS_H_

#include <cstdint>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/pixel_rows.h"
#include "cc/lib/uninitialized.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// The windows that are vertices of the graph, in raster order.
struct Vertices {
  std::vector<int32_t> of_window;  // [windows]: the vertex, or -1
  std::vector<int32_t> windows;    // [V]: its window

  int64_t size() const { return static_cast<int64_t>(windows.size()); }
};

// Integer semantics of an image of H x W pixels and K classes.
struct Semantics {
  int num_classes = 0;                // K
  int num_groups = 0;                 // G, with the background
  // [windows]: of largest sum, a tie to the lower
  UninitializedVector<int32_t> group_winner;
  Vertices vertices;
  // Undefined where there is no vertex:
  // [windows, G]: sums over a window's pixels, 1/65535
  UninitializedVector<int32_t> group_sums;
  // [windows]: foreground class of largest sum, likewise
  UninitializedVector<int32_t> class_winner;
  // [H, W]: the most probable class (of the wanted group, a tie to the lower), or 0 where
  // background wins among the groups.
  UninitializedVector<uint16_t> votes;
};

// Which windows are wanted as vertices.
struct VertexFilter {
  const bool* mask = nullptr;  // [H, W]: vertices hold a pixel of it; null: everywhere
  int group = 0;               // vertices are won by this group; 0: by any but the background
};

// Checks and quantizes the classes' probabilities, sums them over windows and finds the vertices.
// REQUIRES: options.Check() found no error.
Error ComputeSemantics(const NetworkOutput& semantic, const VertexFilter& filter,
                       const WindowGrid& grid, const GraphMergeOptions& options,
                       Executor* executor, Semantics* semantics);

// Returns the best of the foreground classes of `group` (0: all), a tie to the lower.
// Args: values [K], comparable with >.
template <typename T>
int BestClass(const T* values, const std::vector<int>& groups, int group) {
  int best = 0;
  for (int k = 1; k < static_cast<int>(groups.size()); ++k) {
    if (group != 0 && groups[k] != group) continue;
    if (best == 0 || values[k] > values[best]) best = k;
  }
  return best;
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_SEMANTICS_H_
