// Registration of the ops GraphMerge and GraphMergeFromLogits: interface, shapes, documentation.

#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace affinity_seg {
namespace {

using ::tensorflow::shape_inference::DimensionHandle;
using ::tensorflow::shape_inference::InferenceContext;
using ::tensorflow::shape_inference::ShapeHandle;

// Sets `shape` to that of input `index`, which must have rank `rank`.
absl::Status ReadShape(InferenceContext* context, int index, const char* name, int rank,
                       ShapeHandle* shape) {
  if (context->WithRank(context->input(index), rank, shape).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("`", name, "` must have rank ", rank, ": ",
                                                 context->DebugString(context->input(index))));
}

// Checks the ranks of all inputs; those of both networks have rank `rank`.
absl::Status ReadShapes(InferenceContext* context, int rank, ShapeHandle* affinity,
                        ShapeHandle* semantic, ShapeHandle* mask) {
  ShapeHandle group;
  TF_RETURN_IF_ERROR(ReadShape(context, 0, "affinity", rank, affinity));
  TF_RETURN_IF_ERROR(ReadShape(context, 1, "semantic", rank, semantic));
  TF_RETURN_IF_ERROR(ReadShape(context, 2, "mask", 2, mask));
  return ReadShape(context, 3, "group", 0, &group);
}

// Merges the first two dimensions of input `name` into `height` and `width`.
absl::Status MergeSize(InferenceContext* context, const char* name, ShapeHandle shape,
                       DimensionHandle* height, DimensionHandle* width) {
  DimensionHandle merged_height, merged_width;
  if (context->Merge(*height, context->Dim(shape, 0), &merged_height).ok() &&
      context->Merge(*width, context->Dim(shape, 1), &merged_width).ok()) {
    *height = merged_height;
    *width = merged_width;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("`", name, "` must have the height and width of `affinity`, ",
                   context->DebugString(*height), "x", context->DebugString(*width), ": ",
                   context->DebugString(shape)));
}

// Sets `dimension` to the last one of input `name`, which must be `channels`.
absl::Status ReadChannels(InferenceContext* context, const char* name, const char* rule,
                          ShapeHandle shape, int64_t channels, DimensionHandle* dimension) {
  if (context->WithValue(context->Dim(shape, -1), channels, dimension).ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("`", name, "` must have ", rule, ", ", channels,
                                                 ": ", context->DebugString(shape)));
}

// Checks the channels of both networks' outputs.
absl::Status ReadAllChannels(InferenceContext* context, ShapeHandle affinity, ShapeHandle semantic,
                             DimensionHandle* classes) {
  std::vector<int> distances, groups;
  TF_RETURN_IF_ERROR(context->GetAttr("distances", &distances));
  TF_RETURN_IF_ERROR(context->GetAttr("groups", &groups));
  DimensionHandle channels;
  TF_RETURN_IF_ERROR(ReadChannels(context, "affinity", "8 channels for each of `distances`",
                                  affinity, 8 * distances.size(), &channels));
  return ReadChannels(context, "semantic", "one channel for each of `groups`", semantic,
                      groups.size(), classes);
}

absl::Status SetOutputs(InferenceContext* context, DimensionHandle height, DimensionHandle width,
                        DimensionHandle classes) {
  int merge_window;
  bool output_edges;
  TF_RETURN_IF_ERROR(context->GetAttr("merge_window", &merge_window));
  TF_RETURN_IF_ERROR(context->GetAttr("output_edges", &output_edges));
  const DimensionHandle instances = context->UnknownDim();
  context->set_output(0, context->Matrix(height, width));
  for (int i = 1; i <= 3; ++i) context->set_output(i, context->Vector(instances));
  context->set_output(4, context->Matrix(instances, classes));
  DimensionHandle rows = context->MakeDim(0), cols = context->MakeDim(0);
  if (output_edges && merge_window > 0) {
    TF_RETURN_IF_ERROR(context->Add(height, merge_window - 1, &rows));
    TF_RETURN_IF_ERROR(context->Divide(rows, merge_window, /*evenly_divisible=*/false, &rows));
    TF_RETURN_IF_ERROR(context->Add(width, merge_window - 1, &cols));
    TF_RETURN_IF_ERROR(context->Divide(cols, merge_window, /*evenly_divisible=*/false, &cols));
  }
  context->set_output(5, context->MakeShape({rows, cols, context->UnknownDim()}));
  context->set_output(6, context->Vector(4));
  return absl::OkStatus();
}

absl::Status GraphMergeShape(InferenceContext* context) {
  ShapeHandle affinity, semantic, mask;
  TF_RETURN_IF_ERROR(ReadShapes(context, 3, &affinity, &semantic, &mask));
  DimensionHandle height = context->Dim(affinity, 0), width = context->Dim(affinity, 1);
  TF_RETURN_IF_ERROR(MergeSize(context, "semantic", semantic, &height, &width));
  TF_RETURN_IF_ERROR(MergeSize(context, "mask", mask, &height, &width));
  DimensionHandle classes;
  TF_RETURN_IF_ERROR(ReadAllChannels(context, affinity, semantic, &classes));
  return SetOutputs(context, height, width, classes);
}

absl::Status GraphMergeFromLogitsShape(InferenceContext* context) {
  ShapeHandle affinity, semantic, mask;
  TF_RETURN_IF_ERROR(ReadShapes(context, 4, &affinity, &semantic, &mask));
  DimensionHandle classes;
  TF_RETURN_IF_ERROR(ReadAllChannels(context, affinity, semantic, &classes));
  return SetOutputs(context, context->Dim(mask, 0), context->Dim(mask, 1), classes);
}

// The outputs and options that both ops have.
#define GRAPH_MERGE_OUTPUTS_AND_OPTIONS \
    .Output("instance_ids: int32") \
    .Output("classes: int32") \
    .Output("scores: float") \
    .Output("sizes: int64") \
    .Output("votes: int64") \
    .Output("edges: int32") \
    .Output("seconds: double") \
    .Attr("distances: list(int)") \
    .Attr("stages: list(int)") \
    .Attr("thresholds: list(float)") \
    .Attr("groups: list(int)") \
    .Attr("alpha: float = 5.0") \
    .Attr("merge_window: int = 2") \
    .Attr("refine: bool = true") \
    .Attr("refine_classes: list(int) = []") \
    .Attr("linkage: string = 'average'") \
    .Attr("min_pixels: int = 1024") \
    .Attr("output_edges: bool = false") \
    .Attr("num_threads: int = 0")

REGISTER_OP("GraphMerge")
    .Attr("T: {half, bfloat16, float}")
    .Input("affinity: T")
    .Input("semantic: T")
    .Input("mask: bool")
    .Input("group: int32")
    GRAPH_MERGE_OUTPUTS_AND_OPTIONS
    .Attr("from_logits: bool = false")
    .SetShapeFn(GraphMergeShape)
    .Doc(R"doc(
Merges the pixel graph of one image into instances.

Liu et al., "Affinity Derivation and Graph Merge for Instance Segmentation", ECCV 2018. The two
directions of every pixel pair are averaged, pixels merged in windows (4.4), edges refined by the
semantics (4.2) and the graph merged greedily in stages (3.4). All sums are integers: the result
is the same on every machine.

affinity: [H, W, 8 * len(distances)], the affinity of each pixel with its neighbours; channel
  8 * i + n is distance i, direction n, row by row from the upper left (3.3).
semantic: [H, W, K], class probabilities, background first.
mask: [H, W], true where there may be vertices (a window is in it if any of its pixels is).
group: the super-class whose windows are the vertices, or 0 for all of them (4.5).
instance_ids: [H, W], 0 on the background, instances from 1 in raster order.
classes: [N], the class of each instance, by the votes of its pixels.
scores: [N], the mean of all edges inside each instance.
sizes: [N], in pixels.
votes: [N, K], the pixels that voted for each class.
edges: [ceil(H / merge_window), ceil(W / merge_window), 4 * M] if output_edges, else [0, 0, 4 * M]:
  the graph after refinement, M merged distances in forward directions, in units of 1/65535, and
  -1 where there is no edge.
seconds: [4], the wall time of semantics, edges, clusters and instances.
distances: in pixels, strictly increasing, multiples of merge_window where above it.
stages: how many distances each stage of the merge adds.
thresholds: the smallest edge that each stage merges, in (0, 1], never increasing.
groups: the super-class of each of the K classes, 0 for the background (4.5).
alpha: steepness of the refinement (4.2).
merge_window: side of the windows of the forced local merge, 1, 2 or 4 pixels (4.4).
refine: whether semantics refine the edges (4.2).
refine_classes: classes whose edges of the largest distance are raised (semantic class
  refinement, 5.3).
linkage: 'average' for the mean of all edges between two clusters, 'weighted' for the mean of
  means of Algorithm 1.
min_pixels: clusters of more pixels are instances.
from_logits: whether the inputs are logits: sigmoid and softmax are applied first.
num_threads: how many of TensorFlow's intra-op threads to use at most, 0 for all. The result is the
  same for every number.
)doc");

REGISTER_OP("GraphMergeFromLogits")
    .Attr("T: {half, bfloat16, float}")
    .Input("affinity: T")
    .Input("semantic: T")
    .Input("mask: bool")
    .Input("group: int32")
    GRAPH_MERGE_OUTPUTS_AND_OPTIONS
    .Attr("affinity_stride: int")
    .Attr("semantic_stride: int")
    .SetShapeFn(GraphMergeFromLogitsShape)
    .Doc(R"doc(
GraphMerge of the networks' own logits, upsampled inside: no tensor of all channels at full
resolution exists.

affinity: [F, h, w, 8 * len(distances)], logits at `affinity_stride`. If F is 2, the second are of
  the mirrored image; the probabilities of both are averaged.
semantic: [F', h', w', K], logits at `semantic_stride`, likewise.
mask: [H, W], its size is that of the image; true where there may be vertices.
group: the super-class whose windows are the vertices, or 0 for all of them (4.5).
instance_ids: [H, W], and all other outputs and options: as in GraphMerge.
affinity_stride: pixels per logit: pixel y reads y / affinity_stride, linearly between neighbours.
semantic_stride: likewise.
)doc");

#undef GRAPH_MERGE_OUTPUTS_AND_OPTIONS

}  // namespace
}  // namespace affinity_seg
