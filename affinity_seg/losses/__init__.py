"""Losses that Model Garden does not have."""
