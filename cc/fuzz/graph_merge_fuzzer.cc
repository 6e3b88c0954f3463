// Fuzz target of the graph merge: any bytes are options, sizes and network outputs. Whatever the
// checks let through must not read or write outside, and must give what a heap gives, on one thread
// and on three.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cc/lib/graph_merge.h"
#include "cc/lib/heap_merger.h"
#include "cc/lib/testing/average_edge.h"
#include "cc/lib/testing/thread_pool.h"
#include "cc/lib/window_grid.h"

namespace affinity_seg {
namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// The bytes one after the other; zeros after the last.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  template <typename T>
  T Next() {
    T value = {};
    const size_t count = std::min(sizeof(T), size_ - at_);
    if (count > 0) std::memcpy(&value, data_ + at_, count);
    at_ += count;
    return value;
  }
  uint8_t Byte() { return Next<uint8_t>(); }
  // A number in [0, count).
  int Below(int count) { return Byte() % count; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

// Mostly small and valid numbers; now and then any.
GraphMergeOptions ReadOptions(Bytes* bytes) {
  GraphMergeOptions options;
  options.merge_window = bytes->Below(16) == 15 ? bytes->Next<int32_t>() : 1 << bytes->Below(3);
  const int num_distances = bytes->Below(5);
  int distance = 0;
  for (int i = 0; i < num_distances; ++i) {
    const uint8_t step = bytes->Byte();
    distance += step == 255  ? bytes->Next<int32_t>() % (1 << 21)
                : step >= 64 ? step % 8 * (options.merge_window & 7)
                             : step;
    options.distances.push_back(distance);
  }
  for (int left = num_distances; left > 0;) {
    options.stages.push_back(1 + bytes->Below(left));
    left -= options.stages.back();
    const double last = options.thresholds.empty() ? 1.0 : options.thresholds.back();
    const uint8_t step = bytes->Byte();
    options.thresholds.push_back(step == 255 ? bytes->Next<double>() : last * (255 - step) / 255);
  }
  const int num_classes = 1 + bytes->Below(5);
  for (int k = 0; k < num_classes; ++k) options.groups.push_back(k == 0 ? 0 : bytes->Below(4));
  const uint8_t alpha = bytes->Byte();
  options.alpha = alpha == 255 ? bytes->Next<double>() : alpha / 16.0;
  options.refine = bytes->Below(2) == 0;
  for (int n = bytes->Below(3); n > 0; --n) options.refine_classes.push_back(bytes->Below(6));
  options.linkage = bytes->Below(8) == 0 ? Linkage::kWeighted : Linkage::kAverage;
  options.min_pixels = bytes->Below(4) == 0 ? bytes->Byte() : 0;
  return options;
}

// One network's output. Its values lie in a block of their exact size.
struct Output {
  NetworkOutput view;
  std::unique_ptr<uint8_t[]> storage;
};

constexpr int kMaxSide = 24;

// Args: raw: values are any bits, else plausible ones.
Output ReadOutput(const char* name, int channels, Activation activation, int height, int width,
                  Bytes* bytes) {
  Output output;
  NetworkOutput& view = output.view;
  view.name = name;
  view.channels = channels;
  view.rows = height;
  view.cols = width;
  const uint8_t form = bytes->Byte();
  view.activation = form % 4 == 0 ? Activation::kNone : activation;
  view.type = form % 16 / 4 == 1   ? ValueType::kFloat16
              : form % 16 / 4 == 2 ? ValueType::kBfloat16
                                   : ValueType::kFloat32;
  if (view.activation != Activation::kNone) {
    view.flips = form >= 250 ? 3 : 1 + form / 16 % 2;
    view.stride = 1 + form / 32 % 4;
    const auto logits_of = [&](int64_t side) {  // sometimes too many or too few
      const int64_t more = bytes->Below(3);
      const int64_t fewer = bytes->Below(16) / 15;
      return std::max<int64_t>(0, (side + view.stride - 1) / view.stride + more - fewer);
    };
    view.rows = logits_of(height);
    view.cols = logits_of(width);
  }
  const int64_t size = view.flips * view.rows * view.cols * channels;
  const int64_t width_of_value = view.type == ValueType::kFloat32 ? 4 : 2;
  output.storage.reset(new uint8_t[size * width_of_value]);
  view.values = output.storage.get();
  const bool raw = bytes->Below(16) == 15;
  // A few bytes make all values: each one's follows from the last.
  uint32_t state = bytes->Next<uint32_t>();
  const uint8_t levels = 1 + bytes->Below(16);  // few: many ties
  for (int64_t i = 0; i < size; ++i) {
    state = state * 1664525u + 1013904223u;
    float value = static_cast<float>((state >> 16) % levels) / static_cast<float>(levels);
    if (view.activation != Activation::kNone) value = 12.0f * value - 4.0f;
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    if (raw) bits = state;
    if (view.type == ValueType::kBfloat16 || (view.type == ValueType::kFloat16 && raw)) {
      bits >>= 16;
    } else if (view.type == ValueType::kFloat16) {
      // Exponents are biased by 15 instead of 127.
      const int exponent = static_cast<int>(bits >> 23 & 255) - 127 + 15;
      bits = exponent <= 0 ? 0 : (bits >> 16 & 0x8000u) | exponent << 10 | (bits >> 13 & 1023u);
    }
    std::memcpy(&output.storage[i * width_of_value], &bits, width_of_value);
  }
  return output;
}

struct Result {
  std::vector<int32_t> ids, edges;
  Instances instances;
  Error error;
};

Result Merge(const GraphMergeInput& input, const GraphMergeOptions& options,
             const ClusteringLimits& limits, Executor* executor) {
  const WindowGrid grid(input.height, input.width, options.merge_window);
  Result result;
  result.ids.assign(input.height * input.width, -1);
  result.edges.assign(grid.num_windows() * kNumForward * MergedDistances(options).size(), -2);
  GraphMergeOutput output;
  output.ids = result.ids.data();
  output.edges = result.edges.data();
  result.error = GraphMerge(input, options, executor, &output, limits);
  result.instances = output.instances;
  return result;
}

void CheckInstances(const Result& result, int64_t width, const GraphMergeOptions& options) {
  const Instances& instances = result.instances;
  const int64_t n = instances.num_instances();
  std::vector<int64_t> sizes(n, 0);
  std::vector<int32_t> boxes;
  for (int64_t i = 0; i < n; ++i) boxes.insert(boxes.end(), {INT32_MAX, INT32_MAX, 0, 0});
  for (size_t pixel = 0; pixel < result.ids.size(); ++pixel) {
    const int32_t id = result.ids[pixel];
    Require(id >= 0 && id <= n, "ids are 0 or an instance");
    if (id == 0) continue;
    ++sizes[id - 1];
    int32_t* box = &boxes[4 * (id - 1)];
    const int32_t y = static_cast<int32_t>(pixel / width), x = static_cast<int32_t>(pixel % width);
    box[0] = std::min(box[0], y);
    box[1] = std::min(box[1], x);
    box[2] = std::max(box[2], y + 1);
    box[3] = std::max(box[3], x + 1);
  }
  Require(sizes == instances.sizes, "sizes count the pixels");
  Require(boxes == instances.boxes, "boxes hold the pixels");
  for (int64_t i = 0; i < n; ++i) {
    Require(sizes[i] > options.min_pixels, "instances have more than min_pixels");
    Require(instances.scores[i] >= 0.0f && instances.scores[i] <= 1.0f, "scores are in [0, 1]");
    Require(instances.classes[i] >= 1 && instances.classes[i] < options.num_classes(),
            "classes are foreground");
  }
}

// Merges the edges with the plain heap and compares.
void CheckPartition(const Result& result, const GraphMergeInput& input,
                    const GraphMergeOptions& options) {
  const WindowGrid grid(input.height, input.width, options.merge_window);
  const std::vector<MergedDistance> distances = MergedDistances(options);
  HeapMerger<AverageEdge> merger(grid.num_windows());
  for (size_t stage = 0; stage < options.stages.size(); ++stage) {
    for (int64_t window = 0; window < grid.num_windows(); ++window) {
      for (size_t e = 0; e < kNumForward * distances.size(); ++e) {
        const int32_t value = result.edges[window * kNumForward * distances.size() + e];
        Require(value >= -1 && value <= kOne, "edges are -1 or a share of 65535");
        const MergedDistance& distance = distances[e / kNumForward];
        if (value < 0 || distance.stage != static_cast<int>(stage)) continue;
        const int64_t other =
            grid.Neighbor(window, kNumForward + e % kNumForward, distance.distance);
        Require(other >= 0, "edges lead into the image");
        merger.AddEdge(static_cast<int32_t>(window), static_cast<int32_t>(other), value);
      }
    }
    merger.MergeStage(std::llround(options.thresholds[stage] * kThresholdUnits));
  }
  std::vector<int64_t> pixels(grid.num_windows(), 0), windows(grid.num_windows(), 0);
  std::vector<int32_t> instance(grid.num_windows(), -1);
  for (int32_t w = 0; w < grid.num_windows(); ++w) {
    const int32_t root = merger.Find(w);
    const int64_t y = w / grid.cols() * grid.window(), x = w % grid.cols() * grid.window();
    const int32_t id = result.ids[y * grid.width() + x];
    Require(instance[root] < 0 || instance[root] == id, "a cluster is one instance");
    instance[root] = id;
    pixels[root] += grid.NumPixels(w);
    ++windows[root];
  }
  std::vector<bool> used(result.instances.num_instances() + 1, false);
  for (int32_t root = 0; root < grid.num_windows(); ++root) {
    const int32_t id = instance[root];
    if (id < 0) continue;  // no root
    Require(id == 0 || !used[id], "an instance is one cluster");
    used[id] = id > 0;
    // A single window may be background.
    Require(id > 0 || windows[root] == 1 || pixels[root] <= options.min_pixels,
            "clusters that are large enough are instances");
  }
}

void Run(const uint8_t* data, size_t size) {
  static ThreadPool* const pool = new ThreadPool(3);
  Bytes bytes(data, size);
  const GraphMergeOptions options = ReadOptions(&bytes);
  if (!options.Check().empty()) return;

  GraphMergeInput input;
  input.height = bytes.Below(kMaxSide + 1);
  input.width = bytes.Below(kMaxSide + 1);
  input.vertices.group = bytes.Below(8) == 0 ? bytes.Below(6) - 1 : 0;
  const int height = static_cast<int>(input.height), width = static_cast<int>(input.width);
  std::unique_ptr<bool[]> mask(new bool[height * width]);
  const uint8_t holes = bytes.Byte();
  for (int i = 0; i < height * width; ++i) mask[i] = holes % 4 != 0 || i * 2654435761u >> 24 > holes;
  if (holes % 8 != 1) input.vertices.mask = mask.get();
  const int channels = kNumDirections * static_cast<int>(options.distances.size());
  const Output affinity =
      ReadOutput("affinity", channels, Activation::kSigmoid, height, width, &bytes);
  const Output semantic =
      ReadOutput("semantic", options.num_classes(), Activation::kSoftmax, height, width, &bytes);
  input.affinity = affinity.view;
  input.affinity.mirrored = MirroredChannels(channels);
  input.semantic = semantic.view;
  ClusteringLimits limits;
  limits.min_leaf_size = limits.first_leaf_size = 1 + bytes.Below(64);
  limits.split_share = bytes.Below(2) == 0 ? 0.0 : 0.5;
  if (bytes.Below(4) == 0) limits.max_packed_count = bytes.Byte();

  SerialExecutor serial;
  const Result result = Merge(input, options, limits, &serial);
  const Result parallel = Merge(input, options, limits, pool->executor());
  Require(result.error == parallel.error, "the error is the same on three threads");
  if (!result.error.empty()) return;
  Require(result.edges == parallel.edges && result.ids == parallel.ids &&
              result.instances.scores == parallel.instances.scores &&
              result.instances.votes == parallel.instances.votes,
          "the result is the same on three threads");
  CheckInstances(result, input.width, options);
  if (options.linkage == Linkage::kAverage) CheckPartition(result, input, options);
}

}  // namespace
}  // namespace affinity_seg

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  affinity_seg::Run(data, size);
  return 0;
}
