// Semantic probabilities of pixels and windows (paper 4.1, 4.2, 4.5).

#ifndef AFFINITY_SEG_CC_LIB_SEMANTICS_H_
#define AFFINITY_SEG_CC_LIB_SEMANTICS_H_

#include <cstdint>
#include <vector>

#include "cc/lib/options.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// Integer semantics of an image of H x W pixels and K classes, and of its windows.
struct Semantics {
  int num_classes = 0;                // K
  int num_groups = 0;                 // G, with the background
  std::vector<uint16_t> pixels;       // [H, W, K], units of 1/65535
  std::vector<int32_t> group_sums;    // [windows, G]: sums over the pixels of a window
  std::vector<int32_t> group_winner;  // [windows]: argmax of group_sums, a tie to the lower
  std::vector<int32_t> class_winner;  // [windows]: argmax of the sums over foreground classes
};

// Checks and quantizes `input` [H, W, K] (logits: softmax first) and sums it over windows.
// Only the background takes part in group 0. REQUIRES: options.Check() found no error.
Error ComputeSemantics(const float* input, bool from_logits, const WindowGrid& grid,
                       const GraphMergeOptions& options, Semantics* semantics);

// Marks the windows that are vertices of the graph: those won by `group` (0: by any foreground
// group) that hold a pixel of `mask` [H, W] (null: everywhere). Returns uint8 [windows].
std::vector<uint8_t> FindVertices(const Semantics& semantics, const WindowGrid& grid, int group,
                                  const bool* mask);

// Writes the probabilities of a pixel, summed per group, to `sums` [G].
void SumGroups(const uint16_t* pixel, const std::vector<int>& groups, int num_groups,
               int32_t* sums);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_SEMANTICS_H_
