"""Makes oracle.py importable by the tests of this folder."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
