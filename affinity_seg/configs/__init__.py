"""Configurations: networks, training experiments, inference."""
