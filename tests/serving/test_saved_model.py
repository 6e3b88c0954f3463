"""The exported model, the C++ program and the tools give the same instances."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
import yaml
from running import ROOT, run_verb

import affinity_seg
from affinity_seg import common, instances, ops
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs import inference
from affinity_seg.data import pictures
from affinity_seg.pipeline import prediction_runs
from affinity_seg.pipeline.filters import InstanceFilter
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel
from affinity_seg.tasks import registry_imports  # noqa: F401

RUN_SAVED_MODEL = os.path.join(ROOT, "bazel-bin", "cc", "serving", "run_saved_model")


@pytest.fixture(scope="module")
def signatures(folder):
    return tf.saved_model.load(str(folder / "instances" / "1")).signatures


def check_same(answer, index, wanted):
    """Compares image `index` of a batch with what was found offline."""
    answer = {name: values.numpy()[index] for name, values in answer.items()}
    count = answer["num_instances"]
    assert count == len(wanted.classes)
    height, width = wanted.instance_ids.shape
    np.testing.assert_array_equal(answer["image_sizes"], (height, width))
    if "instance_ids" in answer:
        np.testing.assert_array_equal(answer["instance_ids"][:height, :width], wanted.instance_ids)
        assert not answer["instance_ids"][height:].any()
        assert not answer["instance_ids"][:, width:].any()
    encoded = np.frombuffer(answer["instance_ids_png_bytes"], np.uint8)
    ids = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(ids, wanted.instance_ids)
    for name in ("classes", "sizes", "boxes"):
        np.testing.assert_array_equal(answer[name][:count], getattr(wanted, name))
        assert not answer[name][count:].any()
    np.testing.assert_allclose(answer["scores"][:count], wanted.scores, atol=1e-5)


@pytest.mark.parametrize("signature", ["image_bytes", "image_bytes_compact"])
def test_files_of_any_sizes_in_a_batch(folder, names, offline, signatures, signature):
    answer = signatures[signature](tf.constant([(folder / n).read_bytes() for n in names]))
    for index, name in enumerate(names):
        check_same(answer, index, offline[name])


def test_examples(folder, offline, signatures):
    feature = tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[(folder / "photo.jpg").read_bytes()])
    )
    features = tf.train.Features(feature={common.IMAGE_ENCODED: feature})
    example = tf.train.Example(features=features).SerializeToString()
    check_same(signatures["tf_example"](tf.constant([example])), 0, offline["photo.jpg"])


def test_images(folder, offline, signatures):
    images = np.stack([pictures.read(str(folder / f"{name}.png")) for name in ("street", "other")])
    answer = signatures["serving_default"](tf.constant(images))
    for index, name in enumerate(("street", "other")):
        check_same(answer, index, offline[f"{name}.png"])


def test_the_cpp_program(folder, names, offline, tmp_path):
    subprocess.run(["bazel", "build", "//cc/serving:run_saved_model"], cwd=ROOT, check=True)
    (tmp_path / "broken.png").write_bytes((folder / "street.png").read_bytes()[:500])
    result = subprocess.run(
        [RUN_SAVED_MODEL, folder / "instances" / "1", tmp_path / "out", tmp_path / "broken.png"]
        + [folder / name for name in names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1  # The other pictures are segmented nevertheless.
    assert "broken.png" in result.stderr and "Invalid PNG data" in result.stderr
    for name in names:
        base, wanted = tmp_path / "out" / f"{name[:-4]}.instances", offline[name]
        ids = cv2.imread(f"{base}.png", cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(ids, wanted.instance_ids)
        lines = (tmp_path / "out" / f"{base}.txt").read_text().splitlines()
        rows = np.array([line.split() for line in lines], float).reshape(-1, 8)
        np.testing.assert_array_equal(rows[:, 0], 1 + np.arange(len(wanted.classes)))
        np.testing.assert_array_equal(rows[:, 1], wanted.classes)
        np.testing.assert_allclose(rows[:, 2], wanted.scores, atol=1e-5)
        np.testing.assert_array_equal(rows[:, 3], wanted.sizes)
        np.testing.assert_array_equal(rows[:, 4:], wanted.boxes.reshape(-1, 4))
    for arguments, wanted in (
        ([], "usage"),
        ([tmp_path, tmp_path, "x.png"], str(tmp_path)),
        ([tmp_path, tmp_path, "x.png", "y/x.jpg"], "y/x.jpg: names of files must differ"),
    ):
        result = subprocess.run(
            [RUN_SAVED_MODEL, *arguments], capture_output=True, text=True, check=False
        )
        assert result.returncode != 0 and wanted in result.stderr


def png_of_size(height, width):
    """Returns a PNG whose header claims a size that its pixels do not have."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "contents, message",
    [
        ([b"hello"], r"not a PNG, JPEG or BMP file:\] \[image\] \[0\]"),
        ([b""], "not a PNG, JPEG or BMP file"),
        ([], "the batch must hold at least one image"),
        ([png_of_size(20000, 20000)], r"must have 2 to 67108864 pixels.*\[20000 20000\]"),
        ([png_of_size(1, 1)], r"must have 2 to 67108864 pixels.*\[1 1\]"),
        ([png_of_size(64, 64)], "Invalid PNG data"),
        ([png_of_size(64, 64)[:20]], "the file is damaged or cut off"),
        ([b"\xff\xd8\xff\xe0" + bytes(50)], "(?i)jpeg"),
    ],
)
def test_broken_files_are_invalid_arguments(signatures, contents, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures["image_bytes"](tf.constant(contents, tf.string))


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (1, 0, 32, 3), (1, 1, 1, 3)])
def test_empty_images_are_invalid_arguments(signatures, shape):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at least one image|2 to 67108864"):
        signatures["serving_default"](tf.zeros(shape, tf.uint8))


def test_other_dtypes_and_examples_are_invalid_arguments(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="uint8"):
        signatures["serving_default"](tf.zeros([1, 32, 32, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="image/encoded"):
        signatures["tf_example"](tf.constant([b""]))


def test_the_filter_is_in_the_graph(folder, offline, tmp_path):
    config = inference.load_config(str(folder / "preset.yaml"))
    wanted = offline["street.png"]
    chosen = CITYSCAPES.class_names[wanted.classes[0]]
    instance_filter = InstanceFilter(float(np.median(wanted.scores)), (chosen,))
    segmenter = prediction_runs.load_segmenter(
        config, str(folder / "semantic"), str(folder / "affinity"), instance_filter
    )
    saved_model.write(segmenter, str(tmp_path / "1"), warmup=False)
    assert not (tmp_path / "1" / saved_model.EXTRA / saved_model.WARMUP_FILE).exists()
    answer = tf.saved_model.load(str(tmp_path / "1")).signatures["image_bytes"](
        tf.constant([(folder / "street.png").read_bytes()])
    )
    keeps = instance_filter.keeps(wanted.classes, wanted.scores, CITYSCAPES)
    kept = instances.number(
        wanted.instance_ids - 1, wanted.classes, wanted.scores, wanted.votes, kept=keeps
    ).as_numpy()
    assert len(kept.classes) < len(wanted.classes)
    check_same(answer, 0, kept)


def test_the_zoom_is_estimated_in_the_graph(folder, zooming_segmenter, exported_zooming):
    zooms = []
    for name in ("street.png", "wide.png", "small.png", "plain.png"):
        image = pictures.read(str(folder / name))
        wanted = zooming_segmenter.segment(image).as_numpy()
        prediction = Predictor(zooming_segmenter).predict(image)
        zooms.append(prediction.regions[0].zoomed_size[0] / image.shape[0])
        for found in (exported_zooming.segment(image), zooming_segmenter.merger.merge(prediction)):
            np.testing.assert_array_equal(found.instance_ids, wanted.instance_ids, name)
            np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5, err_msg=name)
    # An untrained network finds only specks in some pictures, where the first zoom, 1, remains.
    assert max(abs(zoom - 1) for zoom in zooms) > 0.05, zooms


@pytest.fixture(scope="module")
def zooming_segmenter(folder):
    config = inference.load_config(
        str(folder / "preset.yaml"),
        ["regions=false", "zoom=auto", "object_size=30", "first_zoom=1", "min_zoom=0.5"],
    )
    return prediction_runs.load_segmenter(
        config, str(folder / "semantic"), str(folder / "affinity")
    )


@pytest.fixture(scope="module")
def exported_zooming(zooming_segmenter, tmp_path_factory):
    exported = str(tmp_path_factory.mktemp("zooming") / "1")
    saved_model.write(zooming_segmenter, exported, warmup=False)
    return ExportedModel(exported)


def test_the_networks_alone_need_no_op_and_the_op_merges_what_they_say(folder, tmp_path):
    code = (
        "import tensorflow as tf, numpy as np\n"
        f"model = tf.saved_model.load('{folder}/networks/1')\n"
        f"image = tf.io.decode_png(tf.io.read_file('{folder}/street.png'))[None]\n"
        f"np.savez('{tmp_path}/logits.npz', **model.signatures['serving_default'](image))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    logits = np.load(tmp_path / "logits.npz")
    config = inference.load_config(
        str(folder / "preset.yaml"),
        ["regions=false", "partition=false", "max_zoom=1", "crop_size=1", "bucket=1"]
        + ["logits_dtype=float32"],
    )
    segmenter = prediction_runs.load_segmenter(
        config, str(folder / "semantic"), str(folder / "affinity")
    )
    wanted = segmenter.segment(pictures.read(str(folder / "street.png"))).as_numpy()
    found = ops.graph_merge_from_logits(
        logits["semantic_logits"][0], logits["affinity_logits"][0], np.ones((128, 192), bool),
        config.merge_options(CITYSCAPES, segmenter.networks[-1].distances),
        semantic_stride=8, affinity_stride=8,
    )  # fmt: skip
    np.testing.assert_array_equal(found.instance_ids, wanted.instance_ids)


def test_what_lies_beside_the_model(folder):
    exported = str(folder / "instances" / "1")
    extra = pathlib.Path(exported, saved_model.EXTRA)
    assert json.loads((extra / "export.json").read_text())["kind"] == "instances"
    assert yaml.safe_load((extra / "preset.yaml").read_text())["crop_size"] == 65
    assert yaml.safe_load((extra / "class_table.yaml").read_text())["name"] == "cityscapes"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("export.json", "{", "export.json"),
        ("preset.yaml", "- 3", "preset.yaml: must be a mapping"),
        ("preset.yaml", "a: [", "preset.yaml"),
    ],
)
def test_a_damaged_file_beside_the_model_is_named(tmp_path, name, content, message):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        saved_model.read_extra(str(tmp_path), name)


def test_warm_up_requests_are_answered(folder, signatures):
    from tensorflow_serving.apis import prediction_log_pb2

    path = folder / "instances" / "1" / saved_model.EXTRA / saved_model.WARMUP_FILE
    seen = []
    for record in tf.data.TFRecordDataset(str(path)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in request.inputs.items()}
        answer = signatures[request.model_spec.signature_name](**inputs)
        assert answer["image_sizes"].numpy().tolist() == [[192, 256]]
        seen.append(request.model_spec.signature_name)
    assert seen == ["serving_default", "image_bytes", "image_bytes_compact", "tf_example"]


def test_without_the_op_tensorflow_names_it(folder, tmp_path):
    code = f"import tensorflow as tf; tf.saved_model.load('{folder}/instances/1')"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Op type not registered" in result.stderr  # docs/serving.md has what to do then.
    code = code.replace("import ", "import affinity_seg.ops, ", 1)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "override, wanted",
    [
        ("--model=nowhere", "nowhere"),
        ("--override=stages=[1,2]", "stages"),
        ("--output_dir={folder}/instances", "instances/1"),
        ("--kind=networks --min_score=0.5", "kind 'networks' has no instances"),
    ],
)
def test_errors_are_one_message(folder, tmp_path, override, wanted):
    arguments = [
        f"--model={folder}",
        f"--preset={folder}/preset.yaml", f"--output_dir={tmp_path}/out",
    ]  # fmt: skip
    result = run_verb("export", ROOT, *arguments, *override.format(folder=folder).split())
    assert result.returncode != 0 and wanted in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("saved_model.pb"))


def test_the_three_calls_give_the_same(folder, offline):
    exported = str(folder / "instances")
    model = affinity_seg.load(exported)
    assert model.config == inference.load_config(str(folder / "preset.yaml"))
    for name in ("street.png", "plain.png", "turned.jpg", "plain_bmp.bmp"):
        found, wanted = model.segment(folder / name), offline[name]
        for field in ("instance_ids", "classes", "sizes", "boxes"):
            np.testing.assert_array_equal(getattr(found, field), getattr(wanted, field))
            assert getattr(found, field).dtype == getattr(wanted, field).dtype
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
        assert found.class_names == tuple(CITYSCAPES.class_names[i] for i in wanted.classes)
    with pytest.raises(ValueError, match="an exported model has its own preset"):
        model.segment(folder / "street.png", min_pixels=1)
    with pytest.raises(ValueError, match="an exported model has its own preset"):
        affinity_seg.load(exported, "demo")
    with pytest.raises(ValueError, match="must be of kind 'instances'"):
        affinity_seg.load(folder / "networks")


def test_segment_takes_an_exported_model(folder, offline, tmp_path):
    arguments = [f"--input={folder}/street.png", f"--output_dir={tmp_path}"]
    result = run_verb("segment", ROOT, *arguments, f"--model={folder}/instances")
    assert result.returncode == 0, result.stderr
    described = json.loads((tmp_path / "street_instances.json").read_text())["instances"]
    wanted = offline["street.png"]
    assert [entry["class_index"] for entry in described] == wanted.classes.tolist()
    assert [entry["box"] for entry in described] == wanted.boxes.tolist()
    assert [entry["size"] for entry in described] == wanted.sizes.tolist()
    model = f"--model={folder}/instances"
    result = run_verb("segment", ROOT, *arguments, model, "--preset=demo")
    assert (
        result.returncode == 1
        and "--preset` must not be given: in an exported model already" in result.stderr
    )


def test_an_export_of_another_version_is_named(folder, monkeypatch):
    def load(path):  # As TensorFlow does where the op in the graph has another output.
        raise KeyError("while/GraphMergeFromLogits:instance_ids:0")

    monkeypatch.setattr(tf.saved_model, "load", load)
    with pytest.raises(ValueError, match=r"instances/1: .* another version .*, export it again"):
        affinity_seg.load(folder / "instances")
