"""Asks the page's server as the page does."""

import os
import shlex

import requests

from affinity_seg import verbs
from affinity_seg.export import formats

MAX_BYTES, MAX_PIXELS = 10**6, 2**18
"""Limits of the server in the tests."""

BINARY = {"Content-Type": "application/octet-stream"}


class Client:
    """Asks a server on this machine."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def post(self, content, name="x.png", headers=BINARY, **given):
        """Uploads bytes and returns the response."""
        return requests.post(
            f"{self.url}/pictures", content, params={"name": name, **given}, headers=headers
        )

    def upload(self, path, **given):
        """Uploads a file and returns what the server says of it."""
        with open(path, "rb") as file:
            response = self.post(file.read(), os.path.basename(path), **given)
        assert response.status_code == 201, response.text
        return response.json()

    def get(self, path="", headers=None, **given):
        """Asks for anything and returns the response."""
        return requests.get(f"{self.url}/{path}", given, headers=headers)

    def merge(self, picture, **given):
        """Returns the instances of an uploaded picture, and the command that finds them."""
        response = self.get(f"pictures/{picture['token']}/instances", **given)
        assert response.status_code == 200, response.text
        return response.json()

    def download(self, picture, name, **given):
        """Returns the response with a file."""
        return self.get(f"pictures/{picture['token']}/files/{name}", **given)


def segment(answer, path, folder, *more):
    """Runs the command of an answer on the picture itself; returns the bytes of each file."""
    program, verb, *flags = shlex.split(answer["command"].replace("\\\n", ""))
    assert (program, verb) == ("affinity_seg", "segment")
    flags = [flag for flag in flags if not flag.startswith(("--input=", "--output_dir="))]
    flags += [f"--input={path}", f"--output_dir={folder}", f"--formats={','.join(formats.FORMATS)}"]
    verbs.run(verb, [*flags, *more])
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
