"""The stages of a fit, each of which is skipped if it was done with the same settings."""

import dataclasses
import os
import shutil
import time
from collections.abc import Collection
from typing import Any, NamedTuple

import tensorflow as tf

from affinity_seg import files, labels, model_folder, resources, structured
from affinity_seg.analysis import preset_scores, tuning
from affinity_seg.configs import choices as fixed
from affinity_seg.configs import experiments
from affinity_seg.data import checks, mistakes, tfrecords
from affinity_seg.evaluation import judging, metrics
from affinity_seg.fitting import choices, marks, sets, settings, survey, timing
from affinity_seg.fitting import plan as plan_file
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import merge_runs, prediction_runs
from affinity_seg.rejected_inputs import RejectedInputs
from affinity_seg.tasks import experiment_flags, training
from affinity_seg.visualization import report, report_page

NETWORK, RECORDS, SURVEY, SCORES, PAGE = (
    "joint",
    "tfrecords",
    "survey.json",
    "scores.json",
    "report.html",
)
"""What a fit writes into its folder beside the plan, predictions and results."""

_TRAIN, _TUNING = "train", "tuning"
_NUM_SHARDS = 4
_GALLERY = 30
_TUNING_ROUNDS = 2
_RATES = {False: 0.003, True: 0.004}
_RATE_OF_A_START = 0.0003


class Request(NamedTuple):
    """What the user asks for.

    Attributes:
      input: Folder of the data set, see `sets.list_input`.
      output_dir: Folder of the model.
      layout: One of `listing.LABELLED_LAYOUTS`.
      class_table: As `labels.load_class_table` takes it; None: a single class.
      minutes: All minutes of the fit.
      seed: Seed of the split, the weights and the crops.
      start_from: A model to start from.
      allowed: Some of `mistakes.NAMES`.
      strict: Whether an image that cannot be used ends the run.
    """

    input: str
    output_dir: str
    layout: str
    class_table: str | None
    minutes: float
    seed: int
    start_from: str | None
    allowed: Collection[str]
    strict: bool


class Fit:
    """One run of a fit."""

    def __init__(self, request: Request):
        """Lists the images and reads what earlier runs have left.

        Raises:
          FileNotFoundError: The input has no images, or a model is missing.
          ValueError: The input has changed since the plan was made, or a file is damaged.
        """
        self._began = time.monotonic()
        self._request = request
        folder = request.output_dir
        self.rejected = RejectedInputs(folder, request.strict)
        self._images = sets.list_input(
            request.input, request.layout, self.rejected, request.allowed
        )
        files.remove_leftovers(folder)
        self._marks = marks.Marks(folder)
        self._plan = plan_file.read(folder, choices.NAMES)
        name = self._plan.value("start_from") if self._plan else request.start_from
        self._start = settings.read_start(name) if name else None
        self._hashes = sets.hashes(self._images)
        changed = sets.differences(self._marks.fact("input") or self._hashes, self._hashes)
        if self._plan is not None and changed:
            raise ValueError(
                f"{request.input}: the images are not those that {self._path(plan_file.FILE)} was "
                f"made for: {changed}; remove that file to plan and train anew, or take another "
                "`--output_dir`"
            )

    def plan(self) -> Plan:
        """Makes the plan, or follows the one that is there; returns it.

        Before that all images are checked, unless they were already.

        Raises:
          ValueError: An image or the data set as a whole breaks a rule, or the plan does.
        """
        path = self._path(plan_file.FILE)
        if self._plan is None:
            self._make_plan()
            print(f"written: {path}")
        else:
            before = self._marks.fact("plan") or self._plan.values_of()
            now = self._plan.values_of()
            edited = [f"{k}: {before[k]} -> {now[k]}" for k in now if before.get(k) != now[k]]
            print(f"{path} is followed; changed in it: {', '.join(edited) or 'nothing'}")
            self._follow()
        text = timing.warning(self._plan.value("train_steps"), self._start is not None)
        if text:
            mistakes.warn(text)
        return self._plan

    def train(self) -> None:
        """Trains the network; a training that was stopped is continued.

        With more steps than before it is continued as well. With other settings it is done anew,
        and the network of before is kept under another name.
        """
        self._write_records()
        steps, made_from = self._plan.value("train_steps"), self._of_the_training()
        folder = self._path(NETWORK)
        same = self._marks.made_from("train") == made_from
        before = self._marks.fact("train_steps") or 0
        if os.path.isdir(folder) and not (same and steps >= before):
            kept = self._put_aside(folder)
            why = "other settings" if not same else f"{steps} steps instead of {before}"
            print(f"train: anew, with {why}; the network of before is kept in {kept}")
        if same and steps == before and self._marks.is_done("train", made_from):
            print("train: done already")
            return
        params = self._experiment(self._plan)
        print(f"train: to step {steps}", flush=True)
        self._marks.begin("train", made_from)
        self._marks.keep(train_steps=steps)
        mode = "train" if self._start is None else "train_and_eval"
        training.run(params, folder, mode)
        best = os.path.join(folder, params.trainer.best_checkpoint_export_subdir)
        network = NETWORK
        if tf.train.latest_checkpoint(best) is not None:
            network = os.path.relpath(best, self._request.output_dir)
        roles = dict.fromkeys(experiments.PARTS[experiments.JOINT], network)
        model_folder.write(self._request.output_dir, networks=roles)
        self._marks.end("train")

    def tune(self) -> None:
        """Tunes the preset on the images that were held out for it."""
        config = settings.preset(self._plan, self._start)
        made_from = marks.fingerprint(
            self._of_the_training(), self._plan.value("train_steps"), dataclasses.asdict(config)
        )
        if self._marks.is_done("tune", made_from):
            print("tune: done already")
            return
        folder = self._path("tune")
        if self._marks.made_from("tune") not in (None, made_from):
            shutil.rmtree(folder, ignore_errors=True)
        items = self._split().tuning
        print(f"tune: on {len(items)} images", flush=True)
        self._marks.begin("tune", made_from)
        tuned = tuning.tune(
            items,
            model_folder.read_own(self._request.output_dir),
            config,
            max_rounds=_TUNING_ROUNDS,
            output_dir=folder,
        )
        found = preset_scores.changes(tuned.config, config)
        shown = ", ".join(f"{name}={value}" for name, value in found.items())
        print(f"tune: {tuned.metric} {tuned.score:.4f}; changed: {shown or 'nothing'}")
        model_folder.write(self._request.output_dir, preset=tuned.config)
        self._marks.end("tune")

    def judge(self) -> dict[str, Any]:
        """Judges the model on the images for that, writes scores and a page with the worst.

        Returns:
          The scores that model.yaml holds.
        """
        folder = self._request.output_dir
        model = model_folder.read_own(folder)
        name = self._name_of_judged()
        made_from = marks.fingerprint(
            self._marks.made_from("tune"), network_folder.network_identity(model.semantic_dir)
        )
        if self._marks.is_done("judge", made_from) and name in model.scores:
            print("judge: done already")
            return model.scores[name]
        predictions, results = self._path(fixed.PREDICTIONS), self._path(fixed.RESULTS)
        if self._marks.made_from("judge") != made_from:
            for path in (predictions, results):
                shutil.rmtree(path, ignore_errors=True)
        self._marks.begin("judge", made_from)
        print(f"judge: on {len(self._split().judged)} images", flush=True)
        items, config, table = self._split().judged, model.config(), self._class_table()
        prediction_runs.predict_images(items, config, *model.network_dirs, predictions)
        merge_runs.merge_records(predictions, config, fixed.MERGE_METHODS[0], results)
        scores = judging.judge(items, results, table)
        files.write_json(self._path(SCORES), metrics.for_json(scores))
        gathered = report.gather_items(
            items,
            table,
            data_dir=self._request.input,
            split=name.rpartition("/")[2],
            predictions_dir=predictions,
            results_dir=results,
            max_images=_GALLERY,
            scores=scores,
        )
        report_page.write_page(self._path(PAGE), gathered)
        model_folder.write(folder, scores={name: judging.kept(scores)})
        self._marks.end("judge")
        return judging.kept(scores)

    def _path(self, name: str) -> str:
        return os.path.join(self._request.output_dir, name)

    def _make_plan(self) -> None:
        request = self._request
        table_name = request.class_table
        if table_name is None and self._start is not None:
            table_name = settings.class_table_of(self._start)
        chosen = sets.make_class_table(request.output_dir, table_name)
        self._plan = Plan(class_table=chosen)
        found = self._look()
        images = self._usable()
        plan = self._plan
        plan |= sets.split_choices(images, len(self._with_objects()), request.seed)
        plan |= choices.of_the_data(found, self._class_table())
        rate = Choice(_RATES[plan.value("regions")], "That of a training with fresh weights.")
        start = Choice(None, "Fresh weights, since no --start_from was given.")
        if self._start is not None:
            plan |= choices.of_the_start(self._start.name, settings.fixed_by(self._start))
            rate = Choice(_RATE_OF_A_START, "Low, so that the network keeps what it knows.")
            start = Choice(self._start.name, "As given by --start_from.")
        plan |= Plan(start_from=start, learning_rate=rate)
        self._write_records()
        plan |= Plan(train_steps=Choice(100, ""))
        print("measuring a training step", flush=True)
        seconds = timing.measure(self._experiment(plan))
        split = self._split()
        budget = timing.Budget(
            minutes=request.minutes,
            spent=time.monotonic() - self._began,
            step=seconds,
            num_train=len(split.train),
            num_tuning=len(split.tuning),
            num_judged=len(split.judged),
            has_start=self._start is not None,
        )
        plan["train_steps"] = timing.steps(budget, found, plan)
        self._plan = Plan({name: plan[name] for name in choices.NAMES})
        plan_file.write(request.output_dir, self._plan)
        self._marks.keep(input=self._hashes, plan=self._plan.values_of())

    def _follow(self) -> None:
        """Checks a plan that is there before anything is done by it."""
        settings.preset(self._plan, self._start)
        self._class_table()
        if self._marks.fact("objects") is None:
            self._look()
        else:
            self._repeat_rejected()
        self._write_records()
        self._experiment(self._plan)
        self._marks.keep(input=self._hashes, plan=self._plan.values_of())

    def _look(self) -> survey.Survey:
        """Checks all images and measures some of them, unless that was done already."""
        table = self._class_table()
        path = self._path(SURVEY)
        made_from = marks.fingerprint(self._hashes, dataclasses.asdict(table))
        if self._marks.is_done("survey", made_from) and os.path.isfile(path):
            self._repeat_rejected()
            with open(path, "rb") as file:
                return survey.Survey.from_dict(structured.parse_json(file.read(), path))
        self._marks.begin("survey", made_from)
        images, objects = self._images, {}
        measured = {item.name for item in tuning.spread(images.train, survey.MAX_IMAGES)}

        def looked_at():
            for one in sets.check(images.train, table, self.rejected, self._request.allowed):
                objects[one.item.name] = sum(one.instances_of_class.values())
                if one.item.name in measured:
                    yield one

        found = survey.measure(looked_at(), table)
        for one in (
            sets.check(images.val, table, self.rejected, self._request.allowed)
            if images.val
            else ()
        ):
            objects[f"val/{one.item.name}"] = sum(one.instances_of_class.values())
        files.write_json(path, found.as_dict())
        rejected = self.rejected.take()
        for entry in rejected:
            self.rejected.add(*entry)
        self._marks.keep(objects=objects, rejected=[list(entry) for entry in rejected])
        self._marks.end("survey")
        print(
            f"{self._request.input}: {len(images.train)} images to train on, {len(images.val)} in "
            f"val, {sum(objects.values())} objects"
        )
        return found

    def _repeat_rejected(self) -> None:
        """Lists the images that an earlier run could not use, since they are not read again."""
        for entry in self._marks.fact("rejected"):
            self.rejected.add(*entry)

    def _with_objects(self) -> set[str]:
        """Returns the names of the training images with objects."""
        return {name for name, count in self._marks.fact("objects").items() if count}

    def _usable(self) -> sets.Images:
        """Returns the images that passed the checks."""
        objects = self._marks.fact("objects")
        return sets.Images(
            [item for item in self._images.train if item.name in objects],
            [item for item in self._images.val if f"val/{item.name}" in objects],
        )

    def _split(self) -> sets.Split:
        return sets.split(self._usable(), self._with_objects(), self._plan)

    def _class_table(self) -> labels.ClassTable:
        value = self._plan.value("class_table")
        return sets.find_class_table(self._request.output_dir, value)

    def _of_the_records(self) -> str:
        """Returns what the records are made from."""
        parts = {part: [i.name for i in items] for part, items in self._split()._asdict().items()}
        return marks.fingerprint(self._hashes, parts, dataclasses.asdict(self._class_table()))

    def _write_records(self) -> None:
        made_from = self._of_the_records()
        if self._marks.is_done("records", made_from):
            return
        self._marks.begin("records", made_from)
        split, folder, table = self._split(), self._path(RECORDS), self._class_table()
        for name, items in ((_TRAIN, split.train), (_TUNING, split.tuning)):
            tfrecords.write_examples(
                checks.read_items(items, table),
                len(items),
                table,
                folder,
                name,
                min(_NUM_SHARDS, len(items)),
                mistakes.NAMES,  # All masks were checked together, see `_look`.
            )
        self._marks.end("records")

    def _overrides(self, plan: Plan) -> dict[str, Any]:
        value = plan.value("class_table")
        own = self._path(value)
        patterns = (
            os.path.join(os.path.abspath(self._path(RECORDS)), f"{name}-*.tfrecord")
            for name in (_TRAIN, _TUNING)
        )
        return settings.overrides(
            plan,
            class_table=os.path.abspath(own) if os.path.isfile(own) else value,
            num_classes=self._class_table().num_classes,
            train_path=next(patterns),
            tuning_path=next(patterns),
            num_images=len(self._split().train),
            start=self._start,
        )

    def _experiment(self, plan: Plan) -> experiments.Experiment:
        """Writes the experiment of a plan and returns it."""
        from official.core import train_utils

        path = settings.write_experiment(self._request.output_dir, self._overrides(plan))
        found = [resources.find(name, resources.EXPERIMENTS, ".yaml") for name in settings.BASE]
        options = train_utils.ParseConfigOptions(experiments.JOINT, [*found, path])
        return experiment_flags.parse(options)

    def _of_the_training(self) -> str:
        """Returns what the network is made from, but for the number of steps."""
        values = self._plan.values_of()
        used = {name: values[name] for name in choices.OF_THE_TRAINING}
        start = self._start and network_folder.network_identity(self._start.network_dir)
        return marks.fingerprint(self._of_the_records(), used, start)

    def _put_aside(self, folder: str) -> str:
        """Renames the folder of a network; returns the new path."""
        number = 1
        while os.path.exists(f"{folder}_{number}"):
            number += 1
        os.rename(folder, f"{folder}_{number}")
        return f"{folder}_{number}"

    def _name_of_judged(self) -> str:
        if self._images.val:
            part = "val"
        else:
            part = "held_out" if self._plan.value("judging_images") else "train"
        return f"{os.path.basename(os.path.abspath(self._request.input))}/{part}"
