"""The C++ ops in a TensorFlow graph, and the NumPy reference of the graph merge.

Importing this package makes the ops known to TensorFlow, so that a SavedModel that has them can be
loaded. Where they were never built, or for another TensorFlow, the first call says so.
"""

import contextlib

from affinity_seg.ops.candidates import Candidates, class_candidates
from affinity_seg.ops.find_regions import FoundRegions, find_regions
from affinity_seg.ops.graph_merge import (
    graph_merge,
    graph_merge_batch,
    graph_merge_from_logits,
    graph_merge_from_logits_batch,
    merge_edges,
)
from affinity_seg.ops.loader import load_library

__all__ = [
    "Candidates",
    "FoundRegions",
    "class_candidates",
    "find_regions",
    "graph_merge",
    "graph_merge_batch",
    "graph_merge_from_logits",
    "graph_merge_from_logits_batch",
    "merge_edges",
]

with contextlib.suppress(FileNotFoundError, ImportError):
    load_library()
