"""Allowed values of settings and flags. This module imports nothing, so that `--help` is quick."""

OUTPUT_STRIDES = (4, 8, 16, 32)

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
"""Keras policies of inference: what a network computes in; its weights and logits are float32."""

MERGE_METHODS = ("graph_merge", "connected_components")
"""How predictions become instances: the paper's merge, and the plain method beside it."""

METRICS = ("ap", "dsb")
"""Scores that `affinity_seg tune` can maximize."""

PREDICTIONS, RESULTS = "predictions", "results"
"""Folders of the predictions and of the results of a data set."""

EXPORT_KINDS = ("instances", "networks")
"""Outputs of an exported model: instances, or the networks' logits."""
