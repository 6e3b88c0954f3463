// The parameters of the graph merge and their rules.

#ifndef AFFINITY_SEG_CC_LIB_OPTIONS_H_
#define AFFINITY_SEG_CC_LIB_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace affinity_seg {

// An empty message means success. Messages name the argument in backticks, the rule and the value.
using Error = std::string;

// Returns the first rule that the super-classes break: 0 for class 0, the others consecutive from
// 1.
Error CheckGroups(const std::vector<int>& groups);

enum class Linkage {
  kAverage,   // mean of all edges between two clusters (the default)
  kWeighted,  // mean of two means, whatever their sizes (Algorithm 1 to the letter)
};

// Sections are those of Liu et al., ECCV 2018.
struct GraphMergeOptions {
  std::vector<int> distances;      // strictly increasing, in pixels (3.3)
  std::vector<int> stages;         // how many distances each stage adds (3.4)
  std::vector<double> thresholds;  // r_w of each stage, in [1e-6, 1], never increasing
  std::vector<int> groups;         // super-class of each class; 0 for class 0 (4.5)
  double alpha = 5.0;              // steepness of the refinement (4.2)
  int merge_window = 2;            // side of the local merge: 1, 2 or 4 pixels (4.4)
  bool refine = true;              // pixel affinity refinement (4.2)
  std::vector<int> refine_classes;  // classes of the semantic class refinement (5.3)
  Linkage linkage = Linkage::kAverage;
  int64_t min_pixels = 1024;  // r_c: clusters of more pixels are instances (3.4)

  int num_classes() const { return static_cast<int>(groups.size()); }
  int num_groups() const;  // with the background

  // Returns the first rule that the options break.
  Error Check() const;
};

// One distance of the grid of windows (4.4).
struct MergedDistance {
  int distance;                      // in windows
  int stage;                         // the stage that adds it
  std::vector<int> pixel_distances;  // indices into `distances` that are averaged into it
};

// Returns the distances of the grid of windows in increasing order.
// REQUIRES: options.Check() found no error.
std::vector<MergedDistance> MergedDistances(const GraphMergeOptions& options);

}  // namespace affinity_seg

#endif  // AFFINITY_SEG_CC_LIB_OPTIONS_H_
