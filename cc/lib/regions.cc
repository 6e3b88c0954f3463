#include "cc/lib/regions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cc/lib/class_groups.h"
#include "cc/lib/first_error.h"

namespace affinity_seg {
namespace {

// Cells of `size` x `size` pixels; those at the bottom and right may be partial.
struct CellGrid {
  CellGrid(int64_t height, int64_t width, int64_t size)
      : height(height),
        width(width),
        size(size),
        rows((height + size - 1) / size),
        cols((width + size - 1) / size) {}

  int64_t height, width, size, rows, cols;
};

// Marks the foreground cells in `maps` [super-classes][cells], one map without partition.
Error MarkCells(const NetworkOutput& semantic, const CellGrid& grid, const RegionOptions& options,
                Executor* executor, std::vector<std::vector<uint8_t>>* maps) {
  const ClassGroups groups(options.groups);
  const int64_t num_classes = static_cast<int64_t>(options.groups.size());
  maps->assign(options.partition ? groups.num_groups() - 1 : 1,
               std::vector<uint8_t>(grid.rows * grid.cols, 0));
  FirstError errors;
  ParallelRanges(executor, grid.rows, 1, [&](int64_t begin, int64_t end, int) {
    PixelRows rows(semantic, grid.width);
    std::vector<uint16_t> pixels(grid.width * num_classes);
    std::vector<int32_t> sums(groups.num_groups());
    for (int64_t y = begin * grid.size; y < std::min(grid.height, end * grid.size); ++y) {
      Error error = rows.Quantize(y, 0, grid.width, pixels.data());
      if (!error.empty()) return errors.Add(y, std::move(error));
      const int64_t row = y / grid.size * grid.cols;
      for (int64_t x = 0; x < grid.width; ++x) {
        const uint16_t* pixel = &pixels[x * num_classes];
        int map = -1;
        if (options.partition) {
          map = groups.Sum(pixel, sums.data()) - 1;
        } else if (*std::max_element(pixel, pixel + num_classes) > pixel[0]) {
          map = 0;
        }
        if (map >= 0) (*maps)[map][row + x / grid.size] = 1;
      }
    }
  });
  return errors.first();
}

// Returns the 8-connected components of the marked cells, in raster order of their first cell;
// unmarks them.
std::vector<std::vector<int64_t>> TakeComponents(const CellGrid& grid, std::vector<uint8_t>* map) {
  std::vector<std::vector<int64_t>> components;
  for (int64_t first = 0; first < grid.rows * grid.cols; ++first) {
    if (!(*map)[first]) continue;
    std::vector<int64_t> cells = {first};
    (*map)[first] = 0;
    for (size_t i = 0; i < cells.size(); ++i) {
      const int64_t row = cells[i] / grid.cols, col = cells[i] % grid.cols;
      for (int64_t r = std::max<int64_t>(0, row - 1); r <= std::min(grid.rows - 1, row + 1); ++r) {
        for (int64_t c = std::max<int64_t>(0, col - 1); c <= std::min(grid.cols - 1, col + 1);
             ++c) {
          if (!(*map)[r * grid.cols + c]) continue;
          (*map)[r * grid.cols + c] = 0;
          cells.push_back(r * grid.cols + c);
        }
      }
    }
    components.push_back(std::move(cells));
  }
  return components;
}

// Grows every cell on its own: the growth is square, so their union is the grown region.
Region Grow(const std::vector<int64_t>& cells, int group, const CellGrid& grid, int64_t growth) {
  const auto top_of = [&](int64_t cell) {
    return std::max<int64_t>(0, cell / grid.cols * grid.size - growth);
  };
  const auto left_of = [&](int64_t cell) {
    return std::max<int64_t>(0, cell % grid.cols * grid.size - growth);
  };
  const auto bottom_of = [&](int64_t cell) {
    const int64_t end = std::min(grid.height, (cell / grid.cols + 1) * grid.size);
    return std::min(grid.height, end + growth);
  };
  const auto right_of = [&](int64_t cell) {
    const int64_t end = std::min(grid.width, (cell % grid.cols + 1) * grid.size);
    return std::min(grid.width, end + growth);
  };
  Region region = {group, grid.height, grid.width, 0, 0, nullptr};
  for (int64_t cell : cells) {
    region.top = std::min(region.top, top_of(cell));
    region.left = std::min(region.left, left_of(cell));
    region.bottom = std::max(region.bottom, bottom_of(cell));
    region.right = std::max(region.right, right_of(cell));
  }
  const int64_t width = region.right - region.left;
  region.mask.reset(new bool[region.num_pixels()]());
  for (int64_t cell : cells) {
    for (int64_t y = top_of(cell); y < bottom_of(cell); ++y) {
      bool* row = &region.mask[(y - region.top) * width + left_of(cell) - region.left];
      std::fill(row, row + right_of(cell) - left_of(cell), true);
    }
  }
  return region;
}

}  // namespace

Error RegionOptions::Check() const {
  Error error = CheckGroups(groups);
  if (!error.empty()) return error;
  if (cell_size < 1) return "`cell_size` must be at least 1: " + std::to_string(cell_size);
  if (growth < 0) return "`growth` must not be negative: " + std::to_string(growth);
  return "";
}

Error FindRegions(const NetworkOutput& semantic, int64_t height, int64_t width,
                  const RegionOptions& options, Executor* executor, std::vector<Region>* regions) {
  Error error = CheckCovers(semantic, height, width);
  if (!error.empty()) return error;
  const CellGrid grid(height, width, options.cell_size);
  std::vector<std::vector<uint8_t>> maps;
  error = MarkCells(semantic, grid, options, executor, &maps);
  if (!error.empty()) return error;

  struct Component {
    int group;
    std::vector<int64_t> cells;
  };
  std::vector<Component> components;
  for (size_t m = 0; m < maps.size(); ++m) {
    const int group = options.partition ? static_cast<int>(m) + 1 : 0;
    for (std::vector<int64_t>& cells : TakeComponents(grid, &maps[m])) {
      components.push_back({group, std::move(cells)});
    }
  }
  regions->resize(components.size());
  executor->ParallelFor(static_cast<int64_t>(components.size()), [&](int64_t i, int) {
    (*regions)[i] = Grow(components[i].cells, components[i].group, grid, options.growth);
  });
  return "";
}

}  // namespace affinity_seg
