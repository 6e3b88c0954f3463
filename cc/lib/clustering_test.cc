// The parallel clustering against the plain heap.

#include "cc/lib/clustering.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cc/lib/heap_merger.h"
#include "cc/lib/simd_level.h"
#include "cc/lib/testing/average_edge.h"
#include "cc/lib/testing/thread_pool.h"

namespace affinity_seg {
namespace {

// A random graph on a grid of windows, with values of a few levels: ties everywhere.
class RandomGraph {
 public:
  RandomGraph(int rows, int cols, int levels, double density, uint32_t seed)
      : grid_(rows, cols, 1) {
    options_.distances = {1, 2, 4, 8};
    options_.stages = {2, 1, 1};
    options_.thresholds = {0.9, 0.6, 0.3};
    options_.merge_window = 1;
    std::mt19937 random(seed);
    vertices_.of_window.assign(grid_.num_windows(), -1);
    for (int32_t window = 0; window < grid_.num_windows(); ++window) {
      if (random() % 1000 >= density * 1000) continue;
      vertices_.of_window[window] = static_cast<int32_t>(vertices_.size());
      vertices_.windows.push_back(window);
    }
    graph_ = std::make_unique<WindowGraph>(grid_, vertices_, MergedDistances(options_));
    graph_->values.assign(graph_->num_vertices() * graph_->edges_per_vertex(), 0);
    for (int j = 0; j < static_cast<int>(graph_->distances.size()); ++j) {
      graph_->ForEachEdge(j, [&](int32_t u, int64_t edge, int32_t, int32_t) {
        // Skewed to high values, so that clusters grow.
        const uint32_t level = std::max(random() % levels, random() % levels);
        graph_->values[u * graph_->edges_per_vertex() + edge] =
            static_cast<uint16_t>(level * kOne / (levels - 1));
      });
    }
  }

  Clustering Cluster(Executor* executor, const ClusteringLimits& limits) const {
    return ClusterVertices(*graph_, options_, limits, executor);
  }

  // The same by the heap.
  Clustering ClusterByHeap() const {
    HeapMerger<AverageEdge> merger(vertices_.size());
    for (int stage = 0; stage < 3; ++stage) {
      ForEach([&](int32_t u, int32_t v, int32_t value, int edge_stage) {
        if (edge_stage == stage) merger.AddEdge(u, v, value);
      });
      merger.MergeStage(std::llround(options_.thresholds[stage] * kThresholdUnits));
    }
    Clustering result;
    std::vector<int32_t> number(vertices_.size(), -1);
    for (int32_t v = 0; v < vertices_.size(); ++v) {
      int32_t& cluster = number[merger.Find(v)];
      if (cluster < 0) {
        cluster = static_cast<int32_t>(result.inner_sums.size());
        result.inner_sums.push_back(0);
        result.inner_counts.push_back(0);
      }
      result.cluster_of_vertex.push_back(cluster);
    }
    ForEach([&](int32_t u, int32_t v, int32_t value, int) {
      const int32_t cluster = result.cluster_of_vertex[u];
      if (cluster != result.cluster_of_vertex[v]) return;
      result.inner_sums[cluster] += value;
      ++result.inner_counts[cluster];
    });
    return result;
  }

 private:
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (int j = 0; j < static_cast<int>(graph_->distances.size()); ++j) {
      graph_->ForEachEdge(j, [&](int32_t u, int64_t, int32_t v, int32_t value) {
        visit(u, v, value, graph_->distances[j].stage);
      });
    }
  }

  WindowGrid grid_;
  GraphMergeOptions options_;
  Vertices vertices_;
  std::unique_ptr<WindowGraph> graph_;
};

void ExpectSame(const Clustering& actual, const Clustering& expected, const std::string& what) {
  EXPECT_EQ(actual.cluster_of_vertex, expected.cluster_of_vertex) << what;
  EXPECT_EQ(actual.inner_sums, expected.inner_sums) << what;
  EXPECT_EQ(actual.inner_counts, expected.inner_counts) << what;
}

// Leaves of few slots and a split of every component: many levels, on small graphs.
ClusteringLimits SmallLeaves(int32_t leaf) {
  ClusteringLimits limits;
  limits.min_leaf_size = limits.first_leaf_size = leaf;
  limits.split_share = 0.0;
  return limits;
}

class ClusteringTest : public testing::TestWithParam<int> {
 protected:
  void TearDown() override { SetSimdLevelForTest(ProcessorSimdLevel()); }
};

TEST_P(ClusteringTest, EqualsTheHeap) {
  ThreadPool pool(GetParam());
  std::mt19937 random(11);
  for (uint32_t seed = 0; seed < 600; ++seed) {
    const int rows = 1 + random() % 30, cols = 1 + random() % 30;
    const RandomGraph graph(rows, cols, 2 + random() % 6, 0.3 + 0.1 * (random() % 8), seed);
    const std::string what = "seed " + std::to_string(seed);
    const Clustering expected = graph.ClusterByHeap();
    const int num_levels = 1 + static_cast<int>(ProcessorSimdLevel());
    SetSimdLevelForTest(static_cast<SimdLevel>(seed % num_levels));
    ExpectSame(graph.Cluster(pool.executor(), ClusteringLimits()), expected, what);
    ClusteringLimits limits = SmallLeaves(1 << (random() % 7));
    ExpectSame(graph.Cluster(pool.executor(), limits), expected, what + ", split");
    limits.max_packed_count = 0;
    ExpectSame(graph.Cluster(pool.executor(), limits), expected, what + ", split, wide");
    if (HasFailure()) return;
  }
}

TEST_P(ClusteringTest, LargeGraphsEqualTheHeap) {
  ThreadPool pool(GetParam());
  for (int levels : {2, 3, 1000}) {
    const RandomGraph graph(150, 200, levels, 0.95, levels);
    const Clustering expected = graph.ClusterByHeap();
    const std::string what = std::to_string(levels) + " levels";
    ExpectSame(graph.Cluster(pool.executor(), ClusteringLimits()), expected, what);
    ExpectSame(graph.Cluster(pool.executor(), SmallLeaves(500)), expected, what + ", split");
  }
}

TEST_P(ClusteringTest, NoVertices) {
  ThreadPool pool(GetParam());
  const RandomGraph graph(5, 5, 3, 0.0, 1);
  EXPECT_EQ(graph.Cluster(pool.executor(), ClusteringLimits()).num_clusters(), 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, ClusteringTest, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace affinity_seg
