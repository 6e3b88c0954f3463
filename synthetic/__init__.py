"""Synthetic streets and worms: `python -m synthetic.make_streets`, `make_worms`."""
