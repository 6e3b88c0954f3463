"""The sets of section 5: which rows go, which crops are cut, and that the seed decides."""

import json
import shutil

import cv2
import numpy as np
import pytest
import tensorflow as tf
from running import ROOT, run_verb

from affinity_seg import class_tables, common, files, labels
from affinity_seg.data import listing, training_set_settings, training_sets
from affinity_seg.data.training_sets import Settings

TABLE = class_tables.CITYSCAPES
HEIGHT, WIDTH = 400, 900


def _truth(number):
    """A low car, a high person, and a truck; void at the top, road elsewhere."""
    stored = np.full((HEIGHT, WIDTH), 7, np.uint16)
    stored[:50] = 0
    stored[100:140, 20 + number : 80] = 26000
    stored[100:300, 400:460] = 24000
    stored[150:350, 600:890] = 27000
    return stored


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Three images in the layout of Cityscapes; red tells the row, blue the column, modulo 256."""
    folder = tmp_path_factory.mktemp("cityscapes")
    y, x = np.indices((HEIGHT, WIDTH))
    image = np.stack([x % 256, y // 256 * 100 + x // 256, y % 256], axis=-1).astype(np.uint8)
    for number in range(3):
        name = f"aachen_{number:06}_000019"
        for kind, suffix, content in (
            ("leftImg8bit", "leftImg8bit", image),
            ("gtFine", "gtFine_instanceIds", _truth(number)),
            ("gtCoarse", "gtCoarse_instanceIds", _truth(number)),
        ):
            path = folder / kind / "train" / "aachen" / f"{name}_{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), content)
    return folder


def _items(data_dir, annotation="gtFine"):
    return listing.list_labelled_images(str(data_dir), "cityscapes", "train", annotation)


def _decoded(built):
    """Returns {file name: (image RGB, stored ids)} of a set."""
    found = {}
    for checked in built.examples:
        assert checked.instances.dtype == np.uint16
        assert checked.instances.shape == checked.image.shape[:2]
        found[checked.item.filename] = checked.image, checked.instances
    assert len(found) == built.count
    return found


def test_rows_without_labelled_foreground_are_dropped(data_dir):
    items = _items(data_dir)
    dropped = _decoded(training_sets.build("fine", items, TABLE, Settings(drop_share=1.0)))
    for number, (image, stored) in enumerate(dropped.values()):
        np.testing.assert_array_equal(stored, _truth(number)[100:350])
        assert image[0, 0, 0] == 100 and image[-1, 0, 0] == 349 % 256
    kept = training_sets.build("fine", items, TABLE, Settings(drop_share=0.0))
    for checked, item in zip(kept.examples, items, strict=True):
        np.testing.assert_array_equal(checked.image, cv2.imread(item.image_path)[..., ::-1])
        assert checked.sha256 == files.sha256(item.image_path)


@pytest.mark.parametrize(("side", "patch_size"), [(258, 515), (257, 513), (129, 513), (100, 513)])
def test_upsampled_labels_lie_where_the_image_has_them(side, patch_size):
    rows, columns = np.indices((side, side))
    middle = (side - 1) / 2
    stored = (np.hypot(rows - middle, columns - middle) < side / 3).astype(np.uint16)
    image = np.repeat(200 * (stored > 0)[..., None], 3, axis=2).astype(np.uint8)
    settings = Settings(patch_size=patch_size)
    image, labelled = training_sets._zoomed(image, stored, settings, 4 if side < 200 else 2)
    assert labelled.shape == image.shape[:2] and labelled.dtype == np.uint16
    for mask in (labelled > 0, image[..., 0] > 100):
        found = np.argwhere(mask).mean(axis=0)
        np.testing.assert_allclose(found, (labelled.shape[0] - 1) / 2, atol=0.02)


def test_nine_of_ten_images_lose_rows():
    draws = [training_sets._draw(1, f"image {i}") for i in range(4000)]
    assert 0.88 < np.mean(np.array(draws) < Settings().drop_share) < 0.92
    assert draws != [training_sets._draw(2, f"image {i}") for i in range(4000)]


def test_an_image_without_foreground_keeps_its_rows():
    assert training_sets.labelled_rows(np.zeros((5, 4), int)) == slice(0, 5)
    void = np.full((5, 4), labels.VOID_CLASS)
    void[2, 1] = 3
    assert training_sets.labelled_rows(void) == slice(2, 3)


def test_fine_patches_are_the_images_and_upsampled_crops_of_low_instances(data_dir):
    settings = Settings(patch_size=200, drop_share=0.0)
    found = _decoded(training_sets.build("fine_patches", _items(data_dir), TABLE, settings))
    assert len(found) == 3 + 3 * 2  # the car of each image at both zooms
    for name, (image, stored) in found.items():
        if "#" not in name:
            continue
        box, zoom = name.rpartition("#")[2].rsplit("x", 1)
        y0, x0, y1, x1 = map(int, box.split(","))
        number, zoom = int(name.split("_")[1]), int(zoom)
        assert (y1 - y0, x1 - x0) == (200 // zoom, 200 // zoom)
        np.testing.assert_array_equal(
            stored,
            np.kron(_truth(number), np.ones([zoom] * 2))[
                zoom * y0 : zoom * y1, zoom * x0 : zoom * x1
            ],
        )
        assert (stored == 26000).any()
        middle = image[100, 100]
        assert abs(int(middle[0]) - (y0 + 100 // zoom) % 256) <= 1


def test_fine_patches_end_at_the_wanted_number(data_dir):
    for wanted, count in ((5, 5), (2, 3), (1000, 9)):
        settings = Settings(patch_size=200, num_fine_patches=wanted)
        built = training_sets.build("fine_patches", _items(data_dir), TABLE, settings)
        assert built.count == count == len(list(built.examples))


def test_coarse_patches_hold_the_rare_classes_with_a_margin(data_dir):
    items = _items(data_dir, "gtCoarse")
    settings = Settings(patch_size=100, coarse_margin=10)
    found = _decoded(training_sets.build("coarse_patches", items, TABLE, settings))
    assert len(found) == 3
    for _, stored in found.values():
        assert stored.shape == (220, 310)  # the truck and its margin, moved into the image
        assert (stored == 27000).sum() == 200 * 290
    few = training_sets.build("coarse_patches", items, TABLE, Settings(num_coarse_patches=2))
    assert few.count == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"drop_share": 1.5}, r"`drop_share` must be in \[0, 1\]: 1.5"),
        ({"num_fine_patches": -1}, r"`num_fine_patches` must not be negative: -1"),
        ({"patch_size": 0}, r"`patch_size` must be positive: 0"),
        ({"zooms": (0,)}, r"`zooms` must be positive"),
        ({"coarse_classes": ("lorry",)}, r"`coarse_classes` must be classes.*lorry"),
    ],
)
def test_broken_settings_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Settings(**fields).check(TABLE)


def _run(data_dir, output_dir, *flags):
    return run_verb(
        "prepare",
        ROOT,
        f"--input={data_dir}",
        f"--output_dir={output_dir}",
        "--split=train",
        f"--sets={','.join(training_set_settings.SETS)}",
        "--coarse_split=train",
        "--num_shards=2",
        "--num_fine_patches=5",
        *flags,
    )


def test_the_tool_writes_the_same_bytes_again(data_dir, tmp_path):
    contents = []
    for run, seed in (("a", 1), ("b", 1), ("c", 2)):
        result = _run(data_dir, tmp_path / run, f"--seed={seed}")
        assert result.returncode == 0, result.stderr[-2000:]
        contents.append({p.name: p.read_bytes() for p in sorted((tmp_path / run).iterdir())})
    assert contents[0] == contents[1] != contents[2]
    counts = {}
    for name in training_set_settings.SETS:
        paths = [str(p) for p in (tmp_path / "a").glob(f"{name}-0*.tfrecord")]
        assert len(paths) == 2
        examples = [
            tf.train.Example.FromString(e).features.feature
            for e in tf.data.TFRecordDataset(paths).as_numpy_iterator()
        ]
        assert all(common.IMAGE_FILENAME in example for example in examples)
        counts[name] = len(examples)
    assert counts == {"fine": 3, "coarse": 3, "fine_patches": 5, "coarse_patches": 3}
    rows = {line.split()[0]: line.split()[1:3] for line in result.stdout.splitlines() if line}
    for name, count in counts.items():
        assert rows[name] == [str(count), str(training_set_settings.PAPER_COUNTS[name])]


def test_a_coarse_mask_that_cannot_be_used_leaves_the_fine_one(data_dir, tmp_path):
    folder = tmp_path / "cityscapes"
    shutil.copytree(data_dir, folder)
    broken = min((folder / "gtCoarse").rglob("*_instanceIds.png"))
    broken.write_bytes(b"no picture")
    result = _run(folder, tmp_path / "out", "--sets=coarse,fine")
    assert result.returncode == 3, result.stderr[-2000:]
    rows = {line.split()[0]: line.split()[1] for line in result.stdout.splitlines() if line}
    assert rows["coarse"] == "2" and rows["fine"] == "3"
    (entry,) = json.loads((tmp_path / "out" / "rejected.json").read_text())
    assert entry["name"].startswith("gtCoarse/") and str(broken) in entry["reason"]


def test_no_set_is_written_if_one_is_refused(data_dir, tmp_path):
    folder = tmp_path / "cityscapes"
    shutil.copytree(data_dir, folder)
    result = _run(folder, tmp_path / "out", "--sets=fine,coarse")
    assert result.returncode == 0, result.stderr[-2000:]
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    binary = np.full((HEIGHT, WIDTH), 7, np.uint16)
    for x in range(0, WIDTH, 100):
        binary[100:150, x : x + 50] = 26000
    for path in (folder / "gtCoarse").rglob("*.png"):
        assert cv2.imwrite(str(path), binary)
    result = _run(folder, tmp_path / "out", "--sets=fine,coarse", "--drop_share=0")
    assert result.returncode == 1 and "gtCoarse/train/aachen: " in result.stderr
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}


def test_the_tool_names_what_is_wrong(data_dir, tmp_path):
    result = _run(data_dir, tmp_path / "out", "--sets=fine,fein")
    assert result.returncode != 0 and "`--sets` must name some of" in result.stderr
    result = _run(data_dir, tmp_path / "out", "--split=val")
    assert result.returncode != 0 and "val" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
