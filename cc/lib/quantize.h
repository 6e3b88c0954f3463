// Network outputs to probabilities on the 16-bit grid, many at a time.

#ifndef AFFINITY_SEG_CC_LIB_QUANTIZE_H_
#define AFFINITY_SEG_CC_LIB_QUANTIZE_H_

#include <cstdint>

namespace affinity_seg {

// Writes rint(p * 65535) of the clamped probabilities: the same as Quantize of probability.h.
// Returns false, with undefined output, unless IsProbability holds for all of them.
bool QuantizeProbabilities(const float* probabilities, int64_t size, uint16_t* output);

// Writes the quantized sigmoids. The routine is our own, of float32 operations in fixed order: the
// same result on every machine, within 2^-22 of the exact sigmoid. Returns false, with undefined
// output, unless all logits are finite.
bool QuantizeSigmoids(const float* logits, int64_t size, uint16_t* output);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_QUANTIZE_H_
