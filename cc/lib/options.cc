#include "cc/lib/options.h"

#include <algorithm>
#include <sstream>

namespace affinity_seg {
namespace {

// Distances are added to coordinates: this keeps them far from overflow.
constexpr int kMaxDistance = 1 << 20;

// Sums of all classes over a window of 4x4 pixels fit into 31 bits.
constexpr int kMaxClasses = 2048;

// Thresholds are rounded to six decimals. One of 0 would merge what has no edge.
constexpr double kMinThreshold = 1e-6;

template <typename T>
std::string Join(const std::vector<T>& values) {
  std::ostringstream text;
  text << "(";
  for (size_t i = 0; i < values.size(); ++i) text << (i ? ", " : "") << values[i];
  text << ")";
  return text.str();
}

Error CheckDistances(const GraphMergeOptions& options) {
  const std::vector<int>& distances = options.distances;
  if (distances.empty()) return "`distances` must not be empty: ()";
  for (size_t i = 0; i < distances.size(); ++i) {
    const int distance = distances[i];
    if (distance < 1 || distance > kMaxDistance) {
      return "`distances` must be in [1, " + std::to_string(kMaxDistance) +
             "]: " + Join(distances);
    }
    if (i > 0 && distance <= distances[i - 1]) {
      return "`distances` must be strictly increasing: " + Join(distances);
    }
    if (distance > options.merge_window && distance % options.merge_window != 0) {
      return "`distances` above `merge_window` must be multiples of it, " +
             std::to_string(options.merge_window) + ": " + Join(distances);
    }
  }
  return "";
}

Error CheckStages(const GraphMergeOptions& options) {
  int64_t total = 0;
  for (int stage : options.stages) {
    if (stage < 1) return "`stages` must be at least 1 each: " + Join(options.stages);
    total += stage;
  }
  if (total != static_cast<int64_t>(options.distances.size())) {
    return "`stages` must add up to the number of `distances`, " +
           std::to_string(options.distances.size()) + ": " + Join(options.stages);
  }
  if (options.thresholds.size() != options.stages.size()) {
    return "`thresholds` must have one entry per stage, " + std::to_string(options.stages.size()) +
           ": " + Join(options.thresholds);
  }
  for (size_t i = 0; i < options.thresholds.size(); ++i) {
    const double threshold = options.thresholds[i];
    if (!(threshold >= kMinThreshold && threshold <= 1.0)) {
      return "`thresholds` must be in [0.000001, 1]: " + Join(options.thresholds);
    }
    if (i > 0 && threshold > options.thresholds[i - 1]) {
      return "`thresholds` must not increase: " + Join(options.thresholds);
    }
  }
  return "";
}

Error CheckClasses(const GraphMergeOptions& options) {
  Error error = CheckGroups(options.groups);
  if (!error.empty()) return error;
  for (int refined : options.refine_classes) {
    if (refined < 1 || refined >= options.num_classes()) {
      return "`refine_classes` must be in [1, " + std::to_string(options.num_classes() - 1) +
             "]: " + Join(options.refine_classes);
    }
  }
  return "";
}

}  // namespace

Error CheckGroups(const std::vector<int>& groups) {
  if (groups.size() < 2) return "`groups` must have at least 2 entries: " + Join(groups);
  if (groups.size() > kMaxClasses) {
    return "`groups` must have at most " + std::to_string(kMaxClasses) +
           " entries: " + std::to_string(groups.size());
  }
  if (groups[0] != 0) return "`groups` must start with 0, the background: " + Join(groups);
  std::vector<bool> used(groups.size() + 1, false);
  for (size_t k = 1; k < groups.size(); ++k) {
    if (groups[k] < 1 || groups[k] > static_cast<int>(groups.size())) {
      return "`groups` must be in [1, " + std::to_string(groups.size()) +
             "] for the foreground: " + Join(groups);
    }
    used[groups[k]] = true;
  }
  for (int group = 1; group < *std::max_element(groups.begin(), groups.end()); ++group) {
    if (!used[group]) return "`groups` must be consecutive from 1: " + Join(groups);
  }
  return "";
}

int GraphMergeOptions::num_groups() const {
  return 1 + *std::max_element(groups.begin(), groups.end());
}

Error GraphMergeOptions::Check() const {
  if (merge_window != 1 && merge_window != 2 && merge_window != 4) {
    return "`merge_window` must be 1, 2 or 4: " + std::to_string(merge_window);
  }
  if (!(alpha >= 1e-6 && alpha <= 1e6)) {
    return "`alpha` must be in [0.000001, 1e6]: " + std::to_string(alpha);
  }
  if (min_pixels < 0) return "`min_pixels` must not be negative: " + std::to_string(min_pixels);
  for (auto check : {CheckDistances, CheckStages, CheckClasses}) {
    Error error = check(*this);
    if (!error.empty()) return error;
  }
  return "";
}

std::vector<MergedDistance> MergedDistances(const GraphMergeOptions& options) {
  std::vector<MergedDistance> merged;
  int stage = 0;
  int left_in_stage = options.stages[0];
  for (int i = 0; i < static_cast<int>(options.distances.size()); ++i) {
    if (left_in_stage == 0) left_in_stage = options.stages[++stage];
    --left_in_stage;
    const int distance = std::max(1, options.distances[i] / options.merge_window);
    if (merged.empty() || merged.back().distance != distance) {
      merged.push_back({distance, stage, {}});
    }
    merged.back().stage = stage;  // that of the largest distance averaged into it
    merged.back().pixel_distances.push_back(i);
  }
  return merged;
}

}  // namespace affinity_seg
