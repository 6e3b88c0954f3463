"""Clients of model servers against real gRPC and HTTP over the exported model."""

import json
import shutil

import model_server
import numpy as np
import pytest
from running import ROOT, run_tool

from affinity_seg.serving import client

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


def test_a_server_that_is_not_ready_is_asked_again(address, folder, model):
    contents = [(folder / "pair.png").read_bytes()]
    before, model.failures = model.requests, 2
    with client.connect(address) as server:
        server.segment(contents)
    assert model.requests == before + 3
    model.failures = 2
    refused = pytest.raises(client.ServerError, match="not loaded yet")
    with client.connect(address, client.Settings(tries=2)) as server, refused:
        server.segment(contents)
    assert model.failures == 0


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
    with client.connect(f"{scheme}://localhost:1", client.Settings(tries=1)) as server, refused:
        server.segment([b""])


@pytest.mark.parametrize(
    "server, settings, message",
    [
        ("localhost:8500", client.Settings(), "`server` must be one of grpc, http, .*host:port"),
        ("ftp://host", client.Settings(), "`server` must be"),
        ("grpc://a:1", client.Settings(timeout=0), "`timeout` must be positive: 0"),
        ("grpc://a:1", client.Settings(tries=9), r"`tries` must be in \[1, 5\]: 9"),
    ],
)
def test_wrong_arguments_are_named(server, settings, message):
    with pytest.raises(ValueError, match=message):
        client.connect(server, settings)


def test_the_tool_writes_what_the_segment_tool_writes(address, folder, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(folder / "small.png", photos)
    (photos / "broken.png").write_bytes((folder / "street.png").read_bytes()[:3000])
    arguments = ["serving_client.py", tmp_path, f"--server={address}", "--class_table=cityscapes"]
    result = run_tool(*arguments, f"--image={folder}/street.png", "--output_dir=served")
    assert result.returncode == 0, result.stderr
    result = run_tool(
        "segment.py", ROOT, f"--image={folder}/street.png",
        f"--semantic_dir={folder}/semantic", f"--affinity_dir={folder}/affinity",
        f"--preset={folder}/preset.yaml", f"--output_dir={tmp_path}/segmented",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for name in ("street_instances.png", "street_instances.json"):
        served, segmented = tmp_path / "served" / name, tmp_path / "segmented" / name
        if name.endswith(".png"):
            assert served.read_bytes() == segmented.read_bytes()
        else:
            assert json.loads(served.read_text()) == json.loads(segmented.read_text())
    result = run_tool(*arguments, f"--input={photos}", "--output_dir=served")
    assert result.returncode == 1
    assert "broken.png" in result.stderr and "Traceback" not in result.stderr
    assert (tmp_path / "served" / "small_instances.json").exists()
