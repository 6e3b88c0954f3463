// Registration of the op FindRegions: its interface, shapes and documentation.

#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace affinity_seg {
namespace {

using ::tensorflow::shape_inference::InferenceContext;
using ::tensorflow::shape_inference::ShapeHandle;

absl::Status FindRegionsShape(InferenceContext* context) {
  ShapeHandle semantic;
  if (!context->WithRank(context->input(0), 4, &semantic).ok()) {
    return absl::InvalidArgumentError(absl::StrCat("`semantic` must have rank 4: ",
                                                   context->DebugString(context->input(0))));
  }
  const auto regions = context->UnknownDim();
  context->set_output(0, context->Vector(regions));
  context->set_output(1, context->Matrix(regions, 4));
  context->set_output(2, context->Vector(context->UnknownDim()));
  context->set_output(3, context->Vector(context->UnknownDim()));
  return absl::OkStatus();
}

REGISTER_OP("FindRegions")
    .Attr("T: {half, bfloat16, float}")
    .Input("semantic: T")
    .Input("size: int32")
    .Output("region_groups: int32")
    .Output("boxes: int32")
    .Output("masks: bool")
    .Output("mask_splits: int64")
    .Attr("groups: list(int)")
    .Attr("partition: bool = true")
    .Attr("cell_size: int = 32")
    .Attr("growth: int = 16")
    .Attr("from_logits: bool = true")
    .Attr("stride: int = 1")
    .SetShapeFn(FindRegionsShape)
    .Doc(R"doc(
Finds the regions of interest of an image (Liu et al., ECCV 2018, 4.1, 4.3, 4.5).

Cells that hold a foreground pixel form 8-connected regions, which grow and are clipped to the
image. They come by super-class, then in raster order of their first cell.

semantic: [F, h, w, K], logits at `stride`, background first. If F is 2, the second are of the
  mirrored image; the probabilities of both are averaged.
size: [2], height and width of the image.
region_groups: [R], the super-class of each region, 0 without partition.
boxes: [R, 4], top, left, bottom and right, ends exclusive, of the grown region.
masks: the grown regions, each in its box, one after the other.
mask_splits: [R + 1]: the mask of region r is masks[mask_splits[r] : mask_splits[r + 1]].
groups: the super-class of each of the K classes, 0 for the background.
partition: whether the foreground is cut by super-class: a pixel belongs to that of the largest
  summed probability. Without, foreground is where a class has more than the background.
cell_size: side of a cell in pixels.
growth: how far regions grow, in pixels.
from_logits: whether `semantic` are logits; if not, F and `stride` are 1.
stride: pixels per logit.
)doc");

}  // namespace
}  // namespace affinity_seg
