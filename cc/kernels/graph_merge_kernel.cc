// CPU kernels of the ops GraphMerge and GraphMergeFromLogits: tensors in, checks, tensors out.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "cc/kernels/tensors.h"
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

// Returns the channel that each channel becomes under a horizontal flip.
std::vector<int> MirroredChannels(const GraphMergeOptions& options) {
  std::vector<int> mirrored(NumChannels(options));
  for (int c = 0; c < NumChannels(options); ++c) {
    const int n = c % kNumDirections;
    mirrored[c] = c - n + DirectionIndex(Direction(n).dy, -Direction(n).dx);
  }
  return mirrored;
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
    PoolExecutor executor = MakeExecutor(context, num_threads_);
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
    OP_REQUIRES_OK(context, CheckLogits("affinity", affinity, affinity_stride_, mask.dim_size(0),
                                        mask.dim_size(1)));
    OP_REQUIRES_OK(context, CheckLogits("semantic", semantic, semantic_stride_, mask.dim_size(0),
                                        mask.dim_size(1)));

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
