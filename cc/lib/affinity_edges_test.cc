#include "cc/lib/affinity_edges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cc/lib/probability.h"

namespace affinity_seg {
namespace {

using ::testing::HasSubstr;

// An image with one foreground class of probability 1, so that every window is a vertex.
class AffinityEdgesTest : public testing::Test {
 protected:
  AffinityEdgesTest() {
    options_.distances = {1, 2};
    options_.stages = {2};
    options_.thresholds = {0.5};
    options_.groups = {0, 1};
    options_.refine = false;
  }

  void Resize(int height, int width) {
    height_ = height;
    width_ = width;
    affinity_.assign(height * width * Channels(), 0.0f);
    semantic_.assign(height * width * 2, 0.0f);
    for (int i = 0; i < height * width; ++i) semantic_[2 * i + 1] = 1.0f;
  }

  int Channels() const { return kNumDirections * static_cast<int>(options_.distances.size()); }

  float& Affinity(int y, int x, int channel) {
    return affinity_[(y * width_ + x) * Channels() + channel];
  }

  Error Compute() {
    const WindowGrid grid(height_, width_, options_.merge_window);
    Semantics semantics;
    SerialExecutor executor;
    NetworkOutput semantic;
    semantic.name = "semantic";
    semantic.values = semantic_.data();
    semantic.rows = height_;
    semantic.cols = width_;
    semantic.channels = options_.num_classes();
    Error error =
        ComputeSemantics(semantic, VertexFilter(), grid, options_, &executor, &semantics);
    if (!error.empty()) return error;
    WindowGraph graph(grid, semantics.vertices, MergedDistances(options_));
    NetworkOutput affinity = semantic;
    affinity.name = "affinity";
    affinity.values = affinity_.data();
    affinity.channels = Channels();
    error = ComputeEdges(affinity, semantics, options_, &executor, &graph);
    if (!error.empty()) return error;
    edges_per_window_ = graph.edges_per_vertex();
    edges_.resize(grid.num_windows() * edges_per_window_);
    graph.Expand(edges_.data());
    return "";
  }

  int32_t Edge(int window, int j, int forward) const {
    return edges_[window * edges_per_window_ + j * kNumForward + forward];
  }

  GraphMergeOptions options_;
  int height_ = 0;
  int width_ = 0;
  std::vector<float> affinity_;
  std::vector<float> semantic_;
  int64_t edges_per_window_ = 0;
  std::vector<int32_t> edges_;
};

TEST_F(AffinityEdgesTest, AveragesTheTwoDirections) {
  options_.merge_window = 1;
  Resize(1, 3);
  Affinity(0, 0, 4) = 1.0f;   // to the right, distance 1
  Affinity(0, 1, 3) = 0.25f;  // back
  Affinity(0, 0, 12) = 0.5f;  // distance 2
  ASSERT_EQ(Compute(), "");
  const int quarter = static_cast<int>(std::nearbyint(0.25f * kOne));
  EXPECT_EQ(Edge(0, 0, 0), (kOne + quarter + 1) / 2);
  EXPECT_EQ(Edge(0, 1, 0), (Quantize(0.5f) + 1) / 2);
  EXPECT_EQ(Edge(1, 0, 0), 0);
  EXPECT_EQ(Edge(1, 1, 0), kNoEdge);  // outside the image
  EXPECT_EQ(Edge(0, 0, 2), kNoEdge);  // there is no row below
}

// Fig. 5: 8 pixel pairs lead to a side neighbour and 5 to a diagonal one.
TEST_F(AffinityEdgesTest, MergesEightPairsToASideAndFiveToADiagonal) {
  Resize(4, 4);
  for (int x = 0; x < 2; ++x) Affinity(1, x, 8 + 6) = 1.0f;  // down, distance 2: two values
  Affinity(1, 0, 7) = 1.0f;  // down-right at distance 1: stays below, in the same column of windows
  Affinity(1, 1, 7) = 1.0f;  // reaches the diagonal window
  Affinity(2, 1, 2) = 1.0f;  // up-right from the lower left window: to the upper right one
  ASSERT_EQ(Compute(), "");
  EXPECT_EQ(Edge(0, 0, 2), std::lround(3.0 * kOne / 16));  // 8 pairs, 16 values
  EXPECT_EQ(Edge(0, 0, 3), std::lround(1.0 * kOne / 10));  // 5 pairs, 10 values
  EXPECT_EQ(Edge(1, 0, 1), std::lround(1.0 * kOne / 10));
  EXPECT_EQ(Edge(0, 0, 0), 0);
}

TEST_F(AffinityEdgesTest, PartialWindowsHaveFewerPairs) {
  options_.distances = {1};
  options_.stages = {1};
  Resize(1, 3);
  Affinity(0, 1, 4) = 1.0f;
  ASSERT_EQ(Compute(), "");
  EXPECT_EQ(Edge(0, 0, 0), (kOne + 1) / 2);
}

TEST_F(AffinityEdgesTest, RefinesByTheSemantics) {
  options_.merge_window = 1;
  options_.refine = true;
  options_.groups = {0, 1};
  Resize(1, 3);
  semantic_ = {0.25f, 0.75f, 0.5f, 0.5f, 1.0f, 0.0f};  // the last pixel is background
  for (int channel : {3, 4}) Affinity(0, channel - 3, channel) = 1.0f;
  Affinity(0, 0, 4) = Affinity(0, 1, 3) = 1.0f;
  ASSERT_EQ(Compute(), "");
  // The tie of the middle pixel goes to the background.
  EXPECT_EQ(Edge(0, 0, 0), kNoEdge);
  semantic_[3] = 0.75f;
  ASSERT_EQ(Compute(), "");
  const double x = std::nearbyint(0.75f * kOne) / kOne;
  const double sigma = 2.0 / (1.0 + std::exp(-5.0 * x * x)) - 1.0;
  EXPECT_EQ(Edge(0, 0, 0), std::lround(kOne * sigma));
  EXPECT_EQ(Edge(1, 0, 0), kNoEdge);
}

TEST_F(AffinityEdgesTest, DifferentSuperClassesHaveNoAffinity) {
  options_.merge_window = 1;
  options_.refine = true;
  options_.groups = {0, 1, 2};
  height_ = 1, width_ = 2;
  affinity_.assign(2 * Channels(), 1.0f);
  semantic_ = {0, 1, 0, 0, 0, 1};
  ASSERT_EQ(Compute(), "");
  EXPECT_EQ(Edge(0, 0, 0), 0);
  options_.refine = false;
  ASSERT_EQ(Compute(), "");
  EXPECT_EQ(Edge(0, 0, 0), kOne);
}

TEST_F(AffinityEdgesTest, ClassRefinementRaisesTheLargestDistance) {
  options_.merge_window = 1;
  options_.refine_classes = {1};
  Resize(1, 3);
  affinity_.assign(affinity_.size(), 0.4f);
  ASSERT_EQ(Compute(), "");
  const double e = Quantize(0.4f) / static_cast<double>(kOne);
  EXPECT_EQ(Edge(0, 0, 0), Quantize(0.4f));
  EXPECT_EQ(Edge(0, 1, 0), std::lround(kOne * (2.0 / (1.0 + std::exp(-5.0 * e)) - 1.0)));
}

TEST_F(AffinityEdgesTest, ChecksAffinitiesOfVerticesOnly) {
  Resize(4, 4);
  Affinity(3, 2, 5) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Compute(), "`affinity` must be in [0, 1]: nan at [3, 2, 5]");
  Affinity(3, 2, 5) = 1.01f;
  EXPECT_THAT(Compute(), HasSubstr("`affinity` must be in [0, 1]: 1.01"));
  Affinity(3, 2, 5) = 1.0005f;  // rounding noise
  EXPECT_EQ(Compute(), "");
  Affinity(3, 2, 5) = -7.0f;
  for (int y : {2, 3}) {
    for (int x : {2, 3}) semantic_[(y * 4 + x) * 2] = 1.0f, semantic_[(y * 4 + x) * 2 + 1] = 0.0f;
  }
  EXPECT_EQ(Compute(), "");
  semantic_[0] = -0.5f;
  EXPECT_EQ(Compute(), "`semantic` must be in [0, 1]: -0.5 at [0, 0, 0]");
}

}  // namespace
}  // namespace affinity_seg
