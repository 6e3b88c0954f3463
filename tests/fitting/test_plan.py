"""The choices of a plan, its file, and the experiment and preset that it becomes."""

import dataclasses
import os

import drawn
import pytest
import yaml
from official.core import train_utils

from affinity_seg import class_tables, labels, neighbors, resources
from affinity_seg.configs import experiments, inference
from affinity_seg.data import checks, listing
from affinity_seg.data.truth_classes import ONE_CLASS
from affinity_seg.fitting import choices, plan, settings, starts, survey, timing, values
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.tasks import experiment_flags

CLASSES = labels.ClassTable(
    "streets", ("background", "a", "b", "c"), (1, 2, 3), encoding="label_times_1000"
)


def _survey(folder):
    items = listing.list_labelled_images(str(folder), "folder")
    return survey.measure(checks.read_items(items, ONE_CLASS), ONE_CLASS)


def _nuclei(folder):
    """Draws small bright discs of other sizes and another brightness in each image."""
    for number, radius in enumerate((4, 6, 9, 14, 20)):
        one = folder / "all"
        drawn.discs(
            one / str(number),
            count=3,
            side=16 * radius,
            radii=(radius, radius + 2),
            per_image=9,
            gain=(0.15, 1.2, 0.5),
            seed=number,
        )
    for name in ("images", "instances"):
        (folder / name).mkdir()
        for number in range(5):
            for file in (folder / "all" / str(number) / name).iterdir():
                file.rename(folder / name / f"{number}_{file.name}")
    return folder


def _complete(chosen, steps=1000, start=None):
    """Returns a plan with the choices that do not come from the measures."""
    more = {"class_table": "nuclei", "seed": 1, "tuning_images": 2, "judging_images": 0}
    more |= {"tuning_parts": [], "start_from": start, "backbone": None, "learning_rate": 0.003}
    more |= {"keep_start": start is not None, "replayed_share": 0.0}
    chosen = Plan(chosen) | {k: Choice(v, "") for k, v in (more | {"train_steps": steps}).items()}
    return Plan({name: chosen[name] for name in values.NAMES})


def _changes(chosen, class_table, start=None, path="class_table.yaml"):
    return settings.overrides(
        chosen,
        class_table=path,
        class_names=class_table.class_names,
        train_path="runs/nuclei/tfrecords/train-*.tfrecord",
        replayed_path="runs/nuclei/tfrecords/replayed-*.tfrecord",
        tuning_path="runs/nuclei/tfrecords/val-*.tfrecord",
        num_images=100,
        start=start,
    )


def _experiment(folder, chosen, num_classes=2):
    table = ONE_CLASS if num_classes == 2 else CLASSES
    path = folder / "class_table.yaml"
    path.write_bytes(class_tables.as_yaml(table))
    changes = _changes(chosen, table, path=str(path))
    return _parse([*settings.BASE, settings.write_experiment(str(folder), changes)])


def _parse(names):
    found = [resources.find(name, resources.EXPERIMENTS, ".yaml") or name for name in names]
    options = train_utils.ParseConfigOptions(experiments.JOINT, found)
    return experiment_flags.parse(options).as_dict()


def test_the_plan_of_drawn_nuclei_is_close_to_the_settings_made_by_hand(tmp_path):
    chosen = _complete(choices.of_the_data(_survey(_nuclei(tmp_path)), ONE_CLASS), 6000)
    made, by_hand = _experiment(tmp_path, chosen), _parse(settings.BASE)
    for part, names in (
        ("model", ("backbone", "aspp", "fusion", "contrast_percentiles", "contrast_floor")),
        ("train_data", ("crop_size", "object_size", "min_zoom", "scale_min", "scale_max")),
        ("train_data", ("object_crops", "microscope", "photometric")),
        ("losses", ("affinity_weight", "other_instance_pair_weight", "sample_stride")),
    ):
        for name in names:
            assert made["task"][part][name] == by_hand["task"][part][name], name
    assert made["task"]["distances"] == by_hand["task"]["distances"]
    assert 3.5 <= made["task"]["train_data"]["max_zoom"] <= 4
    schedule = "optimizer_config"
    assert made["trainer"][schedule] == by_hand["trainer"][schedule]
    preset = dataclasses.asdict(settings.preset(chosen, None, ONE_CLASS))
    expected = dataclasses.asdict(inference.load_config("nuclei"))
    differing = ("max_zoom", "first_zoom", "lowest_zoom", "min_pixels")
    expected |= {name: preset[name] for name in differing}
    assert preset == expected and 100 <= preset["min_pixels"] <= 140


def test_one_zoom_where_all_images_are_alike(tmp_path):
    chosen = choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS)
    assert chosen.value("min_zoom") == chosen.value("max_zoom")
    assert chosen.value("contrast_percentiles") == [] and chosen.value("microscope") == 0
    assert chosen.value("random_turn") is False and "too few" in chosen["random_turn"].reason
    preset = settings.preset(_complete(chosen), None, ONE_CLASS)
    assert preset.first_zoom == preset.min_zoom == preset.max_zoom
    assert (
        _experiment(tmp_path, _complete(chosen))["task"]["train_data"]["microscope"]["share"] == 0
    )


def test_turned_crops_where_up_and_down_mean_nothing(tmp_path):
    slide = choices.of_the_data(_survey(drawn.scattered(tmp_path / "a")), ONE_CLASS)
    assert slide.value("random_turn") is True and "mean nothing" in slide["random_turn"].reason
    found = _survey(drawn.scattered(tmp_path / "b", lowest=0.5, is_upright=True))
    street = choices.of_the_data(found, ONE_CLASS)
    assert street.value("random_turn") is False and "point up" in street["random_turn"].reason


def test_regions_where_one_zoom_does_not_fit_all_objects(tmp_path):
    found = _survey(drawn.discs(tmp_path))._replace(
        spread_within=14.0,
        contacts=0.9,
        parts=0.25,
        is_grey=False,
        share_of_class=[0.6, 0.3, 0.09, 0.01],
        instances_of_class=[10, 10, 10],
    )
    chosen = choices.of_the_data(found, CLASSES)
    values = chosen.values_of()
    assert values["regions"] and values["object_size"] is None and values["decoder_stride"] == 4
    assert values["distances"] == list(neighbors.DISTANCES)
    assert values["stages"] == list(neighbors.STAGES) and len(values["thresholds"]) == 3
    assert values["class_weights"] == [1, 1, 1, 2] and values["affinity_weight"] == 3
    preset = settings.preset(_complete(chosen), None, ONE_CLASS)
    assert preset.regions and preset.partition and preset.zoom == "box_height"
    experiment = _experiment(tmp_path, _complete(chosen), num_classes=4)
    assert experiment["task"]["train_data"]["object_size"] == 0


def test_thin_objects_are_zoomed_by_their_width(tmp_path):
    found = _survey(drawn.discs(tmp_path))._replace(diameter=30.0, width=3.0)
    assert choices.of_the_data(found, ONE_CLASS).value("object_size") == 60


def test_every_choice_has_its_reason_in_a_sentence(tmp_path):
    chosen = choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS)
    for name, choice in chosen.items():
        assert choice.reason[:1].isupper() and choice.reason.endswith("."), name
    own = {"class_table", "seed", "tuning_images", "tuning_parts", "judging_images"}
    first = {"start_from", "keep_start", "replayed_share", "backbone", "learning_rate"}
    left = set(values.NAMES) - set(chosen) - own
    assert left == first | {"train_steps"}


@pytest.mark.parametrize("steps", [1, 4, 49, 160, 251, 800, 2000])
def test_a_training_from_a_start_is_validated_five_times_and_at_its_end(tmp_path, steps):
    found = _survey(drawn.discs(tmp_path))
    chosen = _complete(choices.of_the_data(found, ONE_CLASS), steps, start="nuclei")
    trainer = _changes(chosen, ONE_CLASS, starts.read("nuclei"))["trainer"]
    interval = trainer["validation_interval"]
    assert interval % trainer["steps_per_loop"] == 0
    wanted = min(steps, settings.VALIDATIONS)
    assert wanted <= len(range(interval, steps + 1, interval)) <= wanted + 1


def test_a_head_is_taken_over_if_its_classes_have_the_same_names(tmp_path):
    chosen = _complete(choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS))
    start = starts.read("nuclei")
    others = dataclasses.replace(CLASSES, class_names=("background", "a", "c", "b"))
    for has, own, is_same in (
        (start.class_table, ONE_CLASS, True),  # One class, though of another name.
        (CLASSES, CLASSES, True),
        (CLASSES, others, False),
        (CLASSES, ONE_CLASS, False),
    ):
        changes = _changes(chosen, own, start._replace(class_table=has))
        assert ("head" in changes["task"]["init_checkpoint_modules"]) == is_same


def test_what_the_weights_of_a_start_fix_cannot_be_edited(tmp_path):
    start = starts.read("nuclei")
    chosen = choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS)
    chosen = _complete(chosen | choices.of_the_start("nuclei", starts.fixed_by(start)), 9, "nuclei")
    starts.check(start, chosen, ONE_CLASS)
    for name, value, message in (
        ("decoder_stride", 4, "`decoder_stride` must be 2, since the weights of nuclei fit no"),
        (
            "distances",
            [1, 2],
            r"`distances` must be \[1, 2, 4, 8, 16, 32, 64\], .*: \[1, 2\]",
        ),
        ("backbone", "nuclei", "`backbone` must be null, since all weights are those of nuclei"),
    ):
        edited = Plan(chosen | {name: Choice(value, "")})
        with pytest.raises(ValueError, match=message):
            starts.check(start, edited, ONE_CLASS)
    with pytest.raises(ValueError, match="`keep_start` must be false, since the classes are not"):
        starts.check(start, chosen, CLASSES)


def test_the_preset_of_a_start_with_other_classes_names_none_of_its_own(tmp_path):
    start = starts.read("nuclei")
    own = dataclasses.replace(start.preset, refine_classes=("nucleus",), groups=(0, 1))
    start = start._replace(preset=own)
    chosen = choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS)
    chosen = _complete(chosen | choices.of_the_start("nuclei", starts.fixed_by(start)), 9, "nuclei")
    preset = settings.preset(chosen, start, CLASSES)
    assert preset.refine_classes == () and preset.groups is None
    preset.merge_options(CLASSES, chosen.value("distances"))
    assert settings.preset(chosen, start, start.class_table).refine_classes == ("nucleus",)


def test_a_model_that_is_missing_is_named_as_it_was_given():
    with pytest.raises(FileNotFoundError, match=r"`backbone` must be a folder that exists.*: none"):
        starts.read("none", "backbone")


def test_a_start_with_other_classes_is_not_kept():
    chosen = starts.choose(starts.read("nuclei"), [], CLASSES)
    assert chosen.value("keep_start") is False
    assert "classes are not those of nuclei" in chosen["keep_start"].reason


def test_images_of_a_start_are_replayed_if_its_classes_are_stored_alike(tmp_path):
    start = starts.read("nuclei")
    chosen = starts.choose(start, [], CLASSES)
    assert chosen.value("replayed_share") == 0.0
    starts.check_replay(start, ONE_CLASS)
    with pytest.raises(ValueError, match="`replayed_share` must be 0, since the classes are not"):
        starts.check_replay(start, CLASSES)
    plain = start._replace(folder=str(tmp_path), class_table=CLASSES)
    chosen = starts._replayed_share(plain, CLASSES)
    assert chosen.value == 0.0 and "nuclei has no images in its folder" in chosen.reason
    chosen = starts._replayed_share(start, ONE_CLASS)
    assert chosen.value == 0.5 and "20 of 20 in its folder" in chosen.reason
    void = dataclasses.replace(ONE_CLASS, void_label_ids=(65535,))
    assert start.encodes(void) and not start._replace(class_table=void).encodes(ONE_CLASS)
    others = dataclasses.replace(CLASSES, label_ids=CLASSES.label_ids[::-1])
    assert not start._replace(class_table=CLASSES).encodes(others)


def test_replayed_images_have_their_share_of_the_crops(tmp_path):
    chosen = _complete(choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS))
    assert "replayed_path" not in _changes(chosen, ONE_CLASS)["task"]["train_data"]
    chosen["replayed_share"] = Choice(0.25, "")
    data = _experiment(tmp_path, chosen)["task"]["train_data"]
    assert data["replayed_share"] == 0.25
    assert data["replayed_path"] == "runs/nuclei/tfrecords/replayed-*.tfrecord"


def test_only_a_start_that_is_kept_is_averaged_from_the_first_step_on(tmp_path):
    chosen = _complete(choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS))
    for is_kept in (True, False):
        chosen["keep_start"] = Choice(is_kept, "")
        changes = _changes(chosen, ONE_CLASS, starts.read("nuclei"))
        assert ("ema" in changes["trainer"]["optimizer_config"]) == is_kept
        assert "head" in changes["task"]["init_checkpoint_modules"]


def test_the_backbone_begins_with_that_of_the_shipped_model(tmp_path):
    chosen = _complete(choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS))
    chosen["backbone"] = Choice("nuclei", "")
    task = _experiment(tmp_path, chosen)["task"]
    assert task["init_checkpoint"] == os.path.join(resources.root(), "models", "nuclei", "joint")
    assert task["init_checkpoint_modules"] == ["backbone"]
    for kind in ("semantic", "affinity"):
        (tmp_path / "pair" / kind).mkdir(parents=True)
    chosen["backbone"] = Choice(str(tmp_path / "pair"), "")
    with pytest.raises(ValueError, match=r"`backbone` must be a model of one network .*pair"):
        _experiment(tmp_path, chosen)


def test_the_file_is_read_as_written_and_may_be_edited(tmp_path):
    chosen = _complete(choices.of_the_data(_survey(drawn.discs(tmp_path)), ONE_CLASS))
    path = plan.write(str(tmp_path), chosen)
    assert plan.read(str(tmp_path)).values_of() == chosen.values_of()
    content = yaml.safe_load((tmp_path / plan.FILE).read_text())
    assert content["min_zoom"]["reason"] == chosen["min_zoom"].reason
    content["thresholds"]["value"] = [0.6]
    (tmp_path / plan.FILE).write_text(yaml.safe_dump(content))
    assert plan.read(str(tmp_path)).value("thresholds") == [0.6]
    for change, message in (
        ({"zoom": {"value": 1}}, "unknown choice: zoom"),
        ({"min_zoom": 3}, "`min_zoom` must be"),
        ({"tuning_images": {"value": -1}}, "`tuning_images` must be at least 0: -1"),
        ({"tuning_parts": {"value": ["zooms"]}}, "`tuning_parts` must be one of .*'zooms'"),
        ({"learning_rate": {"value": "low"}}, "`learning_rate` must be of type float: 'low'"),
        ({"thresholds": {"value": 0.5}}, "`thresholds` must be a list: 0.5"),
        ({"scales": {"value": [1.0]}}, r"`scales` must be the least and the .*: \[1.0\]"),
        ({"scales": {"value": [2, 1]}}, r"`scales` must be the least and the .*: \[2.0, 1.0\]"),
        ({"crop_size": {"value": 7}}, r"`crop_size` must be in \[32, 2048\]: 7"),
        ({"seed": {"value": 10**20}}, r"`seed` must be in \[0, 4294967295\]"),
        ({"learning_rate": {"value": 1e5}}, r"`learning_rate` must be in \[0.0, 1.0\]: 100000.0"),
        ({"min_zoom": {"value": 1.5, "valeu": 2}}, "`min_zoom` must be {value: ..., reason"),
        ({"train_steps": {"value": 0}}, "`train_steps` must be at least 1: 0"),
        ({"train_steps": {"value": None}}, "`train_steps` must be of type int: None"),
        ({"decoder_stride": {"value": 3}}, "`decoder_stride` must be 2, 4, 8 or 16: 3"),
    ):
        (tmp_path / plan.FILE).write_text(yaml.safe_dump({**content, **change}))
        with pytest.raises(ValueError, match=message) as error:
            plan.read(str(tmp_path))
        assert path in str(error.value)
    (tmp_path / plan.FILE).write_text(
        yaml.safe_dump({**content, "learning_rate": {"value": "RATE"}}).replace("RATE", "3e-4")
    )
    assert plan.read(str(tmp_path)).value("learning_rate") == 0.0003
    (tmp_path / plan.FILE).write_text("thresholds: {value: [0.5]}\n")
    with pytest.raises(ValueError, match="lacks a choice: affinity_weight"):
        plan.read(str(tmp_path))
    assert plan.read(str(tmp_path / "nowhere")) is None


def test_steps_fit_the_minutes(tmp_path):
    found = _survey(drawn.discs(tmp_path))
    chosen = choices.of_the_data(found, ONE_CLASS)
    budget = timing.Budget(40, 60, 0.5, 4, 180, 20, 40, False)
    steps = timing.steps(budget, found, chosen).value
    assert (0.6 * 2400 - 60) / 0.5 <= steps <= (0.9 * 2400 - 60) / 0.5
    assert timing.steps(budget._replace(minutes=20), found, chosen).value < steps / 1.9
    assert timing.steps(budget._replace(minutes=0.1), found, chosen).value == 20
    for share, passes in ((0.0, 160), (0.5, 80)):
        chosen["replayed_share"] = Choice(share, "")
        few = timing.steps(budget._replace(num_train=5, keeps_start=True), found, chosen)
        assert few.value == 200 and f"more than {passes} passes over 5 images" in few.reason
    few = timing.steps(budget._replace(batch=2, num_train=5, keeps_start=True), found, chosen)
    assert few.value == 400
    assert "too few" in timing.warning(499, False) and timing.warning(500, False) == ""
