#include "cc/lib/affinity_edges.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cc/lib/probability.h"

namespace affinity_seg {
namespace {

Error ValueError(const char* rule, float value, int64_t y, int64_t x, int channel) {
  std::ostringstream text;
  text << "`affinity` must be " << rule << ": " << value << " at [" << y << ", " << x << ", "
       << channel << "]";
  return text.str();
}

Error CheckAffinities(const float* affinity, bool from_logits, const WindowGrid& grid,
                      int channels, const std::vector<uint8_t>& vertices) {
  for (int64_t y = 0; y < grid.height(); ++y) {
    for (int64_t x = 0; x < grid.width(); ++x) {
      if (!vertices[grid.WindowOf(y, x)]) continue;
      const float* pixel = affinity + (y * grid.width() + x) * channels;
      for (int c = 0; c < channels; ++c) {
        if (from_logits ? !std::isfinite(pixel[c]) : !IsProbability(pixel[c])) {
          return ValueError(from_logits ? "finite" : "in [0, 1]", pixel[c], y, x, c);
        }
      }
    }
  }
  return "";
}

// Sums of the affinities of pixel pairs between a window and its four forward neighbours at one
// merged distance. A pair adds two values, one for each direction.
struct PairSums {
  std::vector<int32_t> sum;    // [windows, 4]
  std::vector<int32_t> count;  // [windows, 4]: number of values
};

// Adds the pixel pairs of `options.distances[index]` to `sums`.
void AddPixelPairs(const float* affinity, bool from_logits, const WindowGrid& grid,
                   const GraphMergeOptions& options, const std::vector<uint8_t>& vertices,
                   int index, int merged_distance, PairSums* sums) {
  const int64_t channels = kNumDirections * static_cast<int64_t>(options.distances.size());
  const int64_t distance = options.distances[index];
  const auto value = [&](int64_t y, int64_t x, int direction) {
    const float input =
        affinity[(y * grid.width() + x) * channels + index * kNumDirections + direction];
    return static_cast<int32_t>(Quantize(from_logits ? Sigmoid(input) : input));
  };
  for (int64_t y = 0; y < grid.height(); ++y) {
    for (int64_t x = 0; x < grid.width(); ++x) {
      const int64_t window = grid.WindowOf(y, x);
      if (!vertices[window]) continue;
      for (int n = kNumForward; n < kNumDirections; ++n) {
        const int64_t to_y = y + distance * Direction(n).dy;
        const int64_t to_x = x + distance * Direction(n).dx;
        if (to_y >= grid.height() || to_x < 0 || to_x >= grid.width()) continue;
        const int64_t to_window = grid.WindowOf(to_y, to_x);
        if (to_window == window || !vertices[to_window]) continue;
        // A short pair may lead to another side of the window than its own direction says, even
        // to an earlier window: down-left pixels can lie in the window to the left.
        int64_t rows = (to_y / grid.window() - y / grid.window()) / merged_distance;
        int64_t cols = (to_x / grid.window() - x / grid.window()) / merged_distance;
        const bool forward = to_window > window;
        if (!forward) rows = -rows, cols = -cols;
        const int64_t slot = (forward ? window : to_window) * kNumForward +
                             ForwardIndex(static_cast<int>(rows), static_cast<int>(cols));
        sums->sum[slot] += value(y, x, n) + value(to_y, to_x, Opposite(n));
        sums->count[slot] += 2;
      }
    }
  }
}

// sigma(x) = 2 (1 / (1 + exp(-alpha x)) - 1/2) (4.2).
double Sigma(double x, double alpha) { return 2.0 * (1.0 / (1.0 + std::exp(-alpha * x)) - 0.5); }

// Refines and rounds the edges of one merged distance.
class Refiner {
 public:
  Refiner(const GraphMergeOptions& options, const WindowGrid& grid, const Semantics& semantics)
      : options_(options),
        grid_(grid),
        semantics_(semantics),
        is_refined_class_(options.num_classes(), false) {
    for (int k : options.refine_classes) is_refined_class_[k] = true;
  }

  // Returns the edge between windows u and v whose pixel values have this sum and count.
  int32_t Refine(int64_t u, int64_t v, int32_t sum, int32_t count, bool largest) const {
    const bool by_class = largest && is_refined_class_[semantics_.class_winner[u]] &&
                          is_refined_class_[semantics_.class_winner[v]];
    if (!options_.refine && !by_class) {
      return (2 * static_cast<int64_t>(sum) + count) / (2 * static_cast<int64_t>(count));
    }
    if (options_.refine && semantics_.group_winner[u] != semantics_.group_winner[v]) return 0;
    double edge = static_cast<double>(sum) / count;  // units of 1/65535
    if (options_.refine) edge *= Sigma(Similarity(u, v), options_.alpha);
    if (by_class) edge = kOne * Sigma(edge / kOne, options_.alpha);
    return static_cast<int32_t>(std::floor(edge + 0.5));
  }

 private:
  // Inner product of the mean super-class probabilities, without background, in [0, 1].
  double Similarity(int64_t u, int64_t v) const {
    const int num_groups = semantics_.num_groups;
    const int32_t* a = &semantics_.group_sums[u * num_groups];
    const int32_t* b = &semantics_.group_sums[v * num_groups];
    int64_t product = 0;
    for (int g = 1; g < num_groups; ++g) product += static_cast<int64_t>(a[g]) * b[g];
    const double scale_u = static_cast<double>(kOne) * NumPixels(u);
    const double scale_v = static_cast<double>(kOne) * NumPixels(v);
    return static_cast<double>(product) / (scale_u * scale_v);
  }

  int NumPixels(int64_t window) const {
    return grid_.NumPixels(window / grid_.cols(), window % grid_.cols());
  }

  const GraphMergeOptions& options_;
  const WindowGrid& grid_;
  const Semantics& semantics_;
  std::vector<bool> is_refined_class_;
};

}  // namespace

Error ComputeEdges(const float* affinity, bool from_logits, const WindowGrid& grid,
                   const GraphMergeOptions& options, const Semantics& semantics,
                   const std::vector<uint8_t>& vertices, EdgeGrid* edges) {
  const int channels = kNumDirections * static_cast<int>(options.distances.size());
  Error error = CheckAffinities(affinity, from_logits, grid, channels, vertices);
  if (!error.empty()) return error;

  edges->distances = MergedDistances(options);
  const int64_t per_window = edges->edges_per_window();
  edges->values.assign(grid.num_windows() * per_window, kNoEdge);
  const Refiner refiner(options, grid, semantics);
  PairSums sums;
  for (size_t j = 0; j < edges->distances.size(); ++j) {
    const MergedDistance& merged = edges->distances[j];
    sums.sum.assign(grid.num_windows() * kNumForward, 0);
    sums.count.assign(grid.num_windows() * kNumForward, 0);
    for (int index : merged.pixel_distances) {
      AddPixelPairs(affinity, from_logits, grid, options, vertices, index, merged.distance, &sums);
    }
    const bool largest = j + 1 == edges->distances.size();
    for (int64_t window = 0; window < grid.num_windows(); ++window) {
      for (int f = 0; f < kNumForward; ++f) {
        const int64_t slot = window * kNumForward + f;
        if (sums.count[slot] == 0) continue;
        const Offset offset = Direction(kNumForward + f);
        const int64_t neighbor =
            window + merged.distance * (offset.dy * grid.cols() + int64_t{offset.dx});
        edges->values[window * per_window + j * kNumForward + f] =
            refiner.Refine(window, neighbor, sums.sum[slot], sums.count[slot], largest);
      }
    }
  }
  return "";
}

}  // namespace affinity_seg
