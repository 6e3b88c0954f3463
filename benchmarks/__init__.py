"""How fast and how large: `python -m benchmarks.merge`, and what such programs measure with."""
