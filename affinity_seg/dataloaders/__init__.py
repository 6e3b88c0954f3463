"""Reads TFRecords and makes training crops of them."""
