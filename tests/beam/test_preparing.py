"""TFRecords made on Beam: the bytes that the plain tools write."""

import json
import os

import cv2
import numpy as np
import PIL.Image
import pytest
from plain_outputs import contents
from running import ROOT, run_verb

from affinity_seg.beam import preparing, running
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import listing, tfrecords, training_set_settings, training_sets
from affinity_seg.labels import ClassTable
from affinity_seg.rejected_inputs import RejectedInputs
from synthetic import streets

SETTINGS = training_set_settings.Settings(num_fine_patches=9, num_coarse_patches=3, patch_size=65,
                                  coarse_classes=("car", "person"))  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("prepared") / "streets")
    streets.write_streets(folder, {"train": 5}, seed=2, height=96, width=160)
    return folder


@pytest.fixture
def items(data_dir):
    return listing.list_labelled_images(data_dir, "cityscapes", "train")


def prepare(items, output_dir, name="train", num_shards=2, arguments=(), **more):
    wanted = preparing.Preparation(name, items, CITYSCAPES, str(output_dir), num_shards, **more)
    return preparing.prepare(wanted, running.parse_options(list(arguments)))


def test_two_processes_write_the_same_shards(data_dir, items, tmp_path):
    result = run_verb(
        "prepare", ROOT, f"--input={data_dir}", "--split=train", "--num_shards=2",
        f"--output_dir={tmp_path}/beam", "--runner=DirectRunner", "--direct_num_workers=2",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    summary = tfrecords.write_tfrecords(items, CITYSCAPES, str(tmp_path / "plain"), "train", 2)
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")
    assert "5 examples in 2 shards of train" in result.stdout
    car = CITYSCAPES.class_names.index("car")
    row = next(line for line in result.stdout.splitlines() if line.startswith("car "))
    assert row.split()[1::2] == [
        str(summary.pixels_of_class[car]), str(summary.instances_of_class[car])
    ]  # fmt: skip


@pytest.mark.parametrize("name", training_set_settings.SETS)
def test_training_sets_are_the_same(items, tmp_path, name):
    built = training_sets.build(name, items, CITYSCAPES, SETTINGS)
    plain = tfrecords.write_examples(
        built.examples, built.count, CITYSCAPES, str(tmp_path / "plain"), name, 3
    )
    written = prepare(items, tmp_path / "beam", name, 3, settings=SETTINGS)
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")
    assert written.count == built.count == {"fine_patches": 9, "coarse_patches": 3}.get(name, 5)
    assert written.instances_of_class == plain.instances_of_class


def test_older_shards_stay_until_the_new_ones_are_complete(items, tmp_path):
    prepare(items, tmp_path, num_shards=3)
    before = contents(tmp_path)
    with open(items[1].image_path, "rb") as file:
        content = file.read()
    broken = tmp_path / "broken.png"
    broken.write_bytes(content[:300])
    wrong = [items[0], items[1]._replace(image_path=str(broken)), *items[2:]]
    with pytest.raises(ValueError, match=f"^{broken}: the file is damaged or cut off, 300 bytes$"):
        prepare(wrong, tmp_path, strict=True)
    broken.unlink()
    assert contents(tmp_path) == before
    prepare(items, tmp_path, num_shards=2)
    assert sorted(contents(tmp_path)) == [f"train-0000{i}-of-00002.tfrecord" for i in (0, 1)]


@pytest.fixture
def wrong(items, tmp_path):
    """The images, one of which is cut off, and one whose truth is."""
    for name, path in (("image", items[1].image_path), ("truth", items[3].truth_path)):
        with open(path, "rb") as file:
            (tmp_path / f"{name}.png").write_bytes(file.read()[:300])
    return [
        items[0],
        items[1]._replace(image_path=str(tmp_path / "image.png")),
        items[2],
        items[3]._replace(truth_path=str(tmp_path / "truth.png")),
        items[4],
    ]


def test_a_split_with_images_that_cannot_be_used(wrong, tmp_path):
    rejected = RejectedInputs(str(tmp_path / "plain"))
    tfrecords.write_tfrecords(wrong, CITYSCAPES, str(tmp_path / "plain"), "train", 2, rejected)
    written = prepare(wrong, tmp_path / "beam")
    assert written.count == 3
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")
    listed = json.loads((tmp_path / "beam" / "rejected.json").read_text())
    assert [entry["name"] for entry in listed] == [wrong[1].name, wrong[3].name]
    assert str(tmp_path / "truth.png") in listed[1]["reason"]


def test_patches_with_images_that_cannot_be_used(wrong, tmp_path):
    rejected = RejectedInputs(str(tmp_path / "plain"))
    built = training_sets.build("fine_patches", wrong, CITYSCAPES, SETTINGS, rejected)
    tfrecords.write_examples(
        built.examples, built.count, CITYSCAPES, str(tmp_path / "plain"), "fine_patches", 2
    )
    prepare(wrong, tmp_path / "beam", "fine_patches", settings=SETTINGS)
    ours, plain = (contents(tmp_path / side) for side in ("beam", "plain"))
    listed, plainly = (json.loads(found.pop("rejected.json")) for found in (ours, plain))
    assert ours == plain and len(ours) == 2
    # The plain tool lists them in the order that it met them.
    assert listed == sorted(plainly, key=lambda entry: entry["name"]) and len(listed) == 2


def test_without_any_instance_nothing_is_written(items, tmp_path):
    road = tmp_path / "road.png"
    cv2.imwrite(str(road), np.full((96, 160), 7, np.uint16))
    empty = [item._replace(truth_path=str(road)) for item in items]
    with pytest.raises(ValueError, match=r"finds no instance in 5 images; .*: \[7\]$"):
        prepare(empty, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("num_shards", [0, 6])
def test_number_of_shards(items, tmp_path, num_shards):
    with pytest.raises(ValueError, match=r"`num_shards` must be in \[1, 5\]"):
        prepare(items, tmp_path, num_shards=num_shards)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["train", "fine"])
def test_what_cannot_be_meant_is_refused_unless_it_is_allowed(items, tmp_path, name):
    binary = tmp_path / "binary.png"
    stored = np.zeros((96, 160), np.uint16)
    stored[8:88, 8:152] = np.kron([[1, 0] * 9, [0, 0] * 9] * 5, 26001 * np.ones((8, 8)))
    cv2.imwrite(str(binary), stored)
    wrong = [item._replace(truth_path=str(binary)) for item in items]
    more = {"settings": SETTINGS} if name == "fine" else {}
    with pytest.raises(ValueError, match=r"in 45 parts; .*\(--allow=binary_masks if this is meant"):
        prepare(wrong, tmp_path / "beam", name, **more)
    assert os.listdir(tmp_path / "beam") == []
    allowed = ["binary_masks"]
    prepare(wrong, tmp_path / "beam", name, **more, allowed=allowed)
    arguments = CITYSCAPES, str(tmp_path / "plain"), name, 2
    if name == "train":
        tfrecords.write_tfrecords(wrong, *arguments, allowed=allowed)
    else:
        built = training_sets.build(name, wrong, CITYSCAPES, SETTINGS)
        with pytest.raises(ValueError, match="in 45 parts"):
            tfrecords.write_examples(built.examples, built.count, *arguments)
        built = training_sets.build(name, wrong, CITYSCAPES, SETTINGS)
        tfrecords.write_examples(built.examples, built.count, *arguments, allowed)
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")


def test_palettes_and_8_bits_become_what_the_plain_tool_writes(tmp_path):
    ids = np.kron(np.arange(6).reshape(2, 3), np.ones((9, 9))).astype(np.uint8)
    for part in ("images", "instances"):
        os.makedirs(tmp_path / "set" / part)
    for name in "ab":
        cv2.imwrite(str(tmp_path / "set/images" / f"{name}.png"), np.dstack([ids] * 3))
    cv2.imwrite(str(tmp_path / "set/instances/a.png"), ids)
    palette = PIL.Image.frombytes("P", ids.shape[::-1], ids.tobytes())
    palette.putpalette(list(range(0, 200, 5)))
    palette.save(tmp_path / "set/instances/b.png")
    listed = listing.list_labelled_images(str(tmp_path / "set"), "folder")
    table = ClassTable("cells", ("background", "cell"), (1,), encoding="ids")
    wanted = preparing.Preparation("train", listed, table, str(tmp_path / "beam"), 1)
    preparing.prepare(wanted, running.parse_options([]))
    tfrecords.write_tfrecords(listed, table, str(tmp_path / "plain"), "train", 1)
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")


def test_the_tool_knows_what_is_allowed(data_dir, tmp_path):
    arguments = f"--input={data_dir}", "--split=train", f"--output_dir={tmp_path}", "--allow=binary"
    result = run_verb("prepare", ROOT, *arguments, "--runner=DirectRunner")
    assert result.returncode == 1 and "`--allow` must name some of binary_masks" in result.stderr
