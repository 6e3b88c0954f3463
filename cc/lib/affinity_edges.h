// From pixel affinities to the integer edges between windows (paper 3.4, 4.2, 4.4).

#ifndef AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_
#define AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_

#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/pixel_rows.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_graph.h"

namespace affinity_seg {

// Averages the two directions of each pixel pair, averages the pixel pairs between two windows,
// applies the refinements and rounds halves up: steps 1 to 6 of section 4 of the specification.
//
// `affinity` has 8 channels for each distance; it is only read and checked at pixels of vertices,
// all channels there.
// REQUIRES: options.Check() and grid.CheckSize() found no error; `graph` is of the vertices of
// `semantics` and of MergedDistances(options).
// Time O(H W) and O(m^2 C) for each vertex; memory besides the result: 8 * merged distances integers
// for each vertex.
Error ComputeEdges(const NetworkOutput& affinity, const Semantics& semantics,
                   const GraphMergeOptions& options, Executor* executor, WindowGraph* graph);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_AFFINITY_EDGES_H_
