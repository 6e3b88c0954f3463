#include "cc/lib/refinement.h"

#include <array>
#include <cmath>

#include "cc/lib/probability.h"

namespace affinity_seg {
namespace {

// tanh(z / 2) on [0, kEnd] as a cubic on each interval, with the values and slopes of the
// function at its ends. Beyond, it is 1 to the last bit of a double.
class SigmaTable {
 public:
  static constexpr double kEnd = 40.0;
  static constexpr int kIntervalsPerUnit = 64;

  SigmaTable() {
    constexpr double kWidth = 1.0 / kIntervalsPerUnit;
    for (int i = 0; i < kNumIntervals; ++i) {
      const double left = std::tanh(i * kWidth / 2), right = std::tanh((i + 1) * kWidth / 2);
      const double left_slope = (1 - left * left) / 2 * kWidth;
      const double right_slope = (1 - right * right) / 2 * kWidth;
      cubics_[i] = {left, left_slope, 3 * (right - left) - 2 * left_slope - right_slope,
                    2 * (left - right) + left_slope + right_slope};
    }
  }

  double operator()(double z) const {
    if (z >= kEnd) return 1.0;
    const double position = z * kIntervalsPerUnit;
    const int interval = static_cast<int>(position);
    const double t = position - interval;
    const std::array<double, 4>& c = cubics_[interval];
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]));
  }

 private:
  static constexpr int kNumIntervals = static_cast<int>(kEnd) * kIntervalsPerUnit;
  std::array<std::array<double, 4>, kNumIntervals> cubics_;
};

double Square(double x) { return x * x; }

}  // namespace

double SigmaOfProduct(double z) {
  static const SigmaTable* const table = new SigmaTable();
  return (*table)(z);
}

Refiner::Refiner(const GraphMergeOptions& options, const WindowGrid& grid,
                 const Semantics& semantics)
    : options_(options),
      grid_(grid),
      semantics_(semantics),
      is_refined_class_(options.num_classes(), false),
      full_scale_(options.alpha / Square(double{kOne} * grid.window() * grid.window())) {
  for (int k : options.refine_classes) is_refined_class_[k] = true;
}

int32_t Refiner::Refine(int64_t u, int64_t v, int64_t sum, int64_t count, bool largest) const {
  const bool by_class = largest && is_refined_class_[semantics_.class_winner[u]] &&
                        is_refined_class_[semantics_.class_winner[v]];
  if (!options_.refine && !by_class) {
    return static_cast<int32_t>((2 * sum + count) / (2 * count));
  }
  if (options_.refine && semantics_.group_winner[u] != semantics_.group_winner[v]) return 0;
  double edge = static_cast<double>(sum) / static_cast<double>(count);  // units of 1/65535
  if (options_.refine) edge *= SigmaOfProduct(ScaledSimilarity(u, v));
  if (by_class) edge = kOne * SigmaOfProduct(options_.alpha * (edge / kOne));
  return static_cast<int32_t>(edge + 0.5);  // halves up: an edge is not negative
}

double Refiner::ScaledSimilarity(int64_t u, int64_t v) const {
  const int num_groups = semantics_.num_groups;
  const int32_t* a = &semantics_.group_sums[u * num_groups];
  const int32_t* b = &semantics_.group_sums[v * num_groups];
  int64_t product = 0;
  for (int g = 1; g < num_groups; ++g) product += static_cast<int64_t>(a[g]) * b[g];
  if (!grid_.IsPartial()) return full_scale_ * static_cast<double>(product);
  const double pixels_u = grid_.NumPixels(u);
  const double pixels_v = grid_.NumPixels(v);
  return options_.alpha * static_cast<double>(product) /
         (Square(kOne) * pixels_u * pixels_v);
}

}  // namespace affinity_seg
