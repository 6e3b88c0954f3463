"""The verb `export` of affinity_seg; `--help` says what it does."""

import sys

from affinity_seg import verbs

if __name__ == "__main__":
    verbs.start(["export", *sys.argv[1:]])
