#include "cc/lib/semantics.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "cc/lib/class_groups.h"
#include "cc/lib/first_error.h"
#include "cc/lib/row_sums.h"

namespace affinity_seg {
namespace {

// Computes the rows of windows, one at a time.
class RowWorker {
 public:
  RowWorker(const NetworkOutput& semantic, const VertexFilter& filter, const WindowGrid& grid,
            const GraphMergeOptions& options, Semantics* semantics)
      : rows_(semantic, grid.width()),
        filter_(filter),
        grid_(grid),
        options_(options),
        semantics_(semantics),
        num_classes_(options.num_classes()),
        pixels_(grid.window() * grid.width() * num_classes_ + kRowPadding),
        undecided_(new bool[grid.cols()]),
        class_sums_(num_classes_),
        group_sums_(semantics->num_groups),
        groups_(options.groups) {}

  Error Compute(int64_t row) {
    const int64_t top = row * grid_.window();
    const int64_t bottom = std::min(grid_.height(), top + grid_.window());
    for (int64_t y = top; y < bottom; ++y) {
      Error error = rows_.Quantize(y, 0, grid_.width(), PixelRow(y - top));
      if (!error.empty()) return error;
    }
    FindUndecidedWindows(pixels_.data(), static_cast<int>(bottom - top), grid_.width(),
                         num_classes_, grid_.window(), undecided_.get());
    for (int64_t col = 0; col < grid_.cols(); ++col) {
      const int64_t window = row * grid_.cols() + col;
      const int64_t left = col * grid_.window();
      const int64_t right = std::min(grid_.width(), left + grid_.window());
      if (!undecided_[col]) {
        semantics_->group_winner[window] = 0;
        semantics_->vertices.of_window[window] = -1;
        continue;
      }
      const int winner = SumWindow(bottom - top, left, right);
      semantics_->group_winner[window] = winner;
      const bool is_vertex = (filter_.group == 0 ? winner != 0 : winner == filter_.group) &&
                             IsInMask(top, bottom, left, right);
      semantics_->vertices.of_window[window] = is_vertex ? 0 : -1;
      if (!is_vertex) continue;
      std::copy(group_sums_.begin(), group_sums_.end(),
                &semantics_->group_sums[window * semantics_->num_groups]);
      semantics_->class_winner[window] = BestClass(class_sums_.data(), options_.groups, 0);
      Vote(top, bottom, left, right);
    }
    return "";
  }

 private:
  uint16_t* PixelRow(int64_t y) { return pixels_.data() + y * grid_.width() * num_classes_; }

  // Sums the first `rows` rows in columns [left, right) by class and by group and returns the
  // winning group.
  int SumWindow(int64_t rows, int64_t left, int64_t right) {
    const int num_classes = num_classes_;
    int32_t* sums = class_sums_.data();
    std::fill_n(sums, num_classes, 0);
    for (int64_t y = 0; y < rows; ++y) {
      const uint16_t* pixel = PixelRow(y) + left * num_classes;
      for (int64_t x = left; x < right; ++x, pixel += num_classes) {
        for (int k = 0; k < num_classes; ++k) sums[k] += pixel[k];
      }
    }
    return groups_.Sum(sums, group_sums_.data());
  }

  bool IsInMask(int64_t top, int64_t bottom, int64_t left, int64_t right) const {
    if (filter_.mask == nullptr) return true;
    for (int64_t y = top; y < bottom; ++y) {
      const bool* row = filter_.mask + y * grid_.width();
      if (std::find(row + left, row + right, true) != row + right) return true;
    }
    return false;
  }

  void Vote(int64_t top, int64_t bottom, int64_t left, int64_t right) {
    for (int64_t y = top; y < bottom; ++y) {
      for (int64_t x = left; x < right; ++x) {
        const uint16_t* pixel = PixelRow(y - top) + x * num_classes_;
        const int best = BestClass(pixel, options_.groups, filter_.group);
        // A class above the background is in a group above it, whose sum need not be known: with
        // this, semantics take 0.9 of the time.
        const bool is_background =
            pixel[best] <= pixel[0] && groups_.Sum(pixel, group_sums_.data()) == 0;
        semantics_->votes[y * grid_.width() + x] = static_cast<uint16_t>(is_background ? 0 : best);
      }
    }
  }

  PixelRows rows_;
  const VertexFilter& filter_;
  const WindowGrid& grid_;
  const GraphMergeOptions& options_;
  Semantics* semantics_;
  int num_classes_;
  std::vector<uint16_t> pixels_;     // [window, W, K], and kRowPadding more
  std::unique_ptr<bool[]> undecided_;  // [windows of a row]
  std::vector<int32_t> class_sums_;  // [K], of a window
  std::vector<int32_t> group_sums_;  // [G], of a window or a pixel
  ClassGroups groups_;
};

// Numbers the windows that are marked with 0 instead of -1.
void NumberVertices(Vertices* vertices) {
  for (size_t window = 0; window < vertices->of_window.size(); ++window) {
    if (vertices->of_window[window] < 0) continue;
    vertices->of_window[window] = static_cast<int32_t>(vertices->windows.size());
    vertices->windows.push_back(static_cast<int32_t>(window));
  }
}

}  // namespace

Error ComputeSemantics(const NetworkOutput& semantic, const VertexFilter& filter,
                       const WindowGrid& grid, const GraphMergeOptions& options,
                       Executor* executor, Semantics* semantics) {
  *semantics = Semantics();
  semantics->num_classes = options.num_classes();
  semantics->num_groups = options.num_groups();
  semantics->group_sums.resize(grid.num_windows() * semantics->num_groups);
  semantics->group_winner.resize(grid.num_windows());
  semantics->class_winner.resize(grid.num_windows());
  semantics->votes.resize(grid.height() * grid.width());
  semantics->vertices.of_window.resize(grid.num_windows());

  FirstError errors;
  ParallelRanges(executor, grid.rows(), 1, [&](int64_t begin, int64_t end, int) {
    RowWorker worker(semantic, filter, grid, options, semantics);
    for (int64_t row = begin; row < end; ++row) {
      Error error = worker.Compute(row);
      if (!error.empty()) return errors.Add(row, std::move(error));
    }
  });
  if (!errors.empty()) return errors.first();
  NumberVertices(&semantics->vertices);
  return "";
}

}  // namespace affinity_seg
