// Highway compiles the code below once for each SIMD level.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cc/lib/row_sums.cc"
#include "cc/lib/foreach_simd_level.h"

#include "cc/lib/row_sums.h"

#include <algorithm>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace affinity_seg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void FindUndecidedWindowsAtSimdLevel(const uint16_t* rows, int num_rows, int64_t width,
                                     int num_classes, int window, bool* undecided) {
  const hn::CappedTag<int32_t, kRowPadding> d;
  const hn::Rebind<uint16_t, decltype(d)> du16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t left = 0; left < width; left += window) {
    const int64_t begin = left * num_classes;
    const int64_t end = std::min(width, left + window) * num_classes;
    int32_t background = 0;
    auto totals = hn::Zero(d);
    for (int y = 0; y < num_rows; ++y) {
      const uint16_t* row = rows + y * width * num_classes;
      for (int64_t i = begin; i < end; i += num_classes) background += row[i];
      for (int64_t i = begin; i < end; i += lanes) {
        const auto wanted = hn::FirstN(d, static_cast<size_t>(end - i));
        const auto value = hn::PromoteTo(d, hn::LoadU(du16, row + i));
        totals = hn::Add(totals, hn::IfThenElseZero(wanted, value));
      }
    }
    const int32_t total = hn::GetLane(hn::SumOfLanes(d, totals));
    *undecided++ = background <= total - background;
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
