"""Semantic maps, affinity panels and their layout."""

import numpy as np
import pytest

from affinity_seg import neighbors
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.labels import VOID_CLASS
from affinity_seg.visualization import affinity, layout, semantic
from checks.true_predictions import true_affinities


def test_semantic_map_blends_classes_and_dims_the_background():
    image = np.full((200, 800, 3), (90, 120, 150), np.uint8)
    classes = np.zeros((200, 800), np.int32)
    classes[:, 200:400], classes[:, 400:600] = 3, VOID_CLASS
    drawn = semantic.draw_semantic(image, classes, CITYSCAPES)
    fill = semantic.FILL
    assert (drawn[:200, :200] == round(120 * semantic.DIM)).all()
    car = np.rint((1 - fill) * 120 + fill * np.array(CITYSCAPES.colors[3]))
    assert (drawn[:200, 200:400] == car).all()
    void = np.rint((1 - fill) * 120 + fill * np.array(semantic.VOID_COLOR))
    assert (drawn[:200, 400:600] == void).all()
    # The legend has the classes that occur and no other.
    legend = drawn[200:].reshape(-1, 3)
    assert (legend == CITYSCAPES.colors[3]).all(axis=1).any()
    assert (legend == semantic.VOID_COLOR).all(axis=1).any()
    assert not (legend == CITYSCAPES.colors[1]).all(axis=1).any()
    assert (image == (90, 120, 150)).all()


def test_legend_wraps_and_sizes_must_agree():
    classes = np.arange(900).reshape(1, 900).repeat(60, 0) % 9
    narrow = semantic.draw_semantic(np.zeros((60, 150, 3), np.uint8), classes[:, :150], CITYSCAPES)
    wide = semantic.draw_semantic(np.zeros((60, 900, 3), np.uint8), classes, CITYSCAPES)
    assert narrow.shape[1] == 750 and wide.shape[1] == 900
    legend = narrow[300:].reshape(-1, 3)
    for color in CITYSCAPES.colors[1:]:
        assert (legend == color).all(axis=1).any()
    with pytest.raises(ValueError, match="`classes` must be as large as the image"):
        semantic.draw_semantic(np.zeros((60, 151, 3), np.uint8), classes[:, :150], CITYSCAPES)


def _two_halves():
    """Affinities of two instances that touch at column 20."""
    ids = np.ones((40, 40), np.int32)
    ids[:, 20:] = 2
    return true_affinities(ids, (1, 4))


def test_boundary_probability_rises_at_the_boundary():
    boundary = affinity.boundary_probability(_two_halves(), (1, 4))
    assert boundary.shape == (2, 40, 40)
    np.testing.assert_allclose(boundary[0, 20, [10, 18, 19, 20, 21]], [0, 0, 3 / 8, 3 / 8, 0])
    np.testing.assert_allclose(boundary[1, 20, [10, 15, 16, 23, 24]], [0, 0, 3 / 8, 3 / 8, 0])
    with pytest.raises(ValueError, match=r"`affinity` must have 8 channels .*: 16"):
        affinity.boundary_probability(_two_halves(), (1,))


def test_boundary_panels_show_heat_on_foreground_only():
    boundary = affinity.boundary_probability(_two_halves(), (1, 4))
    foreground = np.ones((40, 40), bool)
    foreground[:10] = False
    panels = affinity.boundary_panels(boundary, (1, 4), foreground, width=400)
    assert len(panels) == 3  # and the key
    top = panels[0].shape[0] - 400
    first, second = (panel[top:] for panel in panels[:2])
    assert (first[:90] == 40).all()
    inside, edge = first[200, 100].astype(int), first[200, 195].astype(int)
    assert np.abs(inside - edge).sum() > 60
    np.testing.assert_array_equal(first[200, 175], inside)
    assert np.abs(second[200, 175].astype(int) - inside).sum() > 60
    assert (panels[0][:top] != layout.DARK[0]).any()  # a caption


def test_direction_sheet_has_a_row_per_distance_and_a_column_per_direction():
    values = np.zeros((20, 20, 16), np.float32)
    channel = 8 + neighbors.DIRECTIONS.index((0, 1))
    values[..., channel] = 1
    sheet = affinity.direction_sheet(values, (1, 4), width=100)
    panel_height = (sheet.shape[0] - layout.GAP) // 2
    yellow = (sheet[..., 0] > 200) & (sheet[..., 1] > 200) & (sheet[..., 2] < 100)
    y, x = np.nonzero(yellow)
    column = channel % 8
    assert y.min() >= panel_height and np.count_nonzero(yellow) == 100 * 100
    assert layout.GAP + column * (100 + layout.GAP) <= x.min()
    assert x.max() < layout.GAP + column * (100 + layout.GAP) + 100


def test_grid_puts_panels_row_by_row():
    panels = [np.full((10, 12, 3), 10 * i, np.uint8) for i in range(1, 4)]
    panels[1] = panels[1][:4]
    sheet = layout.grid(panels, columns=2)
    gap = layout.GAP
    assert sheet.shape == (2 * 10 + 3 * gap, 2 * 12 + 3 * gap, 3)
    assert (sheet[gap : gap + 10, gap : gap + 12] == 10).all()
    assert (sheet[gap : gap + 4, 2 * gap + 12 : 2 * gap + 24] == 20).all()
    assert (sheet[gap + 4 : gap + 10, 2 * gap + 12 : 2 * gap + 24] == 255).all()
    assert (sheet[2 * gap + 10 : 2 * gap + 20, gap : gap + 12] == 30).all()


def test_text_stands_out_from_its_box():
    for background, extreme in (((250, 250, 0), np.min), ((0, 0, 140), np.max)):
        canvas = np.full((40, 200, 3), 128, np.uint8)
        layout.put_text(canvas, "car 0.87", 5, 10, 0.6, background)
        height, width, _ = layout.text_box("car 0.87", 0.6)
        box = canvas[5 : 5 + height, 10 : 10 + width]
        assert abs(int(extreme(box.mean(axis=-1))) - np.mean(background)) > 90
        canvas[5 : 5 + height, 10 : 10 + width] = 128
        assert (canvas == 128).all()  # nothing beyond the box
