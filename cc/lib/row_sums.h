// Sums of quantized pixels over the windows of one row, many at a time.

#ifndef AFFINITY_SEG_CC_LIB_ROW_SUMS_H_
#define AFFINITY_SEG_CC_LIB_ROW_SUMS_H_

#include <cstdint>

namespace affinity_seg {

// How many values may be read, but are not used, after the end of the rows below.
constexpr int64_t kRowPadding = 16;

// Finds out where the background has at most as much as all other classes together. Elsewhere it
// wins, however the classes are grouped. So it is for most windows.
// Args:
//   rows: [num_rows, width, num_classes], class 0 is the background, and kRowPadding more.
//   window: width of the windows; the last one may be narrower.
//   undecided: [windows], output.
void FindUndecidedWindows(const uint16_t* rows, int num_rows, int64_t width, int num_classes,
                          int window, bool* undecided);

// Adds the channels from `first` on of consecutive pixels: sums[c - shift] += values[c].
// Args:
//   values: [pixels, channels]; channels and `first` are multiples of 8.
//   sums: [windows, num_sums]: one row of it for each `window` pixels.
void AddShiftedChannels(const uint16_t* values, int64_t pixels, int window, int channels, int first,
                        int shift, int num_sums, int32_t* sums);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_ROW_SUMS_H_
