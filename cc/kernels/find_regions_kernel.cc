// CPU kernel of the op FindRegions: tensors in, checks, tensors out.

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "cc/kernels/tensors.h"
#include "cc/lib/regions.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace affinity_seg {
namespace {

using ::tensorflow::DEVICE_CPU;
using ::tensorflow::OpKernel;
using ::tensorflow::OpKernelConstruction;
using ::tensorflow::OpKernelContext;
using ::tensorflow::Tensor;
using ::tensorflow::TensorShape;

class FindRegionsOp : public OpKernel {
 public:
  explicit FindRegionsOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("groups", &options_.groups));
    OP_REQUIRES_OK(context, context->GetAttr("partition", &options_.partition));
    OP_REQUIRES_OK(context, context->GetAttr("cell_size", &options_.cell_size));
    OP_REQUIRES_OK(context, context->GetAttr("growth", &options_.growth));
    OP_REQUIRES_OK(context, context->GetAttr("from_logits", &from_logits_));
    OP_REQUIRES_OK(context, ReadStride(context, "stride", &stride_));
    OP_REQUIRES_OK(context, ToStatus(options_.Check()));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& semantic = context->input(0);
    const Tensor& size = context->input(1);
    OP_REQUIRES_OK(context, Check(semantic, size));
    const int64_t height = size.vec<int32_t>()(0), width = size.vec<int32_t>()(1);
    NetworkOutput output = Logits("semantic", semantic, stride_);
    output.activation = from_logits_ ? Activation::kSoftmax : Activation::kNone;
    PoolExecutor executor = MakeExecutor(context, 0);
    std::vector<Region> regions;
    OP_REQUIRES_OK(context,
                   ToStatus(FindRegions(output, height, width, options_, &executor, &regions)));
    OP_REQUIRES_OK(context, SetOutputs(context, regions));
  }

 private:
  absl::Status Check(const Tensor& semantic, const Tensor& size) const {
    if (semantic.dims() != 4) return Invalid("`semantic` must have rank 4", semantic);
    if (semantic.dim_size(3) != static_cast<int64_t>(options_.groups.size())) {
      return Invalid("`semantic` must have one channel for each of `groups`, " +
                         std::to_string(options_.groups.size()),
                     semantic);
    }
    if (size.shape() != TensorShape({2})) return Invalid("`size` must have shape [2]", size);
    for (int axis : {0, 1}) {
      if (size.vec<int32_t>()(axis) >= 0) continue;
      return absl::InvalidArgumentError("`size` must not be negative: " +
                                        std::to_string(size.vec<int32_t>()(axis)));
    }
    constexpr int64_t kMaxPixels = std::numeric_limits<int32_t>::max();
    const int64_t height = size.vec<int32_t>()(0), width = size.vec<int32_t>()(1);
    if (height * width > kMaxPixels) {
      return absl::InvalidArgumentError(absl::StrCat("`size` must be at most ", kMaxPixels,
                                                     " pixels: ", height, "x", width));
    }
    if (!from_logits_ && (stride_ != 1 || semantic.dim_size(0) != 1)) {
      return Invalid("`semantic` must be logits where there is a stride or a mirror image",
                     semantic);
    }
    return absl::OkStatus();
  }

  static absl::Status SetOutputs(OpKernelContext* context, const std::vector<Region>& regions) {
    const int64_t n = static_cast<int64_t>(regions.size());
    std::vector<int32_t> groups, boxes;
    std::vector<int64_t> splits = {0};
    for (const Region& region : regions) {
      groups.push_back(region.group);
      for (int64_t side : {region.top, region.left, region.bottom, region.right}) {
        boxes.push_back(static_cast<int32_t>(side));
      }
      splits.push_back(splits.back() + region.num_pixels());
    }
    TF_RETURN_IF_ERROR(SetOutput(context, 0, groups, TensorShape({n})));
    TF_RETURN_IF_ERROR(SetOutput(context, 1, boxes, TensorShape({n, 4})));
    Tensor* masks = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(2, TensorShape({splits.back()}), &masks));
    for (int64_t i = 0; i < n; ++i) {
      std::copy_n(regions[i].mask.get(), regions[i].num_pixels(),
                  masks->flat<bool>().data() + splits[i]);
    }
    return SetOutput(context, 3, splits, TensorShape({n + 1}));
  }

  RegionOptions options_;
  bool from_logits_;
  int stride_;
};

REGISTER_KERNEL_BUILDER(Name("FindRegions").Device(DEVICE_CPU), FindRegionsOp);

}  // namespace
}  // namespace affinity_seg
