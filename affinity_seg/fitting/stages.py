"""The stages of a fit, each of which is skipped if it was done with the same settings."""

import dataclasses
import os
import shutil
import time
from typing import Any

import tensorflow as tf

from affinity_seg import files, labels, model_folder
from affinity_seg.analysis import preset_scores, tuning
from affinity_seg.configs import experiments
from affinity_seg.configs.choices import PREDICTIONS, RESULTS
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import mistakes
from affinity_seg.evaluation import metrics
from affinity_seg.fitting import marks, planning, preparing, sets, settings, starts, timing, values
from affinity_seg.fitting import plan as plan_file
from affinity_seg.fitting.plan import Plan
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import prediction_runs
from affinity_seg.tasks import training
from affinity_seg.visualization import report, report_page

NETWORK, SCORES, PAGE = "joint", "scores.json", "report.html"
"""What a fit writes into its folder beside the plan, predictions and results."""

_BEFORE = "_before"
"""Predictions and results of the model that a training starts from end with this."""

_FOR_A_NEW_PLAN = ("class_table", "minutes", "seed", "start_from")
"""Parts of a request that a plan which is there does not follow."""

_NOT_IN_A_PATTERN = ",*?[]"
"""Characters that mean something else in a pattern of Model Garden."""

_GALLERY = 30
_TUNING_ROUNDS = 2


class Fit:
    """One run of a fit.

    Attributes:
      data: Its images.
    """

    def __init__(self, request: preparing.Request):
        """Lists the images and reads what earlier runs have left.

        Raises:
          FileNotFoundError: The input has no images, or a model is missing.
          ValueError: The input has changed since the plan was made, or a file is damaged.
        """
        self._began = time.monotonic()
        self._request = request
        path = os.path.abspath(request.output_dir)
        if set(path) & set(_NOT_IN_A_PATTERN):
            raise ValueError(
                f"`output_dir` must be a path without any of {' '.join(_NOT_IN_A_PATTERN)} in it, "
                f"since its records are read by a pattern: {path}"
            )
        folder = request.output_dir
        self._plan = plan_file.read(folder)
        name = request.start_from if self._plan is None else self._plan.value("start_from")
        self._start = None if name is None else starts.read(name)
        own = os.path.realpath(folder)
        if self._start is not None and os.path.realpath(self._start.folder) == own:
            raise ValueError(f"`start_from` must be another folder than `output_dir`: {name}")
        self._marks = marks.Marks(folder)
        self.data = preparing.Data(request, self._marks)
        files.remove_leftovers(folder)
        known = self._marks.fact("input") or self.data.hashes
        changed = sets.differences(known, self.data.hashes)
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
            self._plan = planning.make(self._request, self.data, self._start, self._began)
            plan_file.write(self._request.output_dir, self._plan)
            self._marks.keep(asked=self._asked())
            print(f"written: {path}")
        else:
            now = self._plan.values_of()
            before = self._marks.fact("plan") or now
            edited = [f"{k}: {before.get(k)} -> {now[k]}" for k in now if before.get(k) != now[k]]
            self.data.make_sure_it_was_looked_at(self._class_table())
            try:
                planning.experiment(self._request, self.data, self._plan, self._start)
            except FileNotFoundError as error:  # Of a model that the plan names.
                raise FileNotFoundError(f"{path}: {error}") from error
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}: {error}") from error
            print(f"{path} is followed; changed in it: {', '.join(edited) or 'nothing'}")
            self._warn_of_flags(path)
        self._marks.keep(input=self.data.hashes, plan=self._plan.values_of())
        text = timing.warning(self._plan.value("train_steps"), self._start is not None)
        if text:
            mistakes.warn(text)
        return self._plan

    def train(self) -> None:
        """Trains the network; a training that was stopped is continued.

        With more steps than before it is continued as well. With other settings it is done anew,
        and the network of before is kept under another name.
        """
        self.data.write_records(self._plan, self._class_table(), self._start)
        steps, made_from = self._plan.value("train_steps"), self._of_the_training()
        folder = self._path(NETWORK)
        is_same = self._marks.made_from("train") == made_from
        before = self._marks.fact("train_steps") or 0
        is_done = self._marks.is_done("train", made_from) and os.path.isdir(folder)
        if is_done and steps == before:
            print("train: done already")
            return
        params = planning.experiment(self._request, self.data, self._plan, self._start)
        if os.path.isdir(folder) and not (is_same and steps >= before):
            kept = self._put_aside(before)
            why = f"{steps} steps instead of {before}" if is_same else "other settings"
            print(f"train: anew, with {why}; the network of before is kept in {kept}")
        # Before the folder is renamed to `NETWORK`, so that it is never taken for another one's.
        self._marks.keep(train_steps=steps)
        self._marks.begin("train", made_from)
        if not os.path.isdir(folder):
            self._take_back(made_from, steps)
        print(f"train: to step {steps}", flush=True)
        training.run(
            params, folder, "train_and_eval" if self._plan.value("keep_start") else "train"
        )
        best = os.path.join(folder, params.trainer.best_checkpoint_export_subdir)
        has_best = tf.train.latest_checkpoint(best) is not None
        network = os.path.relpath(best, self._request.output_dir) if has_best else NETWORK
        roles = dict.fromkeys(experiments.PARTS[experiments.JOINT], network)
        model_folder.write(self._request.output_dir, networks=roles)
        self._marks.end("train")

    def tune(self) -> None:
        """Tunes the preset on the images that were held out for it."""
        config = settings.preset(self._plan, self._start, self._class_table())
        parts = self._plan.value("tuning_parts")
        made_from = marks.fingerprint(
            self._of_the_training(),
            self._plan.value("train_steps"),
            dataclasses.asdict(config),
            parts,
        )
        if self._marks.is_done("tune", made_from):
            print("tune: done already")
            return
        folder, items = self._path("tune"), self.data.split(self._plan).tuning
        if self._marks.made_from("tune") != made_from:
            shutil.rmtree(folder, ignore_errors=True)
        self._marks.begin("tune", made_from)
        if parts:
            print(f"tune: on {len(items)} images", flush=True)
            config = self._tuned(config, parts, folder, items)
        else:
            print("tune: nothing, as planned")
        model_folder.write(self._request.output_dir, preset=config)
        self._marks.end("tune")

    def judge(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Judges the model on the images for that, writes scores and a page with the worst cases.

        Returns:
          The scores that model.yaml holds, and those of the model that the training started from,
          None without one or with other classes.
        """
        folder = self._request.output_dir
        model = model_folder.read_own(folder)
        name = self._name_of_judged()
        made_from = marks.fingerprint(
            self._marks.made_from("tune"),
            network_folder.network_identity(model.semantic_dir),
            dataclasses.asdict(model.config()),  # `tune` may have been run on this model, too.
        )
        if self._marks.is_done("judge", made_from) and name in model.scores:
            print("judge: done already")
            return model.scores[name], self._marks.fact("scores_before")
        if self._marks.made_from("judge") != made_from:
            for name_of_folder in (PREDICTIONS, RESULTS):
                for suffix in ("", _BEFORE):
                    shutil.rmtree(self._path(name_of_folder + suffix), ignore_errors=True)
        items, table = self.data.split(self._plan).judged, self._class_table()
        print(f"judge: on {len(items)} images", flush=True)
        self._marks.begin("judge", made_from)
        predictions, results = self._segmented(items, model.config(), model.network_dirs)
        earlier = None
        if self._start is not None and self._start.has_classes(table.class_names):
            dirs = (self._start.network_dir, self._start.network_dir)
            earlier = self._segmented(items, self._start.preset, dirs, _BEFORE, table)[1]
        scores = metrics.evaluate(items, results, table, earlier)
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
        before = None if earlier is None else metrics.kept(scores["baseline"])
        model_folder.write(folder, scores={name: metrics.kept(scores)})
        self._marks.keep(scores_before=before)
        self._marks.end("judge")
        return metrics.kept(scores), before

    def minutes(self) -> float:
        """Returns the minutes since this run began."""
        return (time.monotonic() - self._began) / 60

    def _path(self, name: str) -> str:
        return os.path.join(self._request.output_dir, name)

    def _put_aside(self, steps: int) -> str:
        """Renames the folder of the network, trained for `steps`; returns the new path."""
        number = 1
        while os.path.exists(self._path(f"{NETWORK}_{number}")):
            number += 1
        name = f"{NETWORK}_{number}"
        os.rename(self._path(NETWORK), self._path(name))
        networks = self._marks.fact("put_aside") or {}
        networks[name] = {"made_from": self._marks.made_from("train"), "steps": steps}
        self._marks.keep(put_aside=networks)
        return self._path(name)

    def _take_back(self, made_from: str, steps: int) -> None:
        """Renames a network back that was put aside and is now wanted again, if there is one."""
        networks = self._marks.fact("put_aside") or {}
        for name, network in networks.items():
            is_wanted = network["made_from"] == made_from and network["steps"] <= steps
            if is_wanted and os.path.isdir(self._path(name)):
                os.rename(self._path(name), self._path(NETWORK))
                self._marks.keep(put_aside={n: networks[n] for n in networks if n != name})
                print(f"train: {self._path(name)} has these settings and is taken back")
                return

    def _asked(self) -> dict[str, Any]:
        """Returns the flags that only a new plan follows."""
        return {name: getattr(self._request, name) for name in _FOR_A_NEW_PLAN}

    def _warn_of_flags(self, path: str) -> None:
        """Warns of flags that were not given to the run that made the plan."""
        before = self._marks.fact("asked") or {}
        for name, value in self._asked().items():
            if name in before and before[name] != value:
                mistakes.warn(
                    f"--{name}={value} changes nothing, since {path} was made with "
                    f"{before[name]} and is followed: edit it, or remove it to plan anew"
                )

    def _class_table(self) -> labels.ClassTable:
        value = self._plan.value("class_table")
        return sets.find_class_table(self._request.output_dir, value)

    def _of_the_training(self) -> str:
        """Returns what the network is made from, but for the number of steps."""
        found = self._plan.values_of()
        return marks.fingerprint(
            self.data.made_from(self._plan, self._class_table()),
            {name: found[name] for name in values.OF_THE_TRAINING},
            self._start and network_folder.network_identity(self._start.network_dir),
        )

    def _tuned(self, config: InferenceConfig, parts, folder, items) -> InferenceConfig:
        tuned = tuning.tune(
            items,
            model_folder.read_own(self._request.output_dir),
            config,
            parts=parts,
            max_rounds=_TUNING_ROUNDS,
            output_dir=folder,
        )
        found = preset_scores.changes(tuned.config, config)
        shown = ", ".join(f"{name}={value}" for name, value in found.items())
        print(f"tune: {tuned.metric} {tuned.score:.4f}; changed: {shown or 'nothing'}")
        return tuned.config

    def _segmented(
        self, items, config: InferenceConfig, dirs, suffix="", class_table=None
    ) -> tuple[str, str]:
        """Segments images; returns the folders of predictions and results."""
        predictions, results = (self._path(name + suffix) for name in (PREDICTIONS, RESULTS))
        prediction_runs.segment_images(items, config, dirs, predictions, results, class_table)
        return predictions, results

    def _name_of_judged(self) -> str:
        part = "held_out" if self._plan.value("judging_images") else "train"
        if self.data.usable().val:
            part = "val"
        return f"{os.path.basename(os.path.abspath(self._request.input))}/{part}"
