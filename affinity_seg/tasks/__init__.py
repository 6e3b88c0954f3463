"""Model Garden task that trains a network: semantics, affinities or both."""
