// Pixels, the windows of the local merge that tile them, and the directions between them.

#ifndef AFFINITY_SEG_CC_LIB_WINDOW_GRID_H_
#define AFFINITY_SEG_CC_LIB_WINDOW_GRID_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "cc/lib/options.h"

namespace affinity_seg {

constexpr int kNumDirections = 8;
// Directions 4..7 lead to a later pixel in raster order: each edge is kept at its earlier end.
constexpr int kNumForward = 4;

struct Offset {
  int dy;
  int dx;
};

// Returns direction `n` in [0, 8) of a pixel's neighbours, row by row.
constexpr Offset Direction(int n) {
  const int cell = n < kNumForward ? n : n + 1;  // skips the centre of the 3x3 cells
  return {cell / 3 - 1, cell % 3 - 1};
}

constexpr int Opposite(int n) { return kNumDirections - 1 - n; }

// Returns the direction with components in {-1, 0, 1}, not both 0.
constexpr int DirectionIndex(int dy, int dx) {
  const int cell = (dy + 1) * 3 + (dx + 1);
  return cell < kNumForward ? cell : cell - 1;
}

// Returns the channel that each channel of the affinities becomes under a horizontal flip.
inline std::vector<int> MirroredChannels(int num_channels) {
  std::vector<int> mirrored(num_channels);
  for (int c = 0; c < num_channels; ++c) {
    const int n = c % kNumDirections;
    mirrored[c] = c - n + DirectionIndex(Direction(n).dy, -Direction(n).dx);
  }
  return mirrored;
}

// An image of `height` x `width` pixels in windows of `window` x `window`. Windows at the bottom
// and right border may be partial. Windows are numbered in raster order.
class WindowGrid {
 public:
  WindowGrid(int64_t height, int64_t width, int window)
      : height_(height),
        width_(width),
        window_(window),
        rows_((height + window - 1) / window),
        cols_((width + window - 1) / window),
        is_partial_(height % window != 0 || width % window != 0) {}

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  int window() const { return window_; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t num_windows() const { return rows_ * cols_; }
  // Whether windows at the bottom or right border are partial.
  bool IsPartial() const { return is_partial_; }
  // Whether every window up to `reach` windows away from this one is full or outside the grid.
  bool IsFullAround(int64_t row, int64_t col, int64_t reach) const {
    return !IsPartial() || (row + reach < rows_ - 1 && col + reach < cols_ - 1);
  }

  // Returns the window `distance` windows away in `direction`, or -1 outside the grid.
  int64_t Neighbor(int64_t window, int direction, int64_t distance) const {
    const int64_t row = window / cols_ + distance * Direction(direction).dy;
    const int64_t col = window % cols_ + distance * Direction(direction).dx;
    return row < 0 || row >= rows_ || col < 0 || col >= cols_ ? -1 : row * cols_ + col;
  }

  // Number of pixels of the window in `row`, `col`.
  int NumPixels(int64_t row, int64_t col) const {
    const int64_t h = std::min<int64_t>(window_, height_ - row * window_);
    const int64_t w = std::min<int64_t>(window_, width_ - col * window_);
    return static_cast<int>(h * w);
  }
  int NumPixels(int64_t window) const { return NumPixels(window / cols_, window % cols_); }

  // Windows and their edges are indexed with 32 bits: refuses grids that need more.
  Error CheckSize(int num_merged_distances) const {
    constexpr int64_t kMaxEdges = (int64_t{1} << 31) - 1;
    const int64_t per_window = int64_t{kNumForward} * num_merged_distances;
    if (rows_ > 0 && cols_ > kMaxEdges / per_window / rows_) {
      return "the image must have at most " + std::to_string(kMaxEdges / per_window) +
             " windows of " + std::to_string(window_) + "x" + std::to_string(window_) +
             " pixels: " + std::to_string(height_) + "x" + std::to_string(width_) + " pixels are " +
             std::to_string(rows_) + "x" + std::to_string(cols_) + " windows";
    }
    return "";
  }

 private:
  int64_t height_;
  int64_t width_;
  int window_;
  int64_t rows_;
  int64_t cols_;
  bool is_partial_;
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_WINDOW_GRID_H_
