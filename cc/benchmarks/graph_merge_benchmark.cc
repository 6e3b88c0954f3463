// Time of the whole merge, from probabilities to instances, by image size, number of
// objects, threads and SIMD level.

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "cc/lib/graph_merge.h"
#include "cc/lib/simd_level.h"
#include "cc/lib/testing/thread_pool.h"

namespace affinity_seg {
namespace {

// A scene of touching square objects in pairs that cover a fifth of the image, or of one object
// that fills it, with noisy affinities: 0.9 to 1 inside an object, 0 to 0.1 across its border.
struct Scene {
  Scene(int height, int width, int objects_per_side, const GraphMergeOptions& options)
      : height(height), width(width), channels(kNumDirections * options.distances.size()) {
    const int side = height / objects_per_side;
    std::mt19937 random(1);
    std::uniform_real_distribution<float> noise(0.0f, 0.1f);
    affinity.resize(static_cast<size_t>(height) * width * channels);
    semantic.resize(static_cast<size_t>(height) * width * options.num_classes());
    const auto object = [&](int y, int x) {
      if (y < 0 || y >= height || x < 0 || x >= width) return 0;
      if (objects_per_side == 1) return 1;
      const int row = y / side, col = x / side;
      return row % 2 == 0 && col % 5 < 2 ? row * 1000 + col + 1 : 0;
    };
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const size_t at = static_cast<size_t>(y) * width + x;
        const int here = object(y, x);
        semantic[at * options.num_classes() + (here != 0)] = 1.0f;
        if (here == 0) continue;
        for (int c = 0; c < channels; ++c) {
          const Offset step = Direction(c % kNumDirections);
          const int distance = options.distances[c / kNumDirections];
          const bool same = object(y + step.dy * distance, x + step.dx * distance) == here;
          affinity[at * channels + c] = same ? 1.0f - noise(random) : noise(random);
        }
      }
    }
  }

  int height, width, channels;
  std::vector<float> affinity, semantic;
};

GraphMergeOptions PaperOptions() {
  GraphMergeOptions options;
  options.distances = {1, 2, 4, 8, 16, 32, 64};
  options.stages = {3, 2, 2};
  options.thresholds = {0.97, 0.7, 0.3};
  options.groups = {0, 1, 1};
  options.min_pixels = 0;
  return options;
}

// Arguments: height of an image of twice that width, objects per side of the image, threads, SIMD
// level.
void BM_GraphMerge(benchmark::State& state) {
  const GraphMergeOptions options = PaperOptions();
  const int height = static_cast<int>(state.range(0));
  const Scene scene(height, 2 * height, static_cast<int>(state.range(1)), options);
  GraphMergeInput input;
  input.height = scene.height;
  input.width = scene.width;
  input.affinity.values = scene.affinity.data();
  input.affinity.channels = scene.channels;
  input.semantic.values = scene.semantic.data();
  input.semantic.channels = options.num_classes();
  input.affinity.rows = input.semantic.rows = scene.height;
  input.affinity.cols = input.semantic.cols = scene.width;
  std::vector<int32_t> ids(static_cast<size_t>(input.height * input.width));
  GraphMergeOutput output;
  output.ids = ids.data();
  ThreadPool pool(static_cast<int>(state.range(2)));
  const auto level = static_cast<SimdLevel>(state.range(3));
  if (level > ProcessorSimdLevel()) return state.SkipWithError("no such SIMD level here");
  SetSimdLevelForTest(level);
  state.SetLabel(SimdLevelName(level));
  for (auto _ : state) {
    const Error error = GraphMerge(input, options, pool.executor(), &output);
    if (!error.empty()) state.SkipWithError(error.c_str());
  }
  SetSimdLevelForTest(ProcessorSimdLevel());
  state.counters["instances"] = static_cast<double>(output.instances.num_instances());
  state.counters["pixels_per_second"] = benchmark::Counter(
      static_cast<double>(height) * 2 * height, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(BM_GraphMerge)
    ->ArgNames({"height", "objects", "threads", "simd"})
    ->ArgsProduct({{256, 512, 1024}, {1, 8}, {1, 2}, {2}})
    ->ArgsProduct({{1024}, {8}, {1}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace affinity_seg
