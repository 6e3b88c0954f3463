#include "cc/lib/graph_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cc/lib/testing/thread_pool.h"

namespace affinity_seg {
namespace {

using ::testing::ElementsAre;

// A drawn image: each character is a pixel, '.' is background, a letter an instance; capitals are
// class 1, small letters class 2. Affinities and semantics are the truth.
class GraphMergeTest : public testing::Test {
 protected:
  GraphMergeTest() {
    options_.distances = {1, 2};
    options_.stages = {1, 1};
    options_.thresholds = {0.9, 0.5};
    options_.groups = {0, 1, 2};
    options_.merge_window = 1;
    options_.min_pixels = 0;
  }

  void Draw(const std::vector<std::string>& image) {
    height_ = image.size();
    width_ = image[0].size();
    const int channels = kNumDirections * options_.distances.size();
    affinity_.assign(height_ * width_ * channels, 0.0f);
    semantic_.assign(height_ * width_ * 3, 0.0f);
    for (int y = 0; y < height_; ++y) {
      for (int x = 0; x < width_; ++x) {
        const char pixel = image[y][x];
        const int k = pixel == '.' ? 0 : pixel <= 'Z' ? 1 : 2;
        semantic_[(y * width_ + x) * 3 + k] = 1.0f;
        for (int c = 0; c < channels; ++c) {
          const Offset step = Direction(c % kNumDirections);
          const int to_y = y + step.dy * options_.distances[c / kNumDirections];
          const int to_x = x + step.dx * options_.distances[c / kNumDirections];
          if (to_y < 0 || to_y >= height_ || to_x < 0 || to_x >= width_) continue;
          const bool same = pixel != '.' && image[to_y][to_x] == pixel;
          affinity_[(y * width_ + x) * channels + c] = same;
        }
      }
    }
  }

  Error Merge(int group = 0) {
    GraphMergeInput input;
    input.height = height_;
    input.width = width_;
    input.affinity.values = affinity_.data();
    input.affinity.channels = kNumDirections * static_cast<int>(options_.distances.size());
    input.semantic.values = semantic_.data();
    input.semantic.channels = options_.num_classes();
    input.affinity.rows = input.semantic.rows = height_;
    input.affinity.cols = input.semantic.cols = width_;
    input.vertices.group = group;
    ids_.resize(height_ * width_);
    GraphMergeOutput output;
    output.ids = ids_.data();
    SerialExecutor executor;
    Error error = GraphMerge(input, options_, &executor, &output);
    instances_ = output.instances;
    return error;
  }

  GraphMergeOptions options_;
  int height_ = 0;
  int width_ = 0;
  std::vector<float> affinity_, semantic_;
  std::vector<int32_t> ids_;
  Instances instances_;
};

TEST_F(GraphMergeTest, SeparatesTouchingInstancesAndJoinsParts) {
  Draw({"AAB.",  //
        "AAB.",  //
        "...."});
  ASSERT_EQ(Merge(), "");
  EXPECT_THAT(ids_, ElementsAre(1, 1, 2, 0, 1, 1, 2, 0, 0, 0, 0, 0));
  EXPECT_THAT(instances_.classes, ElementsAre(1, 1));
  EXPECT_THAT(instances_.sizes, ElementsAre(4, 2));
  EXPECT_THAT(instances_.boxes, ElementsAre(0, 0, 2, 2, 0, 2, 2, 3));
  EXPECT_THAT(instances_.votes, ElementsAre(0, 4, 0, 0, 2, 0));
  Draw({"A.A.bb"});  // joined by distance 2 over the background
  ASSERT_EQ(Merge(), "");
  EXPECT_THAT(ids_, ElementsAre(1, 0, 1, 0, 2, 2));
  EXPECT_THAT(instances_.classes, ElementsAre(1, 2));
}

TEST_F(GraphMergeTest, KeepsClustersOfMoreThanMinPixels) {
  Draw({"AA.BBB"});
  options_.min_pixels = 2;
  ASSERT_EQ(Merge(), "");
  EXPECT_THAT(ids_, ElementsAre(0, 0, 0, 1, 1, 1));
  options_.min_pixels = 3;
  ASSERT_EQ(Merge(), "");
  EXPECT_EQ(instances_.num_instances(), 0);
  EXPECT_THAT(ids_, ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST_F(GraphMergeTest, BoxesEndWithTheImage) {
  options_.merge_window = 2;
  options_.distances = {2, 4};
  Draw({"..AAA",  //
        "..AAA",  //
        "..AAA"});
  ASSERT_EQ(Merge(), "");
  // The windows at the right and at the bottom are partial.
  EXPECT_THAT(instances_.sizes, ElementsAre(9));
  EXPECT_THAT(instances_.boxes, ElementsAre(0, 2, 3, 5));
}

TEST_F(GraphMergeTest, GroupRestrictsTheVertices) {
  Draw({"AA.bb"});
  ASSERT_EQ(Merge(2), "");
  EXPECT_THAT(ids_, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(instances_.classes, ElementsAre(2));
  EXPECT_EQ(Merge(3), "`group` must be in [0, 2]: 3");
}

TEST_F(GraphMergeTest, ScoreIsTheMeanOfAllInnerEdges) {
  options_.refine = false;
  Draw({"AAA"});
  affinity_[4] = 0.0f;  // one direction of the first edge: edges 0.5, 1 and 1
  options_.thresholds = {0.5, 0.5};
  ASSERT_EQ(Merge(), "");
  EXPECT_NEAR(instances_.scores[0], 2.5 / 3, 1e-5);
  Draw({"A"});
  ASSERT_EQ(Merge(), "");
  EXPECT_THAT(instances_.scores, ElementsAre(0.0f));
}

TEST_F(GraphMergeTest, AnEmptyImageHasNoInstances) {
  ASSERT_EQ(Merge(), "");
  EXPECT_EQ(instances_.num_instances(), 0);
  EXPECT_TRUE(ids_.empty());
}

// Noise: probabilities of all kinds, so that clusters of all sizes touch each other.
struct NoisyImage {
  NoisyImage(int64_t height, int64_t width, unsigned seed)
      : affinity(height * width * 16), semantic(height * width * 2), ids(height * width) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> high(0.6f, 1.0f);
    for (float& p : affinity) p = high(random);
    for (size_t i = 0; i < semantic.size(); i += 2) {
      semantic[i + 1] = random() % 4 == 0 ? 0.1f : high(random);
      semantic[i] = 1.0f - semantic[i + 1];
    }
    input.height = height;
    input.width = width;
    input.affinity.values = affinity.data();
    input.affinity.channels = 16;
    input.semantic.values = semantic.data();
    input.semantic.channels = 2;
    input.affinity.rows = input.semantic.rows = height;
    input.affinity.cols = input.semantic.cols = width;
  }

  std::vector<float> affinity, semantic;
  std::vector<int32_t> ids;
  GraphMergeInput input;
};

TEST(GraphMergeBatchTest, EqualsImageByImageOnAnyThreads) {
  GraphMergeOptions options;
  options.distances = {1, 2};
  options.stages = {1, 1};
  options.thresholds = {0.9, 0.7};
  options.groups = {0, 1};
  options.merge_window = 1;
  options.min_pixels = 0;
  std::vector<NoisyImage> images;
  unsigned seed = 1;
  // The large one is split between threads while the others merge.
  for (const auto& [height, width] : {std::pair(9, 7), {160, 200}, {0, 5}, {1, 1}, {40, 30}}) {
    images.emplace_back(height, width, ++seed);
  }
  std::vector<GraphMergeInput> inputs;
  std::vector<std::vector<int32_t>> expected;
  SerialExecutor serial;
  for (NoisyImage& image : images) {
    GraphMergeOutput output;
    output.ids = image.ids.data();
    ASSERT_EQ(GraphMerge(image.input, options, &serial, &output), "");
    expected.push_back(image.ids);
    inputs.push_back(image.input);
  }
  EXPECT_GT(*std::max_element(expected[1].begin(), expected[1].end()), 100);
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    std::vector<GraphMergeOutput> outputs(images.size());
    for (size_t i = 0; i < images.size(); ++i) {
      std::fill(images[i].ids.begin(), images[i].ids.end(), -1);
      outputs[i].ids = images[i].ids.data();
    }
    EXPECT_EQ(GraphMergeBatch(inputs, options, pool.executor(), &outputs),
              std::vector<Error>(images.size()));
    for (size_t i = 0; i < images.size(); ++i) EXPECT_EQ(images[i].ids, expected[i]) << threads;
  }
  images[4].affinity[0] = 2.0f;
  images[4].semantic[0] = 0.0f;
  images[4].semantic[1] = 1.0f;
  std::vector<GraphMergeOutput> outputs(images.size());
  for (size_t i = 0; i < images.size(); ++i) outputs[i].ids = images[i].ids.data();
  EXPECT_THAT(GraphMergeBatch(inputs, options, &serial, &outputs),
              ElementsAre("", "", "", "", "`` must be in [0, 1]: 2 at [0, 0, 0]"));
}

}  // namespace
}  // namespace affinity_seg
