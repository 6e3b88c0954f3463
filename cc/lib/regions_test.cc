#include "cc/lib/regions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "cc/lib/testing/thread_pool.h"

namespace affinity_seg {
namespace {

const std::vector<int> kGroups = {0, 1, 1, 2};

// An image whose pixels have one class each.
struct Image {
  Image(int64_t height, int64_t width) : height(height), width(width), classes(height * width) {}

  // Returns the probabilities, which `storage` holds.
  NetworkOutput Probabilities(std::vector<float>* storage) const {
    const int num_classes = static_cast<int>(kGroups.size());
    storage->assign(classes.size() * num_classes, 0.0f);
    for (size_t i = 0; i < classes.size(); ++i) (*storage)[i * num_classes + classes[i]] = 1.0f;
    NetworkOutput output;
    output.name = "semantic";
    output.values = storage->data();
    output.rows = height;
    output.cols = width;
    output.channels = num_classes;
    return output;
  }

  int64_t height, width;
  std::vector<int> classes;  // [height, width]
};

struct ExpectedRegion {
  int group;
  std::vector<bool> pixels;  // [height, width]
};

// Repaints pixels with the lower number of their neighbours until nothing changes, and grows every
// pixel on its own.
std::vector<ExpectedRegion> Expected(const Image& image, const RegionOptions& options) {
  const int64_t height = image.height, width = image.width, side = options.cell_size;
  std::vector<ExpectedRegion> regions;
  for (int group = options.partition ? 1 : 0; group <= (options.partition ? 2 : 0); ++group) {
    constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
    std::vector<int64_t> numbers(image.classes.size(), kNone);
    for (int64_t i = 0; i < height * width; ++i) {
      const int found = kGroups[image.classes[i]];
      if (found == 0 || (options.partition && found != group)) continue;
      const int64_t top = i / width / side * side, left = i % width / side * side;
      for (int64_t y = top; y < std::min(height, top + side); ++y) {
        for (int64_t x = left; x < std::min(width, left + side); ++x) {
          numbers[y * width + x] = top * width + left;  // the first pixel of the cell
        }
      }
    }
    for (bool has_changed = true; has_changed;) {
      has_changed = false;
      for (int64_t i = 0; i < height * width; ++i) {
        if (numbers[i] == kNone) continue;
        const int64_t row = i / width, col = i % width;
        for (int64_t y = std::max<int64_t>(0, row - 1); y <= std::min(height - 1, row + 1); ++y) {
          for (int64_t x = std::max<int64_t>(0, col - 1); x <= std::min(width - 1, col + 1); ++x) {
            if (numbers[y * width + x] >= numbers[i]) continue;
            numbers[i] = numbers[y * width + x];
            has_changed = true;
          }
        }
      }
    }
    std::vector<int64_t> order(numbers);
    std::sort(order.begin(), order.end());
    order.erase(std::unique(order.begin(), order.end()), order.end());
    for (int64_t number : order) {
      if (number == kNone) continue;
      ExpectedRegion region = {group, std::vector<bool>(numbers.size(), false)};
      for (int64_t i = 0; i < height * width; ++i) {
        for (int64_t j = 0; j < height * width && !region.pixels[i]; ++j) {
          region.pixels[i] = numbers[j] == number &&
                             std::abs(i / width - j / width) <= options.growth &&
                             std::abs(i % width - j % width) <= options.growth;
        }
      }
      regions.push_back(std::move(region));
    }
  }
  return regions;
}

TEST(FindRegionsTest, EqualsAPlainFloodFill) {
  std::mt19937 random(1);
  const auto below = [&](int end) { return static_cast<int>(random() % end); };
  ThreadPool pool(3);
  SerialExecutor serial;
  for (int round = 0; round < 60; ++round) {
    Image image(1 + below(24), 1 + below(24));
    const int rarity = 2 + below(40);
    for (int& value : image.classes) value = below(rarity) == 0 ? 1 + below(3) : 0;
    RegionOptions options;
    options.groups = kGroups;
    options.partition = below(2) == 0;
    options.cell_size = 1 + below(7);
    options.growth = below(5);
    const std::vector<ExpectedRegion> expected = Expected(image, options);
    for (Executor* executor : {static_cast<Executor*>(&serial), pool.executor()}) {
      std::vector<float> storage;
      std::vector<Region> regions;
      ASSERT_EQ(FindRegions(image.Probabilities(&storage), image.height, image.width, options,
                            executor, &regions),
                "");
      ASSERT_EQ(regions.size(), expected.size());
      for (size_t r = 0; r < regions.size(); ++r) {
        const Region& region = regions[r];
        EXPECT_EQ(region.group, expected[r].group);
        std::vector<bool> pixels(image.classes.size(), false);
        int64_t top = image.height, left = image.width, bottom = 0, right = 0;
        for (int64_t i = 0; i < image.height * image.width; ++i) {
          const int64_t y = i / image.width, x = i % image.width;
          const bool is_in_box =
              y >= region.top && y < region.bottom && x >= region.left && x < region.right;
          pixels[i] = is_in_box && region.mask[(y - region.top) * (region.right - region.left) + x -
                                               region.left];
          if (!expected[r].pixels[i]) continue;
          top = std::min(top, y);
          left = std::min(left, x);
          bottom = std::max(bottom, y + 1);
          right = std::max(right, x + 1);
        }
        EXPECT_EQ(pixels, expected[r].pixels);
        EXPECT_THAT((std::vector<int64_t>{region.top, region.left, region.bottom, region.right}),
                    testing::ElementsAre(top, left, bottom, right));
      }
    }
  }
}

TEST(FindRegionsTest, NamesTheFirstBadValueForAnyNumberOfThreads) {
  Image image(20, 30);
  std::vector<float> storage;
  const NetworkOutput output = image.Probabilities(&storage);
  for (int64_t pixel : {7 * 30 + 4, 19 * 30}) storage[pixel * 4 + 2] = NAN;
  RegionOptions options;
  options.groups = kGroups;
  options.cell_size = 2;
  ThreadPool pool(3);
  SerialExecutor serial;
  for (Executor* executor : {static_cast<Executor*>(&serial), pool.executor()}) {
    std::vector<Region> regions;
    EXPECT_THAT(FindRegions(output, 20, 30, options, executor, &regions),
                testing::HasSubstr("at [7, 4, 2]"));
  }
}

}  // namespace
}  // namespace affinity_seg
