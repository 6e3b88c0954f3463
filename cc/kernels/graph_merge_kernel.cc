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
using ::tensorflow::OpInputList;
using ::tensorflow::OpKernel;
using ::tensorflow::OpKernelConstruction;
using ::tensorflow::OpKernelContext;
using ::tensorflow::OpOutputList;
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
absl::Status CheckChannels(const Tensor& semantic, const Tensor& affinity, int rank,
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

absl::Status CheckSizes(const Tensor& semantic, const Tensor& affinity, const Tensor& mask) {
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

// The inputs, a list each with one entry for each image.
struct InputLists {
  OpInputList semantic, affinity, mask, group;

  absl::Status Read(OpKernelContext* context) {
    TF_RETURN_IF_ERROR(context->input_list("semantic", &semantic));
    TF_RETURN_IF_ERROR(context->input_list("affinity", &affinity));
    TF_RETURN_IF_ERROR(context->input_list("mask", &mask));
    return context->input_list("group", &group);
  }
};

// Makes the tensor of one image in the output list `name`.
absl::Status Allocate(OpKernelContext* context, const char* name, int image,
                      const TensorShape& shape, Tensor** tensor) {
  OpOutputList list;
  TF_RETURN_IF_ERROR(context->output_list(name, &list));
  return list.allocate(image, shape, tensor);
}

// Copies `values` to the tensor of one image in the output list `name`.
template <typename V>
absl::Status Set(OpKernelContext* context, const char* name, int image,
                 const std::vector<V>& values, const TensorShape& shape) {
  Tensor* output = nullptr;
  TF_RETURN_IF_ERROR(Allocate(context, name, image, shape, &output));
  std::copy(values.begin(), values.end(), output->flat<V>().data());
  return absl::OkStatus();
}

// Says which image of the list an error is about.
absl::Status OfImage(int image, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), "image " + std::to_string(image) + " of the list: " +
                                         std::string(status.message()));
}

// What both ops share.
class GraphMergeKernel : public OpKernel {
 public:
  // Args: rank: of the networks' outputs.
  GraphMergeKernel(OpKernelConstruction* context, int rank) : OpKernel(context), rank_(rank) {
    OP_REQUIRES_OK(context, ReadOptions(context, &options_));
    OP_REQUIRES_OK(context, context->GetAttr("output_edges", &output_edges_));
    OP_REQUIRES_OK(context, context->GetAttr("num_threads", &num_threads_));
    OP_REQUIRES(context, num_threads_ >= 0,
                absl::InvalidArgumentError("`num_threads` must not be negative: " +
                                           std::to_string(num_threads_)));
  }

  void Compute(OpKernelContext* context) override {
    InputLists lists;
    OP_REQUIRES_OK(context, lists.Read(context));
    const int num_images = lists.semantic.size();
    std::vector<GraphMergeInput> inputs(num_images);
    std::vector<GraphMergeOutput> outputs(num_images);
    for (int i = 0; i < num_images; ++i) {
      OP_REQUIRES_OK(context, OfImage(i, ReadInput(lists, i, &inputs[i])));
    }
    for (int i = 0; i < num_images; ++i) {
      OP_REQUIRES_OK(context, OfImage(i, AllocateOutput(context, i, inputs[i], &outputs[i])));
    }
    PoolExecutor executor = MakeExecutor(context, num_threads_);
    const std::vector<Error> errors = GraphMergeBatch(inputs, options_, &executor, &outputs);
    for (int i = 0; i < num_images; ++i) {
      OP_REQUIRES_OK(context, OfImage(i, ToStatus(errors[i])));
      OP_REQUIRES_OK(context, SetOutputs(context, i, outputs[i]));
    }
  }

 protected:
  const GraphMergeOptions& options() const { return options_; }

  // Adds the networks' outputs to `input`, for an image of the size of `mask`.
  virtual absl::Status ReadNetworks(const Tensor& semantic, const Tensor& affinity,
                                    const Tensor& mask, GraphMergeInput* input) const = 0;

 private:
  absl::Status ReadInput(const InputLists& lists, int image, GraphMergeInput* input) const {
    const Tensor& semantic = lists.semantic[image];
    const Tensor& affinity = lists.affinity[image];
    const Tensor& mask = lists.mask[image];
    const Tensor& group = lists.group[image];
    TF_RETURN_IF_ERROR(CheckChannels(semantic, affinity, rank_, options_));
    if (mask.dims() != 2) return Invalid("`mask` must have rank 2", mask);
    if (group.dims() != 0) return Invalid("`group` must have rank 0", group);
    TF_RETURN_IF_ERROR(ReadNetworks(semantic, affinity, mask, input));
    input->height = mask.dim_size(0);
    input->width = mask.dim_size(1);
    input->vertices.mask = mask.flat<bool>().data();
    input->vertices.group = group.scalar<int32_t>()();
    return absl::OkStatus();
  }

  // Makes the outputs whose sizes are known before the merge.
  absl::Status AllocateOutput(OpKernelContext* context, int image, const GraphMergeInput& input,
                              GraphMergeOutput* output) const {
    const WindowGrid grid(input.height, input.width, options_.merge_window);
    const int64_t num_distances = static_cast<int64_t>(MergedDistances(options_).size());
    TF_RETURN_IF_ERROR(ToStatus(grid.CheckSize(static_cast<int>(num_distances))));
    Tensor* ids = nullptr;
    Tensor* edges = nullptr;
    TF_RETURN_IF_ERROR(Allocate(context, "instance_ids", image,
                                TensorShape({input.height, input.width}), &ids));
    TF_RETURN_IF_ERROR(Allocate(
        context, "edges", image,
        output_edges_ ? TensorShape({grid.rows(), grid.cols(), kNumForward * num_distances})
                      : TensorShape({0, 0, kNumForward * num_distances}),
        &edges));
    output->ids = ids->flat<int32_t>().data();
    if (output_edges_) output->edges = edges->flat<int32_t>().data();
    return absl::OkStatus();
  }

  absl::Status SetOutputs(OpKernelContext* context, int image,
                          const GraphMergeOutput& output) const {
    const Instances& found = output.instances;
    const int64_t n = found.num_instances();
    TF_RETURN_IF_ERROR(Set(context, "classes", image, found.classes, TensorShape({n})));
    TF_RETURN_IF_ERROR(Set(context, "scores", image, found.scores, TensorShape({n})));
    TF_RETURN_IF_ERROR(Set(context, "sizes", image, found.sizes, TensorShape({n})));
    TF_RETURN_IF_ERROR(Set(context, "boxes", image, found.boxes, TensorShape({n, 4})));
    TF_RETURN_IF_ERROR(Set(context, "votes", image, found.votes,
                           TensorShape({n, int64_t{options_.num_classes()}})));
    TF_RETURN_IF_ERROR(Set(context, "stage_nanoseconds", image, output.stage_nanoseconds,
                           TensorShape({static_cast<int64_t>(output.stage_nanoseconds.size())})));
    return Set(context, "seconds", image,
               std::vector<double>(output.seconds, output.seconds + kNumSteps),
               TensorShape({kNumSteps}));
  }

  int rank_;
  GraphMergeOptions options_;
  bool output_edges_;
  int num_threads_;
};

class GraphMergeOp : public GraphMergeKernel {
 public:
  explicit GraphMergeOp(OpKernelConstruction* context) : GraphMergeKernel(context, 3) {}

 protected:
  absl::Status ReadNetworks(const Tensor& semantic, const Tensor& affinity, const Tensor& mask,
                            GraphMergeInput* input) const override {
    TF_RETURN_IF_ERROR(CheckSizes(semantic, affinity, mask));
    input->semantic = ValuesOf("semantic", semantic);
    input->affinity = ValuesOf("affinity", affinity);
    for (NetworkOutput* output : {&input->semantic, &input->affinity}) {
      output->rows = mask.dim_size(0);
      output->cols = mask.dim_size(1);
    }
    input->semantic.channels = options().num_classes();
    input->affinity.channels = NumChannels(options());
    return absl::OkStatus();
  }
};

class GraphMergeFromLogitsOp : public GraphMergeKernel {
 public:
  explicit GraphMergeFromLogitsOp(OpKernelConstruction* context) : GraphMergeKernel(context, 4) {
    OP_REQUIRES_OK(context, ReadStride(context, "semantic_stride", &semantic_stride_));
    OP_REQUIRES_OK(context, ReadStride(context, "affinity_stride", &affinity_stride_));
  }

 protected:
  absl::Status ReadNetworks(const Tensor& semantic, const Tensor& affinity, const Tensor&,
                            GraphMergeInput* input) const override {
    input->semantic = Logits("semantic", semantic, semantic_stride_);
    input->semantic.activation = Activation::kSoftmax;
    input->affinity = Logits("affinity", affinity, affinity_stride_);
    input->affinity.activation = Activation::kSigmoid;
    input->affinity.mirrored = MirroredChannels(NumChannels(options()));
    return absl::OkStatus();
  }

 private:
  int semantic_stride_;
  int affinity_stride_;
};

REGISTER_KERNEL_BUILDER(Name("GraphMerge").Device(DEVICE_CPU), GraphMergeOp);
REGISTER_KERNEL_BUILDER(Name("GraphMergeFromLogits").Device(DEVICE_CPU), GraphMergeFromLogitsOp);

}  // namespace
}  // namespace affinity_seg
