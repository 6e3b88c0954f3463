"""The verb `evaluate` of affinity_seg; `--help` says what it does."""

import sys

from affinity_seg import verbs

if __name__ == "__main__":
    verbs.start(["evaluate", *sys.argv[1:]])
