#include "cc/lib/window_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinity_seg {
namespace {

TEST(DirectionTest, RowByRowFromTheUpperLeft) {
  const int expected[kNumDirections][2] = {{-1, -1}, {-1, 0}, {-1, 1}, {0, -1},
                                           {0, 1},   {1, -1}, {1, 0},  {1, 1}};
  for (int n = 0; n < kNumDirections; ++n) {
    EXPECT_EQ(Direction(n).dy, expected[n][0]) << n;
    EXPECT_EQ(Direction(n).dx, expected[n][1]) << n;
    EXPECT_EQ(Direction(Opposite(n)).dy, -expected[n][0]) << n;
    EXPECT_EQ(Direction(Opposite(n)).dx, -expected[n][1]) << n;
    EXPECT_EQ(DirectionIndex(expected[n][0], expected[n][1]), n);
  }
}

TEST(WindowGridTest, PartialWindowsAtTheBorder) {
  const WindowGrid grid(5, 7, 4);
  EXPECT_EQ(grid.rows(), 2);
  EXPECT_EQ(grid.cols(), 2);
  EXPECT_EQ(grid.NumPixels(0, 0), 16);
  EXPECT_EQ(grid.NumPixels(0, 1), 12);
  EXPECT_EQ(grid.NumPixels(1, 0), 4);
  EXPECT_EQ(grid.NumPixels(1, 1), 3);
  EXPECT_EQ(grid.NumPixels(3), 3);
  EXPECT_EQ(grid.Neighbor(0, 7, 1), 3);
  EXPECT_EQ(grid.Neighbor(0, 3, 1), -1);
  EXPECT_EQ(grid.Neighbor(2, 5, 1), -1);
}

TEST(WindowGridTest, FullAround) {
  EXPECT_TRUE(WindowGrid(4, 8, 4).IsFullAround(0, 1, 5));
  const WindowGrid grid(17, 12, 4);  // 5 x 3 windows, the last row is partial
  EXPECT_TRUE(grid.IsFullAround(0, 0, 1));
  EXPECT_FALSE(grid.IsFullAround(3, 0, 1));
  EXPECT_FALSE(grid.IsFullAround(4, 0, 0));
}

TEST(WindowGridTest, RefusesMoreWindowsThan32BitsCanIndex) {
  // 2^31 - 1 edges of 4 * 7 per window are 76,695,844 windows.
  EXPECT_EQ(WindowGrid(1, 76695844, 1).CheckSize(7), "");
  EXPECT_EQ(WindowGrid(1, 76695845, 1).CheckSize(7),
            "the image must have at most 76695844 windows of 1x1 pixels: 1x76695845 pixels are "
            "1x76695845 windows");
  EXPECT_EQ(WindowGrid(18000, 18000, 2).CheckSize(6), "");
  EXPECT_THAT(WindowGrid(20000, 20000, 2).CheckSize(6), testing::HasSubstr("10000x10000 windows"));
  EXPECT_NE(WindowGrid(int64_t{1} << 40, int64_t{1} << 40, 1).CheckSize(7), "");
  EXPECT_EQ(WindowGrid(0, 10, 2).CheckSize(6), "");
}

}  // namespace
}  // namespace affinity_seg
