"""The programs of inference as a user starts them."""

import os

import numpy as np
import oracle
from running import ROOT, run_verb

from affinity_seg import structured
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation.result_reading import read_result
from affinity_seg.pipeline import records
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.segmenter import Segmenter

CONFIG = InferenceConfig(cell_size=8, growth=4, crop_size=32, max_zoom=1.0, min_pixels=10)
# What CONFIG is beside the best row of the paper.
OVERRIDES = ["--preset=paper_best"] + [
    f"--override={setting}"
    for setting in (
        "cell_size=8",
        "growth=4",
        "crop_size=32",
        "max_zoom=1",
        "min_pixels=10",
        "semantic_stride=null",
        "affinity_stride=null",
        "refine_classes=[]",
    )
]


def _tool(name, *arguments):
    return run_verb(name, ROOT, *arguments)


def _predict(tmp_path):
    """Writes the record of two squares that touch; returns the folder and the true instances."""
    classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
    classes[4:12, 4:16], instances[4:12, 4:10], instances[4:12, 10:16] = 1, 1, 2
    predictor = Predictor(Segmenter(*map(oracle.OracleNetwork, ("semantic", "affinity")), CONFIG))
    record = records.Record(
        name="street",
        filename="street.png",
        image_sha256="0a1b",
        fingerprint=structured.plain(CONFIG.prediction_fields()),
        class_table=oracle.TABLE,
        prediction=predictor.predict(oracle.picture(classes, instances)),
    )
    predictions = str(tmp_path / "predictions")
    os.makedirs(predictions)
    records.write_record(records.record_path(predictions, "street"), record)
    return predictions, instances


def test_merge_writes_results_and_refuses_another_preset(tmp_path):
    predictions, instances = _predict(tmp_path)
    results = str(tmp_path / "results")
    folders = (f"--input={predictions}", f"--output_dir={results}")

    done = _tool("merge", *folders, *OVERRIDES)
    assert done.returncode == 0, done.stderr
    assert "1 images merged" in done.stdout
    found = read_result(results, "street", oracle.TABLE)
    assert [np.array_equal(p.mask, instances == i) for i, p in enumerate(found, 1)] == [True] * 2

    refused = _tool("merge", *folders, *OVERRIDES, "--override=growth=16")
    assert refused.returncode != 0
    assert "there `growth` is 4, not 16" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


def test_merge_filters_by_class_and_score(tmp_path):
    predictions, _ = _predict(tmp_path)
    results = str(tmp_path / "results")
    folders = (f"--input={predictions}", f"--output_dir={results}")

    unknown = _tool("merge", *folders, *OVERRIDES, "--classes=disc,cat")
    assert unknown.returncode != 0
    assert "`--classes` must be foreground classes" in unknown.stderr
    assert "('square', 'disc', 'bar'): 'cat'" in unknown.stderr
    assert "Traceback" not in unknown.stderr and not os.path.exists(results)

    none = _tool("merge", *folders, *OVERRIDES, "--classes=disc,bar", "--min_score=0.5")
    assert none.returncode == 0, none.stderr
    assert read_result(results, "street", oracle.TABLE) == []


def test_segment_says_what_is_missing(tmp_path):
    picture = os.path.join(str(tmp_path), "street.png")
    missing = _tool("segment", f"--input={picture}", f"--output_dir={tmp_path}")
    assert missing.returncode != 0
    assert f"the image does not exist: {picture}" in missing.stdout + missing.stderr
    assert "Traceback" not in missing.stdout + missing.stderr
