"""Clients of model servers against real gRPC and HTTP over the exported model."""

import concurrent.futures
import csv
import json
import math
import re
import shutil
import socket
import threading

import model_server
import numpy as np
import pytest
from running import ROOT, run_verb

from affinity_seg.rejected_inputs import EXIT_STATUS, FILE_NAME
from affinity_seg.serving import client, readiness

SERVERS = {"grpc": model_server.grpc_server, "rest": model_server.rest_server}


@pytest.fixture(scope="module")
def model(folder):
    return model_server.Model(folder / "instances" / "1")


@pytest.fixture(scope="module", params=list(SERVERS))
def address(request, model):
    with SERVERS[request.param](model) as address:
        yield address


def check_same(found, wanted):
    for name in ("instance_ids", "classes", "sizes", "boxes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)


def test_answers_are_those_of_the_tools(address, folder, names, offline):
    with client.connect(address) as server:
        found = server.segment([(folder / name).read_bytes() for name in names])
        alone = server.segment([(folder / "small.png").read_bytes()])
    for instances, name in zip(found, names, strict=True):
        check_same(instances, offline[name])
    check_same(alone[0], offline["small.png"])


@pytest.mark.parametrize("failure", [model_server.STARTING, model_server.LOADING])
def test_a_server_that_is_not_ready_is_asked_again(address, folder, model, failure):
    contents, told = [(folder / "pair.png").read_bytes()], []
    before, model.failures, model.failure = model.requests, 2, failure
    with client.connect(address, client.Settings(tell=told.append)) as server:
        server.segment(contents)
    assert model.requests == before + 3
    (line,) = told
    assert line.startswith("not ready, asked again for up to 60 s: ") and str(failure) in line
    model.failures = 10**6
    refused = pytest.raises(client.NotReadyError, match=re.escape(str(failure)))
    with client.connect(address, client.Settings(wait=0.5, tell=told.append)) as server:
        with refused:
            server.segment(contents)
        asked = model.requests
        with refused:  # The time is over: it is asked once.
            server.segment(contents)
        assert model.requests == asked + 1
        model.failures = 0
        server.segment(contents)
        model.failures = 1  # After an answer it is waited for again.
        server.segment(contents)
    assert model.failures == 0 and len(told) == 3
    refused = pytest.raises(client.NotReadyError)
    with client.connect(address, client.Settings(wait=0.0, tell=told.append)) as server, refused:
        model.failures = 1
        server.segment(contents)
    assert model.failures == 0 and len(told) == 3


@pytest.mark.parametrize("kind", list(SERVERS))
def test_a_server_that_starts_late(kind, model, folder, offline):
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    told, is_waiting = [], threading.Event()

    def tell(line):
        told.append(line)
        is_waiting.set()

    scheme = {"rest": "http"}.get(kind, kind)
    content = (folder / "small.png").read_bytes()
    with (
        client.connect(f"{scheme}://localhost:{port}", client.Settings(tell=tell)) as server,
        concurrent.futures.ThreadPoolExecutor(1) as executor,
    ):
        found = executor.submit(server.segment, [content])
        assert is_waiting.wait(30) and not found.done()
        with SERVERS[kind](model, port):
            check_same(found.result()[0], offline["small.png"])
    assert "refused" in told[0].lower()


def test_what_is_not_ready_and_what_is_wrong():
    for status, reason in (
        (503, ""),
        (404, "Servable not found for request: Latest(x)"),
        (404, "Model x not found"),
        (404, "Model x with version 2 not found"),
        (400, "Model x is not ready yet."),
    ):
        assert isinstance(readiness.http_error("http://x", status, reason), client.NotReadyError)
    for status, reason in ((404, "Not Found"), (400, "not a PNG"), (500, "")):
        error = readiness.http_error("http://x", status, reason)
        assert type(error) is client.ServerError
        assert str(error) == f"http://x: {status}: {reason}"


def test_refusals_have_the_servers_reason(address, folder):
    refused = pytest.raises(client.ServerError, match="not a PNG, JPEG or BMP file")
    with client.connect(address) as server, refused:
        server.segment([b"hello"])
    refused = pytest.raises(client.ServerError, match="no model other")
    with client.connect(address, client.Settings(model_name="other")) as server, refused:
        server.segment([(folder / "pair.png").read_bytes()])


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_is_not_there(scheme):
    refused = pytest.raises(client.ServerError, match=r"(?i)refused|unavailable")
    with client.connect(f"{scheme}://localhost:1", client.Settings(wait=0.0)) as server, refused:
        server.segment([b""])


@pytest.mark.parametrize(
    "server, settings, message",
    [
        ("localhost:8500", client.Settings(), "`server` must be one of grpc, http, .*host:port"),
        ("ftp://host", client.Settings(), "`server` must be"),
        ("grpc://a:1", client.Settings(timeout=0), "`timeout` must be positive: 0"),
        ("http://a:1", client.Settings(timeout=math.inf), "`timeout` must be at most 1000000: inf"),
        ("grpc://a:1", client.Settings(wait=-1), "`wait` must be finite and not negative: -1"),
        ("grpc://a:1", client.Settings(wait=math.inf), "`wait` must be finite .*: inf"),
    ],
)
def test_wrong_arguments_are_named(server, settings, message):
    with pytest.raises(ValueError, match=message):
        client.connect(server, settings)


def test_without_a_server_the_tool_ends_at_the_first_picture(folder, tmp_path):
    for name in ("small.png", "plain.png"):
        shutil.copy(folder / name, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    result = run_verb(
        "client", tmp_path, "--input=.", f"--server=http://127.0.0.1:{port}", "--wait=0",
        "--class_table=cityscapes", "--output_dir=served",
    )  # fmt: skip
    assert result.returncode == 1
    message = "plain and what follows it was not segmented, for lack of a server: "
    assert result.stderr.count(str(port)) == 1 and message in result.stderr


def test_the_tool_writes_what_the_segment_tool_writes(address, folder, model, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(folder / "small.png", photos)
    (photos / "broken.png").write_bytes((folder / "street.png").read_bytes()[:3000])
    both = tmp_path / "both"
    both.mkdir()
    for name in ("street.png", "deep.png"):  # The second has 16 bits.
        shutil.copy(folder / name, both)
    arguments = ["client", tmp_path, f"--server={address}", "--class_table=cityscapes"]
    names = [
        "street_instances.png",
        "street_instances.json",
        "street_labels.tif",
        "street_rois.zip",
    ]
    names += ["instances_coco.json", "measurements.csv"]
    all_formats = "--formats=png,json,labels_tiff,imagej,coco,csv"
    result = run_verb(*arguments, f"--input={both}", "--output_dir=served", all_formats)
    assert result.returncode == 0, result.stderr
    result = run_verb(
        "segment", ROOT, f"--input={both}",
        f"--model={folder}",
        f"--preset={folder}/preset.yaml", f"--output_dir={tmp_path}/segmented", all_formats,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for name in names:
        served, segmented = tmp_path / "served" / name, tmp_path / "segmented" / name
        if name.endswith(".json"):
            assert json.loads(served.read_text()) == json.loads(segmented.read_text())
        else:
            assert served.read_bytes() == segmented.read_bytes()
    rows = csv.DictReader((tmp_path / "served" / "measurements.csv").read_text().splitlines())
    assert max(float(row["max_1"]) for row in rows if row["image"] == "deep") > 255
    model.failures, model.failure = 1, model_server.STARTING
    result = run_verb(*arguments, f"--input={photos}", "--output_dir=served")
    assert result.returncode == EXIT_STATUS
    assert "broken.png" in result.stderr and "Traceback" not in result.stderr
    (rejected,) = json.loads((tmp_path / "served" / FILE_NAME).read_text())
    assert rejected["name"] == "broken" and "broken.png" in rejected["reason"]
    assert (tmp_path / "served" / "small_instances.json").exists()
    assert "not ready, asked again for up to 60 s: " in result.stderr
