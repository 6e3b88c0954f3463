"""The verb `segment` of affinity_seg; `--help` says what it does."""

import sys

from affinity_seg import verbs

if __name__ == "__main__":
    verbs.start(["segment", *sys.argv[1:]])
