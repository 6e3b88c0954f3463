"""Beam's options and errors."""

import pytest
from apache_beam.options.pipeline_options import DirectOptions, SetupOptions, StandardOptions
from running import ROOT, run_verb

from affinity_seg.beam import running, sources
from affinity_seg.beam.steps import StepSettings


def test_options_are_those_of_beam_and_no_others():
    options = running.parse_options(
        ["--runner=FlinkRunner", "--flink_master=host:8081", "--environment_type=DOCKER",
         "--parallelism=4", "--project=p", "--sdk_container_image=registry/image"]
    )  # fmt: skip
    assert options.view_as(StandardOptions).runner == "FlinkRunner"
    assert options.get_all_options()["flink_master"] == "host:8081"
    assert options.view_as(SetupOptions).save_main_session is False
    with pytest.raises(ValueError, match=r"has the flags \['--presett=x'\]"):
        running.parse_options(["--presett=x"])


@pytest.mark.parametrize(
    "arguments, mode",
    [
        ([], "in_memory"),
        (["--direct_num_workers=2"], "multi_processing"),
        (["--direct_num_workers=2", "--direct_running_mode=multi_threading"], "multi_threading"),
    ],
)
def test_several_workers_are_processes_unless_they_shall_be_threads(arguments, mode):
    options = running.parse_options(arguments)
    assert options.view_as(DirectOptions).direct_running_mode == mode


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_an_error_of_a_step_is_its_message_alone(tmp_path, mode):
    path = str(tmp_path / "val-00000-of-00001.tfrecord")
    with open(path, "wb") as file:
        file.write(b"no records, but more bytes than the head of one has")
    options = running.parse_options([f"--direct_running_mode={mode}"])
    with pytest.raises(ValueError) as error:
        running.run(lambda p: p | sources.ReadSources([path], StepSettings(strict=True)), options)
    assert str(error.value) == (
        f"{path}#0: the record is damaged or cut off, it and the rest of the file are left out"
    )


def test_a_misspelt_flag_is_one_line(tmp_path):
    result = run_verb("segment", tmp_path, "--input=x", "--output_dir=y", "--presett=z",
                      "--model=m", "--runner=DirectRunner", "--layout=images")  # fmt: skip
    assert result.returncode == 1
    assert "presett" in result.stderr and "Traceback" not in result.stderr
    assert ROOT not in result.stderr
