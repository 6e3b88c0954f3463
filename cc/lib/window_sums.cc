#include "cc/lib/window_sums.h"

#include <algorithm>
#include <utility>

#include "cc/lib/first_error.h"
#include "cc/lib/row_sums.h"

namespace affinity_seg {
namespace {

int64_t FloorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// Sums rows of windows, one at a time.
class RowWorker {
 public:
  RowWorker(const NetworkOutput& affinity, const WindowGrid& grid, const Vertices& vertices,
            const ChannelMap& channels, WindowSums* sums)
      : rows_(affinity, grid.width()),
        grid_(grid),
        vertices_(vertices),
        channels_(channels),
        sums_(sums),
        quantized_(grid.width() * channels.num_channels()),
        row_sums_(grid.cols() * channels.num_merged_channels()) {}

  // Sums the vertices [begin, end), which are those of row `row`.
  Error Compute(int64_t row, int64_t begin, int64_t end) {
    const int merged = channels_.num_merged_channels();
    std::fill_n(row_sums_.begin(), (end - begin) * merged, 0);
    const int64_t bottom = std::min(grid_.height(), (row + 1) * grid_.window());
    for (int64_t y = row * grid_.window(); y < bottom; ++y) {
      for (int64_t v = begin; v < end;) {
        // A run of neighbours is quantized at once.
        const int64_t first = v;
        while (++v < end && vertices_.windows[v] == vertices_.windows[v - 1] + 1) continue;
        Error error = AddRun(y, row, first, v, &row_sums_[(first - begin) * merged]);
        if (!error.empty()) return error;
      }
    }
    for (int c = 0; c < merged; ++c) {
      int32_t* output = sums_->sums.data() + c * vertices_.size();
      for (int64_t v = begin; v < end; ++v) output[v] = row_sums_[(v - begin) * merged + c];
    }
    return "";
  }

 private:
  // Adds row `y` of the windows of vertices [begin, end), neighbours in `row`, to `sums`.
  Error AddRun(int64_t y, int64_t row, int64_t begin, int64_t end, int32_t* sums) {
    const int channels = channels_.num_channels();
    const int64_t first_col = vertices_.windows[begin] - row * grid_.cols();
    const int64_t left = first_col * grid_.window();
    const int64_t right =
        std::min(grid_.width(), (first_col + end - begin) * int64_t{grid_.window()});
    Error error = rows_.Quantize(y, left, right, quantized_.data());
    if (!error.empty()) return error;

    const int first_position = static_cast<int>((y - row * grid_.window()) * grid_.window());
    const uint16_t* values = quantized_.data();
    // Where no neighbour is partial, a pair that leaves the image leads to no window: its sum is not
    // used. So it is in all windows of the run or, at the border of the grid, in the first ones.
    int64_t num_full = 0;
    while (num_full < end - begin &&
           grid_.IsFullAround(row, first_col + num_full, channels_.reach())) {
      ++num_full;
    }
    const int64_t full_pixels = std::min(right - left, num_full * grid_.window());
    AddShiftedChannels(values, full_pixels, grid_.window(), channels, channels_.first_shifted(),
                       channels_.shift(), channels_.num_merged_channels(), sums);
    for (int64_t x = left; x < right; sums += channels_.num_merged_channels()) {
      const bool is_full = x - left < full_pixels;
      const int64_t end_x = std::min(right, x + grid_.window());
      for (int position = first_position; x < end_x; ++x, ++position, values += channels) {
        if (is_full) {
          AddFirst(position, values, sums);
        } else {
          AddInside(y, x, position, values, sums);
        }
      }
    }
    return "";
  }

  // Adds the channels before those of AddShiftedChannels.
  void AddFirst(int position, const uint16_t* values, int32_t* sums) const {
    for (int c = 0; c < channels_.first_shifted(); ++c) {
      const int target = channels_.Target(position, c);
      if (target != ChannelMap::kInside) sums[target] += values[c];
    }
  }

  // A pair may lead into the missing part of a partial window.
  void AddInside(int64_t y, int64_t x, int position, const uint16_t* values,
                 int32_t* sums) const {
    for (int c = 0; c < channels_.num_channels(); ++c) {
      const int target = channels_.Target(position, c);
      if (target == ChannelMap::kInside) continue;
      const Offset end = channels_.End(c);
      if (y + end.dy < 0 || y + end.dy >= grid_.height() || x + end.dx < 0 ||
          x + end.dx >= grid_.width()) {
        continue;
      }
      sums[target] += values[c];
    }
  }

  PixelRows rows_;
  const WindowGrid& grid_;
  const Vertices& vertices_;
  const ChannelMap& channels_;
  WindowSums* sums_;
  std::vector<uint16_t> quantized_;  // [W, C]: a run of pixels
  std::vector<int32_t> row_sums_;    // [vertices of the row, merged channels]
};

}  // namespace

ChannelMap::ChannelMap(const GraphMergeOptions& options,
                       const std::vector<MergedDistance>& distances)
    : pixel_distances_(options.distances),
      num_channels_(kNumDirections * static_cast<int>(options.distances.size())),
      num_merged_channels_(kNumDirections * static_cast<int>(distances.size())),
      reach_(distances.back().distance),
      first_shifted_(num_channels_),
      full_counts_(num_merged_channels_, 0) {
  const int window = options.merge_window;
  targets_.assign(window * window * num_channels_, kInside);
  for (size_t j = 0; j < distances.size(); ++j) {
    for (int index : distances[j].pixel_distances) {
      for (int n = 0; n < kNumDirections; ++n) {
        const int channel = kNumDirections * index + n;
        const Offset end = End(channel);
        for (int position = 0; position < window * window; ++position) {
          const int64_t rows = FloorDivide(position / window + end.dy, window);
          const int64_t cols = FloorDivide(position % window + end.dx, window);
          if (rows == 0 && cols == 0) continue;
          // A short pair may lead to another side of the window than its own direction says.
          const int direction = DirectionIndex(static_cast<int>(rows / distances[j].distance),
                                               static_cast<int>(cols / distances[j].distance));
          const int target = kNumDirections * static_cast<int>(j) + direction;
          targets_[position * num_channels_ + channel] = target;
          ++full_counts_[target];
        }
      }
    }
  }
  const auto is_shifted = [&](int channel) {
    for (int position = 0; position < window * window; ++position) {
      if (Target(position, channel) != channel - shift()) return false;
    }
    return true;
  };
  // A multiple of 8, as AddShiftedChannels takes.
  const auto is_shifted_distance = [&](int first) {
    for (int c = first; c < first + kNumDirections; ++c) {
      if (!is_shifted(c)) return false;
    }
    return true;
  };
  while (first_shifted_ > 0 && is_shifted_distance(first_shifted_ - kNumDirections)) {
    first_shifted_ -= kNumDirections;
  }
}

Offset ChannelMap::End(int channel) const {
  const int distance = pixel_distances_[channel / kNumDirections];
  const Offset step = Direction(channel % kNumDirections);
  return {distance * step.dy, distance * step.dx};
}

Error SumWindows(const NetworkOutput& affinity, const WindowGrid& grid, const Vertices& vertices,
                 const ChannelMap& channels, Executor* executor, WindowSums* sums) {
  sums->sums.resize(vertices.size() * channels.num_merged_channels());
  FirstError errors;
  ParallelRanges(executor, grid.rows(), 1, [&](int64_t first_row, int64_t end_row, int) {
    RowWorker worker(affinity, grid, vertices, channels, sums);
    const auto begin_of = [&](int64_t row) {
      return std::lower_bound(vertices.windows.begin(), vertices.windows.end(),
                              row * grid.cols()) -
             vertices.windows.begin();
    };
    int64_t begin = begin_of(first_row);
    for (int64_t row = first_row; row < end_row; ++row) {
      const int64_t end = begin_of(row + 1);
      Error error = worker.Compute(row, begin, end);
      if (!error.empty()) return errors.Add(row, std::move(error));
      begin = end;
    }
  });
  return errors.first();
}

int CountValues(const WindowGrid& grid, const ChannelMap& channels, int64_t window,
                int merged_channel) {
  const int64_t top = window / grid.cols() * grid.window();
  const int64_t left = window % grid.cols() * grid.window();
  int count = 0;
  for (int64_t y = top; y < std::min(grid.height(), top + grid.window()); ++y) {
    for (int64_t x = left; x < std::min(grid.width(), left + grid.window()); ++x) {
      const int position = static_cast<int>((y - top) * grid.window() + x - left);
      for (int c = 0; c < channels.num_channels(); ++c) {
        if (channels.Target(position, c) != merged_channel) continue;
        const Offset end = channels.End(c);
        const bool inside = y + end.dy >= 0 && y + end.dy < grid.height() && x + end.dx >= 0 &&
                            x + end.dx < grid.width();
        count += inside;
      }
    }
  }
  return count;
}

}  // namespace affinity_seg
