"""Model Garden tasks that train the semantic and the affinity network."""
