"""AP of all images from what is known of each, however the parts are put together."""

import json
import os
import random

import numpy as np
import pytest
from apache_beam.transforms.combiners import ToListCombineFn
from scenes import CELLS, boxes, write_boxes, write_truth

from affinity_seg.beam.collecting import average_precision, write_rejected
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import metrics
from affinity_seg.rejected_inputs import RejectedInput

SIZE = (60, 100)
CLASSES = (3, 1, 5)
VALUES = {CITYSCAPES.name: (7, 26000, 26001, 24000, 28000, 24), CELLS.name: (0, 1, 2, 3, 4, 5)}


def write_images(folder, table, count=6):
    """Writes images whose predictions are the truth, but shifted, doubled or missing."""
    rng = np.random.default_rng(4)
    items = []
    for index in range(count):
        corners = [(y, x) for y in (0, 30) for x in (0, 34, 68)][:5]
        where = [(y, x, y + 20 + int(rng.integers(8)), x + 24) for y, x in corners]
        values = np.array(VALUES[table.name])[boxes(*SIZE, *where)]
        items.append(write_truth(str(folder), f"town_{index:06}_000019", values))
        found = []
        for number, (y0, x0, y1, x1) in enumerate(where):
            shift = int(rng.integers(0, 10))
            kind = CLASSES[(0, 0, 1, 2, 1)[number]] if table is CITYSCAPES else 1
            score = float(rng.integers(1, 8)) / 8  # Ties between images.
            if rng.random() < 0.8:
                found.append((kind, score, (y0, x0 + shift, y1, x1 + shift)))
            if rng.random() < 0.4:
                found.append((kind, score / 2, (y0, x0, y1, x1)))
        write_boxes(str(folder / "results"), items[-1], table, SIZE, *found)
    return items, str(folder / "results")


@pytest.mark.parametrize("table", [CITYSCAPES, CELLS], ids=lambda table: table.name)
def test_ap_is_that_of_the_judge_in_any_grouping(tmp_path, table):
    items, results_dir = write_images(tmp_path, table)
    wanted = metrics.main_scores(items, results_dir, table)
    assert 0.1 < wanted["ap"] < wanted["ap50"] < 1
    judged = [(item.name, metrics.match_image(item, results_dir, table)) for item in items]
    # As between machines: nothing but JSON has to survive.
    judged = [(name, json.loads(json.dumps(one))) for name, one in judged] if (
        table is CITYSCAPES
    ) else judged  # fmt: skip
    combine = ToListCombineFn()  # Of the step that brings all images together.
    for seed in range(3):
        order = random.Random(seed).sample(judged, len(judged))
        parts = [combine.create_accumulator() for _ in range(3)]
        for index, one in enumerate(order):
            parts[index % 2] = combine.add_input(parts[index % 2], one)  # The third stays empty.
        merged = combine.merge_accumulators([parts[2], combine.merge_accumulators(parts[:2])])
        assert average_precision(combine.extract_output(merged), table) == wanted
    # Another image makes another AP, so that all of them count.
    fewer = average_precision(judged[1:], table)
    assert fewer["num_images"] == 5 and fewer["ap"] != wanted["ap"]
    assert average_precision([], table) is None


def test_an_image_without_truth_of_a_class_is_nan_for_the_judge_only(tmp_path):
    items, results_dir = write_images(tmp_path, CITYSCAPES)
    scores = metrics.scores_of(
        {items[0].name: metrics.match_image(items[0], results_dir, CITYSCAPES)}, CITYSCAPES
    )
    assert scores["classes"]["train"]["ap"] is None and scores["classes"]["car"]["ap"] is not None
    assert scores == metrics.main_scores(items[:1], results_dir, CITYSCAPES)


def test_rejected_are_sorted_and_each_input_is_there_once(tmp_path):
    path = tmp_path / "rejected.json"
    rejected = [
        RejectedInput("b", "b.png", "2"),
        RejectedInput("a", "a.png", "x"),
        RejectedInput("b", "b.png", "1"),
    ]
    write_rejected(rejected, str(tmp_path))
    assert json.loads(path.read_text()) == [
        {"name": "a", "file": "a.png", "reason": "x"},
        {"name": "b", "file": "b.png", "reason": "1"},
    ]
    write_rejected([], str(tmp_path))
    assert not os.path.exists(path)
