// An order of the vertices in which those that merge with each other are near each other in memory.

#ifndef AFFINITY_SEG_CC_LIB_TILE_ORDER_H_
#define AFFINITY_SEG_CC_LIB_TILE_ORDER_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "cc/lib/semantics.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {

// Side of a tile, in windows.
constexpr int64_t kTileSide = 32;

// Returns the bits of `y` and `x` in turns, those of `y` above those of `x`.
inline uint64_t InterleaveBits(uint32_t y, uint32_t x) {
  const auto spread = [](uint64_t v) {
    v = (v | v << 16) & 0x0000FFFF0000FFFF;
    v = (v | v << 8) & 0x00FF00FF00FF00FF;
    v = (v | v << 4) & 0x0F0F0F0F0F0F0F0F;
    v = (v | v << 2) & 0x3333333333333333;
    return (v | v << 1) & 0x5555555555555555;
  };
  return spread(y) << 1 | spread(x);
}

// Returns the vertices tile by tile, in raster order within a tile. The tiles follow a Z-order
// curve: four of them form a square, four such squares a larger one, and so on.
inline std::vector<int32_t> TileOrder(const WindowGrid& grid, const Vertices& vertices) {
  const int64_t tile_rows = (grid.rows() + kTileSide - 1) / kTileSide;
  const int64_t tile_cols = (grid.cols() + kTileSide - 1) / kTileSide;
  const auto tile_of = [&](int32_t vertex) {
    const int64_t window = vertices.windows[vertex];
    return window / grid.cols() / kTileSide * tile_cols + window % grid.cols() / kTileSide;
  };
  std::vector<int64_t> next(tile_rows * tile_cols, 0);  // the vertices of each tile, then the next
  for (int32_t v = 0; v < vertices.size(); ++v) ++next[tile_of(v)];
  std::vector<std::pair<uint64_t, int64_t>> curve;
  for (int64_t tile = 0; tile < tile_rows * tile_cols; ++tile) {
    curve.emplace_back(InterleaveBits(static_cast<uint32_t>(tile / tile_cols),
                                      static_cast<uint32_t>(tile % tile_cols)),
                       tile);
  }
  std::sort(curve.begin(), curve.end());
  int64_t begin = 0;
  for (const auto& [code, tile] : curve) begin += std::exchange(next[tile], begin);
  std::vector<int32_t> order(vertices.size());
  for (int32_t v = 0; v < vertices.size(); ++v) order[next[tile_of(v)]++] = v;
  return order;
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_TILE_ORDER_H_
