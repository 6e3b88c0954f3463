// CPU kernels of the ops GraphMerge and GraphMergeFromLogits: tensors in, checks, tensors out.

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

absl::Status Invalid(const std::string& rule, const Tensor& tensor) {
  return absl::InvalidArgumentError(rule + ": " + tensor.shape().DebugString());
}

int NumChannels(const GraphMergeOptions& options) {
  return kNumDirections * static_cast<int>(options.distances.size());
}

// Checks the rank and the last dimension of the networks' outputs.
absl::Status CheckChannels(const Tensor& affinity, const Tensor& semantic, int rank,
                           const GraphMergeOptions& options) {
  const std::string must_have = " must have rank " + std::to_string(rank);
  if (affinity.dims() != rank) return Invalid("`affinity`" + must_have, affinity);
  if (semantic.dims() != rank) return Invalid("`semantic`" + must_have, semantic);
  if (affinity.dim_size(rank - 1) != NumChannels(options)) {
    return Invalid("`affinity` must have 8 channels for each of `distances`, " +
                       std::to_string(NumChannels(options)),
                   affinity);
  }
  if (semantic.dim_size(rank - 1) != options.num_classes()) {
    return Invalid("`semantic` must have one channel for each of `groups`, " +
                       std::to_string(options.num_classes()),
                   semantic);
  }
  return absl::OkStatus();
}

absl::Status CheckMaskAndGroup(const Tensor& mask, const Tensor& group) {
  if (mask.dims() != 2) return Invalid("`mask` must have rank 2", mask);
  if (group.dims() != 0) return Invalid("`group` must have rank 0", group);
  return absl::OkStatus();
}

absl::Status CheckSizes(const Tensor& affinity, const Tensor& semantic, const Tensor& mask) {
  const TensorShape size({affinity.dim_size(0), affinity.dim_size(1)});
  const std::string rule = " must have the height and width of `affinity`, " +
                           std::to_string(size.dim_size(0)) + "x" +
                           std::to_string(size.dim_size(1));
  if (TensorShape({semantic.dim_size(0), semantic.dim_size(1)}) != size) {
    return Invalid("`semantic`" + rule, semantic);
  }
  if (mask.shape() != size) return Invalid("`mask`" + rule, mask);
  return absl::OkStatus();
}

// Checks logits [flips, rows, cols, channels] at `stride` that cover an image of the mask's size.
absl::Status CheckLogits(const char* name, const Tensor& logits, int stride, const Tensor& mask) {
  const std::string argument = std::string("`") + name + "`";
  if (logits.dim_size(0) != 1 && logits.dim_size(0) != 2) {
    return Invalid(argument + " must be of the image, or of it and its mirror image", logits);
  }
  for (int axis : {0, 1}) {
    const int64_t size = mask.dim_size(axis), count = logits.dim_size(axis + 1);
    if (count < (size + stride - 1) / stride) {
      return Invalid(argument + " at stride " + std::to_string(stride) +
                         " must cover the mask's " + std::to_string(mask.dim_size(0)) + "x" +
                         std::to_string(mask.dim_size(1)) + " pixels",
                     logits);
    }
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

// Returns the channel that each channel becomes under a horizontal flip.
std::vector<int> MirroredChannels(const GraphMergeOptions& options) {
  std::vector<int> mirrored(NumChannels(options));
  for (int c = 0; c < NumChannels(options); ++c) {
    const int n = c % kNumDirections;
    mirrored[c] = c - n + DirectionIndex(Direction(n).dy, -Direction(n).dx);
  }
  return mirrored;
}

template <typename V>
absl::Status SetOutput(OpKernelContext* context, int index, const std::vector<V>& values,
                       const TensorShape& shape) {
  Tensor* output = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(index, shape, &output));
  std::copy(values.begin(), values.end(), output->flat<V>().data());
  return absl::OkStatus();
}

// What both ops share: the options, the mask and the group, and the outputs.
class GraphMergeKernel : public OpKernel {
 public:
  explicit GraphMergeKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, ReadOptions(context, &options_));
    OP_REQUIRES_OK(context, context->GetAttr("output_edges", &output_edges_));
    OP_REQUIRES_OK(context, context->GetAttr("num_threads", &num_threads_));
    OP_REQUIRES(context, num_threads_ >= 0,
                absl::InvalidArgumentError("`num_threads` must not be negative: " +
                                           std::to_string(num_threads_)));
  }

 protected:
  const GraphMergeOptions& options() const { return options_; }

  // Adds the mask and the group to `input`, merges and sets the outputs.
  absl::Status Merge(OpKernelContext* context, GraphMergeInput input) {
    const Tensor& mask = context->input(2);
    input.height = mask.dim_size(0);
    input.width = mask.dim_size(1);
    input.vertices.mask = mask.flat<bool>().data();
    input.vertices.group = context->input(3).scalar<int32_t>()();

    const WindowGrid grid(input.height, input.width, options_.merge_window);
    const int64_t num_distances = static_cast<int64_t>(MergedDistances(options_).size());
    TF_RETURN_IF_ERROR(ToStatus(grid.CheckSize(static_cast<int>(num_distances))));
    Tensor* ids = nullptr;
    Tensor* edges = nullptr;
    TF_RETURN_IF_ERROR(
        context->allocate_output(0, TensorShape({input.height, input.width}), &ids));
    TF_RETURN_IF_ERROR(context->allocate_output(
        5,
        output_edges_ ? TensorShape({grid.rows(), grid.cols(), kNumForward * num_distances})
                      : TensorShape({0, 0, kNumForward * num_distances}),
        &edges));
    GraphMergeOutput output;
    output.ids = ids->flat<int32_t>().data();
    if (output_edges_) output.edges = edges->flat<int32_t>().data();
    PoolExecutor executor = MakeExecutor(context);
    TF_RETURN_IF_ERROR(ToStatus(GraphMerge(input, options_, &executor, &output)));

    const Instances& instances = output.instances;
    const int64_t n = instances.num_instances();
    TF_RETURN_IF_ERROR(SetOutput(context, 1, instances.classes, TensorShape({n})));
    TF_RETURN_IF_ERROR(SetOutput(context, 2, instances.scores, TensorShape({n})));
    TF_RETURN_IF_ERROR(SetOutput(context, 3, instances.sizes, TensorShape({n})));
    TF_RETURN_IF_ERROR(SetOutput(context, 4, instances.votes,
                                 TensorShape({n, int64_t{options_.num_classes()}})));
    return SetOutput(context, 6,
                     std::vector<double>(output.seconds, output.seconds + kNumSteps),
                     TensorShape({kNumSteps}));
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

  GraphMergeOptions options_;
  bool output_edges_;
  int num_threads_;
};

template <typename T>
class GraphMergeOp : public GraphMergeKernel {
 public:
  explicit GraphMergeOp(OpKernelConstruction* context) : GraphMergeKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("from_logits", &from_logits_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& affinity = context->input(0);
    const Tensor& semantic = context->input(1);
    const Tensor& mask = context->input(2);
    OP_REQUIRES_OK(context, CheckChannels(affinity, semantic, 3, options()));
    OP_REQUIRES_OK(context, CheckMaskAndGroup(mask, context->input(3)));
    OP_REQUIRES_OK(context, CheckSizes(affinity, semantic, mask));

    std::vector<float> affinity_storage, semantic_storage;
    GraphMergeInput input;
    input.affinity.values = AsFloat<T>(affinity, &affinity_storage);
    input.affinity.name = "affinity";
    input.semantic.values = AsFloat<T>(semantic, &semantic_storage);
    input.semantic.name = "semantic";
    for (NetworkOutput* output : {&input.affinity, &input.semantic}) {
      output->rows = affinity.dim_size(0);
      output->cols = affinity.dim_size(1);
    }
    input.affinity.channels = NumChannels(options());
    input.semantic.channels = options().num_classes();
    if (from_logits_) {
      input.affinity.activation = Activation::kSigmoid;
      input.semantic.activation = Activation::kSoftmax;
    }
    OP_REQUIRES_OK(context, Merge(context, std::move(input)));
  }

 private:
  bool from_logits_;
};

template <typename T>
class GraphMergeFromLogitsOp : public GraphMergeKernel {
 public:
  explicit GraphMergeFromLogitsOp(OpKernelConstruction* context) : GraphMergeKernel(context) {
    OP_REQUIRES_OK(context, ReadStride(context, "affinity_stride", &affinity_stride_));
    OP_REQUIRES_OK(context, ReadStride(context, "semantic_stride", &semantic_stride_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& affinity = context->input(0);
    const Tensor& semantic = context->input(1);
    const Tensor& mask = context->input(2);
    OP_REQUIRES_OK(context, CheckChannels(affinity, semantic, 4, options()));
    OP_REQUIRES_OK(context, CheckMaskAndGroup(mask, context->input(3)));
    OP_REQUIRES_OK(context, CheckLogits("affinity", affinity, affinity_stride_, mask));
    OP_REQUIRES_OK(context, CheckLogits("semantic", semantic, semantic_stride_, mask));

    std::vector<float> affinity_storage, semantic_storage;
    GraphMergeInput input;
    input.affinity = Logits("affinity", affinity, affinity_stride_);
    input.affinity.values = AsFloat<T>(affinity, &affinity_storage);
    input.affinity.activation = Activation::kSigmoid;
    input.affinity.mirrored = MirroredChannels(options());
    input.semantic = Logits("semantic", semantic, semantic_stride_);
    input.semantic.values = AsFloat<T>(semantic, &semantic_storage);
    input.semantic.activation = Activation::kSoftmax;
    OP_REQUIRES_OK(context, Merge(context, std::move(input)));
  }

 private:
  static absl::Status ReadStride(OpKernelConstruction* context, const char* name, int* stride) {
    TF_RETURN_IF_ERROR(context->GetAttr(name, stride));
    if (*stride >= 1) return absl::OkStatus();
    return absl::InvalidArgumentError("`" + std::string(name) +
                                      "` must be at least 1: " + std::to_string(*stride));
  }

  static NetworkOutput Logits(const char* name, const Tensor& logits, int stride) {
    NetworkOutput output;
    output.name = name;
    output.flips = static_cast<int>(logits.dim_size(0));
    output.rows = logits.dim_size(1);
    output.cols = logits.dim_size(2);
    output.channels = static_cast<int>(logits.dim_size(3));
    output.stride = stride;
    return output;
  }

  int affinity_stride_;
  int semantic_stride_;
};

#define REGISTER_KERNELS(T)                                                                       \
  REGISTER_KERNEL_BUILDER(Name("GraphMerge").Device(DEVICE_CPU).TypeConstraint<T>("T"),           \
                          GraphMergeOp<T>);                                                       \
  REGISTER_KERNEL_BUILDER(Name("GraphMergeFromLogits").Device(DEVICE_CPU).TypeConstraint<T>("T"), \
                          GraphMergeFromLogitsOp<T>)
REGISTER_KERNELS(float);
REGISTER_KERNELS(Eigen::half);
REGISTER_KERNELS(tensorflow::bfloat16);
#undef REGISTER_KERNELS

}  // namespace
}  // namespace affinity_seg
