"""Truth as QuPath and ImageJ save outlines: what `segment` writes, kinds of shapes, mistakes."""

import io
import zipfile
from unittest import mock

import numpy as np
import pytest
import roifile
import truth_writers as writers
from fills import fill

from affinity_seg import instances as instances_lib
from affinity_seg import labels
from affinity_seg.data import (
    annotated_shapes,
    geojson_files,
    listing,
    mistakes,
    truth_classes,
    truth_files,
    truth_forms,
)
from affinity_seg.data.object_masks import Overlaps
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.evaluation.truth import read_truth
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.export.formats.writer import Writer

_PLANTS = labels.ClassTable("plants", ("background", "leaf", "cell"), (5, 9), (255,))
_CELLS = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
_HEIGHT, _WIDTH = writers.SIZE


@pytest.fixture
def folder(tmp_path):
    writers.write_image(tmp_path)
    return tmp_path


def _geojson(folder, *features):
    content = {"type": "FeatureCollection", "features": list(features)}
    writers.write_json(folder / "geojson" / "a.geojson", content)


def _feature(coordinates, kind="Polygon", name="cell", **fields):
    properties = {} if name is None else {"classification": {"name": name}}
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties, **fields}


def _box(y0, x0, y1, x1):
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def _mask(*boxes):
    found = np.zeros(writers.SIZE, bool)
    for y0, x0, y1, x1 in boxes:
        found[y0:y1, x0:x1] ^= True
    return found


def _rois(folder, *regions, name="a_rois.zip"):
    (folder / "rois").mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "rois" / name, "w") as archive:
        for number, region in enumerate(regions):
            content = region if isinstance(region, bytes) else region.tobytes()
            archive.writestr(f"{number}.roi", content)


def _read(folder, table):
    (item,) = listing.list_labelled_images(str(folder), "folder")
    return read_truth(item, table, writers.SIZE)


def _with_holes_and_parts():
    ids = writers.objects()
    ids[13:15, 6:9] = 0  # A hole in the third object.
    ids[38, 2] = ids[36, 5] = 3  # Further parts of it.
    return ids


@pytest.mark.parametrize(
    ("name", "form"),
    [("geojson", "geojson"), ("geojson_annotations", "geojson"), ("imagej", "imagej")],
)
def test_what_segment_writes_is_truth(folder, tmp_path, name, form):
    ids = _with_holes_and_parts()
    classes = np.array([2 - i % 2 for i in range(7)], np.int32)
    found = instances_lib.number(ids - 1, classes, np.full(7, 0.5, np.float32)).as_numpy()
    image = WindowedPicture(np.zeros((*writers.SIZE, 3), np.uint8))
    picture = SegmentedPicture("a", "a.png", image, found, _PLANTS)
    target = folder / {"geojson": "geojson", "imagej": "rois"}[form]
    writer = Writer(str(target), (name,))
    writer.write("a", writer.convert(picture))
    (item,) = listing.list_labelled_images(str(folder), "folder")
    assert item.form == form
    table = _PLANTS if form == "geojson" else _CELLS
    truth = read_truth(item, table, writers.SIZE)
    for number in range(1, 8):
        (a,) = np.unique(truth.instance_ids[found.instance_ids == number])
        np.testing.assert_array_equal(truth.instance_ids == a, found.instance_ids == number)
        wanted = found.classes[number - 1] if form == "geojson" else 1
        assert truth.instance_classes[a - 1] == wanted


def test_pixels_whose_centre_is_inside_belong_to_a_polygon(folder):
    hole = _box(12, 12, 20, 20)
    parts = [[_box(2.6, 3.4, 9, 9)], [_box(10, 10, 30, 30), hole]]
    _geojson(folder, _feature(parts, "MultiPolygon"), _feature([_box(14, 14, 16, 16)]))
    truth = _read(folder, _PLANTS)
    wanted = _mask((3, 3, 9, 9), (10, 10, 30, 30), (12, 12, 20, 20))
    ids = truth.instance_ids
    np.testing.assert_array_equal(ids == ids[4, 4], wanted)
    np.testing.assert_array_equal((ids > 0) & (ids != ids[4, 4]), _mask((14, 14, 16, 16)))


def test_outlines_are_filled_as_scikit_image_does():
    rng = np.random.default_rng(0)
    for _ in range(200):
        rings = [rng.uniform(-2, 32, (rng.integers(3, 9), 2)) for _ in range(rng.integers(1, 4))]
        found = annotated_shapes._fill(rings, (25, 30))
        np.testing.assert_array_equal(found, fill(rings, (25, 30)))


def test_shapes_that_share_a_side_share_no_pixel(folder):
    """Also where the side goes through the centres of pixels."""
    _geojson(folder, _feature([_box(1, 2, 9.5, 8)]), _feature([_box(9.5, 2, 20, 8)]))
    (item,) = listing.list_labelled_images(str(folder), "folder")
    assert truth_files.read(item, _PLANTS).overlaps == Overlaps()
    assert np.count_nonzero(_read(folder, _PLANTS).instance_ids) == 19 * 6


def test_annotations_around_detections_are_no_objects(folder):
    def kind(name, feature):
        feature["properties"]["objectType"] = name
        return feature

    around = kind("annotation", _feature([_box(0, 0, 40, 60)], name=None))
    _geojson(folder, around, kind("cell", _feature([_box(1, 2, 9, 8)])))
    with mock.patch.object(mistakes, "warn") as warn:
        np.testing.assert_array_equal(_read(folder, _PLANTS).instance_ids, _mask((1, 2, 9, 8)))
    assert "of 2 objects only the detections and cells are taken, 1" in warn.call_args.args[0]
    _geojson(folder, around)
    assert _read(folder, _CELLS).instance_ids.all()


def test_a_class_of_several_names_is_called_as_qupath_shows_it(folder):
    feature = _feature([_box(1, 2, 9, 8)])
    feature["properties"]["classification"] = {"names": ["Tumor", "Positive"]}
    _geojson(folder, feature)
    path = str(folder / "geojson" / "a.geojson")
    assert geojson_files.class_names(path) == {"Tumor: Positive"}


def test_void_regions_beside_objects_without_classes(folder):
    _geojson(
        folder,
        _feature([_box(1, 2, 9, 8)], name=geojson_files.IGNORED),
        _feature([_box(20, 20, 30, 30)], name=None),
    )
    (item,) = listing.list_labelled_images(str(folder), "folder")
    truth = _read(folder, truth_classes.of_truth([item]))
    np.testing.assert_array_equal(truth.ignored, _mask((1, 2, 9, 8)))
    np.testing.assert_array_equal(truth.instance_ids > 0, _mask((20, 20, 30, 30)))


def test_features_that_do_not_go_together(folder):
    _geojson(folder, _feature([_box(1, 2, 9, 8)]), _feature([_box(20, 2, 30, 8)], name=None))
    with pytest.raises(ValueError, match=r"feature 2: must have a class, as other objects"):
        _read(folder, _PLANTS)
    planes = [_feature([_box(1, 2, 9, 8)]) for _ in range(2)]
    for number, feature in enumerate(planes):
        feature["geometry"]["plane"] = {"c": -1, "z": number, "t": 0}
    _geojson(folder, *planes)
    with pytest.raises(ValueError, match=r"objects must be of one plane of a stack: they are of 2"):
        _read(folder, _PLANTS)


def test_an_empty_folder_of_the_name_is_no_truth(folder):
    writers.as_png(folder, writers.objects())
    (folder / "rois").mkdir()
    (folder / "geojson").mkdir()
    assert truth_forms.find(str(folder)).form == truth_forms.INSTANCES


@pytest.mark.parametrize("wrapped", [list, lambda features: features[0]])
def test_a_list_of_features_and_a_single_one(folder, wrapped):
    content = wrapped([_feature([_box(1, 2, 9, 8)])])
    writers.write_json(folder / "geojson" / "a.geojson", content)
    np.testing.assert_array_equal(_read(folder, _PLANTS).instance_ids, _mask((1, 2, 9, 8)))


def test_qupath_ignores_a_class_as_void(folder):
    _geojson(
        folder,
        _feature([_box(1, 2, 9, 8)], name=geojson_files.IGNORED),
        _feature([_box(20, 20, 30, 30)]),
    )
    truth = _read(folder, _PLANTS)
    np.testing.assert_array_equal(truth.ignored, _mask((1, 2, 9, 8)))
    assert len(truth.instance_classes) == 1


def test_classes_are_those_of_all_files_and_one_where_none_is_named(folder):
    _geojson(folder, _feature([_box(1, 2, 9, 8)]), _feature([_box(1, 20, 9, 28)], name="a leaf"))
    (item,) = listing.list_labelled_images(str(folder), "folder")
    assert truth_classes.of_truth([item]).class_names == ("background", "a leaf", "cell")
    _geojson(folder, _feature([_box(1, 2, 9, 8)], name=None))
    assert truth_classes.of_truth([item]).class_names == truth_classes.ONE_CLASS.class_names
    np.testing.assert_array_equal(_read(folder, _CELLS).instance_ids, _mask((1, 2, 9, 8)))


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"type": "Point"}, "`type` must be Feature: 'Point'"),
        (_feature([1, 2], "Point"), "`type` must be Polygon or MultiPolygon: 'Point'; draw an"),
        (_feature([]), "`coordinates` must have a ring"),
        (_feature([[]]), "`coordinates` must have at least 3 points: 0"),
        (_feature([[[1], [2], [3]]]), "must have x and y of each point"),
        (_feature([[[1, 2], [3, None], [4, 5]]]), "`coordinates` must be numbers"),
        (_feature([_box(1, 2, 9, 99)]), "must lie in the image of 40x60 .*x=99"),
        (_feature([_box(1, 2, 9, 8)], name=" "), "`name` must name a class"),
        (_feature([_box(1, 2, 9, 8)], geometry=None), "`geometry` must be an object of JSON"),
    ],
)
def test_wrong_features_are_named(folder, feature, message):
    _geojson(folder, feature)
    with pytest.raises(ValueError, match=rf"a\.geojson: feature 1: .*{message}"):
        _read(folder, _PLANTS)


def test_other_json_is_named(folder):
    (folder / "geojson").mkdir()
    for content, message in (
        ("{", "a.geojson: the file is damaged"),
        ("{}", "must be a FeatureCollection"),
    ):
        (folder / "geojson" / "a.geojson").write_text(content)
        with pytest.raises(ValueError, match=message):
            _read(folder, _PLANTS)


def _region(kind, **fields):
    return roifile.ImagejRoi(roitype=kind, version=228, **fields)


def _polygon(corners):
    return roifile.ImagejRoi.frompoints(np.array(corners, np.float32))


def test_kinds_of_imagej_regions(folder):
    box = _region(roifile.ROI_TYPE.RECT, top=1, left=2, bottom=9, right=8)
    oval = _region(roifile.ROI_TYPE.OVAL, top=20, left=20, bottom=34, right=40)
    _rois(folder, box, oval, _polygon([[45, 5], [55, 5], [55, 15], [45, 15]]), name="a.zip")
    ids = _read(folder, _CELLS).instance_ids
    assert len(np.unique(ids)) == 4
    np.testing.assert_array_equal(ids == ids[2, 3], _mask((1, 2, 9, 8)))
    np.testing.assert_array_equal(ids == ids[10, 50], _mask((5, 45, 15, 55)))
    y, x = np.mgrid[:_HEIGHT, :_WIDTH] + 0.5
    distance = np.hypot((y - 27) / 7, (x - 30) / 10)
    assert (ids[distance < 0.85] == ids[27, 30]).all()
    assert not ((ids == ids[27, 30]) & (distance > 1.15)).any()


def test_a_single_region_is_a_file_of_its_own(folder):
    (folder / "rois").mkdir()
    box = _region(roifile.ROI_TYPE.RECT, top=1, left=2, bottom=9, right=8)
    (folder / "rois" / "a.roi").write_bytes(box.tobytes())
    np.testing.assert_array_equal(_read(folder, _CELLS).instance_ids, _mask((1, 2, 9, 8)))


def test_boxes_between_pixels(folder):
    fields = {"top": 1, "left": 2, "bottom": 10, "right": 9}
    fields |= {"xd": 2.6, "yd": 1.4, "widthd": 6.0, "heightd": 8.0}
    options = roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    _rois(folder, _region(roifile.ROI_TYPE.RECT, options=options, **fields))
    np.testing.assert_array_equal(_read(folder, _CELLS).instance_ids, _mask((1, 3, 9, 9)))


def test_an_empty_archive_says_that_there_is_no_object(folder):
    _rois(folder)
    assert not _read(folder, _CELLS).instance_ids.any()


def test_what_macos_adds_to_an_archive_is_ignored(folder):
    _rois(folder, _region(roifile.ROI_TYPE.RECT, top=1, left=2, bottom=9, right=8))
    with zipfile.ZipFile(folder / "rois" / "a_rois.zip", "a") as archive:
        archive.writestr("__MACOSX/._0.roi", b"resources")
        archive.writestr("more/", b"")
        archive.writestr("more\\", b"")
    np.testing.assert_array_equal(_read(folder, _CELLS).instance_ids, _mask((1, 2, 9, 8)))


def test_wrong_archives_are_named(folder):
    line = _region(roifile.ROI_TYPE.LINE, x1=1.0, y1=2.0, x2=9.0, y2=9.0)
    far = _polygon([[45, 5], [555, 5], [55, 15]])
    thin = _polygon([[45, 5], [55, 5]])
    box = {"top": 1, "left": 2, "bottom": 9, "right": 8}
    path = np.array([0, 2, 1, 2, 8, 1, 8, 9, 2, 4], np.float32)
    curved = _region(roifile.ROI_TYPE.RECT, multi_coordinates=path, shape_roi_size=len(path), **box)
    slices = [_region(roifile.ROI_TYPE.RECT, position=number, **box) for number in (1, 2)]
    for regions, message in (
        ([line], r"a_rois\.zip: region 0\.roi: must enclose an area, as POLYGON, .* do: LINE"),
        ([far], r"region 0\.roi: coordinates must lie in the image of 40x60"),
        ([thin], r"region 0\.roi: coordinates must have at least 3 points: 2"),
        ([b"Iout" + bytes(20)], r"region 0\.roi: cannot be read: "),
        ([curved], r"region 0\.roi: cannot be read: "),
        (
            [b.tobytes() for b in slices],
            r"a_rois\.zip: regions must be of one slice .*: they are of 2",
        ),
    ):
        _rois(folder, *regions)
        with pytest.raises(ValueError, match=message):
            _read(folder, _CELLS)
    path = folder / "rois" / "a_rois.zip"
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"a_rois\.zip: must be a zip of ImageJ's regions"):
        _read(folder, _CELLS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(ValueError, match=r"must hold regions only, \*\.roi: 'a\.txt'"):
        _read(folder, _CELLS)


def test_a_region_that_unpacks_to_too_much_is_refused(folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.roi", bytes(2**26 + 1))
    (folder / "rois").mkdir()
    (folder / "rois" / "a.zip").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match=r"a region must have at most 67108864 bytes: '0\.roi'"):
        _read(folder, _CELLS)


def test_two_forms_are_refused(folder):
    _geojson(folder, _feature([_box(1, 2, 9, 8)]))
    _rois(folder, _region(roifile.ROI_TYPE.RECT, top=1, left=2, bottom=9, right=8))
    with pytest.raises(ValueError, match=r"geojson \(GeoJSON files\) and .*rois \(zips of Image"):
        truth_forms.find(str(folder))


def test_missing_files_are_named_with_where_they_should_be(folder):
    writers.write_image(folder, "b")
    _geojson(folder, _feature([_box(1, 2, 9, 8)]))
    with pytest.raises(FileNotFoundError, match=r"1 GeoJSON file is missing:\n.*b\.geojson"):
        listing.list_labelled_images(str(folder), "folder")
