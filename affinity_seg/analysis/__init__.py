"""Presets on labelled images: the search for the best, and the paper's tables of strategies."""
