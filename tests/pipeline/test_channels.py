"""Images of other channels than grey and RGB: from files by way of records to instances."""

import os

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tifffile
import training_records
from faults import scene

import affinity_seg
from affinity_seg import model_folder, verbs
from affinity_seg.configs import experiments, inference
from affinity_seg.configs import networks as networks_config
from affinity_seg.data import graph_examples, pictures, tiles
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.modeling import inputs, loading
from affinity_seg.pipeline import prediction_runs
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel
from affinity_seg.serving.page import served_picture
from affinity_seg.tasks import training

_COUNT = 5
_SIZE = (150, 140)
_CHOICE = PlaneChoice(channels=(1, 2, 3, 4, 5))
_PICKED = "--channels=1,2,3,4,5"


def _write(folder):
    """Writes three stacks of channels of 16 bits, in each of which another range is used."""
    rng = np.random.default_rng(0)
    for part in ("images", "instances"):
        os.makedirs(folder / part)
    for name in "abc":
        ids = np.zeros(_SIZE, np.uint16)
        for number in range(1, 9):
            y, x = 35 * ((number - 1) // 3), 45 * ((number - 1) % 3)
            ids[y : y + 28, x : x + 30] = number
        planes = rng.integers(0, 50, (_COUNT, *_SIZE)).astype(np.uint16)
        planes[3] += np.uint16(900) * (ids > 0)
        planes[4] *= 300
        tifffile.imwrite(folder / "images" / f"{name}.tif", planes, metadata={"axes": "CYX"})
        tifffile.imwrite(folder / "instances" / f"{name}.tif", ids)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set of five channels, its shard, a network trained on it, and a random model."""
    folder = tmp_path_factory.mktemp("channels")
    data, records, model = (folder / name for name in ("data", "records", "model"))
    _write(data)
    flags = [f"--input={data}", "--layout=folder", "--split=train", "--class_table=nuclei"]
    verbs.run("prepare", [*flags, f"--output_dir={records}", "--num_shards=1", _PICKED])
    shard = records / "train-00000-of-00001.tfrecord"
    config = training_records.write_config(folder / "config.yaml", shard)
    changes = {
        "num_channels": _COUNT,
        "pixel_mean": [100.0] * _COUNT,
        "contrast_percentiles": [1.0, 99.0],
    }
    training_records.change_config(config, {"model": changes})
    experiment = training_records.parse("joint", config, "task.class_table=nuclei")
    training.run(experiment, str(model / "joint"), "train_and_eval")
    image = pictures.read(str(data / "images" / "a.tif"), choice=_CHOICE)
    scene.write_network(folder / "random/joint", experiments.JOINT, image)
    roles = dict.fromkeys(model_folder.KINDS, "joint")
    preset = inference.load_config("nuclei", ["zoom=none", "min_pixels=1"])
    model_folder.write(str(folder / "random"), networks=roles, preset=preset)
    return data, shard, model / "joint", folder / "random"


def test_a_network_of_five_channels_is_trained(made):
    _, _, trained, _ = made
    network = loading.load_network(str(trained))
    assert network.num_channels == _COUNT
    assert network.model.trainable_variables[0].shape[2] == _COUNT


def test_records_hold_every_channel(made):
    data, shard, *_ = made
    records = list(tf.data.TFRecordDataset(str(shard)))
    assert len(records) == 3
    for record, name in zip(records, "abc", strict=True):
        planes = tifffile.imread(data / "images" / f"{name}.tif")
        image = graph_examples.decode(record)["image"].numpy()
        assert image.shape == (*_SIZE, _COUNT)
        np.testing.assert_array_equal(image[..., :3], np.moveaxis(planes[:3], 0, 2))
        # Of 16 bits, each channel in its own range.
        assert image[..., 3].min() == image[..., 4].min() == 0
        assert image[..., 3].max() == image[..., 4].max() == 255
        example = graph_examples.parse(record)
        window = tf.constant([17, 40]), tf.constant([100, 93])
        np.testing.assert_array_equal(
            graph_examples.read_image(example, *window), image[17:117, 40:133]
        )
        for channel, histogram in enumerate(example["histogram"].numpy()):
            np.testing.assert_array_equal(
                histogram, np.bincount(image[..., channel].ravel(), minlength=256)
            )


def test_every_channel_has_its_own_contrast():
    config = networks_config.Network(num_channels=2, contrast_percentiles=[0.0, 100.0])
    image = np.stack([np.arange(100).reshape(10, 10)] * 2, axis=-1).astype(np.uint8)
    image[..., 1] //= 4
    found = inputs.stretch_contrast(config, tf.constant(image)).numpy()
    np.testing.assert_allclose(found.min(axis=(0, 1)), 0)
    np.testing.assert_allclose(found.max(axis=(0, 1)), 255, atol=1e-3)
    part = inputs.stretch_contrast(
        config, tf.constant(image[:3]), tiles.histograms(image).astype(np.int32)
    )
    np.testing.assert_array_equal(part, found[:3])


def test_data_set_library_and_exported_model_give_the_same(made, tmp_path):
    data, _, _, folder = made
    out = tmp_path / "out"
    images = ["--layout=images", f"--input={data}/images"]
    flags = [*images, f"--model={folder}", f"--output_dir={out}"]
    assert verbs.run("segment", [*flags, _PICKED]) == 0
    model = affinity_seg.load(folder)
    channels = range(1, _COUNT + 1)
    path = str(data / "images" / "a.tif")
    found = model.segment(path, channels=channels)
    assert len(found.classes) > 1
    planes = np.moveaxis(tifffile.imread(path), 0, 2)
    again = model.segment(planes, channels=channels)
    np.testing.assert_array_equal(found.instance_ids, again.instance_ids)
    drawn = affinity_seg.draw(path, found, channels=channels)
    assert drawn.shape[2] == 3
    model.export(tmp_path / "exported")
    exported = ExportedModel(saved_model.find_version(str(tmp_path / "exported")))
    served = exported.segment(pictures.read(path, choice=_CHOICE))
    np.testing.assert_array_equal(served.instance_ids, found.instance_ids)
    assert list(exported._model.signatures) == ["serving_default"]
    report = [f"--predictions_dir={out}/predictions", f"--results_dir={out}/results"]
    shown = tmp_path / "shown"
    flags = [*images, f"--output_dir={shown}"]
    assert verbs.run("report", ["--format=pictures", *flags, *report, _PICKED]) == 0
    assert (shown / "a_sheet.png").exists()


def test_pictures_with_measurements_of_every_channel(made, tmp_path):
    data, _, _, folder = made
    flags = [f"--input={data}/images/a.tif", f"--model={folder}", f"--output_dir={tmp_path}"]
    assert verbs.run("segment", [*flags, _PICKED, "--formats=png,csv"]) == 0
    with open(tmp_path / "measurements.csv", encoding="utf-8") as file:
        header = file.readline().strip().split(",")
    assert header[-3:] == ["mean_5", "min_5", "max_5"]


def test_the_page_shows_the_first_three_channels(made):
    data, _, _, folder = made
    model = model_folder.read(str(folder))
    segmenter = prediction_runs.load_segmenter(model.config(), *model.network_dirs)
    path = data / "images" / "a.tif"
    served = served_picture.Reader(segmenter, 10**6, 10.0).read("a.tif", path.read_bytes(), _CHOICE)
    shown = cv2.imdecode(np.frombuffer(served.png, np.uint8), cv2.IMREAD_COLOR)
    image = pictures.read(str(path), choice=_CHOICE)
    np.testing.assert_array_equal(shown[..., ::-1], image[..., :3])
    assert served_picture.describe_instances(served.merge({}).picture)


def test_other_channels_than_the_network_has_are_refused(made, tmp_path):
    data, shard, _, folder = made
    flags = [f"--input={data}/images/a.tif", f"--model={folder}", f"--output_dir={tmp_path}"]
    message = r"a\.tif: an image must have 5 channels for this network: 3; choose them with"
    with pytest.raises(ValueError, match=message):
        verbs.run("segment", [*flags, "--channels=4"])
    config = training_records.write_config(tmp_path / "config.yaml", shard)
    with pytest.raises(Exception, match=r"as many channels as `task\.model\.num_channels`,"):
        training.run(training_records.parse("joint", config), str(tmp_path / "rgb"), "train")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_channels": 1, "pixel_mean": [9.0]}, "`num_channels` must be at least 2, and 3 for"),
        ({"num_channels": 4}, "`pixel_mean` must have an entry for each channel, 4, such as 127.5"),
    ],
)
def test_configurations_that_do_not_fit(fields, message):
    with pytest.raises(ValueError, match=message):
        networks_config.Network(**fields).check()


def test_changes_of_microscopes_are_for_grey_and_rgb(tmp_path):
    config = training_records.write_config(tmp_path / "config.yaml", "x")
    model = {"num_channels": 2, "pixel_mean": [9.0, 9.0]}
    training_records.change_config(
        config, {"model": model, "train_data": {"microscope": {"blur": 1.0}}}
    )
    with pytest.raises(ValueError, match=r"`train_data\.microscope` must be off for images that"):
        training_records.parse("joint", config).task.check()
