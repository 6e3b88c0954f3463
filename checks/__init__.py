"""Checks of the method and of the checkout, for developers: `python -m checks.truth`."""
