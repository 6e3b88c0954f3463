"""Pictures that EXIF turns: results lie in the picture as shown, unless a mask must fit."""

import json
import shutil

import cv2
import numpy as np
import oracle
import picture_bytes
import pytest

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.export import label_maps
from affinity_seg.pipeline import merge_runs, outputs, prediction_runs
from affinity_seg.rejected_inputs import EXIT_STATUS, RejectedInputs

CONFIG = InferenceConfig(
    cell_size=8, growth=4, crop_size=32, max_zoom=1.0, merge_window=1, min_pixels=10
)
STORED = {3: lambda shown: shown[::-1, ::-1], 6: lambda shown: shown.transpose(1, 0, 2)[::-1]}
"""Pixels that an orientation turns into those that are shown."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The same picture upright and as EXIF turns it, and networks that know the truth."""
    classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
    classes[2:10, 4:10] = instances[2:10, 4:10] = 1
    classes[14:22, 16:30], instances[14:22, 16:30] = 2, 2
    shown = cv2.cvtColor(oracle.picture(classes, instances), cv2.COLOR_RGB2BGR)
    (tmp_path / "data" / "images").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "data" / "images" / "upright.png"), shown)
    for orientation, store in STORED.items():
        chunk = picture_bytes.chunk(b"eXIf", picture_bytes.exif(orientation))
        path = tmp_path / "data" / "images" / f"turned_{orientation}.png"
        path.write_bytes(picture_bytes.png(np.ascontiguousarray(store(shown)), chunk))
    oracle.write_model(tmp_path, monkeypatch)
    return tmp_path


def _predict(folder, items):
    rejected = RejectedInputs(str(folder / "out"), strict=False)
    dirs = str(folder / "semantic"), str(folder / "affinity")
    prediction_runs.predict_images(items, CONFIG, *dirs, str(folder / "out"), rejected=rejected)
    return rejected.finish()


@pytest.mark.parametrize("layout", ["images", "folder"])
def test_without_masks_results_are_those_of_the_picture_as_it_is_shown(folder, layout):
    data_dir = folder / "data" / "images" if layout == "images" else folder / "data"
    items = listing.list_images(str(data_dir), layout)
    assert _predict(folder, items) == 0
    merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    dirs = str(folder / "out"), str(folder / "res")
    found = {item.name: outputs.read_outputs(item, *dirs, oracle.TABLE) for item in items}
    upright = found["upright"]
    assert len(upright.instances) == 2
    for turned in (found["turned_3"], found["turned_6"]):
        np.testing.assert_array_equal(turned.image, upright.image)
        for one, other in zip(turned.instances, upright.instances, strict=True):
            np.testing.assert_array_equal(one.mask, other.mask)
            assert one.score == other.score
    label_maps.write_label_maps(items, dirs[1], oracle.TABLE, str(folder / "maps"))
    maps = [cv2.imread(str(folder / "maps" / f"{i.name}_label_map.png"), -1) for i in items]
    assert maps[0].any() and maps[0].shape == (24, 32)
    np.testing.assert_array_equal(maps[0], maps[2])
    np.testing.assert_array_equal(maps[1], maps[2])


def test_beside_a_mask_a_turned_picture_is_refused(folder):
    (folder / "data" / "instances").mkdir()
    for name in ("upright", "turned_6"):
        path = folder / "data" / "instances" / f"{name}.png"
        cv2.imwrite(str(path), np.zeros((24, 32), np.uint16))
    items = listing.list_images(str(folder / "data"), "folder")
    assert _predict(folder, items) == EXIT_STATUS
    (entry,) = json.loads((folder / "out" / "rejected.json").read_text())
    assert entry["name"] == "turned_6"
    assert "turned_6.png: EXIF orientation must be 1, " in entry["reason"]
    assert "where a mask must fit: 6; store it upright first" in entry["reason"]
    shutil.rmtree(folder / "data" / "instances")
    assert _predict(folder, listing.list_images(str(folder / "data"), "folder")) == 0
