// Registration of the ops GraphMerge and GraphMergeFromLogits and of their batches: interface,
// shapes, documentation.

#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace affinity_seg {
namespace {

using ::tensorflow::shape_inference::DimensionHandle;
using ::tensorflow::shape_inference::InferenceContext;
using ::tensorflow::shape_inference::ShapeHandle;

// The inputs of one image. The ops take lists of images or a single one: a list of one.
struct Shapes {
  ShapeHandle affinity, semantic, mask;
};

int NumImages(const InferenceContext& context) { return context.num_inputs() / 4; }

// Sets `shape` to that of an input, which must have rank `rank`.
absl::Status ReadShape(InferenceContext* context, int index, const char* name, int rank,
                       ShapeHandle* shape) {
  if (context->WithRank(context->input(index), rank, shape).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("`", name, "` must have rank ", rank, ": ",
                                                 context->DebugString(context->input(index))));
}

// Checks the ranks of the inputs of one image; those of both networks have rank `rank`.
absl::Status ReadShapes(InferenceContext* context, int image, int rank, Shapes* shapes) {
  const int n = NumImages(*context);
  ShapeHandle group;
  TF_RETURN_IF_ERROR(ReadShape(context, image, "affinity", rank, &shapes->affinity));
  TF_RETURN_IF_ERROR(ReadShape(context, n + image, "semantic", rank, &shapes->semantic));
  TF_RETURN_IF_ERROR(ReadShape(context, 2 * n + image, "mask", 2, &shapes->mask));
  return ReadShape(context, 3 * n + image, "group", 0, &group);
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
absl::Status ReadAllChannels(InferenceContext* context, const Shapes& shapes,
                             DimensionHandle* classes) {
  std::vector<int> distances, groups;
  TF_RETURN_IF_ERROR(context->GetAttr("distances", &distances));
  TF_RETURN_IF_ERROR(context->GetAttr("groups", &groups));
  DimensionHandle channels;
  TF_RETURN_IF_ERROR(ReadChannels(context, "affinity", "8 channels for each of `distances`",
                                  shapes.affinity, 8 * distances.size(), &channels));
  return ReadChannels(context, "semantic", "one channel for each of `groups`", shapes.semantic,
                      groups.size(), classes);
}

absl::Status SetOutputs(InferenceContext* context, int image, DimensionHandle height,
                        DimensionHandle width, DimensionHandle classes) {
  const auto set = [&](int kind, ShapeHandle shape) {
    context->set_output(kind * NumImages(*context) + image, shape);
  };
  int merge_window;
  bool output_edges;
  TF_RETURN_IF_ERROR(context->GetAttr("merge_window", &merge_window));
  TF_RETURN_IF_ERROR(context->GetAttr("output_edges", &output_edges));
  const DimensionHandle instances = context->UnknownDim();
  set(0, context->Matrix(height, width));
  for (int kind = 1; kind <= 3; ++kind) set(kind, context->Vector(instances));
  set(4, context->Matrix(instances, classes));
  DimensionHandle rows = context->MakeDim(0), cols = context->MakeDim(0);
  if (output_edges && merge_window > 0) {
    TF_RETURN_IF_ERROR(context->Add(height, merge_window - 1, &rows));
    TF_RETURN_IF_ERROR(context->Divide(rows, merge_window, /*evenly_divisible=*/false, &rows));
    TF_RETURN_IF_ERROR(context->Add(width, merge_window - 1, &cols));
    TF_RETURN_IF_ERROR(context->Divide(cols, merge_window, /*evenly_divisible=*/false, &cols));
  }
  set(5, context->MakeShape({rows, cols, context->UnknownDim()}));
  set(6, context->Vector(4));
  return absl::OkStatus();
}

absl::Status GraphMergeShape(InferenceContext* context) {
  for (int image = 0; image < NumImages(*context); ++image) {
    Shapes shapes;
    TF_RETURN_IF_ERROR(ReadShapes(context, image, 3, &shapes));
    DimensionHandle height = context->Dim(shapes.affinity, 0);
    DimensionHandle width = context->Dim(shapes.affinity, 1);
    TF_RETURN_IF_ERROR(MergeSize(context, "semantic", shapes.semantic, &height, &width));
    TF_RETURN_IF_ERROR(MergeSize(context, "mask", shapes.mask, &height, &width));
    DimensionHandle classes;
    TF_RETURN_IF_ERROR(ReadAllChannels(context, shapes, &classes));
    TF_RETURN_IF_ERROR(SetOutputs(context, image, height, width, classes));
  }
  return absl::OkStatus();
}

absl::Status GraphMergeFromLogitsShape(InferenceContext* context) {
  for (int image = 0; image < NumImages(*context); ++image) {
    Shapes shapes;
    TF_RETURN_IF_ERROR(ReadShapes(context, image, 4, &shapes));
    DimensionHandle classes;
    TF_RETURN_IF_ERROR(ReadAllChannels(context, shapes, &classes));
    TF_RETURN_IF_ERROR(SetOutputs(context, image, context->Dim(shapes.mask, 0),
                                  context->Dim(shapes.mask, 1), classes));
  }
  return absl::OkStatus();
}

// What all ops have; LIST is "" for one image, "N * " for a list.
#define GRAPH_MERGE_INTERFACE(LIST) \
    Attr("T: {half, bfloat16, float}") \
    .Input("affinity: " LIST "T") \
    .Input("semantic: " LIST "T") \
    .Input("mask: " LIST "bool") \
    .Input("group: " LIST "int32") \
    .Output("instance_ids: " LIST "int32") \
    .Output("classes: " LIST "int32") \
    .Output("scores: " LIST "float") \
    .Output("sizes: " LIST "int64") \
    .Output("votes: " LIST "int64") \
    .Output("edges: " LIST "int32") \
    .Output("seconds: " LIST "double") \
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
    .GRAPH_MERGE_INTERFACE("")
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
    .GRAPH_MERGE_INTERFACE("")
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

REGISTER_OP("GraphMergeBatch")
    .Attr("N: int >= 1")
    .GRAPH_MERGE_INTERFACE("N * ")
    .Attr("from_logits: bool = false")
    .SetShapeFn(GraphMergeShape)
    .Doc(R"doc(
GraphMerge of a list of images or regions of any sizes, in parallel across them and inside them.

N: how many there are. All inputs, outputs and options are those of GraphMerge.
)doc");

REGISTER_OP("GraphMergeFromLogitsBatch")
    .Attr("N: int >= 1")
    .GRAPH_MERGE_INTERFACE("N * ")
    .Attr("affinity_stride: int")
    .Attr("semantic_stride: int")
    .SetShapeFn(GraphMergeFromLogitsShape)
    .Doc(R"doc(
GraphMergeFromLogits of a list of images or regions, in parallel across them and inside them.

N: how many there are. All inputs, outputs and options are those of GraphMergeFromLogits.
)doc");

#undef GRAPH_MERGE_INTERFACE

}  // namespace
}  // namespace affinity_seg
