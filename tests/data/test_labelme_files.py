"""Truth in LabelMe's form: kinds of shapes, groups, and everything that may be wrong."""

import json

import numpy as np
import pytest
import tensorflow as tf
import truth_writers as writers

from affinity_seg import class_tables, labels, verbs
from affinity_seg.data import graph_examples, labelme_files, listing, truth_classes
from affinity_seg.evaluation.truth import read_truth

_TABLE = labels.ClassTable("plants", ("background", "leaf", "cell"), (5, 9), (255,))


@pytest.fixture
def folder(tmp_path):
    writers.write_image(tmp_path)
    return tmp_path


def _write(folder, change=None, where="images"):
    content = writers.labelme(writers.objects())
    if change is not None:
        change(content)
    writers.write_json(folder / where / "a.json", content)


def _read(folder, change=None, where="images"):
    _write(folder, change, where)
    (item,) = listing.list_labelled_images(str(folder), "folder")
    return read_truth(item, _TABLE, writers.SIZE)


def _shape(**fields):
    return lambda content: content.update(shapes=[{"label": "cell", **fields}])


def test_kinds_of_shapes(folder):
    truth = _read(folder, _shape(points=[[3, 20], [30, 4]], shape_type="rectangle"))
    wanted = np.zeros(writers.SIZE, bool)
    wanted[4:20, 3:30] = True
    np.testing.assert_array_equal(truth.instance_ids, wanted)
    corners = [[3, 4], [30, 4], [30, 20], [3, 20]]
    for kind in ({"shape_type": "rectangle"}, {"shape_type": "polygon"}, {}):
        truth = _read(folder, _shape(points=corners, **kind))
        np.testing.assert_array_equal(truth.instance_ids, wanted)
    truth = _read(folder, _shape(points=[[5, 20], [5, 32]], shape_type="circle"))
    y, x = np.mgrid[: writers.SIZE[0], : writers.SIZE[1]] + 0.5
    distance = np.hypot(y - 20, x - 5)
    assert (
        truth.instance_ids[distance < 11.5].all() and not truth.instance_ids[distance > 12.5].any()
    )


def test_groups_of_shapes(folder):
    def change(content):
        squares = [[[x, 1], [x + 5, 1], [x + 5, 6], [x, 6]] for x in (0, 10, 20, 30)]
        groups = [(1, "cell"), (1, "cell"), (None, "cell"), (1, "leaf")]
        content["shapes"] = [
            {"label": label, "points": points, "group_id": group}
            for points, (group, label) in zip(squares, groups, strict=True)
        ]

    truth = _read(folder, change)
    ids = truth.instance_ids[2, [2, 12, 22, 32]]
    assert ids[0] == ids[1] and len({*ids}) == 3 and 0 not in ids
    assert [_TABLE.class_names[truth.instance_classes[i - 1]] for i in ids[1:]] == [
        "cell", "cell", "leaf",
    ]  # fmt: skip


def test_ignored_regions_are_void_and_no_class(folder):
    def change(content):
        content["shapes"][0]["label"] = labelme_files.IGNORED

    truth = _read(folder, change)
    np.testing.assert_array_equal(truth.ignored, writers.objects() == 1)
    assert len(truth.instance_classes) == 6
    items = listing.list_labelled_images(str(folder), "folder")
    table = truth_classes.choose(items, None, str(folder))
    assert table.class_names == ("background", "cell", "leaf")


def test_without_shapes_there_is_no_object(folder):
    assert not _read(folder, lambda content: content.update(shapes=[])).instance_ids.any()


@pytest.mark.parametrize(
    ("where", "path"),
    [("images", "a.png"), ("labelme", "../images/a.png"), ("labelme", "..\\images\\a.png"),
     ("labelme", "a.png")],
)  # fmt: skip
def test_the_path_of_the_image(folder, where, path):
    truth = _read(folder, lambda content: content.update(imagePath=path), where)
    assert len(truth.instance_classes) == 7


_SQUARE = [[1, 1], [9, 1], [9, 9]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(imagePath="../../a.png"), "must name a file inside of the folder"),
        (lambda c: c.update(imagePath="/home/me/a.png"), "must name a file inside of the folder"),
        (lambda c: c.update(imagePath="b.png"), r"image of the same name, a\.png: 'b\.png'"),
        (lambda c: c.update(imagePath=5), "`imagePath` must be a text: 5"),
        (lambda c: c.update(imageHeight=80), "`imageHeight` must be that of the image, 40: 80"),
        (lambda c: c.update(shapes=None), "`shapes` must be a list: None"),
        (lambda c: c.pop("shapes"), "must be a file of LabelMe, with `shapes`"),
        (lambda c: c.update(shapes=[4]), "shape 1 must be an object of JSON: 4"),
        (_shape(points=_SQUARE, label=" "), "shape 1: `label` must name a class: ' '"),
        (_shape(points=_SQUARE, label=None), "`label` must be a text: None"),
        (_shape(points=_SQUARE[:2]), "`points` must have at least 3 points: 2; draw it again"),
        (_shape(points=[[1, 1], [9, 1], [99, 9]]), "must lie in the image of 40x60 .*: x=99, y=9"),
        (_shape(points=[[1, 1], [9, 1], [9]]), r"must be pairs of x and y: \[9\]"),
        (_shape(points=[[1, 1], [9, 1], [9, None]]), "must be numbers: None"),
        (_shape(points=[[1, 1], [9, 1], [9, float("inf")]]), "must be finite numbers: inf"),
        (_shape(points=_SQUARE, shape_type="linestrip"), "must be .*: 'linestrip' with 3"),
        (_shape(points=_SQUARE, shape_type="rectangle"), "'rectangle' with 3 points"),
        (_shape(points=_SQUARE, shape_type="circle"), "'circle' with 3 points"),
        (_shape(points=[[1, 1], [1, "x"]], shape_type="circle"), "must be numbers: 'x'"),
        (_shape(points=[[1, 99], [1, 5]], shape_type="circle"), "must lie in the image"),
        (_shape(points=_SQUARE, group_id=[1]), "`group_id` must be a number or a text"),
        (_shape(points=_SQUARE, label="stone"), "class 'stone' must be one of class table"),
    ],
)  # fmt: skip
def test_an_image_that_cannot_be_used(folder, change, message):
    with pytest.raises(ValueError, match=rf"a\.json: .*{message}|a\.json {message}"):
        _read(folder, change)


def test_a_file_that_is_cut_off(folder):
    _write(folder)
    path = folder / "images" / "a.json"
    path.write_text(path.read_text()[:-20])
    (item,) = listing.list_labelled_images(str(folder), "folder")
    with pytest.raises(ValueError, match=r"a\.json: the file is damaged"):
        read_truth(item, _TABLE)


def _change(path, **fields):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | fields))


def _break(data):
    """Writes one right image and one for each kind of damage; returns what is said of each."""
    square = {"label": "cell", "points": [[1, 1], [9, 1], [9, 9], [1, 9]]}
    broken = {
        "height": (
            {"imageHeight": 41},
            "`imageHeight` must be that of the image, 40: 41; annotate",
        ),
        "width": ({"imageWidth": 59}, "`imageWidth` must be that of the image, 60: 59; annotate"),
        "kind": ({"shapes": [{**square, "shape_type": "cloud"}]}, "'cloud' with 4 points; draw it"),
        "pair": (
            {"shapes": [{**square, "points": [[1, 1], [9, 9]]}]},
            "at least 3 points: 2; draw",
        ),
        "outside": (
            {"shapes": [{**square, "points": [[1, 1], [9, 1], [9, 49]]}]},
            "`points` must lie in the image of 40x60 (height x width): x=9, y=49; perhaps",
        ),
        "latin": (None, "or its text is not UTF-8: 'utf-8' codec can't decode byte 0xe9"),
        "empty": (None, "the file is damaged: it is empty"),
        "object": (None, "must be a file of LabelMe, with `shapes`"),
    }
    for name in ("right", *broken):
        writers.write_image(data, name)
        path = data / "images" / f"{name}.json"
        writers.write_json(path, writers.labelme(writers.objects()) | {"imagePath": f"{name}.png"})
        if broken.get(name, [None])[0]:
            _change(path, **broken[name][0])
    (data / "images" / "latin.json").write_bytes(b'{"shapes": [{"label": "caf\xe9"}]}')
    (data / "images" / "empty.json").write_bytes(b"")
    (data / "images" / "object.json").write_bytes(b"{}")
    return {name: said for name, (_, said) in broken.items()}


def test_each_broken_file_is_listed_and_the_others_are_written(tmp_path, warnings):
    data, out = tmp_path / "data", tmp_path / "out"
    said = _break(data)
    alone = data / "images" / "alone.json"
    writers.write_json(alone, writers.labelme(writers.objects()))
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    assert verbs.run("prepare", [*flags, "--num_shards=1"]) == 3
    listed = {one["name"]: one["reason"] for one in json.loads((out / "rejected.json").read_text())}
    assert listed.keys() == said.keys()
    for name, text in said.items():
        assert listed[name].startswith(str(data / "images" / f"{name}.json: ")), listed[name]
        assert text in listed[name]
    assert f"1 of {len(said) + 2} LabelMe files has no image: {alone}" in warnings
    records = tf.data.TFRecordDataset(str(out / "train-00000-of-00001.tfrecord"))
    (record,) = records.map(graph_examples.decode)
    np.testing.assert_array_equal(record["instances"].numpy() > 0, writers.objects() > 0)
    table = class_tables.load_class_table(str(out / class_tables.TABLE_FILE))
    assert table.class_names == ("background", *writers.CLASSES)


def test_nothing_is_written_if_no_file_can_be_used(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    writers.write_image(data)
    (data / "images" / "a.json").write_bytes(b"")
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    with pytest.raises(ValueError, match=r"a\.json: the file is damaged: it is empty"):
        verbs.run("prepare", [*flags, "--num_shards=1"])
    assert not out.exists()
