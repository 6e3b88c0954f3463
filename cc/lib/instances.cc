#include "cc/lib/instances.h"

#include <algorithm>
#include <limits>

#include "cc/lib/probability.h"

namespace affinity_seg {
namespace {

constexpr int32_t kBackground = 0;
constexpr int64_t kRowsPerTask = 16;

// How many pixels a cluster has, and the first and last rows and columns of its windows.
struct Extent {
  int64_t pixels = 0;
  int64_t top = std::numeric_limits<int64_t>::max();
  int64_t left = std::numeric_limits<int64_t>::max();
  int64_t bottom = -1;
  int64_t right = -1;

  void Add(int64_t row, int64_t col, int num_pixels) {
    pixels += num_pixels;
    top = std::min(top, row);
    left = std::min(left, col);
    bottom = std::max(bottom, row);
    right = std::max(right, col);
  }
};

// Numbers the clusters that are large enough and writes their sizes, boxes and scores. Returns the
// instance of each cluster.
std::vector<int32_t> NumberInstances(const Clustering& clustering, const Vertices& vertices,
                                     const WindowGrid& grid, int64_t min_pixels,
                                     Instances* instances) {
  std::vector<Extent> extents(clustering.num_clusters());
  for (int64_t v = 0; v < vertices.size(); ++v) {
    const int64_t row = vertices.windows[v] / grid.cols();
    const int64_t col = vertices.windows[v] % grid.cols();
    extents[clustering.cluster_of_vertex[v]].Add(row, col, grid.NumPixels(row, col));
  }
  std::vector<int32_t> numbers(clustering.num_clusters(), kBackground);
  for (int64_t c = 0; c < clustering.num_clusters(); ++c) {
    const Extent& extent = extents[c];
    if (extent.pixels <= min_pixels) continue;
    instances->sizes.push_back(extent.pixels);
    numbers[c] = static_cast<int32_t>(instances->sizes.size());
    for (int64_t side : {extent.top * grid.window(), extent.left * grid.window(),
                         std::min(grid.height(), (extent.bottom + 1) * grid.window()),
                         std::min(grid.width(), (extent.right + 1) * grid.window())}) {
      instances->boxes.push_back(static_cast<int32_t>(side));
    }
    const double sum = static_cast<double>(clustering.inner_sums[c]);
    const double count = static_cast<double>(clustering.inner_counts[c]);
    instances->scores.push_back(count == 0 ? 0.0f : static_cast<float>(sum / (kOne * count)));
  }
  return numbers;
}

// Paints rows [begin, end) of windows and counts their votes, [N, K].
void PaintRows(const std::vector<int32_t>& instance_of_cluster, const Clustering& clustering,
               const Semantics& semantics, const WindowGrid& grid, int64_t begin, int64_t end,
               int32_t* ids, std::vector<int64_t>* votes) {
  std::vector<int32_t> row_instances(grid.cols());
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t col = 0; col < grid.cols(); ++col) {
      const int32_t v = semantics.vertices.of_window[row * grid.cols() + col];
      row_instances[col] =
          v < 0 ? kBackground : instance_of_cluster[clustering.cluster_of_vertex[v]];
    }
    const int64_t bottom = std::min(grid.height(), (row + 1) * grid.window());
    for (int64_t col = 0; col < grid.cols();) {
      // Windows of one instance that follow each other.
      const int32_t instance = row_instances[col];
      const int64_t left = col * grid.window();
      while (col < grid.cols() && row_instances[col] == instance) ++col;
      const int64_t right = std::min(grid.width(), col * grid.window());
      for (int64_t y = row * grid.window(); y < bottom; ++y) {
        std::fill(ids + y * grid.width() + left, ids + y * grid.width() + right, instance);
        if (instance == kBackground) continue;
        int64_t* const counts = &(*votes)[int64_t{instance - 1} * semantics.num_classes];
        const uint16_t* vote = &semantics.votes[y * grid.width()];
        for (int64_t x = left; x < right; ++x) counts[vote[x]] += vote[x] != 0;
      }
    }
  }
}

}  // namespace

Instances DescribeInstances(const Clustering& clustering, const Semantics& semantics,
                            const WindowGrid& grid, const GraphMergeOptions& options, int group,
                            Executor* executor, int32_t* ids) {
  Instances result;
  const std::vector<int32_t> instance_of_cluster =
      NumberInstances(clustering, semantics.vertices, grid, options.min_pixels, &result);
  const int64_t num_instances = static_cast<int64_t>(result.sizes.size());
  const int64_t num_classes = semantics.num_classes;

  result.votes.assign(num_instances * num_classes, 0);
  std::vector<std::vector<int64_t>> votes(executor->num_threads());  // of each worker
  ParallelRanges(executor, grid.rows(), kRowsPerTask, [&](int64_t begin, int64_t end, int worker) {
    votes[worker].resize(result.votes.size());
    PaintRows(instance_of_cluster, clustering, semantics, grid, begin, end, ids, &votes[worker]);
  });
  for (const std::vector<int64_t>& counted : votes) {
    for (size_t i = 0; i < counted.size(); ++i) result.votes[i] += counted[i];
  }
  // There is always a vote: a window that background does not win has a pixel that it does not win.
  result.classes.resize(num_instances);
  for (int64_t i = 0; i < num_instances; ++i) {
    result.classes[i] = BestClass(&result.votes[i * num_classes], options.groups, group);
  }
  return result;
}

}  // namespace affinity_seg
