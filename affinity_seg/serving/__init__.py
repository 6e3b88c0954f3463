"""Models behind a server: exported ones in one TensorFlow graph, and a page to look at pictures."""
