"""Affinity targets, and the losses that Model Garden does not have."""
