"""Measures, scenes, other programs and loads for tools/benchmark_*.py."""
