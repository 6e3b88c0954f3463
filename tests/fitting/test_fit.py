"""`fit` from end to end, on tiny drawn images with a real network and very few steps."""

import dataclasses
import os
import shlex
import shutil
from unittest import mock

import cv2
import drawn
import pytest
import tensorflow as tf
import yaml
from fit_runs import StoppedError, draw, edit, measured, run_fit, stopping

import affinity_seg
from affinity_seg import cli, model_folder, verbs
from affinity_seg.analysis import tuning
from affinity_seg.data import mistakes, replay
from affinity_seg.fitting import plan, stages, timing
from affinity_seg.tasks import training
from affinity_seg.verbs import fit


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with `data` and a `model` whose fit was stopped twice and then completed."""
    folder = tmp_path_factory.mktemp("fit")
    draw(folder)
    assert run_fit(folder, "--dry_run") == 0
    assert not (folder / "model" / stages.NETWORK).exists()
    with stopping(training, "run"), pytest.raises(StoppedError):
        run_fit(folder)
    with stopping(tuning, "tune"), pytest.raises(StoppedError):
        run_fit(folder)
    assert run_fit(folder) == 0
    return folder


def test_the_folder_is_a_model(fitted):
    model = model_folder.read(str(fitted / "model"))
    assert list(model.scores) == ["data/val"] and set(model.scores["data/val"]) >= {"ap", "ap50"}
    image = cv2.imread(str(fitted / "data" / "val" / "images" / "000.png"))
    found = affinity_seg.load(fitted / "model").segment(image)
    assert found.instance_ids.shape == (32, 32) and found.class_table.class_names[1] == "object"
    for name in (plan.FILE, stages.SCORES, stages.PAGE, "survey.json", "class_table.yaml"):
        assert os.path.getsize(fitted / "model" / name)


def test_the_plan_has_what_was_asked_for(fitted):
    content = yaml.safe_load((fitted / "model" / plan.FILE).read_text())
    assert content["train_steps"]["value"] == 20
    assert "0.1 minutes" in content["train_steps"]["reason"]
    assert content["tuning_images"]["value"] == 1
    assert content["tuning_parts"]["value"] == ["thresholds", "min_pixels"]


def test_what_is_done_is_not_done_again(fitted, capsys):
    with stopping(training, "run"), stopping(tuning, "tune"), stopping(timing, "measure"):
        assert run_fit(fitted) == 0
    shown = capsys.readouterr().out
    assert "changed in it: nothing" in shown
    for stage in ("train", "tune", "judge"):
        assert f"{stage}: done already" in shown
    for verb in ("segment", "export", "serve"):
        assert f"affinity_seg {verb} " in shown


def test_a_preset_that_was_tuned_later_is_judged_anew(fitted, capsys):
    folder = str(fitted / "model")
    before = model_folder.read(folder)
    model_folder.write(folder, preset=dataclasses.replace(before.config(), min_pixels=1))
    assert before.scores and not model_folder.read(folder).scores
    with stopping(training, "run"), stopping(tuning, "tune"):
        assert run_fit(fitted) == 0
    assert "judge: on 2 images" in capsys.readouterr().out
    after = model_folder.read(folder)
    assert after.scores.keys() == before.scores.keys() and after.config().min_pixels == 1
    model_folder.write(folder, preset=before.config())


def test_flags_that_a_plan_does_not_follow_are_named(fitted):
    with mock.patch.object(mistakes, "warn") as warn:
        assert run_fit(fitted, "--minutes=7", "--start_from=nuclei") == 0
    warned = [call.args[0] for call in warn.call_args_list]
    assert any("--minutes=7.0 changes nothing" in text for text in warned)
    assert any("--start_from=nuclei changes nothing" in text for text in warned)


def test_an_edited_plan_redoes_what_depends_on_it(fitted, capsys):
    before = (fitted / "model" / plan.FILE).read_bytes()
    try:
        edit(fitted, thresholds=[0.6])
        with stopping(tuning, "tune"), stopping(training, "run"), pytest.raises(StoppedError):
            run_fit(fitted)
        shown = capsys.readouterr().out
        assert "thresholds: [0.5] -> [0.6]" in shown
        assert "train: done already" in shown and "tune: on 1 images" in shown
        edit(fitted, thresholds=[0.5], train_steps=30)
        with stopping(training, "run") as run, pytest.raises(StoppedError):
            run_fit(fitted)
        assert "train: to step 30" in capsys.readouterr().out
        assert run.call_args.args[0].trainer.train_steps == 30
        assert os.listdir(fitted / "model" / stages.NETWORK)
        edit(fitted, photometric=0.3, train_steps=30)
        with stopping(training, "run"), pytest.raises(StoppedError):
            run_fit(fitted)
        shown = capsys.readouterr().out
        kept = fitted / "model" / f"{stages.NETWORK}_1"
        assert "train: anew, with other settings" in shown and str(kept) in shown
        assert os.listdir(kept) and not (fitted / "model" / stages.NETWORK).exists()
        (fitted / "model" / plan.FILE).write_bytes(before)
        edit(fitted, train_steps=30)
        with stopping(training, "run"), pytest.raises(StoppedError):
            run_fit(fitted)
        shown = capsys.readouterr().out
        assert f"{kept} has these settings and is taken back" in shown
        assert os.listdir(fitted / "model" / stages.NETWORK) and not kept.exists()
    finally:
        (fitted / "model" / plan.FILE).write_bytes(before)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("crop_size", 8, "`crop_size` must be"),
        ("distances", [1, 3], "`distances` above `merge_window` must be multiples of it"),
        ("stages", [3], "`stages` must add up to the"),
        ("thresholds", [0.3, 0.6], "`thresholds` must"),
        ("tuning_images", 20, "`tuning_images` and `judging_images` must leave"),
        ("backbone", "foo", "`backbone` must be a folder .*: foo"),
        ("replayed_share", 0.5, "`replayed_share` must be 0 without `start_from`: 0.5"),
        ("replayed_share", 1.0, r"`replayed_share` must be in \[0.0, 0.9\]: 1.0"),
    ],
)
def test_a_plan_with_a_mistake_ends_before_it_trains(fitted, name, value, message):
    before = (fitted / "model" / plan.FILE).read_bytes()
    try:
        edit(fitted, **{name: value})
        wanted = pytest.raises((ValueError, FileNotFoundError), match=rf"plan\.yaml: .*{message}")
        with stopping(training, "run"), wanted:
            run_fit(fitted)
        assert os.listdir(fitted / "model" / stages.NETWORK), "the network stays where it was"
    finally:
        (fitted / "model" / plan.FILE).write_bytes(before)


def test_a_changed_input_is_noticed(fitted):
    path = fitted / "data" / "val" / "images" / "000.png"
    before = path.read_bytes()
    try:
        cv2.imwrite(str(path), cv2.imread(str(path)) // 2)
        with pytest.raises(ValueError, match=r"1 changed \(val/000\); remove that file") as error:
            run_fit(fitted)
        assert plan.FILE in str(error.value)
    finally:
        path.write_bytes(before)


def test_a_start_from_another_model_takes_over_what_its_weights_fix(fitted, tmp_path, capsys):
    draw(tmp_path, 5)
    start = f"--start_from={fitted / 'model'}"
    with measured(step=0.01, ap50=0.6):
        assert run_fit(tmp_path, start, "--dry_run", "--minutes=2") == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    values = {name: choice["value"] for name, choice in content.items()}
    there = yaml.safe_load((fitted / "model" / plan.FILE).read_text())
    for name in ("object_size", "min_zoom", "max_zoom", "contrast_percentiles", "distances"):
        assert values[name] == there[name]["value"], name
    assert "whose weights are the start" in content["min_zoom"]["reason"]
    assert "mean AP50 of" in content["keep_start"]["reason"] and values["keep_start"]
    assert values["learning_rate"] == 0.0003 and values["tuning_parts"] == []
    assert values["train_steps"] == 160 * 4 // 4
    assert values["replayed_share"] == 0.5
    assert "5 of 5 in its folder" in content["replayed_share"]["reason"]
    assert replay.count(str(tmp_path / "model")) == 4 + 5, "the new ones and those of the start"
    with stopping(training, "run") as run, pytest.raises(StoppedError):
        run_fit(tmp_path)
    params = run.call_args.args[0]
    assert params.task.init_checkpoint == str(fitted / "model" / stages.NETWORK)
    assert params.task.freeze_batch_norm and "head" in params.task.init_checkpoint_modules
    assert run.call_args.args[2] == "train_and_eval"
    assert params.trainer.validation_interval * 5 <= params.trainer.train_steps
    average = params.trainer.optimizer_config.ema
    assert not average.dynamic_decay and average.average_decay == 1 - 1 / 160
    found = params.task.train_data
    assert os.path.basename(found.input_path) == "train-*.tfrecord"
    assert os.path.basename(found.replayed_path) == "replayed-*.tfrecord"
    assert found.replayed_share == 0.5
    edit(tmp_path, replayed_share=0.0)
    with stopping(training, "run") as run, pytest.raises(StoppedError):
        run_fit(tmp_path)
    assert run.call_args.args[0].task.train_data.replayed_path == ""


def test_images_that_are_replayed_are_copied_once(fitted, tmp_path):
    """So that the model before may go, and a continued run trains on the same images."""
    draw(tmp_path, 5)
    shutil.copytree(fitted / "model", tmp_path / "before")
    with measured(step=0.01, ap50=0.6):
        assert run_fit(tmp_path, f"--start_from={tmp_path / 'before'}", "--dry_run") == 0
    shutil.rmtree(tmp_path / "before" / replay.RECORDS)
    with stopping(training, "run") as run, pytest.raises(StoppedError):
        run_fit(tmp_path)
    assert run.call_args.args[0].task.train_data.replayed_share == 0.5
    (tmp_path / "model" / "fit.json").write_text(
        (tmp_path / "model" / "fit.json").read_text().replace('"replayed"', '"earlier"')
    )
    with pytest.raises(ValueError, match=r"before/tfrecords: there must be images to replay: 0"):
        run_fit(tmp_path)


def test_the_start_must_be_another_folder(fitted):
    before = (fitted / "model" / plan.FILE).read_bytes()
    try:
        (fitted / "model" / plan.FILE).unlink()
        with pytest.raises(ValueError, match="`start_from` must be another folder than `output_d"):
            run_fit(fitted, f"--start_from={fitted / 'data' / '..' / 'model'}")
    finally:
        (fitted / "model" / plan.FILE).write_bytes(before)


def test_a_start_that_does_not_know_the_images_is_changed_a_lot(fitted, tmp_path):
    draw(tmp_path, 5)
    with measured(step=0.01, ap50=0.4):
        start = f"--start_from={fitted / 'model'}"
        assert run_fit(tmp_path, start, "--dry_run", "--minutes=2") == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    values = {name: choice["value"] for name, choice in content.items()}
    assert "is 0.40" in content["keep_start"]["reason"] and not values["keep_start"]
    assert values["learning_rate"] == 0.003 and values["train_steps"] > 1000
    assert values["tuning_parts"] == ["thresholds", "min_pixels"]
    with stopping(training, "run") as run, pytest.raises(StoppedError):
        run_fit(tmp_path)
    params = run.call_args.args[0]
    assert params.task.init_checkpoint == str(fitted / "model" / stages.NETWORK)
    assert "head" in params.task.init_checkpoint_modules and run.call_args.args[2] == "train"
    assert params.trainer.optimizer_config.ema.dynamic_decay


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_start_is_measured_on_the_images(tmp_path, is_dark):
    """The shipped model knows bright discs on a dark ground, and no dark ones on a bright one."""
    drawn.discs(tmp_path / "data", 4, side=160, radii=(9, 12), per_image=9)
    for path in (tmp_path / "data" / "images").iterdir():
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), 255 - image if is_dark else image)
    with mock.patch.object(timing, "measure", return_value=0.01):
        assert run_fit(tmp_path, "--start_from=nuclei", "--dry_run") == 0
    content = yaml.safe_load((tmp_path / "model" / plan.FILE).read_text())
    assert content["keep_start"]["value"] != is_dark, content["keep_start"]["reason"]


def test_the_printed_commands_read_pictures_as_the_fit_did():
    flags = ("--input=data", "--output_dir=my models", "--page=2", "--channels=3,1")
    commands = fit._next_commands(cli.parse(fit, flags))
    verb, *given = shlex.split(commands[0])[1:]
    values = cli.parse(verbs.load(verb), tuple(given))
    assert (values.page, values.channels, values.model) == (2, ["3", "1"], "my models")
    assert len(commands) == 3


@pytest.mark.parametrize("visible", [0, 8])
def test_it_trains_on_one_gpu_at_most(tmp_path, monkeypatch, visible):
    drawn.discs(tmp_path / "data", 2, side=32, radii=(8, 10), per_image=1)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [None] * visible)
    with (
        measured(1.0, None),
        stopping(training, "run") as run,
        pytest.raises(StoppedError),
    ):
        run_fit(tmp_path)
    assert run.call_args.args[0].runtime.num_gpus == min(1, visible)
