// Network outputs to probabilities on the 16-bit grid, many at a time.

#ifndef AFFINITY_SEG_CC_LIB_QUANTIZE_H_
#define AFFINITY_SEG_CC_LIB_QUANTIZE_H_

#include <cstdint>

namespace affinity_seg {

// Writes rint(p * 65535) of the clamped probabilities: the same as Quantize of probability.h.
// Returns false, with undefined output, unless IsProbability holds for all of them.
bool QuantizeProbabilities(const float* probabilities, int64_t size, uint16_t* output);

// Writes the quantized sigmoids of `a`, or the quantized means of the sigmoids of `a` and `b` where
// `b` is not null. The routine is our own, of float32 operations in fixed order: the same result
// on every machine, within 2^-22 of the exact sigmoid. Returns false, with undefined output,
// unless all logits are finite.
bool QuantizeSigmoids(const float* a, const float* b, int64_t size, uint16_t* output);

// The same for the softmax over `channels` of each pixel, [pixels, channels]. Overwrites `a` and
// `b`.
bool QuantizeSoftmax(float* a, float* b, int64_t pixels, int channels, uint16_t* output);

// The types of network outputs.
enum class ValueType { kFloat32, kFloat16, kBfloat16 };

// Converts values of one of the 16-bit types.
void ConvertToFloat(ValueType type, const uint16_t* values, int64_t size, float* output);

bool AllFinite(const float* values, int64_t size);

// Writes a + (b - a) * share, [size].
void Interpolate(const float* a, const float* b, float share, int64_t size, float* output);

// Writes the pixels `first`, `first` + `step`, ... of a row, [count, channels]: pixel x is read at
// x / `stride` of `row` [cols, channels], linearly between neighbours, clamped at the right.
void UpsampleRow(const float* row, int64_t cols, int channels, int64_t stride, int64_t first,
                 int64_t step, int64_t count, float* output);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_QUANTIZE_H_
