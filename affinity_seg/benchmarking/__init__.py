"""Scenes, other programs and measures for tools/benchmark_merge.py."""
