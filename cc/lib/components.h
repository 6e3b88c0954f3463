// Connected components of the graph of windows, which merge independently of each other.

#ifndef AFFINITY_SEG_CC_LIB_COMPONENTS_H_
#define AFFINITY_SEG_CC_LIB_COMPONENTS_H_

#include <cstdint>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/window_graph.h"

namespace affinity_seg {

// Vertices are put into slots: component by component in raster order of their first vertex, and
// in the order of tiles (tile_order.h) within each. So the slots of a component are contiguous, and
// slots that follow each other are near each other in the image.
struct Components {
  std::vector<int32_t> begins;          // [components + 1]: first slot of each
  std::vector<int32_t> vertex_of_slot;  // [V]
  std::vector<int32_t> slot_of_vertex;  // [V]

  int32_t num_components() const { return static_cast<int32_t>(begins.size()) - 1; }
};

// Finds the components over the edges of all distances that reach `threshold` / 10^6.
//
// With the threshold of the last stage, each component can run all stages on its own. Thresholds
// never increase, so an edge between two components reaches the threshold of no stage. Nor does the
// mean of several such edges. So no cluster ever has vertices of two components.
Components FindComponents(const WindowGraph& graph, int64_t threshold, Executor* executor);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_COMPONENTS_H_
