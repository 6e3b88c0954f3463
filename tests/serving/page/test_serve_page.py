"""`affinity_seg serve` for the page: its flags and what it prints."""

import socket

import pytest
import requests
from running import run_verb
from serve_process import serve

from affinity_seg.serving.page import application
from affinity_seg.verbs import serve as serve_verb


def test_it_serves_a_model_with_the_limits_of_its_flags(tmp_path, pictures):
    flags = (
        "--host=0.0.0.0", "--max_megabytes=1", "--max_pixels=20000", "--keep_minutes=2.5",
        "--override=min_pixels=100", "--override=thresholds=[0.6]",
    )  # fmt: skip
    with serve(tmp_path, *flags) as (url, printed):
        assert printed.startswith("warning: everybody who reaches 0.0.0.0 can use this server")
        settings = requests.get(f"{url}/settings").json()
        assert (settings["max_bytes"], settings["max_pixels"]) == (10**6, 20000)
        assert settings["minutes"] == 2.5
        headers = {"Content-Type": application.UPLOAD_TYPE}

        def upload(name):
            with open(pictures[name], "rb") as file:
                return requests.post(f"{url}/pictures?name={name}", file, headers=headers)

        refused = upload("cells.png")
        assert refused.status_code == 400 and "at most 20000 pixels" in refused.json()["error"]
        assert upload("other.png").status_code == 400
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_this_machine_only(tmp_path):
    with serve(tmp_path) as (url, printed):
        assert "warning" not in printed and url.startswith("http://127.0.0.1:")
        port = int(url.rpartition(":")[2])
        addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port)}
        for address in addresses - {"127.0.0.1", "::1"}:
            with pytest.raises(OSError):
                socket.create_connection((address, port), timeout=5).close()


@pytest.mark.parametrize(
    "flags, message",
    [
        (
            ["--workers=2", "--grpc_port=9"],
            "--grpc_port, --workers` must not be given: only for an exported model",
        ),
        (["--keep_minutes=0"], "keep_minutes"),
        (["--max_pixels=1"], "max_pixels"),
        (["--override=thresholds=[2]"], "`thresholds` must"),
        (["--model=nowhere"], "nowhere"),
    ],
)
def test_a_wrong_flag_is_named(tmp_path, flags, message):
    result = run_verb("serve", tmp_path, "--model=nuclei", *flags)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert message in result.stderr


@pytest.mark.parametrize("host", ["host.invalid", "192.0.2.7"])
def test_a_host_that_is_not_this_machine_is_named(tmp_path, host):
    result = run_verb("serve", tmp_path, "--model=nuclei", f"--host={host}")
    assert result.returncode == 1
    assert f"`--host` must be an address of this machine: {host}: " in result.stderr


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")]
)
def test_the_address_of_a_server(host, url):
    assert serve_verb._url(host, 80) == url


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_verb("serve", tmp_path, "--model=nuclei", f"--http_port={port}")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"`--http_port` must be free: {port}: " in result.stderr
