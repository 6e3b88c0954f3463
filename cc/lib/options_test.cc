#include "cc/lib/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <utility>

namespace affinity_seg {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

GraphMergeOptions PaperOptions() {
  GraphMergeOptions options;
  options.distances = {1, 2, 4, 8, 16, 32, 64};
  options.stages = {3, 2, 2};
  options.thresholds = {0.97, 0.7, 0.3};
  options.groups = {0, 1, 1, 2, 2, 2, 2, 3, 3};
  return options;
}

TEST(OptionsTest, AcceptsThePaper) { EXPECT_EQ(PaperOptions().Check(), ""); }

TEST(OptionsTest, NamesTheRuleThatIsBroken) {
  using Break = std::function<void(GraphMergeOptions*)>;
  const std::vector<std::pair<Break, std::string>> cases = {
      {[](auto* o) { o->merge_window = 3; }, "`merge_window` must be 1, 2 or 4: 3"},
      {[](auto* o) { o->distances = {}; }, "`distances` must not be empty: ()"},
      {[](auto* o) { o->distances[0] = 0; }, "`distances` must be in [1, 1048576]: (0, 2"},
      {[](auto* o) { o->distances[3] = 4; }, "must be strictly increasing: (1, 2, 4, 4"},
      {[](auto* o) { o->distances[3] = 7; }, "must be multiples of it, 2: (1, 2, 4, 7"},
      {[](auto* o) { o->stages = {3, 2, 1}; }, "must add up to the number of `distances`, 7"},
      {[](auto* o) { o->stages = {3, 4, 0}; }, "`stages` must be at least 1 each: (3, 4, 0)"},
      {[](auto* o) { o->thresholds = {0.9}; }, "must have one entry per stage, 3: (0.9)"},
      {[](auto* o) { o->thresholds[2] = 0; }, "`thresholds` must be in [0.000001, 1]: (0.97, 0.7, 0)"},
      {[](auto* o) { o->thresholds[2] = 1e-9; }, "`thresholds` must be in [0.000001, 1]"},
      {[](auto* o) { o->thresholds[0] = 1.5; }, "`thresholds` must be in [0.000001, 1]"},
      {[](auto* o) { o->thresholds[1] = std::numeric_limits<double>::quiet_NaN(); },
       "`thresholds` must be in [0.000001, 1]: (0.97, nan"},
      {[](auto* o) { o->thresholds[1] = 0.98; }, "`thresholds` must not increase"},
      {[](auto* o) { o->groups = {0}; }, "`groups` must have at least 2 entries: (0)"},
      {[](auto* o) { o->groups[0] = 1; }, "`groups` must start with 0"},
      {[](auto* o) { o->groups[1] = 0; }, "`groups` must be in [1, 9] for the foreground"},
      {[](auto* o) { o->groups[1] = o->groups[2] = 4; }, "`groups` must be consecutive from 1"},
      {[](auto* o) { o->refine_classes = {9}; }, "`refine_classes` must be in [1, 8]: (9)"},
      {[](auto* o) { o->alpha = 0; }, "`alpha` must be in [0.000001, 1e6]"},
      {[](auto* o) { o->min_pixels = -1; }, "`min_pixels` must not be negative: -1"},
  };
  for (const auto& [break_rule, message] : cases) {
    GraphMergeOptions options = PaperOptions();
    break_rule(&options);
    EXPECT_THAT(options.Check(), HasSubstr(message));
  }
}

// Merged distance, stage and the pixel distances averaged into it, flattened.
std::vector<std::vector<int>> Flatten(const std::vector<MergedDistance>& merged) {
  std::vector<std::vector<int>> rows;
  for (const MergedDistance& m : merged) {
    rows.push_back({m.distance, m.stage});
    rows.back().insert(rows.back().end(), m.pixel_distances.begin(), m.pixel_distances.end());
  }
  return rows;
}

TEST(MergedDistancesTest, FoldsDistancesUpToTheWindowIntoOne) {
  using Row = std::vector<int>;
  GraphMergeOptions options = PaperOptions();
  options.merge_window = 1;
  EXPECT_THAT(Flatten(MergedDistances(options)),
              ElementsAre(Row{1, 0, 0}, Row{2, 0, 1}, Row{4, 0, 2}, Row{8, 1, 3}, Row{16, 1, 4},
                          Row{32, 2, 5}, Row{64, 2, 6}));
  options.merge_window = 2;
  EXPECT_THAT(Flatten(MergedDistances(options)),
              ElementsAre(Row{1, 0, 0, 1}, Row{2, 0, 2}, Row{4, 1, 3}, Row{8, 1, 4}, Row{16, 2, 5},
                          Row{32, 2, 6}));
  options.merge_window = 4;
  EXPECT_THAT(Flatten(MergedDistances(options)),
              ElementsAre(Row{1, 0, 0, 1, 2}, Row{2, 1, 3}, Row{4, 1, 4}, Row{8, 2, 5},
                          Row{16, 2, 6}));
}

TEST(MergedDistancesTest, TheLargestFoldedDistanceGivesTheStage) {
  GraphMergeOptions options = PaperOptions();
  options.merge_window = 4;
  options.stages = {1, 1, 5};
  EXPECT_THAT(Flatten(MergedDistances(options))[0], ElementsAre(1, 2, 0, 1, 2));
}

}  // namespace
}  // namespace affinity_seg
