#include "cc/lib/pixel_rows.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cc/lib/probability.h"
#include "cc/lib/quantize.h"

namespace affinity_seg {

PixelRows::PixelRows(const NetworkOutput& output, int64_t width)
    : output_(output), width_(width) {}

Error PixelRows::Quantize(int64_t y, int64_t left, int64_t right, uint16_t* quantized) {
  if (output_.stride == 1 && output_.flips == 1) {
    return QuantizeAtStrideOne(y, left, right, quantized);
  }
  for (int flip = 0; flip < output_.flips; ++flip) {
    Error error = Upsample(flip, y, left, right, &logits_[flip]);
    if (!error.empty()) return error;
  }
  const int64_t pixels = right - left;
  float* mirrored = output_.flips == 2 ? logits_[1].data() : nullptr;
  if (output_.activation == Activation::kSigmoid) {
    QuantizeMeanSigmoids(logits_[0].data(), mirrored, pixels * output_.channels, quantized);
  } else {
    QuantizeMeanSoftmax(logits_[0].data(), mirrored, pixels, output_.channels, quantized);
  }
  return "";
}

Error PixelRows::QuantizeAtStrideOne(int64_t y, int64_t left, int64_t right,
                                     uint16_t* quantized) {
  const int64_t channels = output_.channels;
  const int64_t size = (right - left) * channels;
  const float* input = output_.values + (y * output_.cols + left) * channels;
  bool good = true;
  switch (output_.activation) {
    case Activation::kNone:
      good = QuantizeProbabilities(input, size, quantized);
      break;
    case Activation::kSigmoid:
      good = QuantizeSigmoids(input, size, quantized);
      break;
    case Activation::kSoftmax:
      logits_[0].assign(input, input + size);
      good = AllFinite(input, size);
      if (good) {
        QuantizeMeanSoftmax(logits_[0].data(), nullptr, right - left, output_.channels, quantized);
      }
      break;
  }
  if (good) return "";
  int64_t i = 0;
  while (output_.activation == Activation::kNone ? IsProbability(input[i])
                                                 : std::isfinite(input[i])) {
    ++i;
  }
  return BadValue(0, y, left + i / channels, i % channels, input[i]);
}

Error PixelRows::Upsample(int flip, int64_t y, int64_t left, int64_t right,
                          std::vector<float>* logits) {
  const int64_t stride = output_.stride, channels = output_.channels;
  // Pixel `left` of the mirrored image is further right than pixel `right` - 1.
  const auto source = [&](int64_t x) { return flip == 0 ? x : width_ - 1 - x; };
  const auto [low, high] = std::minmax({source(left), source(right - 1)});
  const int64_t first = low / stride;
  const int64_t last = std::min(high / stride + 1, output_.cols - 1);
  Error error = InterpolateRows(flip, y, first, last);
  if (!error.empty()) return error;

  logits->resize((right - left) * channels);
  const float* row = row_.data() - first * channels;
  for (int64_t x = left; x < right; ++x) {
    const int64_t at = source(x), col = at / stride;
    const int64_t next = std::min(col + 1, output_.cols - 1);
    const float share = static_cast<float>(at % stride) / static_cast<float>(stride);
    Interpolate(row + col * channels, row + next * channels, share, channels,
                &(*logits)[(x - left) * channels]);
  }
  return "";
}

Error PixelRows::InterpolateRows(int flip, int64_t y, int64_t first, int64_t last) {
  const int64_t channels = output_.channels, size = (last - first + 1) * channels;
  const int64_t row = y / output_.stride;
  const int64_t next = std::min(row + 1, output_.rows - 1);
  const float share =
      static_cast<float>(y % output_.stride) / static_cast<float>(output_.stride);
  const auto begin_of = [&](int64_t r) {
    return output_.values + ((flip * output_.rows + r) * output_.cols + first) * channels;
  };
  for (int64_t r : {row, next}) {
    if (AllFinite(begin_of(r), size)) continue;
    int64_t i = 0;
    while (std::isfinite(begin_of(r)[i])) ++i;
    return BadValue(flip, r, first + i / channels, i % channels, begin_of(r)[i]);
  }
  row_.resize(size);
  Interpolate(begin_of(row), begin_of(next), share, size, row_.data());
  if (flip == 0 || output_.mirrored.empty()) return "";
  std::vector<float> pixel(channels);
  for (int64_t i = 0; i < size; i += channels) {
    std::copy_n(&row_[i], channels, pixel.begin());
    for (int64_t c = 0; c < channels; ++c) row_[i + c] = pixel[output_.mirrored[c]];
  }
  return "";
}

Error PixelRows::BadValue(int flip, int64_t row, int64_t col, int64_t channel,
                          float value) const {
  std::ostringstream text;
  text << "`" << output_.name << "` must be "
       << (output_.activation == Activation::kNone ? "in [0, 1]" : "finite") << ": " << value
       << " at [";
  if (output_.stride > 1 || output_.flips > 1) text << flip << ", ";
  text << row << ", " << col << ", " << channel << "]";
  return text.str();
}

}  // namespace affinity_seg
