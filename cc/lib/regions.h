// Regions of interest: where instances may be (paper 4.1, 4.3, 4.5).

#ifndef AFFINITY_SEG_CC_LIB_REGIONS_H_
#define AFFINITY_SEG_CC_LIB_REGIONS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/pixel_rows.h"

namespace affinity_seg {

struct RegionOptions {
  std::vector<int> groups;  // super-class of each class; 0 for class 0
  bool partition = true;    // regions of each super-class on its own
  int cell_size = 32;       // pixels
  int growth = 16;          // pixels

  // Returns the first rule that the options break.
  Error Check() const;
};

struct Region {
  int group;                         // whose instances it holds; 0: any
  int64_t top, left, bottom, right;  // the tightest box around the grown region, ends exclusive
  std::unique_ptr<bool[]> mask;      // [bottom - top, right - left]: the grown region

  int64_t num_pixels() const { return (bottom - top) * (right - left); }
};

// Finds the regions of an image of `height` x `width` pixels.
//
// With partition, a pixel belongs to the super-class of the largest summed probability, a tie to
// the lower; without, to the foreground if a class has more than the background. Cells that hold
// such a pixel form 8-connected regions, which grow by `growth` in the Chebyshev sense and are
// clipped to the image. They come by super-class, then in raster order of their first cell.
// REQUIRES: options.Check() found no error.
Error FindRegions(const NetworkOutput& semantic, int64_t height, int64_t width,
                  const RegionOptions& options, Executor* executor, std::vector<Region>* regions);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_REGIONS_H_
