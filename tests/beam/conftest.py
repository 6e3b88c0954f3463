"""A few streets, small networks, and what is made of them without Beam."""

import dataclasses

import cv2
import pytest
from faults.scene import PRESET, write_network
from plain_outputs import NUM_STREETS, Wanted

from affinity_seg.beam import running, segmenting
from affinity_seg.configs import experiments, inference
from affinity_seg.data import listing
from affinity_seg.pipeline import fingerprint, merge_runs, prediction_runs
from synthetic import streets


@pytest.fixture(scope="session")
def wanted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beam")
    (folder / "preset.yaml").write_text(PRESET)
    data_dir = str(folder / "streets")
    streets.write_streets(data_dir, {"val": NUM_STREETS}, seed=1, height=128, width=192)
    items = listing.list_images(data_dir, "cityscapes", "val")
    picture = cv2.imread(items[0].image_path)
    for kind, name in (("semantic", experiments.SEMANTIC), ("affinity", experiments.AFFINITY)):
        write_network(folder / kind, name, picture)
    config = inference.load_config(str(folder / "preset.yaml"), [])
    dirs = str(folder / "semantic"), str(folder / "affinity")
    merger = merge_runs.RecordMerger(
        fingerprint.prediction_fingerprint(config, *dirs),
        config,
        "graph_merge",
        str(folder / "results"),
    )
    predictions_dir = str(folder / "predictions")
    prediction_runs.predict_images(items, config, *dirs, predictions_dir, merger=merger)
    return Wanted(str(folder), items)


@pytest.fixture
def segment():
    """Runs the pipeline in this process."""

    def run(wanted, arguments=(), **settings):
        wanted = dataclasses.replace(wanted, **settings)
        return segmenting.segment(wanted, running.parse_options(list(arguments)))

    return run
