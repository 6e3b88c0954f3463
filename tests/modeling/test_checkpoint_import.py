"""Imported networks against a TF1 graph of plain operations (tf1_graph.py)."""

import os
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
import tf1_graph
from official.core import task_factory
from running import ON_CPU, ROOT, run_verb

from affinity_seg import model_folder
from affinity_seg.configs import experiments
from affinity_seg.configs import networks as networks_config
from affinity_seg.modeling import checkpoint_import, inputs, loading, networks, upsampling
from affinity_seg.tasks import registry_imports  # noqa: F401

TOLERANCE = 1e-4
"""Largest difference, as a part of the largest logit."""


def short_experiment(kind, output_stride=16):
    """The paper's experiment with the numbers of `tf1_graph.SHORT`."""
    size = tf1_graph.SHORT
    if kind == "affinity":
        params = experiments.affinity_experiment()
    else:
        params = experiments.semantic_experiment()
    params.task.model.backbone.resnet_v1 = networks_config.ResNetV1(
        units=list(size.units),
        width=size.width,
        stem_filters=size.width,
        output_stride=output_stride,
    )
    params.task.model.aspp.filters = size.aspp
    return params


def random_image(height, width):
    return np.random.default_rng(height).integers(0, 256, (1, height, width, 3), np.uint8)


def check_equal(ours, theirs):
    scale = np.abs(theirs).max()
    assert np.isfinite(scale)
    # The picture matters: what is compared is no constant.
    assert np.std(theirs, axis=(1, 2)).mean() > 0.01 * scale
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * scale)


def check_same_logits(network, graph, height, width):
    """Compares logits before and after upsampling."""
    image = random_image(height, width)
    logits, upsampled = graph.run(image)
    ours = network.logits(network.normalize(image))
    check_equal(ours, logits)
    assert upsampled.shape[1:3] == (height, width)
    check_equal(upsampling.upsample_logits(ours, network.output_stride, height, width), upsampled)


@pytest.fixture(scope="module", params=["semantic", "affinity"])
def short(request, tmp_path_factory):
    """(kind, TF1 checkpoint, imported folder, Comparison) of a short network of each kind."""
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    graph = tf1_graph.Network(kind, 16, tf1_graph.SHORT)
    graph.add_training_state()
    checkpoint = graph.save(folder / "model.ckpt-5")
    comparison = checkpoint_import.import_network(
        checkpoint, short_experiment(kind), str(folder / "imported")
    )
    return kind, checkpoint, str(folder / "imported"), comparison


@pytest.mark.parametrize("output_stride", [8, 16])
def test_short_networks_give_the_same_logits(short, output_stride):
    kind, checkpoint, imported, _ = short
    graph = tf1_graph.Network(kind, output_stride, tf1_graph.SHORT, checkpoint)
    network = loading.load_network(imported, output_stride=output_stride)
    assert (network.kind, network.output_stride) == (kind, output_stride)
    for size in ((513, 513), (257, 385), (128, 96), (113, 94)):
        check_same_logits(network, graph, *size)


def test_every_variable_is_listed(short):
    kind, _, imported, comparison = short
    suffix = {"semantic": "", "affinity": "_inst"}[kind]
    outputs = {"semantic": 9, "affinity": 56}[kind]
    # Ten units of three convolutions, four shortcuts, conv1, six of the ASPP; logits and biases.
    assert len(comparison.mapped) == (10 * 3 + 4 + 1 + 6) * 5 + 2
    assert len(comparison.mapped) == len(loading.load_network(imported).model.variables)
    for line in (
        "resnet_v1_101/conv1/weights [7, 7, 3, 8] -> backbone/conv1/kernel",
        "resnet_v1_101/block2/unit_1/bottleneck_v1/shortcut/BatchNorm/moving_variance [64] -> "
        "backbone/block2_unit_1_shortcut_norm/moving_variance",
        f"deeplab_v3/aspp{suffix}/conv_concated/weights [1, 1, 80, 16] -> "
        "decoder/conv_concated/kernel",
        f"deeplab_v3/logits{suffix}/biases [{outputs}] -> head/logits/bias",
    ):
        assert line in comparison.mapped
    assert comparison.not_needed == [
        "global_step [] int64 (step counter)",
        "resnet_v1_101/conv1/weights/Momentum [7, 7, 3, 4] (state of the optimizer)",
    ]
    assert comparison.lines()[-1] == (
        "variables: 207 mapped, 2 not needed, 0 unknown, 0 wrong, 0 missing"
    )


def test_imported_network_starts_a_training(short):
    kind, _, imported, _ = short
    params = short_experiment(kind)
    params.task.init_checkpoint = imported
    task = task_factory.get_task(params.task)
    model = task.build_model()
    task.initialize(model)
    wanted = loading.load_network(imported).model.variables
    for ours, theirs in zip(model.variables, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_imagenet_backbone_starts_a_training(tmp_path):
    graph = tf1_graph.Network("imagenet", 16, tf1_graph.SHORT)
    checkpoint = graph.save(tmp_path / "resnet_v1_101.ckpt", tf.compat.v1.train.SaverDef.V1)
    assert os.path.isfile(checkpoint)  # The old format is one file, as TF-Slim's are.
    params = short_experiment("semantic")
    imported = str(tmp_path / "imported")
    comparison = checkpoint_import.import_backbone(checkpoint, params, imported)
    assert len(comparison.mapped) == (10 * 3 + 4 + 1) * 5
    assert len(comparison.not_needed) == 3  # mean_rgb, weights and biases of the 1000 classes
    params.task.init_checkpoint = imported
    params.task.init_checkpoint_modules = ["backbone"]
    task = task_factory.get_task(params.task)
    model = task.build_model()
    head_before = model.head.get_weights()[0]
    task.initialize(model)
    image = random_image(129, 161)
    ours = model.backbone(inputs.normalize(params.task.model, image), training=False)["4"]
    check_equal(ours, graph.run(image)[0])
    np.testing.assert_array_equal(model.head.get_weights()[0], head_before)
    task.task_config.init_checkpoint_modules = ["backbone", "decoder"]
    with pytest.raises(ValueError, match="has not the weights of this network's backbone and dec"):
        task.initialize(model)


def test_model_garden_backbone_starts_a_training(tmp_path):
    params = experiments.semantic_experiment()
    params.task.model.backbone.type = "dilated_resnet"
    params.task.model.backbone.dilated_resnet.model_id = 50
    params.task.model.aspp.filters = 8
    theirs = networks.build_network(params.task.model, 19)
    step = tf.Variable(5, dtype=tf.int64)
    saved = tf.train.Checkpoint(model=theirs, global_step=step, **theirs.checkpoint_items)
    checkpoint = saved.write(str(tmp_path / "ckpt-5"))
    imported = str(tmp_path / "imported")
    comparison = checkpoint_import.import_backbone(checkpoint, params, imported)
    assert len(comparison.mapped) == len(theirs.backbone.variables) == 53 * 5
    # Six convolutions with BatchNorm of the ASPP, kernel and bias of the logits, step, objects.
    assert len(comparison.not_needed) == 6 * 5 + 2 + 2
    params.task.init_checkpoint = imported
    params.task.init_checkpoint_modules = ["backbone"]
    task = task_factory.get_task(params.task)
    model = task.build_model()
    task.initialize(model)
    for ours, wanted in zip(model.backbone.variables, theirs.backbone.variables, strict=True):
        np.testing.assert_array_equal(ours, wanted)


def broken(arrays, fault):
    """Changes the variables of a checkpoint, returns what the error must say."""
    logits = "deeplab_v3/logits/weights"
    unit = "resnet_v1_101/block3/unit_2/bottleneck_v1/conv2/BatchNorm/gamma"
    if fault == "missing":
        del arrays[unit], arrays[logits]
        return (
            rf"2 missing: {unit} \[32\] -> backbone/block3_unit_2_conv2_norm/gamma, "
            rf"{logits} \[1, 1, 16, 9\] -> head/logits/kernel$"
        )
    if fault == "shape":
        arrays[logits] = np.zeros((1, 1, 16, 19), np.float32)
        return rf"1 wrong: {logits} \[1, 1, 16, 19\] -> head/logits/kernel \[1, 1, 16, 9\]$"
    if fault == "type":
        arrays[unit] = arrays[unit].astype(np.float64)
        return rf"1 wrong: {unit} \[32\] float64 -> .*conv2_norm/gamma \[32\]$"
    if fault == "unknown":
        arrays["deeplab_v3/other/weights"] = np.zeros((3, 3), np.float32)
        return r"1 unknown: deeplab_v3/other/weights \[3, 3\]$"
    raise AssertionError(fault)


@pytest.fixture(scope="module")
def arrays():
    return tf1_graph.Network("semantic", 16, tf1_graph.SHORT).values()


@pytest.mark.parametrize("fault", ["missing", "shape", "type", "unknown"])
def test_what_does_not_fit_ends_the_import(arrays, fault, tmp_path):
    arrays = dict(arrays)
    message = broken(arrays, fault)
    checkpoint = tf1_graph.save_arrays(tmp_path / "model.ckpt", arrays)
    before = sorted(os.listdir(tmp_path))
    lines = []
    with pytest.raises(ValueError, match=rf"model\.ckpt: cannot be imported: {message}"):
        checkpoint_import.import_network(
            checkpoint, short_experiment("semantic"), str(tmp_path / "out"), log=lines.append
        )
    assert sorted(os.listdir(tmp_path)) == before
    counts = {"missing": 2, "shape": 1, "type": 1, "unknown": 1}
    title = {"shape": "wrong", "type": "wrong"}.get(fault, fault)
    assert sum(line.startswith(f"{title}: ") for line in lines) == counts[fault]


def test_unknown_variables_may_be_allowed(arrays, tmp_path):
    arrays = dict(arrays)
    broken(arrays, "unknown")
    checkpoint = tf1_graph.save_arrays(tmp_path / "model.ckpt", arrays)
    comparison = checkpoint_import.import_network(
        checkpoint, short_experiment("semantic"), str(tmp_path / "out"), allow_unknown=True
    )
    assert comparison.unknown == ["deeplab_v3/other/weights [3, 3]"]
    network = loading.load_network(str(tmp_path / "out"))
    np.testing.assert_array_equal(
        network.model.head.get_weights()[1], arrays["deeplab_v3/logits/biases"]
    )


def test_the_other_kind_is_refused(short, tmp_path):
    kind, checkpoint, _, _ = short
    other = {"semantic": "affinity", "affinity": "semantic"}[kind]
    with pytest.raises(ValueError, match=r"32 missing: deeplab_v3/.* and 27 more; 32 unknown: "):
        checkpoint_import.import_network(checkpoint, short_experiment(other), str(tmp_path / "out"))


def test_missing_and_damaged_checkpoints_are_named(short, tmp_path):
    kind, checkpoint, imported, _ = short
    params = short_experiment(kind)
    with pytest.raises(FileNotFoundError, match=r"does not exist: .*nothing\.ckpt"):
        checkpoint_import.import_network(
            str(tmp_path / "nothing.ckpt"), params, str(tmp_path / "out")
        )
    with pytest.raises(ValueError, match=r"no variables; `checkpoint` must end before \.index"):
        checkpoint_import.import_network(f"{checkpoint}.index", params, str(tmp_path / "out"))
    for suffix in (".index", ".data-00000-of-00001"):
        content = pathlib.Path(checkpoint + suffix).read_bytes()
        (tmp_path / f"half.ckpt{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"half\.ckpt: cannot be imported"):
        checkpoint_import.import_network(str(tmp_path / "half.ckpt"), params, str(tmp_path / "out"))
    (tmp_path / "half.ckpt.index").write_bytes(pathlib.Path(checkpoint + ".index").read_bytes())
    with pytest.raises(ValueError, match=r"half\.ckpt: cannot be imported"):
        checkpoint_import.import_network(str(tmp_path / "half.ckpt"), params, str(tmp_path / "out"))
    with pytest.raises(FileExistsError, match="new or empty"):
        checkpoint_import.import_network(checkpoint, params, imported)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "kind, output_stride, size", [("semantic", 16, (513, 513)), ("affinity", 8, (257, 385))]
)
def test_resnet_101_through_the_program(kind, output_stride, size, tmp_path):
    graph = tf1_graph.Network(kind, output_stride, tf1_graph.Size())
    assert len(graph.names) == 552
    checkpoint = graph.save(tmp_path / "model.ckpt")
    imported = str(tmp_path / "imported")
    done = run_verb(
        "import",
        ROOT,
        f"--source={kind}",
        f"--checkpoint={checkpoint}",
        f"--model={tmp_path}",
        "--network=imported",
        f"--output_stride={output_stride}",
        **ON_CPU,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert sum(line.startswith("mapped: ") for line in lines) == 552
    assert "variables: 552 mapped, 0 not needed, 0 unknown, 0 wrong, 0 missing" in lines
    described = (tmp_path / model_folder.FILE).read_text()
    assert described == f"networks:\n  {kind}: imported\npreset: paper_best\n"
    network = loading.load_network(imported)
    assert (network.kind, network.output_stride) == (kind, output_stride)
    assert network.class_table.name == "cityscapes"
    check_same_logits(network, graph, *size)


def test_imagenet_through_the_program(tmp_path):
    checkpoint = tf1_graph.Network("imagenet", 16, tf1_graph.SHORT).save(tmp_path / "short.ckpt")
    arguments = "--source=imagenet", f"--checkpoint={checkpoint}", f"--model={tmp_path}"
    done = run_verb("import", ROOT, *arguments, **ON_CPU)
    assert done.returncode == 1
    # It is no ResNet-101: block 3 has 3 units of its 23, and all have fewer channels.
    assert re.search(r"short\.ckpt: cannot be imported: \d+ missing: resnet_v1_101/", done.stderr)
    assert "wrong: resnet_v1_101/conv1/weights [7, 7, 3, 8] -> backbone/conv1/kernel" in done.stdout
    assert not (tmp_path / "imagenet").exists()
    done = run_verb("import", ROOT, *arguments, "--output_stride=5", **ON_CPU)
    assert "`output_stride` must be one of (4, 8, 16, 32): 5" in done.stderr
