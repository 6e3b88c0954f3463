"""Results in other formats, for pictures and for data sets; packed models."""
