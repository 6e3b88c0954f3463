// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/row_sums.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/row_sums.h"

#include <algorithm>
#include <vector>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Sets the weights of the values of `pixels` pixels, and zeros up to a multiple of `lanes`.
inline void SetWeights(int64_t pixels, int num_classes, int64_t lanes,
                       std::vector<int16_t>* weights) {
  weights->assign((pixels * num_classes + lanes - 1) / lanes * lanes, 0);
  for (int64_t i = 0; i < pixels * num_classes; ++i) {
    (*weights)[i] = i % num_classes == 0 ? 1 : -1;
  }
}

void FindUndecidedWindowsAtSimdLevel(const uint16_t* rows, int num_rows, int64_t width,
                                     int num_classes, int window, bool* undecided) {
  // Sums of products of 16 bits: the values less 32768, by 1 for the background, -1 for the other
  // classes and 0 for what belongs to the next window.
  const hn::CappedTag<int16_t, kRowPadding> d;
  const hn::RepartitionToWide<decltype(d)> d32;
  const auto half = hn::Set(d, int16_t{-32768});
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  std::vector<int16_t> weights;
  for (int64_t left = 0; left < width; left += window) {
    const int64_t pixels = std::min<int64_t>(window, width - left);
    if (left == 0 || pixels < window) SetWeights(pixels, num_classes, lanes, &weights);
    auto totals = hn::Zero(d32), more_totals = hn::Zero(d32);
    for (int y = 0; y < num_rows; ++y) {
      const uint16_t* row = rows + (y * width + left) * num_classes;
      for (int64_t i = 0; i < static_cast<int64_t>(weights.size()); i += lanes) {
        const auto value = hn::Xor(hn::BitCast(d, hn::LoadU(hn::RebindToUnsigned<decltype(d)>(),
                                                            row + i)),
                                   half);
        totals = hn::ReorderWidenMulAccumulate(d32, value, hn::LoadU(d, weights.data() + i),
                                               totals, more_totals);
      }
    }
    const int64_t total = hn::GetLane(hn::SumOfLanes(d32, hn::Add(totals, more_totals)));
    // The background less the other classes.
    *undecided++ = total + 32768 * num_rows * pixels * (2 - num_classes) <= 0;
  }
}

void AddShiftedChannelsAtSimdLevel(const uint16_t* values, int64_t pixels, int window, int channels,
                                   int first, int shift, int num_sums, int32_t* sums) {
  const hn::CappedTag<int32_t, 8> d;
  const hn::Rebind<uint16_t, decltype(d)> du16;
  for (int64_t x = 0; x < pixels; sums += num_sums) {
    const int64_t end = std::min(pixels, x + window);
    for (; x < end; ++x, values += channels) {
      for (int c = first; c < channels; c += static_cast<int>(hn::Lanes(d))) {
        int32_t* sum = sums + c - shift;
        const auto value = hn::PromoteTo(d, hn::LoadU(du16, values + c));
        hn::StoreU(hn::Add(hn::LoadU(d, sum), value), d, sum);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace affinity_seg
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace affinity_seg {

void FindUndecidedWindows(const uint16_t* rows, int num_rows, int64_t width, int num_classes,
                          int window, bool* undecided) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(FindUndecidedWindowsAtSimdLevel, rows, num_rows, width,
                                  num_classes, window, undecided);
}

void AddShiftedChannels(const uint16_t* values, int64_t pixels, int window, int channels, int first,
                        int shift, int num_sums, int32_t* sums) {
  AFFINITY_SEG_CALL_AT_SIMD_LEVEL(AddShiftedChannelsAtSimdLevel, values, pixels, window, channels,
                                  first, shift, num_sums, sums);
}

}  // namespace affinity_seg
#endif  // HWY_ONCE
