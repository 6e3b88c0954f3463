"""From a picture to instances with networks that know the truth; records in between."""

import dataclasses

import numpy as np
import oracle
import pytest
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.pipeline import predicting, records, segmenter
from affinity_seg.pipeline.merging import merge_components, merger_of
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.probabilities import semantic_probabilities
from affinity_seg.pipeline.segmenter import Segmenter

PLAIN = InferenceConfig(
    cell_size=8, growth=4, crop_size=48, max_zoom=1.0, merge_window=1, min_pixels=20
)


def _scene():
    """Two touching squares, a disc in parts behind a bar, and the bar."""
    classes, instances = np.zeros((37, 51), np.int64), np.zeros((37, 51), np.int64)
    for number, (class_index, y0, x0, y1, x1) in enumerate(
        [(1, 2, 2, 12, 9), (1, 2, 9, 13, 15), (2, 24, 20, 34, 44), (3, 18, 28, 36, 36)], start=1
    ):
        classes[y0:y1, x0:x1] = class_index
        instances[y0:y1, x0:x1] = number
    return classes, instances


def _predict(config, stride=1):
    classes, instances = _scene()
    networks_ = [oracle.OracleNetwork(kind, stride) for kind in ("semantic", "affinity")]
    predictor = Predictor(Segmenter(*networks_, config))
    return predictor.predict(oracle.picture(classes, instances)), networks_


@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("partition", [False, True])
def test_truth_comes_back(window, flip, partition):
    config = InferenceConfig(
        **{
            **vars(PLAIN),
            "merge_window": window,
            "semantic_flip": flip,
            "affinity_flip": flip,
            "partition": partition,
            # Averages of windows with two instances in them are lower.
            "thresholds": (0.9, 0.7, 0.3) if window == 1 else (0.6, 0.5, 0.3),
        }
    )
    prediction, _ = _predict(config)
    found = merger_of(prediction, config, oracle.TABLE).merge(prediction)
    classes, instances = _scene()
    assert len(found.classes) == 4
    for number in range(1, 5):
        true = instances == number
        ids, counts = np.unique(found.instance_ids[true], return_counts=True)
        best = ids[counts.argmax()]
        same = found.instance_ids == best
        iou = (same & true).sum() / (same | true).sum()
        assert iou == 1.0 if window == 1 else iou > 0.6
        assert found.classes[best - 1] == classes[true][0]


@pytest.mark.parametrize("groups", [(0, 1, 1, 1), (0, 1, 1, 2), (0, 2, 1, 2), (0, 1, 2, 3)])
def test_any_partition_of_the_classes(groups):
    config = dataclasses.replace(PLAIN, groups=groups)
    prediction, _ = _predict(config)
    classes, instances = _scene()
    found = merger_of(prediction, config, oracle.TABLE).merge(prediction)
    assert sorted({item.region.group for item in prediction.regions}) == sorted(set(groups) - {0})
    assert len(found.classes) == 4
    for number in range(1, 5):
        true = instances == number
        index = found.instance_ids[true][0]
        np.testing.assert_array_equal(found.instance_ids == index, true)
        assert found.classes[index - 1] == classes[true][0]


def test_groups_of_the_regions_and_batches():
    prediction, (semantic, affinity) = _predict(PLAIN)
    assert [item.region.group for item in prediction.regions] == [1, 1, 2]
    # The full image and its mirror; then three crops and their mirrors, padded to 48 alike.
    assert semantic.calls == [(2, 37, 51, 3), (6, 48, 48, 3)]
    assert affinity.calls == [(6, 48, 48, 3)]


def test_flips_of_semantics_are_mirrored_back():
    semantic = np.random.default_rng(0).normal(size=(1, 4, 5, 3)).astype(np.float32)
    both = np.concatenate([semantic, semantic[:, :, ::-1]])
    np.testing.assert_allclose(
        semantic_probabilities(tf.constant(both), 1, 4, 5),
        semantic_probabilities(tf.constant(semantic), 1, 4, 5),
        atol=1e-6,
    )


def test_logits_keep_what_upsampling_reads_of_the_padding():
    config = InferenceConfig(**{**vars(PLAIN), "crop_size": 64})
    prediction, _ = _predict(config, stride=4)
    item = prediction.regions[0]
    height, width = item.zoomed_size
    assert item.semantic_logits.shape == (2, (height - 1) // 4 + 2, (width - 1) // 4 + 2, 4)
    padded = oracle.MARGIN * np.random.default_rng(1).normal(size=(1, 16, 16, 4)).astype(np.float32)
    cut = segmenter.needed(padded, np.int32([height, width]), 4)
    np.testing.assert_array_equal(
        semantic_probabilities(tf.constant(cut), 4, height, width),
        semantic_probabilities(tf.constant(padded), 4, height, width),
    )


def test_batches_keep_to_the_limit():
    whole = (1024, 2048)
    sizes = [whole, (100, 100), whole, whole, (2000, 2100)]
    assert predicting._batches(sizes, 1024 * 2048) == [[0, 2], [3], [1], [4]]
    # In tiles, two inputs of twice that size run together.
    assert predicting._batches([(2048, 2048)] * 3, 1024 * 2048) == [[0, 1], [2]]


def test_zoom_finds_the_same_objects():
    config = InferenceConfig(
        **{**vars(PLAIN), "max_zoom": 2.0, "thresholds": (0.6, 0.5, 0.3), "min_pixels": 80}
    )
    prediction, _ = _predict(config)
    assert any(item.zoomed_size != item.region.mask.shape for item in prediction.regions)
    found = merger_of(prediction, config, oracle.TABLE).merge(prediction)
    _, instances = _scene()
    for number in range(1, 5):
        true = instances == number
        ious = [
            ((found.instance_ids == i) & true).sum() / ((found.instance_ids == i) | true).sum()
            for i in range(1, len(found.classes) + 1)
        ]
        assert max(ious) > 0.6


def test_an_image_without_objects():
    predictor = Predictor(Segmenter(*map(oracle.OracleNetwork, ("semantic", "affinity")), PLAIN))
    prediction = predictor.predict(np.zeros((20, 30, 3), np.uint8))
    assert prediction.regions == []
    found = merger_of(prediction, PLAIN, oracle.TABLE).merge(prediction)
    assert len(found.classes) == 0 and found.instance_ids.shape == (20, 30)


def test_components_join_what_touches():
    prediction, _ = _predict(PLAIN)
    found = merge_components(prediction, min_pixels=20)
    # The two squares are one; the disc is two.
    assert found.classes.tolist() == [1, 3, 2, 2]
    prediction.semantic_logits[0, 3, 4, 1] = np.nan
    with pytest.raises(ValueError, match="full image: the logits of `semantic` must be finite"):
        merge_components(prediction, min_pixels=20)


def test_networks_that_do_not_fit_are_refused():
    semantic, affinity = map(oracle.OracleNetwork, ("semantic", "affinity"))
    with pytest.raises(ValueError, match="the semantic network must be of that kind: 'affinity'"):
        Segmenter(affinity, semantic, PLAIN)
    few = oracle.OracleNetwork("affinity", distances=(1, 2))
    with pytest.raises(ValueError, match="`stages` must add up to the 2 distances"):
        Segmenter(semantic, few, PLAIN)


def test_bad_logits_are_an_error_that_names_the_region():
    prediction, _ = _predict(PLAIN)
    item = prediction.regions[0]
    item.affinity_logits[:] = np.nan
    with pytest.raises(ValueError, match=r"region at \(0, 0, 20, 20\): .*`affinity`"):
        merger_of(prediction, PLAIN, oracle.TABLE).merge(prediction)


def _record(logits_dtype="float16"):
    config = dataclasses.replace(PLAIN, logits_dtype=logits_dtype)
    prediction, _ = _predict(config, stride=4)
    return records.Record("a_1", "a/a_1.png", "0a1b", {"crop_size": 48}, oracle.TABLE, prediction)


@pytest.mark.parametrize("logits_dtype", ["float16", "float32"])
def test_records_come_back(tmp_path, logits_dtype):
    record = _record(logits_dtype)
    assert record.prediction.regions[0].affinity_logits.dtype == logits_dtype
    path = records.record_path(str(tmp_path), record.name)
    records.write_record(path, record)
    read = records.read_record(path)
    assert read[:5] == record[:5]
    assert records.list_records(str(tmp_path)) == ["a_1"]
    _assert_equal(read.prediction, record.prediction)


def _assert_equal(found, wanted):
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    elif isinstance(wanted, tuple | list):
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            _assert_equal(a, b)
    else:
        assert found == wanted


def test_damaged_records_are_named(tmp_path):
    record = _record()
    path = records.record_path(str(tmp_path), record.name)
    records.write_record(path, record)
    with open(path, "rb") as file:
        content = file.read()
    damaged = tmp_path / "b.tfrecord"
    damaged.write_bytes(content[: len(content) - 100])
    with pytest.raises(
        ValueError,
        match=r"b\.tfrecord: not a prediction record .* again: "
        r"it is damaged or cut off$",
    ):
        records.read_record(str(damaged))
    # Cut between two examples, where TFRecord itself notices nothing.
    length = int.from_bytes(content[:8], "little") + 16
    damaged.write_bytes(content[:length])
    with pytest.raises(ValueError, match=r"b\.tfrecord.*must hold 2 regions: 0"):
        records.read_record(str(damaged))
    damaged.write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.tfrecord: .* it is empty"):
        records.read_record(str(damaged))
    with tf.io.TFRecordWriter(str(damaged)) as writer:
        writer.write(tf.train.Example().SerializeToString())
    with pytest.raises(ValueError, match=r"b\.tfrecord: .*'schema_version' is missing"):
        records.read_record(str(damaged))
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=r"b\.tfrecord: .*named after it, a_1\.tfrecord"):
        records.read_record(str(damaged))
    with pytest.raises(FileNotFoundError, match=r"c\.tfrecord"):
        records.read_record(str(tmp_path / "c.tfrecord"))


def test_records_of_another_version_are_refused(tmp_path, monkeypatch):
    path = str(tmp_path / "a.tfrecord")
    monkeypatch.setattr(records, "SCHEMA_VERSION", 4)
    records.write_record(path, _record())
    monkeypatch.undo()
    with pytest.raises(ValueError, match="`schema_version` must be 3: 4"):
        records.read_record(path)
