#include "cc/lib/heap_merger.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "cc/lib/testing/average_edge.h"
#include "cc/lib/weighted_edge.h"

namespace affinity_seg {
namespace {

struct TestEdge {
  int u, v;
  int32_t value;
};
// Edges and threshold of each stage.
using Stages = std::vector<std::pair<std::vector<TestEdge>, int64_t>>;

std::vector<int32_t> Canonical(int n, const std::vector<int32_t>& representative) {
  std::map<int32_t, int32_t> first;
  std::vector<int32_t> result(n);
  for (int i = 0; i < n; ++i) result[i] = first.emplace(representative[i], i).first->second;
  return result;
}

template <typename LinkageEdge>
std::vector<int32_t> MergeWithHeap(int n, const Stages& stages) {
  HeapMerger<LinkageEdge> merger(n);
  for (const auto& [edges, threshold] : stages) {
    for (const TestEdge& e : edges) merger.AddEdge(e.u, e.v, e.value);
    merger.MergeStage(threshold);
  }
  std::vector<int32_t> clusters(n);
  for (int i = 0; i < n; ++i) clusters[i] = merger.Find(i);
  return Canonical(n, clusters);
}

// Algorithm 1 by search over all pairs in every step. A cluster is named by its largest vertex.
template <typename LinkageEdge>
std::vector<int32_t> MergeBySearch(int n, const Stages& stages) {
  std::vector<int32_t> cluster(n);
  for (int i = 0; i < n; ++i) cluster[i] = i;
  std::map<std::pair<int, int>, LinkageEdge> edges;
  for (const auto& [added, threshold] : stages) {
    for (const TestEdge& e : added) {
      const int a = cluster[e.u], b = cluster[e.v];
      if (a != b) edges[std::minmax(a, b)].Add(e.value);
    }
    for (auto& edge : edges) edge.second.EndStage();
    while (true) {
      const std::pair<const std::pair<int, int>, LinkageEdge>* best = nullptr;
      for (const auto& edge : edges) {  // in order of (min id, max id)
        if (best == nullptr || best->second.Less(edge.second)) best = &edge;
      }
      if (best == nullptr || !best->second.Reaches(threshold)) break;
      const auto [low, high] = best->first;
      for (int& c : cluster) {
        if (c == low) c = high;
      }
      std::map<std::pair<int, int>, LinkageEdge> merged;
      for (const auto& [pair, edge] : edges) {
        const int a = pair.first == low ? high : pair.first;
        const int b = pair.second == low ? high : pair.second;
        if (a == b) continue;
        const auto [entry, is_new] = merged.emplace(std::minmax(a, b), edge);
        if (!is_new) entry->second.Merge(edge);
      }
      edges = merged;
    }
  }
  return Canonical(n, cluster);
}

constexpr int64_t T(double threshold) { return static_cast<int64_t>(threshold * kThresholdUnits); }

TEST(HeapMergerTest, AverageCountsEveryEdge) {
  // 0 and 1 merge first. Then {0, 1} - 2 averages 0.8 and 0.2 to 0.5.
  const std::vector<TestEdge> edges = {{0, 1, kOne}, {1, 2, 52428}, {0, 2, 13107}};
  EXPECT_EQ(MergeWithHeap<AverageEdge>(3, {{edges, T(0.5)}}), (std::vector<int32_t>{0, 0, 0}));
  EXPECT_EQ(MergeWithHeap<AverageEdge>(3, {{edges, T(0.51)}}), (std::vector<int32_t>{0, 0, 2}));
}

TEST(HeapMergerTest, LinkagesDiffer) {
  // {0, 1, 2} - 3: three edges of 0.9, 0.9, 0.0 average to 0.6; means of means give 0.45 or 0.675.
  const int32_t high = 58981;
  const std::vector<TestEdge> edges = {{0, 1, kOne}, {1, 2, kOne},  {0, 2, kOne},
                                       {0, 3, high}, {1, 3, high}, {2, 3, 0}};
  EXPECT_EQ(MergeWithHeap<AverageEdge>(4, {{edges, T(0.55)}}), (std::vector<int32_t>{0, 0, 0, 0}));
  EXPECT_EQ(MergeWithHeap<WeightedEdge>(4, {{edges, T(0.55)}}),
            (std::vector<int32_t>{0, 0, 0, 3}));
}

TEST(HeapMergerTest, ThresholdIsReachedExactly) {
  // 0.7 of 65535 is no integer; 45875 / 65535 is just above, 45874 / 65535 just below.
  EXPECT_EQ(MergeWithHeap<AverageEdge>(2, {{{{0, 1, 45875}}, 700000}}),
            (std::vector<int32_t>{0, 0}));
  EXPECT_EQ(MergeWithHeap<AverageEdge>(2, {{{{0, 1, 45874}}, 700000}}),
            (std::vector<int32_t>{0, 1}));
}

TEST(HeapMergerTest, AmongEqualsTheSmallerIdsMergeFirst) {
  // A chain of equal edges with zeros between the ends: (0, 1) goes first, then its mean with 2
  // is half of the edge (2, 3).
  const std::vector<TestEdge> edges = {
      {2, 3, 50000}, {1, 2, 50000}, {0, 1, 50000}, {0, 2, 0}, {1, 3, 0}};
  EXPECT_EQ(MergeWithHeap<AverageEdge>(4, {{edges, T(0.5)}}), (std::vector<int32_t>{0, 0, 2, 2}));
}

TEST(HeapMergerTest, ALaterStageAddsToTheMean) {
  const Stages stages = {{{{0, 1, kOne}, {1, 2, 0}}, T(0.9)}, {{{0, 2, kOne}}, T(0.5)}};
  EXPECT_EQ(MergeWithHeap<AverageEdge>(3, stages), (std::vector<int32_t>{0, 0, 0}));
}

template <typename LinkageEdge>
void CompareWithSearch() {
  std::mt19937 random(7);
  for (int trial = 0; trial < 2000; ++trial) {
    const int n = 2 + random() % 14;
    const int levels = 2 + random() % 4;  // few levels: ties everywhere
    Stages stages;
    int64_t threshold = kThresholdUnits;
    std::set<std::pair<int, int>> used;
    for (int stage = 0; stage < 3; ++stage) {
      std::vector<TestEdge> edges;
      for (int i = 0; i < 2 * n; ++i) {
        const int u = random() % n, v = random() % n;
        const bool repeat = stage > 0;  // only the grid's later stages repeat a pair of clusters
        if (u == v || (!used.insert(std::minmax(u, v)).second && !repeat)) continue;
        edges.push_back({u, v, static_cast<int32_t>(random() % levels * kOne / (levels - 1))});
      }
      threshold -= random() % 300000;
      stages.push_back({edges, threshold});
    }
    ASSERT_EQ(MergeWithHeap<LinkageEdge>(n, stages), MergeBySearch<LinkageEdge>(n, stages))
        << "trial " << trial;
  }
}

TEST(HeapMergerTest, AverageEqualsSearch) { CompareWithSearch<AverageEdge>(); }
TEST(HeapMergerTest, WeightedEqualsSearch) { CompareWithSearch<WeightedEdge>(); }

}  // namespace
}  // namespace affinity_seg
