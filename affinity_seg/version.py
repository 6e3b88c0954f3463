"""Version of the package, read by setup.py and by the loader of the C++ op."""

__version__ = "0.1.0"
