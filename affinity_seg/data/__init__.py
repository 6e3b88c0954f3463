"""Data sets on disk: synthetic streets, listing, checks, TFRecords."""
