"""Data sets on disk: listing, checks, TFRecords."""
