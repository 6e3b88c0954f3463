"""Results of pictures in the formats of other programs, read back by their own readers."""

import csv
import dataclasses
import io
import json
import os
import time

import cv2
import numpy as np
import oracle
import pytest
import roifile
import tifffile
from fills import fill
from pycocotools.coco import COCO

from affinity_seg import cli, verbs
from affinity_seg import instances as instances_lib
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.export import formats
from affinity_seg.export.formats import measurements
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.export.formats.writer import Writer


def _picture(ids, name="cells", **fields):
    """Returns a picture of instances with classes and scores in turn."""
    count = int(ids.max())
    found = instances_lib.number(
        ids - 1, 1 + np.arange(count) % 3, np.linspace(0.5, 0.9, count, dtype=np.float32)
    ).as_numpy()
    image = np.random.default_rng(0).integers(0, 256, (*ids.shape, 3), np.uint8)
    windowed = WindowedPicture(image)
    return SegmentedPicture(name, f"{name}.jpg", windowed, found, oracle.TABLE, **fields)


def _shapes():
    """Returns ids of instances of every kind: holes, islands, parts, single pixels, borders."""
    ids = np.zeros((20, 30), np.int32)
    ids[0:9, 0:9] = 1
    ids[2:7, 2:7] = 2  # In the hole of the first one, with a hole and an island of its own.
    ids[3:6, 3:6] = 0
    ids[4, 4] = 2
    ids[10:12, 3:5] = ids[14, 7] = ids[12, 5] = 3  # Three parts, two of them touch diagonally.
    ids[19, 29] = 4  # One pixel in the corner.
    ids[0:20, 20] = 5  # A line from border to border.
    ids[3:7, 22:26] = 6
    ids[4, 23] = ids[5, 24] = 0  # A hole of two pixels that touch diagonally.
    return ids


def _noise():
    return np.random.default_rng(1).integers(0, 6, (25, 17)).astype(np.int32)


def _write(folder, *pictures, names=formats.FORMATS):
    """Writes pictures, by default in all formats."""
    writer = Writer(str(folder), names)
    for picture in pictures:
        writer.write(picture.name, writer.convert(picture))
    writer.finish()


def _masks(picture):
    count = len(picture.instances.classes)
    return [picture.instances.instance_ids == number for number in range(1, count + 1)]


@pytest.fixture(params=[_shapes, _noise], ids=["shapes", "noise"])
def picture(request):
    return _picture(request.param())


def _check_masks(found, picture):
    wanted = _masks(picture)
    assert len(found) == len(wanted) >= 5
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_label_images(tmp_path, picture):
    _write(tmp_path, picture)
    for read in (
        tifffile.imread(tmp_path / "cells_labels.tif"),
        cv2.imread(str(tmp_path / "cells_labels.png"), cv2.IMREAD_UNCHANGED),
    ):
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, picture.instances.instance_ids)


def test_imagej_regions(tmp_path, picture):
    _write(tmp_path, picture)
    regions = roifile.roiread(tmp_path / "cells_rois.zip")
    _check_masks([fill(r.coordinates(multi=True), picture.size) for r in regions], picture)
    for number, region in enumerate(regions, start=1):
        class_name = picture.class_names[number - 1]
        y0, x0, y1, x1 = picture.instances.boxes[number - 1]
        assert region.name == f"{number:05d}-{class_name}"
        assert (region.top, region.left, region.bottom, region.right) == (y0, x0, y1, x1)
        score = picture.instances.scores[number - 1]
        assert region.props == f"class: {class_name}\nscore: {score:.4f}\n"


@pytest.mark.parametrize(
    ("name", "object_type"),
    [("cells.geojson", "detection"), ("cells_annotations.geojson", "annotation")],
)
def test_geojson(tmp_path, picture, name, object_type):
    _write(tmp_path, picture)
    content = json.loads((tmp_path / name).read_text())
    assert content["type"] == "FeatureCollection"
    found = []
    for index, feature in enumerate(content["features"]):
        geometry, properties = feature["geometry"], feature["properties"]
        is_single = geometry["type"] == "Polygon"
        polygons = [geometry["coordinates"]] if is_single else geometry["coordinates"]
        rings = [ring for polygon in polygons for ring in polygon]
        assert all(ring[0] == ring[-1] for ring in rings)
        found.append(fill(rings, picture.size))
        assert properties["objectType"] == object_type
        assert properties["classification"]["name"] == picture.class_names[index]
        assert properties["measurements"]["area_px"] == found[-1].sum()
    _check_masks(found, picture)


def test_coco_holds_all_pictures(tmp_path, picture):
    other = _picture(_shapes()[:12], "other")
    _write(tmp_path, picture, other)
    data_set = COCO(str(tmp_path / "instances_coco.json"))
    assert [data_set.imgs[i]["file_name"] for i in (1, 2)] == ["cells.jpg", "other.jpg"]
    for image_id, one in ((1, picture), (2, other)):
        annotations = data_set.loadAnns(data_set.getAnnIds(image_id))
        masks = [data_set.annToMask(annotation) for annotation in annotations]
        for mask, wanted in zip(masks, _masks(one), strict=True):
            np.testing.assert_array_equal(mask, wanted)
        assert [a["area"] for a in annotations] == one.instances.sizes.tolist()
        names = [data_set.cats[a["category_id"]]["name"] for a in annotations]
        assert names == one.class_names
        assert [a["score"] for a in annotations] == pytest.approx(one.instances.scores)
        for annotation, mask in zip(annotations, masks, strict=True):
            x, y, width, height = annotation["bbox"]
            assert mask[y : y + height, x : x + width].sum() == mask.sum()
            assert mask[y].any() and mask[:, x].any()


def _rows(folder):
    with open(folder / "measurements.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_measurements_are_those_of_the_masks(tmp_path, picture):
    _write(tmp_path, picture)
    rows = _rows(tmp_path)
    for row, mask in zip(rows, _masks(picture), strict=True):
        number = int(row["id"])
        assert (row["image"], row["class"]) == ("cells", picture.class_names[number - 1])
        assert float(row["score"]) == pytest.approx(picture.instances.scores[number - 1], rel=1e-5)
        y, x = np.nonzero(mask)
        assert int(row["area_px"]) == mask.sum()
        centroid = [float(row["centroid_x_px"]), float(row["centroid_y_px"])]
        assert centroid == pytest.approx([x.mean() + 0.5, y.mean() + 0.5], rel=1e-5)
        box = [int(row[f"{side}_px"]) for side in ("left", "top", "right", "bottom")]
        assert box == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        for channel in range(3):
            values = picture.image.whole()[mask][:, channel]
            assert float(row[f"mean_{channel + 1}"]) == pytest.approx(values.mean(), rel=1e-5)
            assert float(row[f"min_{channel + 1}"]) == values.min()
            assert float(row[f"max_{channel + 1}"]) == values.max()
    assert not any("um" in column for column in rows[0])


def test_axes_of_a_disc(tmp_path):
    y, x = np.mgrid[:100, :100] - 49.5
    ids = ((x / 40) ** 2 + (y / 20) ** 2 <= 1).astype(np.int32)
    _write(tmp_path, _picture(ids))
    (row,) = _rows(tmp_path)
    assert float(row["major_axis_px"]) == pytest.approx(80, rel=0.01)
    assert float(row["minor_axis_px"]) == pytest.approx(40, rel=0.01)
    assert float(row["eccentricity"]) == pytest.approx(0.75**0.5, rel=0.01)


@pytest.mark.parametrize("radius", [3, 10, 40])
def test_shape_of_a_disc(radius):
    y, x = np.mgrid[:100, :100] - 49.3
    table = measurements.convert(_picture((y**2 + x**2 <= radius**2).astype(np.int32)))
    assert table["perimeter_px"] == pytest.approx([2 * np.pi * radius], rel=0.02)
    assert 0.88 < table["solidity"][0] < 1


@pytest.mark.parametrize("angle", [0, 30, 90, 150])
def test_orientation_is_counterclockwise_from_the_x_axis(angle):
    y, x = np.mgrid[:100, :100] - 49.5
    turned = np.radians(angle)
    along, across = np.cos(turned) * x - np.sin(turned) * y, np.sin(turned) * x + np.cos(turned) * y
    table = measurements.convert(_picture(((along / 40) ** 2 + (across / 10) ** 2 <= 1) * 1))
    assert table["orientation_deg"] == pytest.approx([angle], abs=0.5)


def test_solidity_is_that_of_squares():
    """A rectangle, a pixel, an L, two pixels that touch diagonally, and two apart."""
    ids = np.zeros((12, 12), np.int32)
    ids[:3, :5] = 1
    ids[0, 8] = 2
    ids[4:7, 0] = ids[6, :3] = 3
    ids[[4, 5], [8, 9]] = 4
    ids[9, [0, 3]] = 5
    table = measurements.convert(_picture(ids))
    assert table["solidity"] == pytest.approx([1, 1, 5 / 7, 2 / 3, 1 / 2])
    assert table["eccentricity"][1] == 0 and table["eccentricity"][4] == 1


def test_pixel_size(tmp_path):
    _write(tmp_path, _picture(_shapes(), pixel_size=0.25))
    for row in _rows(tmp_path):
        assert float(row["area_um2"]) == pytest.approx(int(row["area_px"]) / 16, rel=1e-5)
        lengths = ("major_axis", "minor_axis", "perimeter")
        for column in ("centroid_x", "centroid_y", "left", "bottom", *lengths):
            in_pixels = float(row[f"{column}_px"])
            assert float(row[f"{column}_um"]) == pytest.approx(in_pixels / 4, rel=1e-5)
    with tifffile.TiffFile(tmp_path / "cells_labels.tif") as file:
        tags = file.pages[0].tags
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        across, down = tags["XResolution"].value, tags["YResolution"].value
        assert across == down and across[0] / across[1] == pytest.approx(40_000)


def test_a_picture_without_instances(tmp_path):
    _write(tmp_path, _picture(np.zeros((5, 8), np.int32)))
    assert not tifffile.imread(tmp_path / "cells_labels.tif").any()
    assert roifile.roiread(tmp_path / "cells_rois.zip") == []
    assert json.loads((tmp_path / "cells.geojson").read_text())["features"] == []
    data_set = COCO(str(tmp_path / "instances_coco.json"))
    assert len(data_set.imgs) == 1 and not data_set.anns
    assert _rows(tmp_path) == []
    assert (tmp_path / "measurements.csv").read_text().startswith("image,id,class,score,area_px,")


def test_more_instances_than_sixteen_bits():
    count = 2**16
    ids = np.arange(1, count + 1, dtype=np.int32).reshape(256, 256)
    large = _picture(ids)
    read = tifffile.imread(io.BytesIO(formats.load("labels_tiff").convert(large)))
    assert read.dtype == np.uint32
    np.testing.assert_array_equal(read, ids)
    with pytest.raises(ValueError, match=r"at most 65535 instances: 65536"):
        formats.load("labels_png").convert(large)


def test_a_picture_that_one_format_cannot_hold_is_in_no_file(tmp_path):
    wide = np.zeros((1, 2**15), np.int32)
    wide[0, 5] = 1
    writer = Writer(str(tmp_path), ["coco", "imagej"])
    with pytest.raises(ValueError, match=r"must be at most 32767 pixels: 1x32768"):
        writer.convert(_picture(wide))
    assert writer.finish() == [] and os.listdir(tmp_path) == []
    widest = _picture(wide[:, :-1], "widest")
    paths = [*writer.write("widest", writer.convert(widest)), *writer.finish()]
    assert [os.path.basename(path) for path in paths] == ["widest_rois.zip", "instances_coco.json"]
    (region,) = roifile.roiread(paths[0])
    assert fill([region.coordinates()], (1, 2**15 - 1)).nonzero()[1].tolist() == [5]


def test_the_same_results_give_the_same_bytes(tmp_path, monkeypatch):
    before = _contents(tmp_path / "before")
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert before == _contents(tmp_path / "after") and len(before) == len(formats.FORMATS)


def _contents(folder):
    _write(folder, _picture(_shapes()))
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def test_by_default_an_overlay_and_a_json_file(tmp_path):
    assert tuple(_values().formats) == formats.DEFAULT
    _write(tmp_path, _picture(_shapes()), names=formats.DEFAULT)
    assert sorted(os.listdir(tmp_path)) == ["cells_instances.json", "cells_instances.png"]


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("", "must be the path of a folder: ''"),
        ("a_file", "must be a folder that can be written, File exists: .*a_file"),
        ("a_file/below", "must be a folder that can be written, Not a directory: .*below"),
        ("pictures", "must be another folder, where no result replaces a picture: .*a_labels.tif"),
    ],
)
def test_a_folder_that_cannot_be_written_or_holds_the_pictures(tmp_path, folder, message):
    (tmp_path / "a_file").touch()
    writer = Writer(str(tmp_path / folder) if folder else "", ["labels_tiff"])
    inputs = [str(tmp_path / "pictures" / name) for name in ("a.png", "a_labels.tif")]
    with pytest.raises(ValueError, match=f"`--output_dir` {message}"):
        writer.check(["a", "a_labels"], inputs)


def _values(*arguments):
    required = ("--input=a.png", "--output_dir=out")
    return cli.parse(verbs.load("segment"), (*required, *arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--formats=png,xls"], r"`--formats` must be different names among \('png', .*'xls'\]"),
        (["--formats=csv,csv"], r"`--formats` must be different names"),
        (["--formats="], r"`--formats` must be different names among .*: \[\]"),
        (
            ["--formats=csv", "--pixel_size=0"],
            r"`--pixel_size` must be in .0\.0001, .*: 0\.0",
        ),
        (["--formats=csv", "--pixel_size=nan"], r"`--pixel_size` must be in"),
        (["--formats=csv", "--pixel_size=1e300"], r"`--pixel_size` must be in"),
        (["--pixel_size=0.5"], r"`--pixel_size` needs `--formats` with one of \('labels_tiff', "),
        (
            ["--layout=folder", "--formats=csv"],
            r"--formats` must not be given: only without `--layout`",
        ),
    ],
)
def test_flags_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        verbs.load("segment").main(_values(*arguments))


def test_intensities_are_those_of_the_file():
    picture = _picture(_shapes())
    image = picture.image.whole()
    counts = WindowedPicture(image, image[..., :1].astype(np.uint16) * 200)
    table = measurements.convert(dataclasses.replace(picture, image=counts))
    grey = WindowedPicture(np.dstack([image[..., 0]] * 3))
    wanted = measurements.convert(dataclasses.replace(picture, image=grey))
    assert len(table["mean_1"]) > 0
    for channel in (1, 2, 3):
        for kind in ("mean", "min", "max"):
            column = f"{kind}_{channel}"
            np.testing.assert_allclose(table[column], np.multiply(wanted[column], 200.0))
