"""Synthetic streets for demo and tests, rendered: `python -m synthetic.make_streets`."""
