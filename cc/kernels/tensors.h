// What the kernels share: tensors to the library's structures and back.

#ifndef AFFINITY_SEG_CC_KERNELS_TENSORS_H_
#define AFFINITY_SEG_CC_KERNELS_TENSORS_H_

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/options.h"
#include "cc/lib/pixel_rows.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/tensor.h"

namespace affinity_seg {

inline absl::Status ToStatus(const Error& error) {
  return error.empty() ? absl::OkStatus() : absl::InvalidArgumentError(error);
}

inline absl::Status Invalid(const std::string& rule, const tensorflow::Tensor& tensor) {
  return absl::InvalidArgumentError(rule + ": " + tensor.shape().DebugString());
}

// Copies `values` to a new output tensor of this shape.
template <typename V>
absl::Status SetOutput(tensorflow::OpKernelContext* context, int index,
                       const std::vector<V>& values, const tensorflow::TensorShape& shape) {
  tensorflow::Tensor* output = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(index, shape, &output));
  std::copy(values.begin(), values.end(), output->flat<V>().data());
  return absl::OkStatus();
}

// Returns the threads of TensorFlow that kernels share, at most `num_threads` of them (0: all).
inline PoolExecutor MakeExecutor(tensorflow::OpKernelContext* context, int num_threads) {
  const auto* workers = context->device()->tensorflow_cpu_worker_threads();
  const int available = workers->num_threads;
  return PoolExecutor(num_threads == 0 ? available : std::min(num_threads, available),
                      [pool = workers->workers](std::function<void()> task) {
                        pool->Schedule(std::move(task));
                      });
}

// Reads an attribute that is a number of pixels per logit.
inline absl::Status ReadStride(tensorflow::OpKernelConstruction* context, const char* name,
                               int* stride) {
  TF_RETURN_IF_ERROR(context->GetAttr(name, stride));
  if (*stride >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError("`" + std::string(name) +
                                    "` must be at least 1: " + std::to_string(*stride));
}

// Returns the output of a network, without its shape. `T` of the ops admits these three types.
inline NetworkOutput ValuesOf(const char* name, const tensorflow::Tensor& tensor) {
  NetworkOutput output;
  output.name = name;
  output.values = tensor.data();
  output.type = tensor.dtype() == tensorflow::DT_FLOAT      ? ValueType::kFloat32
                : tensor.dtype() == tensorflow::DT_BFLOAT16 ? ValueType::kBfloat16
                                                            : ValueType::kFloat16;
  return output;
}

// Returns logits [flips, rows, cols, channels].
inline NetworkOutput Logits(const char* name, const tensorflow::Tensor& logits, int stride) {
  NetworkOutput output = ValuesOf(name, logits);
  output.flips = static_cast<int>(logits.dim_size(0));
  output.rows = logits.dim_size(1);
  output.cols = logits.dim_size(2);
  output.channels = static_cast<int>(logits.dim_size(3));
  output.stride = stride;
  return output;
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_KERNELS_TENSORS_H_
