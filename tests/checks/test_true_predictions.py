"""Truth as predictions through the real op."""

import numpy as np

from affinity_seg import class_tables, labels
from checks import true_predictions
from synthetic.scene import render_street


def test_affinities_of_a_drawn_map():
    affinities = true_predictions.true_affinities(np.array([[7, 7, 0], [7, 5, 5]]), (1,))
    # Directions: (-1,-1) (-1,0) (-1,1) (0,-1) (0,1) (1,-1) (1,0) (1,1).
    assert affinities[0, 0].tolist() == [0, 0, 0, 0, 1, 0, 1, 0]
    assert affinities[0, 1].tolist() == [0, 0, 0, 1, 0, 1, 0, 0]
    assert affinities[1, 2].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert not affinities[0, 2].any()


def test_pieces_are_joined_by_edges_only():
    mask = np.zeros((1, 12), bool)
    mask[0, [0, 1, 5, 8]] = True
    # 1 - 5 are 4 apart, 0 - 8 are 8 apart; 8 - 5 is no distance.
    assert true_predictions.find_pieces(mask, (1, 2, 4))[0, [0, 1, 5, 8]].tolist() == [5, 5, 5, 8]
    assert true_predictions.find_pieces(mask)[0, [0, 1, 5, 8]].tolist() == [8, 8, 8, 8]


def test_connected_instances_come_back_and_others_are_listed():
    classes, instances = np.zeros((40, 60), np.int32), np.zeros((40, 60), np.int32)
    # Touching cars; a person behind a pole; a bus whose parts are 3 pixels and a
    # diagonal apart that no distance bridges; a small rider; void around it.
    for number, (c, y0, x0, y1, x1) in enumerate(
        [(3, 2, 2, 12, 14), (3, 2, 14, 12, 26), (1, 2, 30, 30, 40), (2, 33, 2, 37, 6)], start=1
    ):
        classes[y0:y1, x0:x1], instances[y0:y1, x0:x1] = c, number
    classes[2:30, 34:36], instances[2:30, 34:36] = 0, 0
    for y, x in ((20, 2), (23, 5), (26, 26), (39, 45)):
        classes[y, x : x + 1], instances[y, x : x + 1] = 5, 9
    classes[35:40, 50:60], instances[35:40, 50:60] = 3, labels.VOID_INSTANCE
    classes[0, :] = labels.VOID_CLASS
    results = true_predictions.check_image(
        classes, instances, labels.CITYSCAPES_GROUPS, min_pixels=16
    )
    assert [(r.class_index, r.size, r.pieces, r.iou) for r in results] == [
        (3, 120, [120], 1.0),
        (3, 120, [120], 1.0),
        (1, 224, [224], 1.0),
    ]
    results = true_predictions.check_image(
        classes, instances, labels.CITYSCAPES_GROUPS, min_pixels=0
    )
    bus = next(r for r in results if r.class_index == 5)
    assert sum(bus.pieces) == 4 and len(bus.pieces) > 1 and bus.iou < 1
    assert all(r.iou == 1.0 for r in results if r is not bus)


def test_streets_come_back():
    found = []
    for seed in (3, 4):
        scene = render_street(128, 256, np.random.default_rng(seed))
        classes, instances = class_tables.CITYSCAPES.decode(scene.instance_ids)
        found += true_predictions.check_image(
            classes, instances, labels.CITYSCAPES_GROUPS, min_pixels=16
        )
    connected = [result for result in found if len(result.pieces) == 1]
    assert len(connected) > 10
    assert all(result.iou == 1.0 for result in connected)
