// The quantized probabilities of the pixels of an image, row by row, whatever form they come in.

#ifndef AFFINITY_SEG_CC_LIB_PIXEL_ROWS_H_
#define AFFINITY_SEG_CC_LIB_PIXEL_ROWS_H_

#include <cstdint>
#include <vector>

#include "cc/lib/options.h"
#include "cc/lib/quantize.h"

namespace affinity_seg {

enum class Activation {
  kNone,     // the values are probabilities
  kSigmoid,  // logits of independent channels
  kSoftmax,  // logits of exclusive channels
};

// Where the values of one network lie, and what they are.
struct NetworkOutput {
  const char* name = "";         // of the argument, for messages
  const void* values = nullptr;  // [flips, rows, cols, channels]
  ValueType type = ValueType::kFloat32;
  int64_t rows = 0;
  int64_t cols = 0;
  int channels = 0;
  // The second flip is of the mirrored image: pixel x of the image is pixel W - 1 - x of it, and
  // channel `mirrored[c]` of it looks where channel c looks. Probabilities are averaged.
  int flips = 1;
  std::vector<int> mirrored;  // [channels]; empty: channels stay as they are
  // Pixels per value. Above 1, logits are upsampled: pixel y reads row y / stride, linearly
  // between neighbours, clamped at the bottom and right (algorithm.md 4.1).
  int stride = 1;
  Activation activation = Activation::kNone;
};

// Returns the rule that logits break which do not cover an image of this size.
Error CheckCovers(const NetworkOutput& output, int64_t height, int64_t width);

// Reads rows of pixels of one network's output. Not thread-safe: one for each worker.
class PixelRows {
 public:
  // `output` must outlive this object. Args: width: of the image, pixels.
  PixelRows(const NetworkOutput& output, int64_t width);

  // Writes pixels [left, right) of row `y`, [right - left, channels], in units of 1/65535.
  // Checks the values it reads.
  Error Quantize(int64_t y, int64_t left, int64_t right, uint16_t* quantized);

 private:
  Error QuantizeAtStrideOne(int64_t y, int64_t left, int64_t right, uint16_t* quantized);
  // Writes the upsampled logits of flip `flip` for these pixels of the image.
  Error Upsample(int flip, int64_t y, int64_t left, int64_t right, std::vector<float>* logits);
  // Interpolates between rows, for columns [first, last] of the logits of a flip, into `row_`.
  Error InterpolateRows(int flip, int64_t y, int64_t first, int64_t last);
  // Returns the error of the first bad one of `values`, which start at this logit.
  Error FindBadValue(int flip, int64_t row, int64_t col, const float* values) const;

  // Returns `count` pixels of the values from this one on, [count, channels]. They are in
  // `converted` unless they are float32.
  const float* Load(int flip, int64_t row, int64_t col, int64_t count,
                    std::vector<float>* converted) const;

  const NetworkOutput& output_;
  int64_t width_;
  std::vector<float> row_;           // [cols, channels]
  std::vector<float> logits_[2];     // [pixels, channels] of each flip
  std::vector<float> converted_[2];  // [cols, channels]
};

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_PIXEL_ROWS_H_
