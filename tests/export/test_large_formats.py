"""Formats of pictures that are read in parts: the files are those of the whole picture."""

import cv2
import numpy as np
import oracle
import pytest
import tifffile

from affinity_seg import instances as instances_lib
from affinity_seg.data import picture_headers, pictures, windows
from affinity_seg.data.plane_choice import ALL
from affinity_seg.export import formats
from affinity_seg.export.formats import labels_png, labels_tiff, overlay
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.instances import CroppedInstances, Instances
from affinity_seg.ops import Candidates


@pytest.fixture
def both(tmp_path, monkeypatch):
    """The same picture and instances twice: in memory, and in parts."""
    rng = np.random.default_rng(0)
    values = rng.integers(100, 4000, (90, 130), dtype=np.uint16)
    path = str(tmp_path / "cells.tif")
    tifffile.imwrite(path, values, tile=(32, 48), compression="zlib")
    ids = cv2.resize(rng.integers(0, 7, (9, 13)).astype(np.uint8), (130, 90), interpolation=0)
    votes = rng.integers(0, 9, (6, 4))
    found = instances_lib.number(
        ids.astype(np.int32) - 1, 1 + np.arange(6) % 3, rng.random(6), votes
    ).as_numpy()
    monkeypatch.setattr(windows, "READ_IN_PARTS", 1000)
    stored = pictures.read_values(path)
    candidates = Candidates(*(np.array(column) for column in ([1, 1, 6], [1, 2, 3], [0.5] * 3)))
    last = oracle.TABLE, candidates, 0.65
    in_memory = windows.WindowedPicture(pictures.to_image(path, stored), stored)
    whole = SegmentedPicture("cells", "cells.tif", in_memory, found, *last)
    in_parts = windows.open_picture(path, ALL)
    yield whole, SegmentedPicture("cells", "cells.tif", in_parts, instances_lib.crop(found), *last)
    in_parts.close()


def test_crops_hold_the_same_instances(both):
    whole, parts = both
    assert isinstance(whole.instances, Instances)
    assert isinstance(parts.instances, CroppedInstances)
    for one, other in zip(parts.instances.whole(), whole.instances, strict=True):
        np.testing.assert_array_equal(one, other)
    ids = whole.instances.instance_ids
    np.testing.assert_array_equal(parts.instances.ids((13, 20, 77, 21)), ids[13:77, 20:21])


@pytest.mark.parametrize("name", formats.FORMATS)
def test_the_files_are_the_same(both, name):
    whole, parts = (formats.load(name).convert(picture) for picture in both)
    if name == "csv":
        assert list(whole) == list(parts) and len(whole["id"]) == 6
        for column in whole:
            np.testing.assert_array_equal(whole[column], parts[column])
        module = formats.load(name)
        whole, parts = module.join([whole]), module.join([parts])
    assert whole == parts and whole


@pytest.mark.parametrize("big_bytes", [2**31, 100])
def test_label_images_are_stored_in_strips_as_imagej_reads_them(
    both, monkeypatch, tmp_path, big_bytes
):
    monkeypatch.setattr(labels_tiff, "_ROWS", 32)
    monkeypatch.setattr(labels_tiff, "_BIG_BYTES", big_bytes)
    path = tmp_path / "labels.tif"
    path.write_bytes(labels_tiff.convert(both[1]))
    with tifffile.TiffFile(path) as file:
        assert not file.pages[0].is_tiled and file.pages[0].rowsperstrip == 32
        assert len(file.pages[0].dataoffsets) > 2 and file.is_bigtiff == (big_bytes == 100)
        np.testing.assert_array_equal(file.asarray(), both[0].instances.instance_ids)


def test_a_large_drawing_is_smaller(both, monkeypatch):
    monkeypatch.setattr(overlay, "MAX_DRAWN", 3000)
    assert overlay.reduction(both[0].size) == 2
    whole, parts = (overlay.convert(picture) for picture in both)
    assert whole == parts
    drawn = cv2.imdecode(np.frombuffer(parts, np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape[0] % 45 == drawn.shape[1] % 65 == 0
    monkeypatch.setattr(windows, "_ROWS_PIXELS", 900)  # Rows are read in more pieces.
    assert overlay.convert(both[1]) == whole


def test_a_png_of_labels_has_a_limit(both, monkeypatch):
    monkeypatch.setattr(picture_headers, "MAX_PIXELS", 100)
    with pytest.raises(ValueError, match=r"`--formats=labels_png` .* 90x130; use `labels_tiff`"):
        labels_png.convert(both[1])
