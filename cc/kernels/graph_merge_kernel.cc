// CPU kernel of the op GraphMerge: tensors in, checks, tensors out.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cc/lib/executor.h"
#include "cc/lib/graph_merge.h"
#include "cc/lib/window_grid.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/tensor.h"

namespace affinity_seg {
namespace {

using ::tensorflow::DEVICE_CPU;
using ::tensorflow::OpKernel;
using ::tensorflow::OpKernelConstruction;
using ::tensorflow::OpKernelContext;
using ::tensorflow::Tensor;
using ::tensorflow::TensorShape;

absl::Status ToStatus(const Error& error) {
  return error.empty() ? absl::OkStatus() : absl::InvalidArgumentError(error);
}

absl::Status ReadOptions(OpKernelConstruction* context, GraphMergeOptions* options) {
  std::vector<float> thresholds;
  float alpha;
  std::string linkage;
  TF_RETURN_IF_ERROR(context->GetAttr("distances", &options->distances));
  TF_RETURN_IF_ERROR(context->GetAttr("stages", &options->stages));
  TF_RETURN_IF_ERROR(context->GetAttr("thresholds", &thresholds));
  TF_RETURN_IF_ERROR(context->GetAttr("groups", &options->groups));
  TF_RETURN_IF_ERROR(context->GetAttr("alpha", &alpha));
  TF_RETURN_IF_ERROR(context->GetAttr("merge_window", &options->merge_window));
  TF_RETURN_IF_ERROR(context->GetAttr("refine", &options->refine));
  TF_RETURN_IF_ERROR(context->GetAttr("refine_classes", &options->refine_classes));
  TF_RETURN_IF_ERROR(context->GetAttr("linkage", &linkage));
  TF_RETURN_IF_ERROR(context->GetAttr("min_pixels", &options->min_pixels));
  // Attributes are float32: back to the decimal that the user wrote.
  options->alpha = std::round(alpha * 1e6) / 1e6;
  for (float t : thresholds) options->thresholds.push_back(std::round(t * 1e6) / 1e6);
  if (linkage != "average" && linkage != "weighted") {
    return absl::InvalidArgumentError("`linkage` must be average or weighted: " + linkage);
  }
  options->linkage = linkage == "average" ? Linkage::kAverage : Linkage::kWeighted;
  return ToStatus(options->Check());
}

absl::Status CheckShapes(const Tensor& affinity, const Tensor& semantic, const Tensor& mask,
                         const Tensor& group, const GraphMergeOptions& options) {
  const auto invalid = [](const std::string& rule, const Tensor& tensor) {
    return absl::InvalidArgumentError(rule + ": " + tensor.shape().DebugString());
  };
  if (affinity.dims() != 3) return invalid("`affinity` must have rank 3", affinity);
  if (semantic.dims() != 3) return invalid("`semantic` must have rank 3", semantic);
  if (mask.dims() != 2) return invalid("`mask` must have rank 2", mask);
  if (group.dims() != 0) return invalid("`group` must have rank 0", group);
  const int64_t channels = kNumDirections * static_cast<int64_t>(options.distances.size());
  if (affinity.dim_size(2) != channels) {
    return invalid("`affinity` must have 8 channels for each of `distances`, " +
                       std::to_string(channels),
                   affinity);
  }
  if (semantic.dim_size(2) != options.num_classes()) {
    return invalid("`semantic` must have one channel for each of `groups`, " +
                       std::to_string(options.num_classes()),
                   semantic);
  }
  const std::string size =
      std::to_string(affinity.dim_size(0)) + "x" + std::to_string(affinity.dim_size(1));
  if (semantic.dim_size(0) != affinity.dim_size(0) ||
      semantic.dim_size(1) != affinity.dim_size(1)) {
    return invalid("`semantic` must have the height and width of `affinity`, " + size, semantic);
  }
  if (mask.shape() != TensorShape({affinity.dim_size(0), affinity.dim_size(1)})) {
    return invalid("`mask` must have the height and width of `affinity`, " + size, mask);
  }
  return absl::OkStatus();
}

// Returns the values of `tensor` as float32; `storage` holds them if they had to be converted.
template <typename T>
const float* AsFloat(const Tensor& tensor, std::vector<float>* storage) {
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

template <typename V>
absl::Status SetOutput(OpKernelContext* context, int index, const std::vector<V>& values,
                       const TensorShape& shape) {
  Tensor* output = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(index, shape, &output));
  std::copy(values.begin(), values.end(), output->flat<V>().data());
  return absl::OkStatus();
}

template <typename T>
class GraphMergeOp : public OpKernel {
 public:
  explicit GraphMergeOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, ReadOptions(context, &options_));
    OP_REQUIRES_OK(context, context->GetAttr("from_logits", &from_logits_));
    OP_REQUIRES_OK(context, context->GetAttr("output_edges", &output_edges_));
    OP_REQUIRES_OK(context, context->GetAttr("num_threads", &num_threads_));
    OP_REQUIRES(context, num_threads_ >= 0,
                absl::InvalidArgumentError("`num_threads` must not be negative: " +
                                           std::to_string(num_threads_)));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& affinity = context->input(0);
    const Tensor& semantic = context->input(1);
    const Tensor& mask = context->input(2);
    const Tensor& group = context->input(3);
    OP_REQUIRES_OK(context, CheckShapes(affinity, semantic, mask, group, options_));

    std::vector<float> affinity_storage, semantic_storage;
    GraphMergeInput input;
    input.height = affinity.dim_size(0);
    input.width = affinity.dim_size(1);
    input.affinity = AsFloat<T>(affinity, &affinity_storage);
    input.semantic = AsFloat<T>(semantic, &semantic_storage);
    input.mask = mask.flat<bool>().data();
    input.from_logits = from_logits_;
    input.group = group.scalar<int32_t>()();

    const WindowGrid grid(input.height, input.width, options_.merge_window);
    const int64_t edges_per_window =
        kNumForward * static_cast<int64_t>(MergedDistances(options_).size());
    const TensorShape edges_shape =
        output_edges_ ? TensorShape({grid.rows(), grid.cols(), edges_per_window})
                      : TensorShape({0, 0, edges_per_window});
    OP_REQUIRES_OK(context, ToStatus(grid.CheckSize(edges_per_window / kNumForward)));
    Tensor* ids = nullptr;
    Tensor* edges = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, TensorShape({input.height, input.width}), &ids));
    OP_REQUIRES_OK(context, context->allocate_output(5, edges_shape, &edges));
    GraphMergeOutput output;
    output.ids = ids->flat<int32_t>().data();
    if (output_edges_) output.edges = edges->flat<int32_t>().data();

    PoolExecutor executor = MakeExecutor(context);
    OP_REQUIRES_OK(context, ToStatus(GraphMerge(input, options_, &executor, &output)));
    OP_REQUIRES_OK(context, SetOutputs(context, output.instances));
  }

 private:
  // Runs on the threads of TensorFlow that kernels share.
  PoolExecutor MakeExecutor(OpKernelContext* context) const {
    const auto* workers = context->device()->tensorflow_cpu_worker_threads();
    const int available = workers->num_threads;
    return PoolExecutor(num_threads_ == 0 ? available : std::min(num_threads_, available),
                        [pool = workers->workers](std::function<void()> task) {
                          pool->Schedule(std::move(task));
                        });
  }

  absl::Status SetOutputs(OpKernelContext* context, const Instances& instances) {
    const int64_t n = instances.num_instances();
    TF_RETURN_IF_ERROR(SetOutput(context, 1, instances.classes, TensorShape({n})));
    TF_RETURN_IF_ERROR(SetOutput(context, 2, instances.scores, TensorShape({n})));
    TF_RETURN_IF_ERROR(SetOutput(context, 3, instances.sizes, TensorShape({n})));
    return SetOutput(context, 4, instances.votes,
                     TensorShape({n, int64_t{options_.num_classes()}}));
  }

  GraphMergeOptions options_;
  bool from_logits_;
  bool output_edges_;
  int num_threads_;
};

#define REGISTER_KERNEL(T)                                                                \
  REGISTER_KERNEL_BUILDER(Name("GraphMerge").Device(DEVICE_CPU).TypeConstraint<T>("T"), \
                          GraphMergeOp<T>)
REGISTER_KERNEL(float);
REGISTER_KERNEL(Eigen::half);
REGISTER_KERNEL(tensorflow::bfloat16);
#undef REGISTER_KERNEL

}  // namespace
}  // namespace affinity_seg
