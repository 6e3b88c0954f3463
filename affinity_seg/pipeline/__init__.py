"""Inference: regions of interest, network predictions, prediction records, merge, pasting."""
