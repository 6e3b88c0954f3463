"""Pictures of instances, semantic maps and affinities."""
