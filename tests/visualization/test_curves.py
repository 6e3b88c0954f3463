"""Precision-recall curves: lines where the numbers are."""

import numpy as np

from affinity_seg.visualization.curves import draw_precision_recall

BLUE, ORANGE, BLACK = (31, 119, 180), (255, 127, 14), (0, 0, 0)


def _draw(**precision):
    curves = {name: [value] * 101 for name, value in precision.items()}
    recall = [n / 100 for n in range(101)]
    return draw_precision_recall({"recall": recall, "at_iou_50": curves, "over_ious": curves})


def _rows(plot, color):
    """Returns the rows of the longest lines of a colour, in the left and in the right panel."""
    same = (np.abs(plot.astype(int) - color) < 12).all(axis=2)
    half = plot.shape[1] // 2
    return same[:, :half].sum(axis=1).argmax(), same[:, half:].sum(axis=1).argmax()


def test_lines_are_as_high_as_the_precision():
    plot = _draw(a=0.3, b=0.9, average=0.6)
    assert plot.dtype == np.uint8 and plot.shape[2] == 3
    blue, orange = _rows(plot, BLUE), _rows(plot, ORANGE)
    # The average is in the middle, half a pixel aside at most.
    middle = [(low + high) / 2 for low, high in zip(blue, orange, strict=True)]
    gray = plot.astype(int).max(axis=2)
    for panel, row in enumerate(middle):
        columns = slice(100, 400) if panel == 0 else slice(650, 950)
        assert (gray[round(row) - 1 : round(row) + 2, columns].min(axis=0) < 30).all()
    assert orange[0] < blue[0] and orange[1] < blue[1]


def test_one_class_is_its_own_average():
    plot = _draw(a=0.5, average=0.5)
    row = _rows(plot, BLUE)[0]
    assert (np.abs(plot[row, 150:350].astype(int) - BLUE) < 12).all()


def test_nothing_to_draw_gives_empty_axes():
    assert (_draw() < 250).any()
