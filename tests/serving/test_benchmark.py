"""benchmarks/serving.py measures what it says."""

import json

import pytest
from running import ROOT, run_program

from affinity_seg.instances import Instances
from benchmarks import serving_batches, serving_load, serving_stages


@pytest.fixture
def benchmark(folder, tmp_path):
    """Returns a function that runs the tool and gives its status and its results."""

    def run(*arguments):
        result = run_program(
            "-m benchmarks.serving", ROOT, f"--exported_model={folder}/instances",
            f"--model={folder}",
            f"--preset={folder}/preset.yaml", f"--output_dir={tmp_path}/results",
            f"--input={folder}/street.png", f"--input={folder}/small.png", "--repetitions=2",
            *arguments,
        )  # fmt: skip
        if result.returncode:
            return result, None
        return result, json.loads((tmp_path / "results" / "results.json").read_text())

    return run


@pytest.mark.long
def test_all_suites(benchmark, offline):
    result, found = benchmark("--requests=6", "--memory_requests=12", "--load=0.5", "--load=2")
    assert result.returncode == 0, result.stderr[-3000:]
    assert set(found) == {"stages", "merge", "batches", "clients", "load", "memory"}
    for row, name in zip(found["stages"], ("street.png", "small.png"), strict=True):
        assert row["image"] == name and row["instances"] == len(offline[name].classes)
        stages = ("full_image", "regions", "semantic", "affinity", "merge", "pasting", "other")
        assert all(row[f"{stage} ms"] > 0 for stage in stages)
        assert set(row) == {"image", "instances", "whole ms", *(f"{s} ms" for s in stages)}
    for row in found["merge"]:
        assert row["regions"] > 0 and row["inside ms"] > 0 and row["outside ms"] > 0
    for row, batch in zip(found["batches"], 2 * serving_batches.BATCHES, strict=True):
        assert row["batch"] == batch and row["CPU ms"] > 0 and row["change"] < 1e-3
        assert 0 < row["share of the answer"] < 2
    assert [row["change"] for row in found["batches"] if row["batch"] == 1] == [0, 0]
    ways = [(row["batch"], row["clients"]) for row in found["clients"]]
    assert ways == [(1, 1), (1, 4), (4, 1), (4, 4)]
    for row in found["clients"]:
        assert row["different"] == 0 and row["answered per second"] > 0
        assert 0 < row["p50 s"] <= row["p99 s"] and row["peak bytes"] > 2**28
        assert row["CPU s per answer"] > 0
    for row in found["load"]:
        assert 0 < row["p50 s"] <= row["p95 s"] <= row["p99 s"]
    offered = [row["offered per second"] for row in found["load"]]
    assert offered[1] == pytest.approx(4 * offered[0])
    assert [row["requests"] for row in found["memory"]][-1] == 12
    assert all(row["different"] == 0 for row in found["memory"])


def test_another_preset_than_that_of_the_export_is_refused(benchmark):
    result, _ = benchmark("--suite=merge", "--override=min_pixels=1000")
    assert result.returncode == 1 and "street.png: the exported model has other" in result.stderr


def test_a_stage_is_the_innermost_scope():
    stage = serving_stages.stage_of
    assert stage("call/while/stage_full_image/cond/Conv2D") == "full_image"
    assert stage("stage_semantic_1/while/stage_merge/GraphMergeFromLogits") == "merge"
    assert stage("call/stage_semantic_1/Conv2D") == "semantic"
    assert stage("call/decode_image/DecodeImage") == serving_stages.OTHER


def test_stages_at_the_same_time_share_it():
    spans = [(0.0, 1.0, "full_image"), (2.0, 6.0, "semantic"), (3.0, 5.0, "semantic")]
    spans += [(4.0, 8.0, "affinity"), (8.0, 9.0, "merge")]
    wanted = {"full_image": 1.0, "semantic": 3.0, "affinity": 3.0, "merge": 1.0}
    assert serving_stages.share(spans) == wanted


def test_answers_that_differ_are_noticed(offline):
    wanted = offline["street.png"]
    assert serving_load.same(wanted, Instances(*wanted))
    ids = wanted.instance_ids.copy()
    ids[0, 0] += 1
    assert not serving_load.same(wanted, wanted._replace(instance_ids=ids))
    assert not serving_load.same(wanted, wanted._replace(scores=wanted.scores + 1e-3))
    assert not serving_load.same(wanted, offline["small.png"])
