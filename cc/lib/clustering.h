// From edges between windows to clusters of windows (paper 3.4, Algorithm 1).

#ifndef AFFINITY_SEG_CC_LIB_CLUSTERING_H_
#define AFFINITY_SEG_CC_LIB_CLUSTERING_H_

#include <cstdint>
#include <vector>

#include "cc/lib/affinity_edges.h"
#include "cc/lib/options.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// Returns for each window the first window, in raster order, of its cluster. A window that is no
// vertex is alone. Runs the stages of `options` over the edges of `edges`.
std::vector<int32_t> ClusterWindows(const EdgeGrid& edges, const WindowGrid& grid,
                                    const GraphMergeOptions& options);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_CLUSTERING_H_
