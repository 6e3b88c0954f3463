"""The options of the merge; what they refuse stands in tests/ops/test_graph_merge_errors.py."""

import dataclasses

import pytest

from affinity_seg import class_tables, labels
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.merge_options import MergeOptions, MergeSettings


def test_options_for_a_number_of_classes():
    options = MergeOptions(alpha=1.23456789, thresholds=(0.9000004, 0.5, 0.3))
    found = options.for_classes(9)
    assert found.groups == labels.CITYSCAPES_GROUPS
    assert (found.alpha, found.thresholds) == (1.234568, (0.9, 0.5, 0.3))
    assert options.for_classes(3).groups == (0, 1, 1)
    given = MergeOptions(groups=(0, 1, 2))
    assert given.for_classes(None) == given.for_classes(3) == given
    with pytest.raises(ValueError, match=r"`groups` must have one entry per class, 4: \(0, 1, 2\)"):
        given.for_classes(4)


def test_a_configuration_gives_all_its_options_to_the_merge():
    values = {
        "merge_window": 1,
        "stages": (1, 1),
        "thresholds": (0.5, 0.4),
        "refine": False,
        "alpha": 2.0,
        "linkage": "weighted",
        "min_pixels": 3,
        "groups": (0, 1, 1, 1, 1, 1, 1, 1, 1),
    }
    assert sorted(values) == sorted(field.name for field in dataclasses.fields(MergeSettings))
    config = InferenceConfig(**values, refine_classes=("bicycle",))
    found = config.merge_options(class_tables.CITYSCAPES, (1, 3))
    assert found == MergeOptions(**values, distances=(1, 3), refine_classes=(8,))
    with pytest.raises(ValueError, match="`stages` must add up to the 3 distances"):
        config.merge_options(class_tables.CITYSCAPES, (1, 3, 5))
