// What the kernels share: tensors to the library's structures and back.

#ifndef AFFINITY_SEG_CC_KERNELS_TENSORS_H_
#define AFFINITY_SEG_CC_KERNELS_TENSORS_H_

#include <algorithm>
#include <functional>
#include <string>
#include <type_traits>
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

// Checks that logits [flips, rows, cols, channels] at `stride` cover an image of this size.
inline absl::Status CheckLogits(const char* name, const tensorflow::Tensor& logits, int stride,
                                int64_t height, int64_t width) {
  const std::string argument = std::string("`") + name + "`";
  if (logits.dim_size(0) != 1 && logits.dim_size(0) != 2) {
    return Invalid(argument + " must be of the image, or of it and its mirror image", logits);
  }
  if (logits.dim_size(1) < (height + stride - 1) / stride ||
      logits.dim_size(2) < (width + stride - 1) / stride) {
    return Invalid(argument + " at stride " + std::to_string(stride) + " must cover the image's " +
                       std::to_string(height) + "x" + std::to_string(width) + " pixels",
                   logits);
  }
  return absl::OkStatus();
}

// Returns the values of `tensor` as float32; `storage` holds them if they had to be converted.
template <typename T>
const float* AsFloat(const tensorflow::Tensor& tensor, std::vector<float>* storage) {
  if constexpr (std::is_same_v<T, float>) {
    return tensor.flat<float>().data();
  } else {
    const auto values = tensor.flat<T>();
    storage->resize(values.size());
    std::transform(values.data(), values.data() + values.size(), storage->begin(),
                   [](T value) { return static_cast<float>(value); });
    return storage->data();
  }
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

// Returns what logits [flips, rows, cols, channels] are, without their values.
inline NetworkOutput Logits(const char* name, const tensorflow::Tensor& logits, int stride) {
  NetworkOutput output;
  output.name = name;
  output.flips = static_cast<int>(logits.dim_size(0));
  output.rows = logits.dim_size(1);
  output.cols = logits.dim_size(2);
  output.channels = static_cast<int>(logits.dim_size(3));
  output.stride = stride;
  return output;
}

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_KERNELS_TENSORS_H_
