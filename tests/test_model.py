"""`load`, `segment`, `draw`: the same instances as the programs find; of exported models see
tests/serving."""

import json
import shutil

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from faults.scene import PRESET, write_network
from running import ROOT, run_python, run_verb

import affinity_seg
from affinity_seg import model_folder, rejected_inputs
from affinity_seg.configs import experiments
from affinity_seg.configs.inference import load_config
from affinity_seg.pipeline import records
from affinity_seg.pipeline.segmenter import Segmenter
from synthetic import streets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Networks, a preset and a street."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "preset.yaml").write_text(PRESET)
    streets.write_streets(str(folder / "streets"), {"val": 1}, seed=1, height=96, width=160)
    (path,) = (folder / "streets" / "leftImg8bit").rglob("*.png")
    path.rename(folder / "street.png")
    picture = cv2.imread(str(folder / "street.png"))
    write_network(folder / "semantic", experiments.SEMANTIC, picture)
    write_network(folder / "affinity", experiments.AFFINITY, picture)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return affinity_seg.load(folder, str(folder / "preset.yaml"))


@pytest.fixture(scope="module")
def found(model, folder):
    found = model.segment(folder / "street.png")
    assert len(found.classes) > 3
    return found


def _assert_same(found, wanted):
    for name in ("instance_ids", "classes", "sizes", "boxes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        assert getattr(found, name).dtype == getattr(wanted, name).dtype
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
    assert found.class_names == wanted.class_names


def test_import_alone_loads_no_tensorflow():
    program = "import sys, affinity_seg; sys.exit('tensorflow' in sys.modules)"
    assert run_python("-c", program).returncode == 0
    with pytest.raises(AttributeError, match="'affinity_seg' has no attribute 'segmnet'"):
        _ = affinity_seg.segmnet


def test_as_the_program(folder, found, tmp_path):
    done = run_verb(
        "segment", ROOT, f"--input={folder}/street.png", f"--model={folder}",
        f"--preset={folder}/preset.yaml",
        f"--output_dir={tmp_path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "street_instances.json").read_text())["instances"]
    assert [entry["class"] for entry in listed] == list(found.class_names)
    assert [entry["class_index"] for entry in listed] == found.classes.tolist()
    assert [entry["score"] for entry in listed] == found.scores.tolist()
    assert [entry["size"] for entry in listed] == found.sizes.tolist()
    assert [entry["box"] for entry in listed] == found.boxes.tolist()
    drawn = cv2.cvtColor(affinity_seg.draw(folder / "street.png", found), cv2.COLOR_RGB2BGR)
    assert np.array_equal(cv2.imread(str(tmp_path / "street_instances.png")), drawn)


def test_model_yaml_and_pixels_and_lists_give_the_same(folder, found, tmp_path):
    networks = {kind: str(folder / kind) for kind in ("semantic", "affinity")}
    preset = load_config(str(folder / "preset.yaml"))
    model_folder.write(str(tmp_path), networks=networks, preset=preset)
    model = affinity_seg.load(tmp_path)
    assert model.config == preset
    pixels = cv2.cvtColor(cv2.imread(str(folder / "street.png")), cv2.COLOR_BGR2RGB)
    for one in model.segment([pixels, folder / "street.png"]):
        _assert_same(one, found)
    drawn = affinity_seg.draw(folder / "street.png", found)
    assert np.array_equal(affinity_seg.draw(pixels, found), drawn)


def _pixels(folder):
    return cv2.cvtColor(cv2.imread(str(folder / "street.png")), cv2.COLOR_BGR2RGB)


def test_tiff_files_and_arrays_of_any_depth_give_the_same(folder, model, found, tmp_path):
    pixels = _pixels(folder)
    counts, file = pixels.astype(np.uint16), tmp_path / "street.tif"
    tifffile.imwrite(file, counts, photometric="rgb", compression="zlib")
    rgba = np.dstack([pixels, pixels[..., 0]])
    for one in model.segment([file, counts, pixels.astype(float), rgba]):
        _assert_same(one, found)
    assert np.array_equal(
        affinity_seg.draw(file, found), affinity_seg.draw(folder / "street.png", found)
    )


def test_page_and_channels_of_files_and_arrays(folder, model, found, tmp_path):
    pixels, file = _pixels(folder), tmp_path / "stack.tif"
    tifffile.imwrite(file, np.stack([pixels // 2, pixels]), photometric="rgb")
    with pytest.raises(ValueError, match=r"stack\.tif: the TIFF file has 2 pages .* `page`"):
        model.segment(file)
    _assert_same(model.segment(file, page=2), found)
    many = np.dstack([pixels[..., 1], pixels[..., 2], pixels[..., 0], pixels[..., 0]])
    _assert_same(model.segment(np.dstack([many, many[..., :1]]), channels=[3, 1, 2]), found)
    grey = model.segment(pixels[..., 0])
    _assert_same(model.segment(pixels, channels=1), grey)
    _assert_same(model.segment(np.dstack([pixels[..., 0]] * 3)), grey)
    with pytest.raises(
        ValueError, match=r"`channels` must be in \[1, 3\], the picture's channels: \[4\]"
    ):
        model.segment(pixels, channels=4)
    with pytest.raises(ValueError, match=r"`image`: `page` must be 1 of an array: 2"):
        model.segment(pixels, page=2)


def test_the_program_reads_tiff_and_names_the_flag_that_chooses(folder, found, tmp_path):
    pixels, pictures = _pixels(folder), tmp_path / "pictures"
    pictures.mkdir()
    tifffile.imwrite(pictures / "street.tif", pixels.astype(np.uint16), photometric="rgb")
    tifffile.imwrite(pictures / "stack.tiff", np.stack([pixels // 2, pixels]), photometric="rgb")
    model = [f"--model={folder}", f"--preset={folder}/preset.yaml"]
    out = [f"--output_dir={tmp_path}/out", "--formats=json"]
    done = run_verb("segment", ROOT, f"--input={pictures}", *model, *out)
    assert done.returncode == rejected_inputs.EXIT_STATUS, done.stderr
    (refused,) = json.loads((tmp_path / "out" / "rejected.json").read_text())
    assert refused["name"] == "stack" and "choose one, 1 to 2, with `--page`" in refused["reason"]
    for page in (1, 2):
        page_of = [f"--input={pictures}/stack.tiff", f"--page={page}"]
        done = run_verb("segment", ROOT, *page_of, *model, *out)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "stack_page1_instances.json").exists()
    for name in ("street", "stack_page2"):
        listed = json.loads((tmp_path / "out" / f"{name}_instances.json").read_text())
        assert [entry["size"] for entry in listed["instances"]] == found.sizes.tolist()


def test_a_data_set_of_tiff_files_gives_the_same_records(folder, tmp_path):
    pixels, made = _pixels(folder), []
    for suffix in (".png", ".tif"):
        images = tmp_path / suffix / "images"
        images.mkdir(parents=True)
        if suffix == ".png":
            shutil.copy(folder / "street.png", images)
        else:
            tifffile.imwrite(images / "street.tif", pixels.astype(np.uint16), photometric="rgb")
        done = run_verb(
            "segment", ROOT, "--layout=folder", f"--input={tmp_path}/{suffix}",
            f"--model={folder}", f"--preset={folder}/preset.yaml",
            f"--output_dir={tmp_path}/{suffix}/out", "--stop_after=predictions",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made.append(records.read_record(str(tmp_path / suffix / "out/predictions/street.tfrecord")))
    assert [record.filename for record in made] == ["street.png", "street.tif"]
    first, second = (record.prediction for record in made)
    np.testing.assert_array_equal(first.semantic_logits, second.semantic_logits)


def test_fields_change_for_one_image_or_for_all(folder, model, found):
    fewer = model.segment(folder / "street.png", min_pixels=300)
    assert 0 < len(fewer.classes) < len(found.classes)
    changed = affinity_seg.load(folder, str(folder / "preset.yaml"), min_pixels=300)
    _assert_same(changed.segment(folder / "street.png"), fewer)
    _assert_same(model.segment(folder / "street.png"), found)


def test_what_is_wrong_is_named(folder, model, tmp_path):
    street = folder / "street.png"
    with pytest.raises(ValueError, match="unknown field 'min_pixel'"):
        model.segment(street, min_pixel=3)
    with pytest.raises(ValueError, match="`affinity_stride` is chosen by `load`"):
        model.segment(street, affinity_stride=16)
    with pytest.raises(
        ValueError, match=r"`image` must be a file, or grey .*: float32 \[4, 5, 2\]"
    ):
        model.segment(np.zeros((4, 5, 2), np.float32))
    with pytest.raises(ValueError, match=r"`image`: must have 2 to \d+ pixels: 1x1"):
        model.segment(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        model.segment("nowhere.png")
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/semantic is missing"):
        affinity_seg.load(tmp_path)
    with pytest.raises(ValueError, match="`preset` must be given"):
        affinity_seg.load(folder)
    with pytest.raises(ValueError, match=r"street\.png: `instance_ids` must be as large"):
        small = model.segment(np.zeros((40, 40, 3), np.uint8))
        affinity_seg.draw(street, small)


def test_the_exported_graph_is_the_object_called_eagerly(model, folder, tmp_path, monkeypatch):
    called = []
    segment = Segmenter.segment

    def record(self, image):
        called.append((self, tf.executing_eagerly()))
        return segment(self, image)

    monkeypatch.setattr(Segmenter, "segment", record)
    model.segment(folder / "street.png")
    model.export(tmp_path / "exported")
    (eager, is_eager), *traced = called
    assert is_eager and traced
    assert all(one is eager and not was_eager for one, was_eager in traced)
