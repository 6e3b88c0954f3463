#include "cc/lib/semantics.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cc/lib/probability.h"

namespace affinity_seg {
namespace {

Error ValueError(const char* rule, float value, int64_t y, int64_t x, int k) {
  std::ostringstream text;
  text << "`semantic` must be " << rule << ": " << value << " at [" << y << ", " << x << ", " << k
       << "]";
  return text.str();
}

// Quantizes one pixel, [K] to [K].
Error QuantizePixel(const float* input, bool from_logits, int num_classes, int64_t y, int64_t x,
                    std::vector<float>* softmax, uint16_t* output) {
  if (from_logits) {
    for (int k = 0; k < num_classes; ++k) {
      if (!std::isfinite(input[k])) return ValueError("finite", input[k], y, x, k);
    }
    Softmax(input, num_classes, softmax->data());
    input = softmax->data();
  }
  for (int k = 0; k < num_classes; ++k) {
    if (!IsProbability(input[k])) return ValueError("in [0, 1]", input[k], y, x, k);
    output[k] = Quantize(input[k]);
  }
  return "";
}

}  // namespace

void SumGroups(const uint16_t* pixel, const std::vector<int>& groups, int num_groups,
               int32_t* sums) {
  std::fill_n(sums, num_groups, 0);
  for (size_t k = 0; k < groups.size(); ++k) sums[groups[k]] += pixel[k];
}

Error ComputeSemantics(const float* input, bool from_logits, const WindowGrid& grid,
                       const GraphMergeOptions& options, Semantics* semantics) {
  const int num_classes = options.num_classes();
  const int num_groups = options.num_groups();
  const int64_t num_pixels = grid.height() * grid.width();
  semantics->num_classes = num_classes;
  semantics->num_groups = num_groups;
  semantics->pixels.resize(num_pixels * num_classes);
  semantics->group_sums.assign(grid.num_windows() * num_groups, 0);
  semantics->group_winner.resize(grid.num_windows());
  semantics->class_winner.resize(grid.num_windows());

  std::vector<float> softmax(num_classes);
  std::vector<int32_t> class_sums(grid.cols() * num_classes);
  for (int64_t row = 0; row < grid.rows(); ++row) {
    std::fill(class_sums.begin(), class_sums.end(), 0);
    const int64_t bottom = std::min(grid.height(), (row + 1) * grid.window());
    for (int64_t y = row * grid.window(); y < bottom; ++y) {
      for (int64_t x = 0; x < grid.width(); ++x) {
        const int64_t at = (y * grid.width() + x) * num_classes;
        uint16_t* pixel = &semantics->pixels[at];
        Error error = QuantizePixel(input + at, from_logits, num_classes, y, x, &softmax, pixel);
        if (!error.empty()) return error;
        int32_t* sums = &class_sums[x / grid.window() * num_classes];
        for (int k = 0; k < num_classes; ++k) sums[k] += pixel[k];
      }
    }
    for (int64_t col = 0; col < grid.cols(); ++col) {
      const int64_t window = row * grid.cols() + col;
      const int32_t* sums = &class_sums[col * num_classes];
      int32_t* group_sums = &semantics->group_sums[window * num_groups];
      for (int k = 0; k < num_classes; ++k) group_sums[options.groups[k]] += sums[k];
      semantics->group_winner[window] =
          std::max_element(group_sums, group_sums + num_groups) - group_sums;
      semantics->class_winner[window] = std::max_element(sums + 1, sums + num_classes) - sums;
    }
  }
  return "";
}

std::vector<uint8_t> FindVertices(const Semantics& semantics, const WindowGrid& grid, int group,
                                  const bool* mask) {
  std::vector<uint8_t> in_mask(grid.num_windows(), mask == nullptr);
  if (mask != nullptr) {
    for (int64_t y = 0; y < grid.height(); ++y) {
      for (int64_t x = 0; x < grid.width(); ++x) {
        if (mask[y * grid.width() + x]) in_mask[grid.WindowOf(y, x)] = 1;
      }
    }
  }
  std::vector<uint8_t> vertices(grid.num_windows());
  for (int64_t i = 0; i < grid.num_windows(); ++i) {
    const int winner = semantics.group_winner[i];
    vertices[i] = in_mask[i] && (group == 0 ? winner != 0 : winner == group);
  }
  return vertices;
}

}  // namespace affinity_seg
