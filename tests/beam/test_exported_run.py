"""The pipeline with an exported model."""

import os

import pytest
from plain_outputs import NUM_STREETS, contents

from affinity_seg.beam.segmentation import Segmentation
from affinity_seg.pipeline import prediction_runs
from affinity_seg.serving import saved_model


def test_an_exported_model_finds_the_same_instances(wanted, segment, tmp_path):
    run = wanted.networks_run(tmp_path)
    segmenter = prediction_runs.load_segmenter(run.config, *run.network_dirs)
    saved_model.write(segmenter, str(tmp_path / "export" / "1"), warmup=False)
    exported_dir = str(tmp_path / "export")
    run = Segmentation(wanted.streets, str(tmp_path / "out"), exported_dir=exported_dir)
    summary = segment(run)
    assert (summary.predicted, summary.merged) == (NUM_STREETS, NUM_STREETS)
    found, expected = (
        contents(os.path.join(f, "results")) for f in (tmp_path / "out", wanted.folder)
    )
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        if name.endswith(".png"):
            assert found[name] == content
        elif name.endswith("_pred.txt"):
            lines = [text.decode().split() for text in (found[name], content)]
            assert lines[0][::3] == lines[1][::3] and lines[0][1::3] == lines[1][1::3]
            for ours, theirs in zip(lines[0][2::3], lines[1][2::3], strict=True):
                assert float(ours) == pytest.approx(float(theirs), abs=1e-5)
    summary = segment(run)
    assert (summary.predicted, summary.merged, summary.done_before) == (0, 0, NUM_STREETS)
    with pytest.raises(ValueError, match="holds outputs of another run"):
        segment(wanted.networks_run(tmp_path / "out"))
