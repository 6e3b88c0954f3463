"""A void ring around the objects of a mask of ids is neither trained nor scored, anywhere."""

import os

import cv2
import numpy as np
import pytest
import tensorflow as tf
from scenes import instances as drawn_instances

from affinity_seg import common, labels
from affinity_seg.configs import training_data
from affinity_seg.data import checks, graph_examples, listing, tfrecords
from affinity_seg.data.items import Item
from affinity_seg.dataloaders import parser, step_inputs
from affinity_seg.evaluation import (
    coco,
    coco_format,
    errors,
    metrics,
    result_writing,
    semantic,
)
from affinity_seg.evaluation.truth import read_truth
from affinity_seg.instances import Instances
from affinity_seg.losses import affinity_loss, affinity_targets
from affinity_seg.visualization import overlays
from checks import true_predictions

RING = 255
TABLE = labels.ClassTable(
    "cells", ("background", "cell"), (1,), void_label_ids=(RING,), encoding="ids"
)
WITHOUT_VOID = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
PERFECT = pytest.approx(1)


def _stored():
    """Two cells, each with a ring of two pixels around it that touches it."""
    stored = np.zeros((40, 60), np.uint16)
    for number, left in ((1, 4), (2, 34)):
        stored[6:34, left : left + 22] = RING
        stored[8:32, left + 2 : left + 20] = number
    return stored


@pytest.fixture(params=[np.uint8, np.uint16])
def item(request, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for part, content in (("images", image), ("instances", _stored().astype(request.param))):
        os.makedirs(tmp_path / part)
        cv2.imwrite(str(tmp_path / part / "one.png"), content)
    (found,) = listing.list_labelled_images(str(tmp_path), "folder")
    return found


def _write_results(item, tmp_path, *, with_ring):
    """Writes both cells and, if wanted, the rings as a third instance of the highest score."""
    stored = _stored()
    ids = np.where(stored == RING, 3 if with_ring else 0, stored).astype(np.int32)
    count = int(ids.max())
    found = drawn_instances(ids, [1] * count, [0.5, 0.6, 0.9][:count])
    folder = str(tmp_path / "results")
    result_writing.write_result(folder, item.name, found, TABLE)
    return folder


def _trained(item, tmp_path):
    """Returns classes and instances that the training step gets of the image's record."""
    summary = tfrecords.write_tfrecords([item], TABLE, str(tmp_path / "out"), "train", 1)
    (record,) = tf.data.TFRecordDataset(summary.paths).map(graph_examples.parse)
    config = training_data.DataConfig(is_training=False, crop_size=[40, 60])
    crop = parser.Parser(config, TABLE)(tf.constant((1, 2), tf.int64), record)
    batch = {key: value[None] for key, value in crop.items()}
    _, truth = step_inputs.prepare(batch, TABLE, lambda image: tf.cast(image, tf.float32))
    return truth[common.LABEL_CLASSES].numpy(), truth[common.LABEL_INSTANCES].numpy()


def test_training_sees_void(item, tmp_path):
    classes, instances = _trained(item, tmp_path)
    stored = _stored()
    ring = stored == RING
    np.testing.assert_array_equal(classes[0] == labels.VOID_CLASS, ring)
    np.testing.assert_array_equal(instances[0] == labels.VOID_INSTANCE, ring)
    np.testing.assert_array_equal(classes[0] == 1, (stored > 0) & ~ring)
    assert set(np.unique(instances)) == {labels.VOID_INSTANCE, 0, 1, 2}


def test_no_pair_with_the_ring_is_in_the_loss(item, tmp_path):
    _, instances = _trained(item, tmp_path)
    ring = _stored() == RING
    targets, weights, _ = affinity_targets.pair_targets(instances, 1)
    assert not weights.numpy()[0][ring].any() and not targets.numpy()[0][ring].any()
    assert weights.numpy()[0][9:31, 7:23].all()
    # What the network says on the ring changes nothing.
    logits = np.random.default_rng(1).normal(0, 2, (1, 40, 60, 8)).astype(np.float32)

    def loss(values):
        return affinity_loss.affinity_loss(
            values, instances, output_stride=1, distances=(1,), sample_stride=1
        ).numpy()

    changed = np.where(ring[..., None], -logits, logits)
    assert loss(changed) == loss(logits)
    assert loss(-logits) != loss(logits)


def test_crops_are_not_drawn_around_the_ring():
    stored = np.zeros((64, 64), np.uint16)
    stored[0, 0] = RING
    stored[50, 50] = 7
    config = training_data.DataConfig(is_training=True, crop_size=[8, 8], object_crops=1.0)
    item = Item("a", "a.png", "a.png", "a.png")
    image = np.zeros((64, 64, 3), np.uint8)
    record = tfrecords.serialize(checks.from_arrays(item, image, stored, TABLE))
    example = graph_examples.parse(tf.constant(record))
    for seed in range(10):
        crop = parser.Parser(config, TABLE)(tf.constant((seed, 3), tf.int64), example)
        assert 7 in crop["instances"].numpy()


def test_the_ring_is_counted_as_void_when_records_are_written(item):
    checked = checks.read_item(item, TABLE)
    ring = int((_stored() == RING).sum())
    assert checked.pixels_of_class[labels.VOID_CLASS] == ring > 0
    assert dict(checked.instances_of_class) == {1: 2}
    assert dict(checks.read_item(item, WITHOUT_VOID).instances_of_class) == {1: 3}


def test_truth_of_evaluation_ignores_the_ring(item):
    truth = read_truth(item, TABLE)
    ring = _stored() == RING
    np.testing.assert_array_equal(truth.ignored, ring)
    np.testing.assert_array_equal(truth.instance_ids, np.where(ring, 0, _stored()))
    assert truth.instance_classes.tolist() == [1, 1]


@pytest.mark.parametrize("with_ring", [False, True])
def test_judges_neither_want_nor_punish_the_ring(item, tmp_path, with_ring):
    folder = _write_results(item, tmp_path, with_ring=with_ring)
    assert coco.evaluate([item], folder, TABLE)["ap"] == PERFECT
    assert metrics.evaluate([item], folder, TABLE)["dsb"]["mean_score"] == 1
    (judged,) = errors.judge_folder([item], folder, TABLE, 1)
    assert (judged.num_true, judged.num_predicted, judged.errors) == (2, 2, [])
    # Without the table's word, the ring is an object that is missed or found.
    (judged,) = errors.judge_folder([item], folder, WITHOUT_VOID, 1)
    assert judged.num_true == 3 and len(judged.errors) == (0 if with_ring else 1)


def test_the_confusion_of_classes_leaves_the_ring_out(item):
    truth = read_truth(item, TABLE)
    predicted = (_stored() > 0).astype(np.int32)  # also on the ring
    pixels = semantic.count_pixels(truth, predicted, 2)
    cells = int(((_stored() > 0) & (_stored() != RING)).sum())
    assert pixels.tolist() == [[int((_stored() == 0).sum()), 0], [0, cells]]


def test_exported_truth_has_the_ring_as_crowd(item):
    truth = read_truth(item, TABLE)
    found = coco_format.truth_annotations(truth, 2)
    assert [a["iscrowd"] for a in found] == [0, 0, 1]
    assert found[2]["area"] == int((_stored() == RING).sum())


def test_the_ring_is_not_drawn_as_an_object(item):
    image = np.full((40, 60, 3), 90, np.uint8)

    def draw(ids, classes):
        return overlays.draw_instances(image, Instances(ids, classes, None), TABLE)

    truth = read_truth(item, TABLE)
    drawn = draw(truth.instance_ids, truth.instance_classes)
    cells = np.where(_stored() == RING, 0, _stored()).astype(np.int32)
    np.testing.assert_array_equal(drawn, draw(cells, np.array([1, 1])))
    with_ring = read_truth(item, WITHOUT_VOID)
    assert (drawn != draw(with_ring.instance_ids, with_ring.instance_classes)).any()


def test_true_predictions_give_no_instance_for_the_ring(item):
    truth = read_truth(item, TABLE)
    found = true_predictions.check_image(truth.classes, truth.instance_ids, TABLE.groups, 4)
    assert [(one.number, one.iou) for one in found] == [(1, 1.0), (2, 1.0)]


def test_void_ids_are_those_that_are_stored_up_to_16_bits():
    table = labels.ClassTable(
        "cells", ("background", "cell"), (1,), void_label_ids=(65535, 300), encoding="ids"
    )
    classes, instances = table.decode(np.array([[0, 1, 300, 301, 65535]], np.uint16))
    assert classes.tolist() == [[0, 1, labels.VOID_CLASS, 1, labels.VOID_CLASS]]
    assert instances.tolist() == [[0, 1, labels.VOID_INSTANCE, 301, labels.VOID_INSTANCE]]
    assert [table.encode(1, number) for number in (0, 298, 299, 65532)] == [1, 299, 301, 65534]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"void_label_ids": (65536,)}, r"`void_label_ids` must be integers in \[-1, 65535\]"),
        ({"void_label_ids": (0, 255)}, r"`void_label_ids` must not hold 0 with .*'ids'"),
        ({"void_label_ids": (255, 255)}, r"`void_label_ids` must be different: \(255, 255\)"),
        ({"void_label_ids": (1,)}, "`void_label_ids` must not hold a class's label id"),
        ({"void_label_ids": (255.0,)}, "`void_label_ids` must be integers"),
        ({"stuff_label_ids": (1,)}, "`stuff_label_ids` must be empty with `encoding` 'ids'"),
        (
            {"void_label_ids": (256,), "encoding": "label_times_1000"},
            r"`void_label_ids` must be integers in \[-1, 255\]",
        ),
    ],
)
def test_what_void_ids_cannot_be(fields, message):
    with pytest.raises(ValueError, match=message):
        labels.ClassTable("cells", ("background", "cell"), (1,), **{"encoding": "ids", **fields})
