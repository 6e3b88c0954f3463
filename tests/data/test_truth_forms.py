"""Objects that are written in each form of truth are read as the same instance map."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import tifffile
import truth_writers as writers

from affinity_seg import class_tables, labels, verbs
from affinity_seg import instances as instances_lib
from affinity_seg.data import graph_examples, listing, truth_files, truth_forms
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.evaluation.truth import read_truth
from affinity_seg.rejected_inputs import RejectedInputs

_CELLS = labels.ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
_PLANTS = labels.ClassTable("plants", ("background", "leaf", "cell"), (5, 9), (255,))


def _is_named(form):
    return form.startswith(("COCO", "LabelMe", "GeoJSON"))


@pytest.fixture
def data(tmp_path):
    writers.write_image(tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize("form", writers.FORMS)
def test_objects_are_the_same_in_every_form(data, form):
    ids = writers.objects()
    writers.FORMS[form](data, ids)
    (item,) = listing.list_labelled_images(str(data), "folder", allowed=())
    assert item.has_truth and item.name == "a"
    table = _PLANTS if _is_named(form) else _CELLS
    truth = read_truth(item, table, writers.SIZE)
    # Another order of the ids is as good: classes come before numbers in it.
    pairs = {(int(a), int(b)) for a, b in zip(truth.instance_ids.flat, ids.flat, strict=True)}
    assert len(pairs) == 8 and len({a for a, _ in pairs}) == 8 == len({b for _, b in pairs})
    classes = {b: table.class_names[truth.instance_classes[a - 1]] for a, b in pairs if a}
    wanted = writers.class_of if _is_named(form) else lambda number: "cell"
    assert classes == {number: wanted(number) for number in range(1, 8)}
    assert not truth.ignored.any()


@pytest.mark.parametrize("ending", ["_labels.tif", "_masks.png", "_cp_masks.tif"])
def test_instance_images_as_other_programs_call_them(data, ending):
    ids = writers.objects()
    suffix = os.path.splitext(ending)[1]
    writers.FORMS["PNG, 16 bits" if suffix == ".png" else "TIFF, uint16"](data, ids)
    folder = data / "instances"
    (folder / f"a{suffix}").rename(folder / f"a{ending}")
    (item,) = listing.list_labelled_images(str(data), "folder")
    assert item.truth_path == str(folder / f"a{ending}")
    found = read_truth(item, _CELLS, writers.SIZE)
    np.testing.assert_array_equal(found.instance_ids > 0, ids > 0)


@pytest.mark.parametrize("form", writers.FORMS)
def test_prepare_writes_every_form(data, tmp_path, form, capsys):
    ids = writers.objects()
    writers.FORMS[form](data, ids)
    out = str(tmp_path / "out")
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    has_ids = form.startswith(("PNG", "TIFF"))
    more = ["--class_table=nuclei"] if has_ids else []
    assert verbs.run("prepare", [*flags, "--num_shards=1", *more]) == 0
    said = capsys.readouterr().out
    assert ("overlaps: 0 pixels" in said) == (not has_ids) == ("class_table.yaml: " in said)
    shard = os.path.join(out, "train-00000-of-00001.tfrecord")
    (record,) = tf.data.TFRecordDataset(shard).map(graph_examples.decode)
    np.testing.assert_array_equal(record["instances"].numpy() > 0, ids > 0)
    assert len(np.unique(record["instances"])) == 8
    if not has_ids:
        table = class_tables.load_class_table(os.path.join(out, class_tables.TABLE_FILE))
        names = writers.CLASSES if _is_named(form) else ("object",)
        assert table.class_names == ("background", *names)
        # Given by the flag it gives the same, and without it the file is checked.
        for again in ([], [f"--class_table={out}/class_table.yaml"]):
            assert verbs.run("prepare", [*flags, "--num_shards=1", *again]) == 0


def test_classes_that_differ_from_those_of_another_part_are_refused(data, tmp_path):
    writers.FORMS["LabelMe"](data, writers.objects())
    out = str(tmp_path / "out")
    flags = [f"--input={data}", "--layout=folder", "--split=train", f"--output_dir={out}"]
    assert verbs.run("prepare", [*flags, "--num_shards=1"]) == 0
    only_cells = writers.objects() * (writers.objects() % 2)
    writers.FORMS["LabelMe"](data, only_cells)
    with pytest.raises(ValueError, match=r"class_table.yaml: was written for other classes than"):
        verbs.run("prepare", [*flags, "--num_shards=1"])
    more = ["--num_shards=1", f"--class_table={out}/class_table.yaml"]
    assert verbs.run("prepare", [*flags, *more]) == 0


def test_what_segment_writes_as_coco_is_truth(data, tmp_path):
    """The export of a run and the truth of the next one."""
    from affinity_seg.data.windows import WindowedPicture
    from affinity_seg.evaluation import coco_format
    from affinity_seg.export.formats import coco as coco_export
    from affinity_seg.export.formats.picture import SegmentedPicture

    ids = writers.objects()
    classes = np.array([2 - i % 2 for i in range(7)], np.int32)
    found = instances_lib.number(ids - 1, classes, np.full(7, 0.5, np.float32)).as_numpy()
    image = np.zeros((*writers.SIZE, 3), np.uint8)
    picture = SegmentedPicture("a", "a.png", WindowedPicture(image), found, _PLANTS)
    content = coco_export.join([coco_export.convert(picture)])
    (data / coco_export.FILE_NAME).write_bytes(content)
    (item,) = listing.list_labelled_images(str(data), "folder")
    assert item.form == truth_forms.COCO
    truth = read_truth(item, _PLANTS, writers.SIZE)
    assert coco_format.truth_annotations(truth, 3)
    for number in range(1, 8):
        (a,) = np.unique(truth.instance_ids[ids == number])
        np.testing.assert_array_equal(truth.instance_ids == a, ids == number)
        assert truth.instance_classes[a - 1] == classes[number - 1]


def test_large_ids_are_numbered_anew(data):
    ids = writers.objects().astype(np.int64)
    large = np.where(ids > 3, ids + 2**31 - 8, ids)
    writers.as_tiff("uint32")(data, large)
    (item,) = listing.list_labelled_images(str(data), "folder")
    table = labels.ClassTable("cells", ("background", "cell"), (1,), (2,), encoding="ids")
    stored = truth_files.read(item, table).values
    assert stored.dtype == np.uint16
    # 2 is void, and keeps its value.
    np.testing.assert_array_equal(stored, np.array([0, 1, 2, 3, 4, 5, 6, 7])[ids])


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full(writers.SIZE, 2**31, np.uint32), r"ids must be in \[0, 2147483647\]: 2147483648"),
        (np.full(writers.SIZE, -1, np.int16), r"ids must be in .*: -1 to -1; number the objects"),
        (np.full(writers.SIZE, 0.5, np.float32), r"2400 of 2400 pixels of float32 have others"),
        (np.full(writers.SIZE, np.nan, np.float32), "must have whole numbers"),
        (np.zeros((*writers.SIZE, 3), np.uint8), "3 channels; all colours are grey"),
        (
            np.stack([writers.objects() * i % 251 for i in (3, 5, 7)], -1).astype(np.uint8),
            "one channel: 3 channels; 8 colours: save a number for each object",
        ),
        (
            np.zeros((4, *writers.SIZE), np.uint8),
            "the TIFF file has 4 pages .* choose one, 1 to 4, with `--page`",
        ),
        (np.zeros((20, 60), np.uint8), "must have the size of its image, 40x60: 20x60"),
    ],
)
def test_tiff_files_that_are_no_instance_images(data, tmp_path, pixels, message):
    os.makedirs(data / "instances")
    photometric = "rgb" if pixels.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(data / "instances" / "a.tif", pixels, photometric=photometric)
    (item,) = listing.list_labelled_images(str(data), "folder")
    with pytest.raises(ValueError, match=rf"a\.tif: .*{message}"):
        read_truth(item, _CELLS, writers.SIZE)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            "masks",
            "PNG, 16 bits",
            r"instances \(instance images\) and .*masks \(folders of masks\)",
        ),
        (
            "COCO, text",
            "LabelMe",
            r"instances\.json \(.*COCO file\) and .*images \(LabelMe files\)",
        ),
        ("LabelMe", "masks", r"masks \(folders of masks\) and .*images \(LabelMe files\)"),
    ],
)
def test_two_forms_beside_each_other_are_refused(data, first, second, message):
    for form in (first, second):
        writers.FORMS[form](data, writers.objects())
    with pytest.raises(ValueError, match="must have one form of truth: .*" + message):
        listing.list_labelled_images(str(data), "folder")


def test_several_files_of_one_form_are_refused(data):
    writers.write_json(data / "instances_train.json", {})
    writers.write_json(data / "annotations" / "instances_val.json", {})
    with pytest.raises(ValueError, match=r"must have one COCO file: .*_train.*, .*_val"):
        listing.list_images(str(data), "folder")
    for name in ("instances_train.json", "annotations/instances_val.json"):
        os.remove(data / name)
    for folder in ("images", "labelme"):
        writers.write_json(data / folder / "a.json", {})
    with pytest.raises(ValueError, match="must have one folder of LabelMe files"):
        listing.list_images(str(data), "folder")


def test_a_folder_without_truth_says_what_may_be_there(data):
    (item,) = listing.list_images(str(data), "folder")
    assert not item.has_truth
    with pytest.raises(FileNotFoundError, match=r"must hold truth in one form: instances/.*masks/"):
        listing.list_labelled_images(str(data), "folder")


@pytest.mark.parametrize("form", ["masks", "Data Science Bowl", "COCO, text", "LabelMe"])
def test_images_without_truth_and_truth_without_image(data, tmp_path, form, warnings):
    writers.FORMS[form](data, writers.objects())
    more = data / "c" if form == "Data Science Bowl" else data
    writers.write_image(more, "c")
    if form == "masks":
        (data / "masks" / "b").mkdir()
    elif form == "LabelMe":
        writers.write_json(data / "images" / "b.json", {})
    elif form == "COCO, text":
        content = json.loads((data / "instances.json").read_text())
        content["images"].append({"id": 8, "file_name": "c.jpg"})
        (data / "instances.json").write_text(json.dumps(content))
    rejected = RejectedInputs(str(tmp_path / "out"))
    (item,) = listing.list_labelled_images(str(data), "folder", rejected=rejected)
    assert item.name == "a" and "c" in rejected
    (reason,) = (entry.reason for entry in rejected.take())
    assert "is missing" in reason
    if form == "COCO, text":
        assert "c.jpg is there, but the names of the files must be the same" in reason
    if form != "Data Science Bowl":
        assert any(f"1 of 2 {'entries' if form[0] == 'C' else ''}" in text for text in warnings)
    with pytest.raises(FileNotFoundError, match="missing"):
        listing.list_labelled_images(str(data), "folder")


def test_a_stack_as_a_data_set(tmp_path):
    """--page and --channels choose the picture of every image; another choice is another image."""
    data = tmp_path / "data"
    os.makedirs(data / "images")
    planes = np.random.default_rng(1).integers(0, 256, (5, *writers.SIZE), np.uint8)
    tifffile.imwrite(data / "images" / "a.tif", planes, metadata={"axes": "ZYX"})
    writers.as_masks(data, writers.objects())
    flags = [f"--input={data}", "--layout=folder", "--split=train", "--num_shards=1"]
    with pytest.raises(ValueError, match="has 5 pages"):
        verbs.run("prepare", [*flags, f"--output_dir={tmp_path / 'none'}", "--strict"])
    hashes = set()
    for page in (2, 4):
        out = tmp_path / f"page{page}"
        assert verbs.run("prepare", [*flags, f"--output_dir={out}", f"--page={page}"]) == 0
        records = tf.data.TFRecordDataset(str(out / "train-00000-of-00001.tfrecord"))
        (record,) = records.map(graph_examples.decode)
        np.testing.assert_array_equal(record["image"][..., 0], planes[page - 1])
        hashes.add(record["sha256"].numpy())
    assert len(hashes) == 2


@pytest.mark.parametrize("form", ["instances", "masks"])
def test_the_page_of_a_stack_is_that_of_its_truth(tmp_path, form, capsys):
    """--page chooses from both; truth with a single page belongs to the page that is chosen."""
    data = tmp_path / "data"
    planes = np.random.default_rng(1).integers(0, 256, (3, *writers.SIZE), np.uint8)
    ids = writers.objects()
    truth = np.stack([ids > 5, ids > 3, ids > 0]) * ids.astype(np.uint16)
    stack = {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}
    (data / "images").mkdir(parents=True)
    for name in ("a", "single"):
        tifffile.imwrite(data / "images" / f"{name}.tif", planes, **stack)
    if form == "instances":
        (data / form).mkdir()
        tifffile.imwrite(data / form / "a.tif", truth, **stack)
        tifffile.imwrite(data / form / "single.tif", truth[1])
    else:
        for name in ("a", "single"):
            (data / form / name).mkdir(parents=True)
        for number in range(4, 8):
            mask = np.where(truth == number, 255, 0).astype(np.uint8)
            mask[0, 2, number] = mask[2, 2, number] = 255  # A mask without a pixel is refused.
            tifffile.imwrite(data / form / "a" / f"{number}.tif", mask, **stack)
            tifffile.imwrite(data / form / "single" / f"{number}.tif", mask[1])
    table = ["--class_table=nuclei"] if form == "instances" else []
    flags = [f"--input={data}", "--layout=folder", "--split=train", "--num_shards=1", *table]
    out = tmp_path / "out"
    assert verbs.run("prepare", [*flags, f"--output_dir={out}", "--page=2"]) == 0
    records = tf.data.TFRecordDataset(str(out / "train-00000-of-00001.tfrecord"))
    for record in records.map(graph_examples.decode):
        np.testing.assert_array_equal(record["image"][..., 0], planes[1])
        np.testing.assert_array_equal(record["instances"].numpy() > 0, truth[1] > 0)
        assert len(np.unique(record["instances"])) == 5
    with pytest.raises(ValueError, match=r"`page` must be at most 3, .*: 4"):
        verbs.run("prepare", [*flags, f"--output_dir={tmp_path / 'none'}", "--page=4", "--strict"])


def test_a_damaged_stack_of_truth_is_named(data):
    (data / "instances").mkdir()
    path = data / "instances" / "a.tif"
    stack = np.stack([writers.objects().astype(np.uint16)] * 3)
    tifffile.imwrite(path, stack, photometric="minisblack")
    path.write_bytes(path.read_bytes()[:3000])
    (item,) = listing.list_labelled_images(str(data), "folder", choice=PlaneChoice(1))
    with pytest.raises(ValueError, match=r"^[^:]*a\.tif: the file is damaged"):
        read_truth(item, _CELLS, writers.SIZE)
