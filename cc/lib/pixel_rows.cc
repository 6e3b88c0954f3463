#include "cc/lib/pixel_rows.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cc/lib/probability.h"
#include "cc/lib/quantize.h"

namespace affinity_seg {

Error CheckCovers(const NetworkOutput& output, int64_t height, int64_t width) {
  std::ostringstream text;
  const bool covers = output.rows >= (height + output.stride - 1) / output.stride &&
                      output.cols >= (width + output.stride - 1) / output.stride;
  if (output.flips != 1 && output.flips != 2) {
    text << "`" << output.name << "` must be of the image, or of it and its mirror image";
  } else if (!covers) {
    text << "`" << output.name << "` at stride " << output.stride << " must cover the image's "
         << height << "x" << width << " pixels";
  } else {
    return "";
  }
  text << ": [" << output.flips << "," << output.rows << "," << output.cols << ","
       << output.channels << "]";
  return text.str();
}

PixelRows::PixelRows(const NetworkOutput& output, int64_t width)
    : output_(output), width_(width) {}

Error PixelRows::Quantize(int64_t y, int64_t left, int64_t right, uint16_t* quantized) {
  if (left == right) return "";
  if (output_.stride == 1 && output_.flips == 1) {
    return QuantizeAtStrideOne(y, left, right, quantized);
  }
  for (int flip = 0; flip < output_.flips; ++flip) {
    Error error = Upsample(flip, y, left, right, &logits_[flip]);
    if (!error.empty()) return error;
  }
  const int64_t pixels = right - left;
  float* plain = logits_[0].data();
  float* mirrored = output_.flips == 2 ? logits_[1].data() : nullptr;
  const bool good =
      output_.activation == Activation::kSigmoid
          ? QuantizeSigmoids(plain, mirrored, pixels * output_.channels, quantized)
          : QuantizeSoftmax(plain, mirrored, pixels, output_.channels, quantized);
  // Finite logits of which one is the largest number there is, and its neighbour the smallest.
  return good ? ""
              : std::string("`") + output_.name + "` must be finite between logits: pixel row " +
                    std::to_string(y);
}

Error PixelRows::QuantizeAtStrideOne(int64_t y, int64_t left, int64_t right,
                                     uint16_t* quantized) {
  const int64_t size = (right - left) * output_.channels;
  const float* input = Load(0, y, left, right - left, &converted_[0]);
  bool good = true;
  switch (output_.activation) {
    case Activation::kNone:
      good = QuantizeProbabilities(input, size, quantized);
      break;
    case Activation::kSigmoid:
      good = QuantizeSigmoids(input, nullptr, size, quantized);
      break;
    case Activation::kSoftmax:
      logits_[0].assign(input, input + size);
      good = QuantizeSoftmax(logits_[0].data(), nullptr, right - left, output_.channels, quantized);
      break;
  }
  return good ? "" : FindBadValue(0, y, left, input);
}

Error PixelRows::Upsample(int flip, int64_t y, int64_t left, int64_t right,
                          std::vector<float>* logits) {
  const int64_t stride = output_.stride;
  // The mirrored image has pixel `left` further right than pixel `right` - 1.
  const int64_t begin = flip == 0 ? left : width_ - 1 - left;
  const int64_t end = flip == 0 ? right - 1 : width_ - right;
  const int64_t first = std::min(begin, end) / stride;
  const int64_t last = std::min(std::max(begin, end) / stride + 1, output_.cols - 1);
  Error error = InterpolateRows(flip, y, first, last);
  if (!error.empty()) return error;
  logits->resize((right - left) * output_.channels);
  UpsampleRow(row_.data(), last - first + 1, output_.channels, stride, begin - first * stride,
              flip == 0 ? 1 : -1, right - left, logits->data());
  return "";
}

Error PixelRows::InterpolateRows(int flip, int64_t y, int64_t first, int64_t last) {
  const int64_t channels = output_.channels, size = (last - first + 1) * channels;
  const int64_t row = y / output_.stride;
  const int64_t next = std::min(row + 1, output_.rows - 1);
  const float share =
      static_cast<float>(y % output_.stride) / static_cast<float>(output_.stride);
  const float* above = Load(flip, row, first, last - first + 1, &converted_[0]);
  const float* below = Load(flip, next, first, last - first + 1, &converted_[1]);
  if (!AllFinite(above, size)) return FindBadValue(flip, row, first, above);
  if (!AllFinite(below, size)) return FindBadValue(flip, next, first, below);
  row_.resize(size);
  Interpolate(above, below, share, size, row_.data());
  if (flip == 0 || output_.mirrored.empty()) return "";
  std::vector<float> pixel(channels);
  for (int64_t i = 0; i < size; i += channels) {
    std::copy_n(&row_[i], channels, pixel.begin());
    for (int64_t c = 0; c < channels; ++c) row_[i + c] = pixel[output_.mirrored[c]];
  }
  return "";
}

const float* PixelRows::Load(int flip, int64_t row, int64_t col, int64_t count,
                             std::vector<float>* converted) const {
  const int64_t first = ((flip * output_.rows + row) * output_.cols + col) * output_.channels;
  if (output_.type == ValueType::kFloat32) {
    return static_cast<const float*>(output_.values) + first;
  }
  const int64_t size = count * output_.channels;
  converted->resize(size);
  ConvertToFloat(output_.type, static_cast<const uint16_t*>(output_.values) + first, size,
                 converted->data());
  return converted->data();
}

Error PixelRows::FindBadValue(int flip, int64_t row, int64_t col, const float* values) const {
  const bool is_probability = output_.activation == Activation::kNone;
  int64_t i = 0;
  while (is_probability ? IsProbability(values[i]) : std::isfinite(values[i])) ++i;
  std::ostringstream text;
  text << "`" << output_.name << "` must be " << (is_probability ? "in [0, 1]" : "finite") << ": "
       << values[i] << " at [";
  if (output_.stride > 1 || output_.flips > 1) text << flip << ", ";
  text << row << ", " << col + i / output_.channels << ", " << i % output_.channels << "]";
  return text.str();
}

}  // namespace affinity_seg
