// Registration of the ops GraphMerge and GraphMergeFromLogits: interface, shapes, documentation.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace affinity_seg {
namespace {

using ::tensorflow::shape_inference::DimensionHandle;
using ::tensorflow::shape_inference::InferenceContext;
using ::tensorflow::shape_inference::ShapeHandle;
using ShapeList = std::vector<ShapeHandle>;  // one entry for each image

// The shapes of the inputs of all images.
struct InputShapes {
  ShapeList semantic, affinity, mask, group;
};

// The shapes of the outputs of all images.
struct OutputShapes {
  ShapeList instance_ids, vectors, boxes, votes, edges, seconds, stages;
};

absl::Status CheckRank(InferenceContext* context, const char* name, ShapeHandle shape, int rank) {
  ShapeHandle checked;
  if (context->WithRank(shape, rank, &checked).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("`", name, "` must have rank ", rank, ": ",
                                                 context->DebugString(shape)));
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
absl::Status ReadAllChannels(InferenceContext* context, ShapeHandle semantic, ShapeHandle affinity,
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

absl::Status AddOutputs(InferenceContext* context, DimensionHandle height, DimensionHandle width,
                        DimensionHandle classes, OutputShapes* outputs) {
  int merge_window;
  bool output_edges;
  TF_RETURN_IF_ERROR(context->GetAttr("merge_window", &merge_window));
  TF_RETURN_IF_ERROR(context->GetAttr("output_edges", &output_edges));
  DimensionHandle rows = context->MakeDim(0), cols = context->MakeDim(0);
  if (output_edges && merge_window > 0) {
    TF_RETURN_IF_ERROR(context->Add(height, merge_window - 1, &rows));
    TF_RETURN_IF_ERROR(context->Divide(rows, merge_window, /*evenly_divisible=*/false, &rows));
    TF_RETURN_IF_ERROR(context->Add(width, merge_window - 1, &cols));
    TF_RETURN_IF_ERROR(context->Divide(cols, merge_window, /*evenly_divisible=*/false, &cols));
  }
  const DimensionHandle instances = context->UnknownDim();
  outputs->instance_ids.push_back(context->Matrix(height, width));
  outputs->vectors.push_back(context->Vector(instances));
  outputs->boxes.push_back(context->Matrix(instances, 4));
  outputs->votes.push_back(context->Matrix(instances, classes));
  outputs->edges.push_back(context->MakeShape({rows, cols, context->UnknownDim()}));
  outputs->seconds.push_back(context->Vector(4));
  outputs->stages.push_back(context->Vector(context->UnknownDim()));
  return absl::OkStatus();
}

// Checks the inputs of one image and adds the shapes of its outputs.
// Args: rank: of the networks' outputs: 3 for probabilities, 4 for logits.
absl::Status AddImage(InferenceContext* context, const InputShapes& inputs, int image, int rank,
                      OutputShapes* outputs) {
  const ShapeHandle semantic = inputs.semantic[image], affinity = inputs.affinity[image];
  const ShapeHandle mask = inputs.mask[image];
  TF_RETURN_IF_ERROR(CheckRank(context, "affinity", affinity, rank));
  TF_RETURN_IF_ERROR(CheckRank(context, "semantic", semantic, rank));
  TF_RETURN_IF_ERROR(CheckRank(context, "mask", mask, 2));
  TF_RETURN_IF_ERROR(CheckRank(context, "group", inputs.group[image], 0));
  DimensionHandle height = context->Dim(mask, 0), width = context->Dim(mask, 1);
  if (rank == 3) {
    height = context->Dim(affinity, 0);
    width = context->Dim(affinity, 1);
    TF_RETURN_IF_ERROR(MergeSize(context, "semantic", semantic, &height, &width));
    TF_RETURN_IF_ERROR(MergeSize(context, "mask", mask, &height, &width));
  }
  DimensionHandle classes;
  TF_RETURN_IF_ERROR(ReadAllChannels(context, semantic, affinity, &classes));
  return AddOutputs(context, height, width, classes, outputs);
}

absl::Status SetShapes(InferenceContext* context, int rank) {
  InputShapes inputs;
  TF_RETURN_IF_ERROR(context->input("semantic", &inputs.semantic));
  TF_RETURN_IF_ERROR(context->input("affinity", &inputs.affinity));
  TF_RETURN_IF_ERROR(context->input("mask", &inputs.mask));
  TF_RETURN_IF_ERROR(context->input("group", &inputs.group));
  OutputShapes outputs;
  for (int image = 0; image < static_cast<int>(inputs.semantic.size()); ++image) {
    const absl::Status status = AddImage(context, inputs, image, rank, &outputs);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("image ", image, " of the list: ",
                                                      std::string(status.message())));
    }
  }
  TF_RETURN_IF_ERROR(context->set_output("instance_ids", outputs.instance_ids));
  for (const char* name : {"classes", "scores", "sizes"}) {
    TF_RETURN_IF_ERROR(context->set_output(name, outputs.vectors));
  }
  TF_RETURN_IF_ERROR(context->set_output("boxes", outputs.boxes));
  TF_RETURN_IF_ERROR(context->set_output("votes", outputs.votes));
  TF_RETURN_IF_ERROR(context->set_output("edges", outputs.edges));
  TF_RETURN_IF_ERROR(context->set_output("seconds", outputs.seconds));
  return context->set_output("stage_nanoseconds", outputs.stages);
}

absl::Status GraphMergeShape(InferenceContext* context) { return SetShapes(context, 3); }

absl::Status GraphMergeFromLogitsShape(InferenceContext* context) { return SetShapes(context, 4); }

// What both ops have. The default of T is for an empty list, which has no type.
#define GRAPH_MERGE_INTERFACE \
    Attr("N: int >= 0") \
    .Attr("T: {half, bfloat16, float} = DT_FLOAT") \
    .Input("semantic: N * T") \
    .Input("affinity: N * T") \
    .Input("mask: N * bool") \
    .Input("group: N * int32") \
    .Output("instance_ids: N * int32") \
    .Output("classes: N * int32") \
    .Output("scores: N * float") \
    .Output("sizes: N * int64") \
    .Output("boxes: N * int32") \
    .Output("votes: N * int64") \
    .Output("edges: N * int32") \
    .Output("seconds: N * double") \
    .Output("stage_nanoseconds: N * int64") \
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
    .GRAPH_MERGE_INTERFACE
    .SetShapeFn(GraphMergeShape)
    .Doc(R"doc(
Merges the pixel graphs of a list of images into instances, from probabilities.

Liu et al., "Affinity Derivation and Graph Merge for Instance Segmentation", ECCV 2018. The two
directions of every pixel pair are averaged, pixels merged in windows (4.4), edges refined by the
semantics (4.2) and the graph merged greedily in stages (3.4). All sums are integers: the result
is the same on every machine. The images, or regions of images, may have any sizes. They merge in
parallel across the list and inside each image.

N: how many images there are. Every input and output has one entry for each image.
semantic: [H, W, K], class probabilities, background first.
affinity: [H, W, 8 * len(distances)], the affinity of each pixel with its neighbours; channel
  8 * i + n is distance i, direction n, row by row from the upper left (3.3).
mask: [H, W], true where there may be vertices (a window is in it if any of its pixels is).
group: the super-class whose windows are the vertices, or 0 for all of them (4.5).
instance_ids: [H, W], 0 on the background, instances from 1 in raster order.
classes: [I], the class of each of the I instances, by the votes of its pixels.
scores: [I], the mean of all edges inside each instance.
sizes: [I], in pixels.
boxes: [I, 4], top, left, bottom and right of each instance, ends exclusive, in pixels.
votes: [I, K], the pixels that voted for each class.
edges: [ceil(H / merge_window), ceil(W / merge_window), 4 * M] if output_edges, else [0, 0, 4 * M]:
  the graph after refinement, M merged distances in forward directions, in units of 1/65535, and
  -1 where there is no edge.
seconds: [4], the wall time of semantics, edges, clusters and instances.
stage_nanoseconds: [len(stages)], the time of all threads together in each stage of the clusters;
  0 for linkage 'weighted'.
distances: in pixels, strictly increasing, multiples of merge_window where above it.
stages: how many distances each stage of the merge adds.
thresholds: the smallest edge that each stage merges, in [0.000001, 1], never increasing.
groups: the super-class of each of the K classes, 0 for the background (4.5).
alpha: steepness of the refinement (4.2).
merge_window: side of the windows of the forced local merge, 1, 2 or 4 pixels (4.4).
refine: whether semantics refine the edges (4.2).
refine_classes: classes whose edges of the largest distance are raised (semantic class
  refinement, 5.3).
linkage: 'average' for the mean of all edges between two clusters, 'weighted' for the mean of
  means of Algorithm 1.
min_pixels: clusters of more pixels are instances.
num_threads: how many of TensorFlow's intra-op threads to use at most, 0 for all. The result is the
  same for every number.
)doc");

REGISTER_OP("GraphMergeFromLogits")
    .GRAPH_MERGE_INTERFACE
    .Attr("semantic_stride: int")
    .Attr("affinity_stride: int")
    .SetShapeFn(GraphMergeFromLogitsShape)
    .Doc(R"doc(
GraphMerge of the networks' own logits, upsampled inside: no tensor of all channels at full
resolution exists.

semantic: [F, h, w, K], logits at `semantic_stride`. If F is 2, the second are of the mirrored
  image; the probabilities of both are averaged.
affinity: [F', h', w', 8 * len(distances)], logits at `affinity_stride`, likewise.
mask: [H, W], its size is that of the image; true where there may be vertices.
group: the super-class whose windows are the vertices, or 0 for all of them (4.5).
instance_ids: [H, W], and all other outputs and options: as in GraphMerge.
semantic_stride: pixels per logit: pixel y reads y / semantic_stride, linearly between neighbours.
affinity_stride: likewise.
)doc");

#undef GRAPH_MERGE_INTERFACE

}  // namespace
}  // namespace affinity_seg
