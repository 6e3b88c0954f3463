"""The graph merge: the C++ op in a TensorFlow graph and its NumPy reference.

The C++ op is loaded when it is first called, so importing this package needs neither
the shared object nor TensorFlow.
"""

from affinity_seg.ops.graph_merge import graph_merge, graph_merge_from_logits
from affinity_seg.ops.types import GraphMergeResult

__all__ = ["GraphMergeResult", "graph_merge", "graph_merge_from_logits"]
