"""What the page's server refuses and forgets."""

import errno
import http.client
import importlib.resources
import json
import re
import socket
import time
import types

import cv2
import numpy as np
import picture_bytes
import pytest
import requests
from page_client import BINARY, MAX_BYTES, MAX_PIXELS

from affinity_seg.serving.page import application, guards, server, store

SMALL = cv2.imencode(".png", np.zeros((40, 50), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    "content, given, message",
    [
        (b"hello", {}, "x.png: not a PNG, JPEG, BMP or TIFF file, 5 bytes"),
        (b"", {}, "x.png: not a PNG, JPEG, BMP or TIFF file, 0 bytes"),
        (SMALL[: len(SMALL) // 2], {}, "x.png: the file is damaged or cut off"),
        (
            picture_bytes.claimed_png(600, 600),
            {},
            f"x.png: must have at most {MAX_PIXELS} pixels on this page: 600x600; ",
        ),
        (picture_bytes.claimed_png(60000, 60000), {}, "x.png: must have 2 to 67108864 pixels"),
        (picture_bytes.claimed_png(400, 400), {}, "x.png: the file is damaged or cut off"),
        (SMALL, {"page": "two"}, "`page` must be a whole number: 'two'"),
        (SMALL, {"page": "2"}, "x.png: `page` must be 1 of a PNG file: 2"),
        (SMALL, {"channels": "1,x"}, "`channels` must be numbers"),
        (SMALL, {"channels": "4"}, "x.png: `channels` must be in [1, 3]"),
    ],
)
def test_a_bad_picture_is_refused_with_the_reason(client, kept, content, given, message):
    response = client.post(content, **given)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error.startswith(message) and "\n" not in error
    assert len(kept) == 0


def _ask(client, method, path, headers):
    """Sends only headers, and returns the status and the error."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    content = response.read()
    connection.close()
    is_json = response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(content) if is_json else content


def test_a_large_file_is_refused_before_it_is_read(client):
    status, answer = _ask(
        client, "POST", "/pictures", {**BINARY, "Content-Length": str(MAX_BYTES + 1)}
    )
    assert status == 413
    assert answer["error"] == f"the file must have at most {MAX_BYTES} bytes on this page: 1000001"


def test_an_upload_without_its_size_or_type_is_refused(client):
    response = requests.post(f"{client.url}/pictures", iter([b"x"]), headers=BINARY)  # Chunked.
    assert response.status_code == 411
    for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded"):
        assert client.post(SMALL, headers={"Content-Type": kind}).status_code == 415


def test_a_slow_upload_ends(client, app, monkeypatch):
    monkeypatch.setattr(app, "_settings", app._settings._replace(timeout=0.01))
    head = f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
    head += f"Content-Type: {BINARY['Content-Type']}\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"12345")
        time.sleep(0.1)
        connection.sendall(b"67")
        answer = b"".join(iter(lambda: connection.recv(10000), b"")).decode()
    assert answer.startswith("HTTP/1.1 408") and "within 0.01 seconds" in answer


def test_an_upload_that_stands_still_ends(client, monkeypatch):
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    head = f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
    head += f"Content-Type: {BINARY['Content-Type']}\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"12345")
        answer = b"".join(iter(lambda: connection.recv(10000), b"")).decode()
    assert answer.startswith("HTTP/1.1 408") and "must not stand still" in answer


def test_an_upload_that_breaks_off_is_no_picture(client, kept):
    head = f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
    head += f"Content-Type: {BINARY['Content-Type']}\r\nContent-Length: 9999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(head.encode() + SMALL)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(10000), b"")).decode()
    assert answer.startswith("HTTP/1.1 400") and "cut off" in answer and len(kept) == 0


def test_a_wait_for_other_pictures_ends(client, reader, kept, monkeypatch):
    monkeypatch.setattr(reader, "_timeout", 0.01)
    with reader._lock:
        response = client.post(SMALL)
    assert response.status_code == 503 and "busy" in response.json()["error"]
    assert client.post(SMALL).status_code == 201
    assert len(kept) == 1


@pytest.mark.parametrize(
    "given, message",
    [
        ({"thresholds": "1.5"}, "`thresholds` must"),
        ({"thresholds": "nan"}, "`thresholds` must"),
        ({"thresholds": "0.5,0.4"}, "`thresholds` must have one entry per stage, 1"),
        ({"thresholds": "a"}, "`thresholds` must be a number: 'a'"),
        ({"min_score": "1.1"}, "`min_score` must"),
        ({"min_score": "nan"}, "`min_score` must"),
        ({"min_pixels": "-1"}, "`min_pixels` must"),
        ({"min_pixels": "1.5"}, "`min_pixels` must be a whole number: '1.5'"),
        ({"min_pixels": "100000"}, "`min_pixels` must be less than the area"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(client, given, message):
    picture = client.post(SMALL).json()
    for path in ("instances", "files/csv"):
        response = client.get(f"pictures/{picture['token']}/{path}", **given)
        assert response.status_code == 400 and message in response.json()["error"]


def test_a_wrong_download_is_refused_with_the_reason(client):
    picture = client.post(SMALL).json()
    for name, given, message in (
        ("exe", {}, "`--formats` must be different names among"),
        ("csv", {"pixel_size": "0"}, "`--pixel_size` must be in [0.0001, 1000000.0] micrometres"),
        ("csv", {"pixel_size": "nan"}, "`--pixel_size` must be in"),
        ("csv", {"pixel_size": "wide"}, "`pixel_size` must be a number: 'wide'"),
    ):
        response = client.download(picture, name, **given)
        assert response.status_code == 400 and message in response.json()["error"]


def _paths(token):
    return [f"pictures/{token}/{rest}" for rest in ("picture.png", "instances", "files/csv")]


def test_an_unknown_token_finds_nothing(client):
    token = client.post(SMALL).json()["token"]
    for other in (
        "x",
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "..%2f" + token,
    ):
        for path in _paths(other):
            assert client.get(path).status_code == 404
    for path in _paths(token):
        assert client.get(path).status_code == 200
    for path in ("pictures", "pictures/", "static/page.py", "page.py", "../setup.py"):
        assert client.get(path).status_code in (404, 405)


def test_a_picture_is_forgotten_after_a_while_without_use(client, clock, kept):
    token = client.post(SMALL).json()["token"]
    clock.now += 80
    assert client.get(f"pictures/{token}/instances").status_code == 200
    clock.now += 80  # Since it was used.
    assert client.get(f"pictures/{token}/instances").status_code == 200
    clock.now += 91
    response = client.get(f"pictures/{token}/instances")
    assert response.status_code == 404
    assert "forgets it after 1.5 minutes without use" in response.json()["error"]
    assert len(kept) == 0


def test_the_server_forgets_without_being_asked(client, clock, kept):
    client.post(SMALL)
    clock.now += 91
    end = time.monotonic() + 20
    while kept._kept and time.monotonic() < end:
        time.sleep(0.01)
    assert not kept._kept


def test_a_picture_is_forgotten_at_once_when_its_owner_says_so(client, kept):
    tokens = [client.post(SMALL).json()["token"] for _ in range(2)]
    assert requests.delete(f"{client.url}/pictures/{tokens[0]}").status_code == 200
    assert requests.delete(f"{client.url}/pictures/{tokens[0]}").status_code == 404
    assert client.get(f"pictures/{tokens[0]}/picture.png").status_code == 404
    assert client.get(f"pictures/{tokens[1]}/picture.png").status_code == 200


def test_the_store_forgets_the_one_that_was_not_used_for_longest(clock):
    kept = store.Store(store.Limits(60, 2, 100), clock)
    pictures = [types.SimpleNamespace(num_bytes=size) for size in (10, 20, 30, 85, 500)]
    tokens = [kept.add(picture) for picture in pictures[:2]]
    assert kept.get(tokens[0]) is pictures[0]
    tokens.append(kept.add(pictures[2]))
    assert kept.get(tokens[1]) is None and kept.get(tokens[0]) is pictures[0]
    tokens.append(kept.add(pictures[3]))  # One is too many, and the memory is too much.
    assert kept.get(tokens[2]) is None
    assert kept.get(tokens[0]) is pictures[0] and len(kept) == 2
    tokens.append(kept.add(pictures[4]))  # The newest is kept, whatever it takes.
    assert kept.get(tokens[4]) is pictures[4] and len(kept) == 1


NAMES = {
    "../../etc/passwd.png": "passwd.png",
    "C:\\Users\\me\\cells.tif": "cells.tif",
    "/etc/shadow": "shadow",
    "..": "picture",
    "": "picture",
    ".hidden.png": "hidden.png",
    'a"\r\nSet-Cookie: x=1.png': "a___Set-Cookie_ x_1.png",
    "<img src=x onerror=alert(1)>.png": "_img src_x onerror_alert(1)_.png",
    "Zellen \N{LATIN SMALL LETTER U WITH DIAERESIS}.png": "Zellen \xfc.png",
    "x" * 5000 + ".png": "x" * 196 + ".png",
}


@pytest.mark.parametrize("given", NAMES)
def test_a_name_from_outside_is_no_path(client, given):
    picture = client.post(SMALL, given).json()
    assert picture["name"] == NAMES[given]
    stem = picture["name"].rpartition(".")[0] or picture["name"]
    assert picture["files"]["imagej"] == f"{stem}_rois.zip"
    response = client.download(picture, "imagej")
    assert response.status_code == 200
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment; ") and "/" not in disposition
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9", "localhost", "LOCALHOST:8080", "[::1]:8080", "10.0.0.7"]
)
def test_an_own_name_is_answered(client, host):
    assert _ask(client, "GET", "/settings", {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "", "[", "a@b"],
)
def test_another_name_is_refused(client, host):
    for method, path in (("GET", "/"), ("GET", "/settings"), ("POST", "/pictures")):
        status, answer = _ask(client, method, path, {"Host": host, **BINARY})
        assert status == 403 and "the address of this page must be" in answer["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # Another server on this machine.
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_another_page_is_refused(client, kept, headers):
    response = client.post(SMALL, headers={**BINARY, **headers})
    assert response.status_code == 403 and len(kept) == 0
    assert client.get("settings", headers=headers).status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers
    preflight = requests.options(f"{client.url}/pictures", headers=headers)
    assert preflight.status_code == 403


def test_the_page_itself_and_a_link_to_it_are_answered(client):
    own = {"Origin": client.url, "Sec-Fetch-Site": "same-origin"}
    assert client.post(SMALL, headers={**BINARY, **own}).status_code == 201
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("", headers=link).status_code == 200


def test_every_answer_has_the_headers(client):
    token = client.post(SMALL).json()["token"]
    for path in ("", "page.css", "page.js", "settings", "nowhere", *_paths(token)):
        response = client.get(path)
        for name, value in guards.HEADERS.items():
            assert response.headers[name] == value
        assert response.headers["Server"] == "affinity_seg"


def test_the_page_is_of_its_own_files_only(client):
    page = client.get("").text
    assert "//" not in page.replace("<!DOCTYPE html>", "")  # No address of another host.
    for inline in ("<style", " style=", "onclick", "javascript:", "<script>"):
        assert inline not in page
    assert "http" not in client.get("page.css").text
    folder = importlib.resources.files(application.__package__) / "static"
    names = {path.name for path in folder.iterdir()} - {"page.html"}
    for name in names:
        response = client.get(name)
        assert response.status_code == 200 and response.text == (folder / name).read_text()
        imported = re.findall(r'^import .*? from "\./(.*?)";$', response.text, re.MULTILINE)
        assert len(imported) == response.text.count("import ") and names >= set(imported)
    script = client.get("downloads.js").text
    assert set(application.formats.FORMATS) <= set(
        script.split("LABELS = {")[1].replace(":", " ").split()
    )


def test_a_failure_of_the_server_is_no_trace(client, reader, monkeypatch, caplog):
    monkeypatch.setattr(reader, "read", lambda *_: 1 / 0)
    response = client.post(SMALL)
    assert response.status_code == 500 and "ZeroDivision" not in response.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EMFILE, "Too many open files")])
def test_a_failure_of_the_machine_is_not_blamed_on_the_picture(
    client, reader, monkeypatch, caplog, error
):
    def fail(*_):
        raise error

    monkeypatch.setattr(reader, "read", fail)
    response = client.post(SMALL)
    assert response.status_code == 503 and "too little memory" in response.text
    assert type(error).__name__ in caplog.text
