#include "cc/lib/instances.h"

#include <algorithm>

#include "cc/lib/probability.h"

namespace affinity_seg {
namespace {

constexpr int32_t kBackground = 0;

// Numbers the clusters that are large enough, writes their sizes, and returns the instance of
// each window.
std::vector<int32_t> NumberInstances(const std::vector<int32_t>& clusters,
                                     const std::vector<uint8_t>& vertices, const WindowGrid& grid,
                                     int64_t min_pixels, std::vector<int64_t>* sizes) {
  std::vector<int64_t> pixels(clusters.size(), 0);  // of each cluster, at its first window
  for (int64_t row = 0; row < grid.rows(); ++row) {
    for (int64_t col = 0; col < grid.cols(); ++col) {
      const int64_t window = row * grid.cols() + col;
      if (vertices[window]) pixels[clusters[window]] += grid.NumPixels(row, col);
    }
  }
  std::vector<int32_t> instances(clusters.size(), kBackground);
  for (size_t window = 0; window < clusters.size(); ++window) {
    if (!vertices[window] || pixels[clusters[window]] <= min_pixels) continue;
    if (clusters[window] == static_cast<int32_t>(window)) {
      sizes->push_back(pixels[window]);
      instances[window] = static_cast<int32_t>(sizes->size());
    } else {
      instances[window] = instances[clusters[window]];
    }
  }
  return instances;
}

std::vector<float> Scores(const std::vector<int32_t>& instances, int64_t num_instances,
                          const EdgeGrid& edges, const WindowGrid& grid) {
  std::vector<int64_t> sum(num_instances, 0);
  std::vector<int64_t> count(num_instances, 0);
  for (size_t j = 0; j < edges.distances.size(); ++j) {
    ForEachEdge(edges, grid, j, [&](int64_t u, int64_t v, int32_t value) {
      if (instances[u] == kBackground || instances[u] != instances[v]) return;
      sum[instances[u] - 1] += value;
      ++count[instances[u] - 1];
    });
  }
  std::vector<float> scores(num_instances, 0.0f);
  for (int64_t i = 0; i < num_instances; ++i) {
    if (count[i] == 0) continue;
    scores[i] = static_cast<float>(static_cast<double>(sum[i]) /
                                   (static_cast<double>(kOne) * static_cast<double>(count[i])));
  }
  return scores;
}

// Returns the best class of `values` [K] among the foreground classes of `group` (0: all).
template <typename T>
int BestClass(const T* values, const std::vector<int>& groups, int group) {
  int best = 0;
  for (int k = 1; k < static_cast<int>(groups.size()); ++k) {
    if (group != 0 && groups[k] != group) continue;
    if (best == 0 || values[k] > values[best]) best = k;
  }
  return best;
}

}  // namespace

Instances DescribeInstances(const std::vector<int32_t>& clusters,
                            const std::vector<uint8_t>& vertices, const EdgeGrid& edges,
                            const Semantics& semantics, const WindowGrid& grid,
                            const GraphMergeOptions& options, int group) {
  const int num_classes = semantics.num_classes;
  Instances result;
  const std::vector<int32_t> instances =
      NumberInstances(clusters, vertices, grid, options.min_pixels, &result.sizes);
  const int64_t num_instances = static_cast<int64_t>(result.sizes.size());
  result.scores = Scores(instances, num_instances, edges, grid);

  result.ids.resize(grid.height() * grid.width());
  result.votes.assign(num_instances * num_classes, 0);
  std::vector<int32_t> group_sums(semantics.num_groups);
  for (int64_t y = 0; y < grid.height(); ++y) {
    for (int64_t x = 0; x < grid.width(); ++x) {
      const int64_t at = y * grid.width() + x;
      const int32_t instance = instances[grid.WindowOf(y, x)];
      result.ids[at] = instance;
      if (instance == kBackground) continue;
      const uint16_t* pixel = &semantics.pixels[at * num_classes];
      const int64_t row = static_cast<int64_t>(instance - 1) * num_classes;
      SumGroups(pixel, options.groups, semantics.num_groups, group_sums.data());
      const auto winner = std::max_element(group_sums.begin(), group_sums.end());
      if (winner == group_sums.begin()) continue;
      ++result.votes[row + BestClass(pixel, options.groups, group)];
    }
  }
  // There is always a vote: a window that background does not win has a pixel that it does not win.
  result.classes.resize(num_instances);
  for (int64_t i = 0; i < num_instances; ++i) {
    result.classes[i] = BestClass(&result.votes[i * num_classes], options.groups, group);
  }
  return result;
}

}  // namespace affinity_seg
