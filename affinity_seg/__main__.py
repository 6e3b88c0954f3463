"""`python -m affinity_seg VERB` and the console script `affinity_seg VERB`."""

from affinity_seg import verbs

if __name__ == "__main__":
    verbs.start()
