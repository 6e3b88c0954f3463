"""Some of many things, evenly spread."""

from affinity_seg.data.sampling import spread


def test_entries_are_spread_over_their_order():
    assert spread("abcdefg", 3) == ["a", "c", "e"]
    assert spread("abc", 5) == spread("abc", None) == ["a", "b", "c"]
