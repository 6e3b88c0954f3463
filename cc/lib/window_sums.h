// Affinities of pixels summed over windows (paper 4.4).

#ifndef AFFINITY_SEG_CC_LIB_WINDOW_SUMS_H_
#define AFFINITY_SEG_CC_LIB_WINDOW_SUMS_H_

#include <cstdint>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/pixel_rows.h"
#include "cc/lib/semantics.h"
#include "cc/lib/uninitialized.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// Which pixel channels lead from a window into which neighbour. Merged channel 8 * j + n leads to
// the window at merged distance `distances[j]` in direction n.
class ChannelMap {
 public:
  static constexpr int kInside = -1;  // the pair stays inside the window

  ChannelMap(const GraphMergeOptions& options, const std::vector<MergedDistance>& distances);

  int num_channels() const { return num_channels_; }
  int num_merged_channels() const { return num_merged_channels_; }
  // Returns the merged channel of a pixel channel, or kInside.
  // Args: position: y * window + x of the pixel in its window.
  int Target(int position, int channel) const {
    return targets_[position * num_channels_ + channel];
  }
  // From this channel on, Target(position, channel) is channel - shift() for every position.
  int first_shifted() const { return first_shifted_; }
  int shift() const { return num_channels_ - num_merged_channels_; }

  // The largest merged distance, in windows.
  int64_t reach() const { return reach_; }

  // Returns the end of pixel channel `channel` relative to its pixel.
  Offset End(int channel) const;

  // Returns how many pixels of a full window times pixel channels have this merged channel.
  int FullCount(int merged_channel) const { return full_counts_[merged_channel]; }

 private:
  std::vector<int> pixel_distances_;
  int num_channels_;
  int num_merged_channels_;
  int64_t reach_;
  int first_shifted_;
  std::vector<int32_t> targets_;  // [window * window, channels]
  std::vector<int> full_counts_;  // [merged channels]
};

// Sums of the quantized affinities that lead from each vertex's window into its neighbours. Pairs
// that leave the image are left out.
struct WindowSums {
  UninitializedVector<int32_t> sums;  // [merged channels, V], units of 1/65535

  const int32_t* channel(int merged_channel, int64_t num_vertices) const {
    return &sums[merged_channel * num_vertices];
  }
};

// Reads and checks `affinity` at the pixels of vertices, all channels.
Error SumWindows(const NetworkOutput& affinity, const WindowGrid& grid, const Vertices& vertices,
                 const ChannelMap& channels, Executor* executor, WindowSums* sums);

// Returns how many values WindowSums adds for this window, which may be at the border.
int CountValues(const WindowGrid& grid, const ChannelMap& channels, int64_t window,
                int merged_channel);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_WINDOW_SUMS_H_
