"""Large pictures on the page: merged in parts, as `affinity_seg segment` does it."""

from concurrent import futures
from unittest import mock

import cv2
import pytest
from page_client import segment
from running import ROOT

from affinity_seg import model_folder
from affinity_seg.configs import inference
from affinity_seg.export import formats
from affinity_seg.pipeline import large, parts, prediction_runs
from affinity_seg.pipeline.tiled_logits import TiledLogits
from affinity_seg.serving.page import application, served_picture

MAX_INPUT_PIXELS = 2**18
OVERRIDES = f"max_input_pixels={MAX_INPUT_PIXELS}", "merge_overlap=16"
CHANGED = {"thresholds": "0.62", "min_pixels": "150"}
SIZES = {"large.png": (400, 461), "less.png": (280, 300)}


@pytest.fixture(scope="module")
def segmenter():
    model = model_folder.read("nuclei")
    config = inference.load_config(vars(model.config()), OVERRIDES)
    return prediction_runs.load_segmenter(config, *model.network_dirs)


@pytest.fixture
def app(segmenter, kept):
    flags = tuple(f"--override={one}" for one in OVERRIDES)
    settings = application.Settings("nuclei", flags, "127.0.0.1", 10**7, 10**6, 60.0)
    return application.Application(served_picture.Reader(segmenter, 10**6, 60.0), kept, settings)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "SIDE", 256)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Pictures of nuclei by name."""
    folder = tmp_path_factory.mktemp("large")
    whole = cv2.imread(f"{ROOT}/models/nuclei.png")
    for name, (height, width) in SIZES.items():
        assert cv2.imwrite(str(folder / name), whole[:height, :width])
    return {name: str(folder / name) for name in SIZES}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("fields", [{}, CHANGED], ids=["preset", "changed"])
def test_every_download_is_what_segment_writes(client, segmenter, paths, tmp_path, name, fields):
    assert large.is_large(segmenter.config, SIZES[name])
    picture = client.upload(paths[name])
    answer = client.merge(picture, **fields)
    assert len(answer["instances"]) > 50
    # With other thresholds the command sets the zoom, and with it `less.png` is not large.
    height, width = SIZES[name]
    is_small = height * width * picture["zoom"] ** 2 < MAX_INPUT_PIXELS
    assert is_small == (name == "less.png")
    if not is_small and not fields:
        assert "may be cut" in answer["warning"] and "merge_overlap=32" in answer["warning"]
    wanted = segment(answer, paths[name], tmp_path)
    assert len(wanted) == len(formats.FORMATS)
    for format_name in formats.FORMATS:
        response = client.download(picture, format_name, **fields)
        assert response.status_code == 200, response.text
        assert response.content == wanted[picture["files"][format_name]]


def test_the_networks_run_once_and_threads_do_not_disturb_each_other(client, paths):
    with mock.patch.object(TiledLogits, "_run", autospec=True, side_effect=TiledLogits._run) as run:
        picture = client.upload(paths["large.png"])
        at_upload = run.call_count
        values = ("0.4", "0.5", "0.62", "0.7")

        def merge(threshold):
            return client.merge(picture, thresholds=threshold)["instances"]

        alone = list(map(merge, values))
        with futures.ThreadPoolExecutor(2) as pool:
            together = list(pool.map(merge, values))
    assert together == alone and alone[0] != alone[-1]
    assert run.call_count == at_upload > 1
