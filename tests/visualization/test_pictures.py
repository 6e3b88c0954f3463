"""All pictures of an image, from prediction records and results, by `affinity_seg report`."""

import os

import cv2
import numpy as np
import pytest
from running import run_verb

from affinity_seg import files
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.evaluation import result_writing
from affinity_seg.instances import Instances
from affinity_seg.pipeline import records
from affinity_seg.pipeline.predictions import ImagePrediction, RegionPrediction
from affinity_seg.pipeline.regions import Region
from affinity_seg.visualization import layout, pictures
from checks.true_predictions import true_affinities

H, W, STRIDE, CAR = 64, 96, 4, 3
DISTANCES = (1, 4)
BOX = (16, 16, 64, 96)
KINDS = ("affinity", "directions", "instances", "semantic", "sheet", "truth")


def _ids():
    """Two cars that touch at column 48."""
    ids = np.zeros((H, W), np.int32)
    ids[24:56, 24:48] = 1
    ids[24:56, 48:80] = 2
    return ids


def _prediction(flip=False, regions=True):
    """The truth as logits at stride 4; the region is zoomed by 1 and is not the whole image."""
    classes = np.where(_ids() > 0, CAR, 0)[::STRIDE, ::STRIDE]
    semantic = 10 * (2 * np.eye(9)[classes] - 1)
    y0, x0, y1, x1 = BOX
    cut = _ids()[y0:y1, x0:x1]
    # Distances on the coarse grid, so that the boundary can be seen at the stride.
    affinities = 10 * (2 * true_affinities(cut[::STRIDE, ::STRIDE], DISTANCES) - 1)
    semantic, affinities = semantic[None], affinities[None]
    if flip:
        # A mirrored answer that sees a boundary everywhere: the mean is half of the plain one's.
        semantic = np.concatenate([semantic, semantic[:, :, ::-1]])
        affinities = np.concatenate([affinities, np.full_like(affinities, -10)])
    region = RegionPrediction(
        region=Region(0, BOX, np.ones((y1 - y0, x1 - x0), bool)),
        zoomed_size=(y1 - y0, x1 - x0),
        semantic_logits=semantic.astype(np.float16),
        affinity_logits=affinities.astype(np.float16),
    )
    return ImagePrediction(
        height=H,
        width=W,
        semantic_stride=STRIDE,
        affinity_stride=STRIDE,
        distances=DISTANCES,
        semantic_logits=semantic.astype(np.float16),
        regions=[region] if regions else [],
    )


def test_predicted_classes_are_those_of_the_logits():
    classes = pictures.predicted_classes(_prediction())
    assert (classes[26:52, 26:76] == CAR).all()
    assert (classes[:20] == 0).all() and (classes[:, 84:] == 0).all()


def test_predicted_boundaries_are_pasted_where_the_region_is():
    boundary = pictures.predicted_boundaries(_prediction())
    assert boundary.shape == (2, H, W)
    inside, between = boundary[0, 40, 32], boundary[0, 40, 47]
    assert inside < 0.05 and between > 0.3
    assert (boundary[:, :16] == 0).all() and (boundary[:, :, :16] == 0).all()
    flipped = pictures.predicted_boundaries(_prediction(flip=True))
    np.testing.assert_allclose(flipped[0, 40, 32], (inside + 1) / 2, atol=1e-3)


def test_no_region_and_no_truth(tmp_path):
    nothing = Instances(np.zeros((H, W), np.int32), np.zeros(0, int), np.zeros(0))
    image = np.zeros((H, W, 3), np.uint8)
    drawn = pictures.draw_pictures(
        "x", image, _prediction(regions=False), nothing, None, CITYSCAPES
    )
    pictures.write_pictures(str(tmp_path), "x", drawn)
    assert sorted(os.listdir(tmp_path)) == [
        f"x_{kind}.png" for kind in ("affinity", "instances", "semantic", "sheet")
    ]
    with pytest.raises(ValueError, match="x: the prediction must be as large as the image"):
        pictures.draw_pictures("x", image[1:], _prediction(), nothing, None, CITYSCAPES)


@pytest.fixture
def folder(tmp_path):
    """A data set of two images, with records and results."""
    os.makedirs(tmp_path / "data" / "images")
    os.makedirs(tmp_path / "data" / "instances")
    found = Instances(_ids(), np.array([CAR, CAR]), np.array([0.75, 0.5], np.float32))
    for name in ("one", "two"):
        cv2.imwrite(str(tmp_path / f"data/images/{name}.png"), np.full((H, W, 3), 90, np.uint8))
        values = np.array([0, 26000, 26001], np.uint16)[_ids()]
        cv2.imwrite(str(tmp_path / f"data/instances/{name}.png"), values)
        digest = files.sha256(str(tmp_path / f"data/images/{name}.png"))
        record = records.Record(name, f"{name}.png", digest, {}, CITYSCAPES, _prediction())
        records.write_record(records.record_path(str(tmp_path / "pred"), name), record)
        result_writing.write_result(str(tmp_path / "results"), name, found, CITYSCAPES)
    return tmp_path


def _run(folder, *arguments):
    return run_verb(
        "report",
        folder,
        "--format=pictures",
        "--predictions_dir=pred",
        "--results_dir=results",
        "--input=data",
        "--layout=folder",
        "--output_dir=pictures",
        *arguments,
    )


def test_tool_writes_every_picture(folder):
    run = _run(folder)
    assert run.returncode == 0, run.stderr
    assert sorted(os.listdir(folder / "pictures")) == [
        f"{name}_{kind}.png" for name in ("one", "two") for kind in KINDS
    ]
    drawn = {kind: cv2.imread(str(folder / f"pictures/one_{kind}.png")) for kind in KINDS}
    factor = layout.enlargement(H, W)
    for kind in ("truth", "instances"):
        assert drawn[kind].shape == (factor * H, factor * W, 3)
        left, right = drawn[kind][40 * factor, 36 * factor], drawn[kind][40 * factor, 64 * factor]
        assert np.abs(left.astype(int) - right).sum() > 50  # two cars, two colours
        assert (drawn[kind][5 * factor, 5 * factor] == 90).all()
    # Scores are written on the prediction, not on the truth.
    assert (drawn["truth"] != drawn["instances"]).any()
    blue, _, red = drawn["semantic"][40 * factor, 36 * factor].astype(int)
    assert blue > red + 50  # a car is blue
    assert drawn["sheet"].shape[0] > drawn["affinity"].shape[0]
    np.testing.assert_array_equal(drawn["sheet"][-drawn["affinity"].shape[0] :], drawn["affinity"])


def test_tool_draws_so_many_and_names_what_does_not_fit(folder):
    assert _run(folder, "--max_images=1").returncode == 0
    assert {name.split("_")[0] for name in os.listdir(folder / "pictures")} == {"one"}
    cv2.imwrite(str(folder / "data/images/two.png"), np.full((H, W, 3), 91, np.uint8))
    run = _run(folder)
    assert run.returncode != 0
    assert "pred/two.tfrecord: the prediction is not of the image data/images/two" in run.stderr
    assert "Traceback" not in run.stderr
    truth = folder / "data/instances/one.png"
    content = truth.read_bytes()
    for damaged, message in (
        (content[:-20], "the file is damaged or cut off"),
        (cv2.imencode(".png", np.zeros((H, W + 1), np.uint16))[1].tobytes(), "must have the size"),
    ):
        truth.write_bytes(damaged)
        run = _run(folder, "--max_images=1")
        assert run.returncode != 0
        assert f"data/instances/one.png: {message}" in run.stderr
        assert "Traceback" not in run.stderr


def test_tool_leaves_out_what_is_filtered(folder):
    run = _run(folder, "--max_images=1", "--min_score=0.6", "--classes=car")
    assert run.returncode == 0, run.stderr
    drawn = cv2.imread(str(folder / "pictures/one_instances.png"))
    factor = layout.enlargement(H, W)
    assert (drawn[52 * factor, 76 * factor] == 90).all()  # The car with score 0.5.
    assert (drawn[52 * factor, 28 * factor] != 90).any()
    run = _run(folder, "--min_score=nan")
    assert "`--min_score` must be a finite number: nan" in run.stderr
    assert run.returncode != 0 and "Traceback" not in run.stderr
