"""What the page's server finds: the same as `affinity_seg segment`, without running it again."""

import csv
import io
import json
import re
import zipfile
from concurrent import futures
from unittest import mock

import cv2
import numpy as np
import pytest
import roifile
import tifffile
from fills import fill
from page_client import segment
from pycocotools import mask as mask_lib

from affinity_seg import model_folder
from affinity_seg.export import formats
from affinity_seg.pipeline.segmenter import Segmenter

CHANGED = {"thresholds": "0.62", "min_pixels": "150", "min_score": "0.75"}


@pytest.mark.parametrize("name", ["cells.png", "deep.tif"])
@pytest.mark.parametrize("fields", [{}, CHANGED], ids=["preset", "changed"])
def test_every_download_is_what_segment_writes(client, pictures, tmp_path, name, fields):
    picture = client.upload(pictures[name])
    answer = client.merge(picture, **fields)
    assert len(answer["instances"]) > 8
    wanted = segment(answer, pictures[name], tmp_path, "--pixel_size=0.5")
    assert len(wanted) == len(formats.FORMATS)
    for format_name in formats.FORMATS:
        response = client.download(picture, format_name, pixel_size="0.5", **fields)
        assert response.status_code == 200, response.text
        file_name = picture["files"][format_name]
        assert response.headers["Content-Disposition"] == f"attachment; filename={file_name}"
        assert response.content == wanted[file_name]


def test_the_size_of_a_pixel_that_the_file_states(client, pictures, tmp_path):
    path = tmp_path / "cells.ome.tif"
    pixels = cv2.imread(pictures["other.png"])[..., 0]
    sizes = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    tifffile.imwrite(path, pixels, ome=True, metadata=sizes)
    picture = client.upload(str(path))
    assert picture["pixel_size"] == 0.25
    assert picture["pixel_size_remark"] == "a pixel has 0.25 micrometres, as the file states"
    answer = client.merge(picture)
    for given in ({}, {"pixel_size": "0.5"}):
        more = [f"--pixel_size={size}" for size in given.values()]
        wanted = segment(answer, str(path), tmp_path / f"out{len(given)}", *more)
        for name in formats.WITH_PIXEL_SIZE:
            content = client.download(picture, name, **given).content
            assert content == wanted[picture["files"][name]]
        assert b"area_um2" in content
    assert client.upload(pictures["other.png"])["pixel_size"] is None


def test_other_thresholds_find_other_instances(client, pictures):
    picture = client.upload(pictures["cells.png"])
    own = model_folder.read("nuclei").config()
    fields = {name: getattr(own, name) for name in ("thresholds", "min_pixels", "min_score")}
    assert picture["fields"] == {**fields, "thresholds": list(fields["thresholds"])}
    first = client.merge(picture)
    assert "--override" not in first["command"]
    changed = client.merge(picture, **CHANGED)
    assert first["instances"] != changed["instances"]
    assert "thresholds=[0.62]" in changed["command"] and "min_pixels=150" in changed["command"]
    given = {"thresholds": str(own.thresholds[0]), "min_pixels": str(own.min_pixels)}
    assert client.merge(picture, **given) == first
    best = max(one["score"] for one in first["instances"])
    sure = client.merge(picture, min_score=str(best - 0.02))
    kept = [one for one in first["instances"] if one["score"] >= best - 0.02]
    assert sure["instances"] == kept and 0 < len(kept) < len(first["instances"])
    assert "min_score" in sure["command"] and "zoom" not in sure["command"]
    fewest = client.merge(picture, min_pixels=str(picture["max_min_pixels"]))["instances"]
    assert 0 < len(fewest) < len(first["instances"])


def test_the_networks_run_once(client, pictures):
    with mock.patch.object(Segmenter, "run", autospec=True, side_effect=Segmenter.run) as run:
        picture = client.upload(pictures["cells.png"])
        at_upload = run.call_count
        for threshold in ("0.3", "0.5", "0.7"):
            assert client.merge(picture, thresholds=threshold)["instances"]
        assert client.download(picture, "imagej", thresholds="0.4").status_code == 200
    assert run.call_count == at_upload > 0


def test_downloads_read_back_are_the_instances_that_are_shown(client, pictures):
    picture = client.upload(pictures["cells.png"])
    found = client.merge(picture, **CHANGED)["instances"]
    content = {n: client.download(picture, n, **CHANGED).content for n in formats.FORMATS}
    shape = picture["height"], picture["width"]
    ids = tifffile.imread(io.BytesIO(content["labels_tiff"]))
    masks = [ids == number for number in range(1, len(found) + 1)]
    assert ids.shape == shape and len(masks) > 8 and all(mask.any() for mask in masks)
    for one, mask in zip(found, masks, strict=True):
        rings = [np.reshape(ring, [-1, 2]) for ring in one["rings"]]
        np.testing.assert_array_equal(fill(rings, shape), mask)
        assert one["size"] == mask.sum() and one["class"] == 0 and 0 < one["score"] <= 1
    png = cv2.imdecode(np.frombuffer(content["labels_png"], np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(png, ids)
    overlay = cv2.imdecode(np.frombuffer(content["png"], np.uint8), cv2.IMREAD_COLOR)
    assert overlay.shape[1] * shape[0] == overlay.shape[0] * shape[1]
    with zipfile.ZipFile(io.BytesIO(content["imagej"])) as archive:
        regions = [roifile.ImagejRoi.frombytes(archive.read(n)) for n in archive.namelist()]
    features = json.loads(content["geojson"])["features"]
    annotations = json.loads(content["coco"])["annotations"]
    described = json.loads(content["json"])["instances"]
    rows = list(csv.DictReader(io.StringIO(content["csv"].decode())))
    for region, feature, annotation, entry, row, mask in zip(
        regions, features, annotations, described, rows, masks, strict=True
    ):
        np.testing.assert_array_equal(fill(region.coordinates(multi=True), shape), mask)
        assert feature["properties"]["measurements"]["area_px"] == mask.sum()
        np.testing.assert_array_equal(mask_lib.decode(annotation["segmentation"]), mask)
        assert entry["class_name" if "class_name" in entry else "class"] == "nucleus"
        assert int(row["area_px"]) == mask.sum()


def test_the_page_shows_the_picture_as_it_was_segmented(client, pictures):
    picture = client.upload(pictures["cells.png"])
    response = client.get(f"pictures/{picture['token']}/picture.png")
    shown = cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown, cv2.imread(pictures["cells.png"]))


def test_a_stack_is_read_by_its_page_and_channels(client, pictures, tmp_path):
    pixels = cv2.imread(pictures["other.png"])[..., 0]
    path = str(tmp_path / "stack.tif")
    tifffile.imwrite(path, np.stack([np.zeros_like(pixels), pixels]), photometric="minisblack")
    with open(path, "rb") as file:
        refused = client.post(file.read(), "stack.tif")
    assert refused.status_code == 400
    assert "stack.tif: the TIFF file has 2 pages" in refused.json()["error"]
    picture = client.upload(path, page="2")
    answer = client.merge(picture)
    assert len(answer["instances"]) > 5 and "--page=2" in answer["command"]
    assert picture["files"]["geojson"] == "stack_page2.geojson"  # As `segment` names it.
    alone = client.merge(client.upload(pictures["other.png"], channels="1"))
    assert answer["instances"] == alone["instances"] and "--channels=1" in alone["command"]


def test_two_clients_at_once_do_not_disturb_each_other(client, pictures):
    names = ("cells.png", "other.png")
    thresholds = ("0.4", "0.5", "0.62", "0.5", "0.4", "0.7")

    def use(name):
        picture = client.upload(pictures[name])
        return picture, [client.merge(picture, thresholds=t)["instances"] for t in thresholds]

    alone = [use(name) for name in names]
    with futures.ThreadPoolExecutor(2) as pool:
        together = list(pool.map(use, names))
    for (first, wanted), (second, found) in zip(alone, together, strict=True):
        assert first["token"] != second["token"] and first["name"] == second["name"]
        assert found == wanted and wanted[0] != wanted[-1]
    assert alone[0][1] != alone[1][1]


def test_tokens_cannot_be_guessed(client, pictures):
    tokens = [client.upload(pictures["other.png"])["token"] for _ in range(2)]
    assert len(set(tokens)) == 2
    assert all(re.fullmatch(r"[\w-]{43}", token) for token in tokens)  # 32 bytes
