// From clusters of windows to instances with class, score and votes (paper 3.4).

#ifndef AFFINITY_SEG_CC_LIB_INSTANCES_H_
#define AFFINITY_SEG_CC_LIB_INSTANCES_H_

#include <cstdint>
#include <vector>

#include "cc/lib/clustering.h"
#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// The N instances of an image, numbered from 1 in raster order of their first pixel.
struct Instances {
  std::vector<int32_t> classes;  // [N]: the most voted foreground class, a tie to the lower
  std::vector<float> scores;     // [N]: mean of all edges inside, 0 where there is none
  std::vector<int64_t> sizes;    // [N]: pixels
  std::vector<int32_t> boxes;    // [N, 4]: top, left, bottom, right; ends exclusive, pixels
  std::vector<int64_t> votes;    // [N, K]: pixels that vote for a class; 0 for the background

  int64_t num_instances() const { return static_cast<int64_t>(classes.size()); }
};

// Keeps the clusters with more than `options.min_pixels` pixels and describes them.
//
// Args:
//   group: 0, or the only super-class whose classes may win.
//   ids: [H, W], output: the instance of each pixel, 0 on the background.
Instances DescribeInstances(const Clustering& clustering, const Semantics& semantics,
                            const WindowGrid& grid, const GraphMergeOptions& options, int group,
                            Executor* executor, int32_t* ids);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_INSTANCES_H_
