"""Overlays of instances: colours, contours and labels where they belong."""

import numpy as np
import pytest

from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation.results import Prediction
from affinity_seg.instances import Instances
from affinity_seg.visualization import layout, overlays

CAR, PERSON = 3, 1


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (400, 800, 3), np.uint8)


@pytest.fixture
def two():
    """A car and a person that touch, far from the borders."""
    ids = np.zeros((400, 800), np.int32)
    ids[100:300, 100:400] = 1
    ids[100:300, 400:600] = 2
    return Instances(ids, np.array([CAR, PERSON]), np.array([0.5, 0.25], np.float32))


def _blend(pixels, color):
    return np.rint((1 - overlays.FILL) * pixels + overlays.FILL * color.astype(np.float32)).astype(
        np.uint8
    )


def test_fill_contour_and_outside(image, two):
    before = image.copy()
    drawn = overlays.draw_instances(image, two, CITYSCAPES)
    np.testing.assert_array_equal(image, before)
    car, person = overlays.instance_colors(2)
    np.testing.assert_array_equal(drawn[150:250, 150:350], _blend(image[150:250, 150:350], car))
    np.testing.assert_array_equal(drawn[150:250, 450:550], _blend(image[150:250, 450:550], person))
    # Contours lie inside, two pixels deep, also where the two touch.
    assert (drawn[150:250, 398:400] == car).all()
    assert (drawn[150:250, 400:402] == person).all()
    assert (drawn[150:250, 100:102] == car).all()
    assert (drawn[298:300, 110:240] == car).all()
    np.testing.assert_array_equal(drawn[320:], image[320:])
    np.testing.assert_array_equal(drawn[:, 620:], image[:, 620:])


def test_label_stands_outside_in_the_colour_of_its_instance(image, two):
    drawn = overlays.draw_instances(image, two, CITYSCAPES)
    height, width, _ = layout.text_box("car 0.50", layout.text_scale(800))
    left = (100 + 400 - width) // 2
    above = drawn[100 - height : 100, left : left + width]
    color = overlays.instance_colors(2)[0]
    is_box = (above == color).all(axis=-1)
    assert 0.4 < is_box.mean() < 0.98  # the rest is the text
    assert is_box[0].all() and is_box[:, 0].all()
    np.testing.assert_array_equal(
        drawn[100 - height : 100, : left - 1], image[100 - height : 100, : left - 1]
    )


def test_text_depends_on_class_and_score(image, two):
    drawn = overlays.draw_instances(image, two, CITYSCAPES)
    truck = overlays.draw_instances(image, two._replace(classes=np.array([4, 1])), CITYSCAPES)
    sure = overlays.draw_instances(image, two._replace(scores=np.array([0.99, 0.25])), CITYSCAPES)
    truth = overlays.draw_instances(image, two._replace(scores=None), CITYSCAPES)
    for other in (truck, sure, truth):
        assert (other[:100] != drawn[:100]).any()
        np.testing.assert_array_equal(other[110:290], drawn[110:290])


def test_labels_never_cover_each_other(image, monkeypatch):
    ids = np.zeros((400, 800), np.int32)
    numbers = np.arange(1, 26).reshape(5, 5)
    ids[100:150, 100:150] = numbers.repeat(10, 0).repeat(10, 1)
    crowd = Instances(ids, np.full(25, CAR), np.full(25, 0.5, np.float32))
    taken = np.zeros((400, 800), int)

    def record(canvas, text, y, x, scale, background):
        height, width, _ = layout.text_box(text, scale)
        taken[y : y + height, x : x + width] += 1

    monkeypatch.setattr(layout, "put_text", record)
    overlays.draw_instances(image, crowd, CITYSCAPES)
    assert taken.max() == 1


def test_small_images_are_enlarged_with_whole_pixels():
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    nothing = Instances(np.zeros((100, 200), np.int32), np.zeros(0, int), np.zeros(0))
    drawn = overlays.draw_instances(image, nothing, CITYSCAPES)
    assert drawn.shape == (400, 800, 3)
    np.testing.assert_array_equal(drawn[::4, ::4], image)
    np.testing.assert_array_equal(drawn[3::4, 3::4], image)


def test_colours_are_distinguishable():
    colors = overlays.instance_colors(40).astype(int)
    distances = np.abs(colors[:, None] - colors[None]).sum(axis=-1)
    distances[np.diag_indices(40)] = 1000
    assert distances.min() >= 30
    assert min(distances[i, i + 1] for i in range(39)) >= 150


def test_higher_score_is_painted_on_top():
    masks = np.zeros((2, 4, 6), bool)
    masks[0, :, :4] = masks[1, :, 2:] = True
    sure = overlays.paint([Prediction(masks[0], 1, 0.9), Prediction(masks[1], 3, 0.2)], 4, 6)
    np.testing.assert_array_equal(sure.instance_ids[0], [1, 1, 1, 1, 2, 2])
    unsure = overlays.paint([Prediction(masks[0], 1, 0.1), Prediction(masks[1], 3, 0.2)], 4, 6)
    np.testing.assert_array_equal(unsure.instance_ids[0], [1, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(unsure.classes, [1, 3])


def test_hidden_instance_and_other_size(image, two):
    hidden = two._replace(instance_ids=np.where(two.instance_ids == 1, 1, 0))
    assert overlays.draw_instances(image, hidden, CITYSCAPES).shape == image.shape
    with pytest.raises(ValueError, match=r"`instance_ids` must be as large as the image"):
        overlays.draw_instances(image[1:], two, CITYSCAPES)


def test_a_crowd_of_instances_smaller_than_their_labels_has_none(monkeypatch):
    drawn = []
    monkeypatch.setattr(layout, "put_text", lambda canvas, text, *_: drawn.append(text))
    ids = np.zeros((512, 512), np.int32)
    ids[420:, :200] = 1
    for index in range(400):
        y, x = 20 * (index // 20), 20 * (index % 20)
        ids[y : y + 9, x : x + 9] = index + 2
    for count, wanted in ((401, 1), (4, 4)):
        some = Instances(np.where(ids <= count, ids, 0), np.full(count, CAR), np.ones(count))
        overlays.draw_instances(np.zeros((512, 512, 3), np.uint8), some, CITYSCAPES)
        assert len(drawn) == wanted
        drawn.clear()
