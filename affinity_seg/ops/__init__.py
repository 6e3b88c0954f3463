"""The C++ ops in a TensorFlow graph, and the NumPy reference of the graph merge.

The C++ ops are loaded when one is first called, so importing this package needs neither
the shared object nor TensorFlow.
"""

from affinity_seg.ops.candidates import Candidates, class_candidates
from affinity_seg.ops.find_regions import find_regions
from affinity_seg.ops.graph_merge import (
    graph_merge,
    graph_merge_batch,
    graph_merge_from_logits,
    graph_merge_from_logits_batch,
)
from affinity_seg.ops.types import GraphMergeResult

__all__ = [
    "Candidates",
    "GraphMergeResult",
    "class_candidates",
    "find_regions",
    "graph_merge",
    "graph_merge_batch",
    "graph_merge_from_logits",
    "graph_merge_from_logits_batch",
]
