"""Answers the requests of the page (WSGI)."""

import importlib.resources
import io
import json
import logging
import mimetypes
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from werkzeug import exceptions
from werkzeug.routing import Map, Rule
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from affinity_seg import input_errors
from affinity_seg.data import plane_choice
from affinity_seg.export import formats
from affinity_seg.serving.page import guards, served_picture
from affinity_seg.serving.page.served_picture import BusyError, Reader, ServedPicture
from affinity_seg.serving.page.store import Store

MAX_UPLOADS = 8
"""Largest number of uploads at a time: each holds its file in memory."""

UPLOAD_TYPE = "application/octet-stream"
"""The content type of an upload. No other page can send it without asking, which is refused."""

IDLE_SECONDS = 30
"""A connection is closed if nothing comes or goes for so long."""

_CHUNK = 2**16
_SCRIPTS = (
    "page.js",
    "state.js",
    "server.js",
    "reading.js",
    "merging.js",
    "drawing.js",
    "pointing.js",
    "zoom.js",
    "sliders.js",
    "downloads.js",
)
_FILES = {"/": "page.html", **{f"/{name}": name for name in ("page.css", *_SCRIPTS)}}
_ROUTES = Map(
    [
        *(Rule(path, endpoint="own_file", methods=["GET"]) for path in _FILES),
        Rule("/settings", endpoint="settings", methods=["GET"]),
        Rule("/pictures", endpoint="upload", methods=["POST"]),
        Rule("/pictures/<token>", endpoint="forget", methods=["DELETE"]),
        Rule("/pictures/<token>/picture.png", endpoint="pixels", methods=["GET"]),
        Rule("/pictures/<token>/instances", endpoint="instances", methods=["GET"]),
        Rule("/pictures/<token>/files/<name>", endpoint="download", methods=["GET"]),
    ]
)


class Settings(NamedTuple):
    """What the server was started with.

    Attributes:
      model: As --model.
      changes: Flags that change the model's preset, as `affinity_seg segment` takes them.
      host: Address or name at which it listens.
      max_bytes: Largest file of a picture.
      max_pixels: Largest number of pixels of a picture.
      timeout: How long an upload may take, seconds.
    """

    model: str
    changes: tuple[str, ...]
    host: str
    max_bytes: int
    max_pixels: int
    timeout: float


class Application:
    """The WSGI application: the page, and pictures by their tokens."""

    def __init__(self, reader: Reader, store: Store, settings: Settings):
        """Makes the application.

        Args:
          reader: Reads pictures and runs the networks.
          store: Keeps pictures.
          settings: What the server was started with.
        """
        self._reader = reader
        self._store = store
        self._settings = settings
        self._names = guards.known_names(settings.host)
        self._uploads = threading.BoundedSemaphore(MAX_UPLOADS)
        self._answers: dict[str, Callable[..., Response]] = {
            "own_file": self._own_file,
            "settings": self._describe_settings,
            "upload": self._upload,
            "forget": self._forget,
            "pixels": self._pixels,
            "instances": self._instances,
            "download": self._download,
        }
        folder = importlib.resources.files(__package__) / "static"
        self._own_files = {path: (folder / name).read_bytes() for path, name in _FILES.items()}

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """Answers a request."""
        request = Request(environ)
        return guards.protect(self._answer(request))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        """Returns the answer; that of an error is JSON with one line of text."""
        try:
            refused = guards.refusal(request, self._names)
            if refused is not None:
                return _failed(403, refused)
            endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
            return self._answers[endpoint](request, **values)
        except exceptions.HTTPException as error:
            return _failed(error.code, error.description)
        except BusyError as error:
            return _failed(503, str(error))
        except Exception as error:
            if input_errors.is_of_the_machine(error):
                logging.exception("the machine could not answer a request of the page")
                return _failed(503, "the server has too little memory, or its disk is full")
            if isinstance(error, input_errors.types()):
                return _failed(400, str(error).splitlines()[0])
            logging.exception("the page could not answer a request")
            return _failed(500, "the server failed; what it printed says why")

    def _own_file(self, request: Request) -> Response:
        kind = mimetypes.guess_type(_FILES[request.path])[0]
        return Response(self._own_files[request.path], mimetype=kind)

    def _describe_settings(self, request: Request) -> Response:
        settings = self._settings
        return _json(
            {
                "model": settings.model,
                "max_bytes": settings.max_bytes,
                "max_pixels": settings.max_pixels,
                "minutes": self._store.limits.seconds / 60,
                "formats": formats.FORMATS,
                "with_pixel_size": formats.WITH_PIXEL_SIZE,
            }
        )

    def _upload(self, request: Request) -> Response:
        if request.mimetype != UPLOAD_TYPE:
            raise exceptions.UnsupportedMediaType(f"a picture must be sent as {UPLOAD_TYPE}")
        given = request.args
        name = given.get("name", "")
        if not self._uploads.acquire(blocking=False):
            raise BusyError(f"{MAX_UPLOADS} pictures are being read; try again in a while")
        try:
            content = self._body(request)
            channels = given["channels"].split(",") if "channels" in given else None
            choice = plane_choice.choose(_number(given, "page", int), channels)
            picture = self._reader.read(name, content, choice)
        finally:
            self._uploads.release()
        token = self._store.add(picture)
        return _json({"token": token, **picture.describe()}, 201)

    def _body(self, request: Request) -> bytes:
        """Returns what is uploaded; raises the answer that it takes too long or is too large."""
        size, most = request.content_length, self._settings.max_bytes
        if size is None:
            raise exceptions.LengthRequired("the size of the file must be given")
        if size > most:
            raise exceptions.RequestEntityTooLarge(
                f"the file must have at most {most} bytes on this page: {size}"
            )
        end = time.monotonic() + self._settings.timeout
        content = bytearray()
        while len(content) < size:
            # `read1` does not wait until all of it is there, so that a slow upload is noticed.
            try:
                chunk = request.environ["wsgi.input"].read1(min(_CHUNK, size - len(content)))
            except TimeoutError as error:
                raise exceptions.RequestTimeout(
                    f"an upload must not stand still for {IDLE_SECONDS} seconds"
                ) from error
            if not chunk:
                raise exceptions.BadRequest("the upload was cut off")
            content += chunk
            if time.monotonic() > end:
                raise exceptions.RequestTimeout(
                    f"an upload must end within {self._settings.timeout:g} seconds"
                )
        return bytes(content)

    def _forget(self, request: Request, token: str) -> Response:
        self._found(token)
        self._store.forget(token)
        return _json({})

    def _pixels(self, request: Request, token: str) -> Response:
        return Response(self._found(token).png, mimetype="image/png")

    def _instances(self, request: Request, token: str) -> Response:
        picture, fields = self._found(token), _fields(request.args)
        merged = picture.merge(fields)
        return _json(
            {
                "instances": served_picture.describe_instances(merged.picture),
                "warning": merged.warning,
                "command": self._command(picture, fields),
            }
        )

    def _command(self, picture: ServedPicture, fields: Mapping[str, Any]) -> str:
        """Returns the command that segments the picture in the same way."""
        settings, content = self._settings, picture.content
        flags = [f"--model={settings.model}", f"--input={content.filename}", "--output_dir=results"]
        flags += [*content.choice.flags(), *settings.changes]
        for name, value in picture.overrides(fields).items():
            flags.append(f"--override={name}={json.dumps(value, separators=(',', ':'))}")
        return " \\\n    ".join(["affinity_seg segment", *map(shlex.quote, flags)])

    def _download(self, request: Request, token: str, name: str) -> Response:
        picture = self._found(token)
        formats.check([name])
        merged = picture.merge(_fields(request.args)).picture
        pixel_size = _number(request.args, "pixel_size", float)
        if pixel_size is not None:
            formats.check_pixel_size(pixel_size)
        file_name, content = served_picture.convert(merged, name, pixel_size)
        return send_file(
            io.BytesIO(content),
            request.environ,
            "application/octet-stream",
            as_attachment=True,
            download_name=file_name,
            etag=False,
        )

    def _found(self, token: str) -> ServedPicture:
        """Returns the picture of a token, or raises the answer that there is none."""
        picture = self._store.get(token)
        if picture is None:
            limits = self._store.limits
            raise exceptions.NotFound(
                "the picture is not here any more: the server forgets it after "
                f"{limits.seconds / 60:g} minutes without use, or when there are more than "
                f"{limits.pictures} pictures or {limits.bytes / 10**6:g} megabytes of them; drop "
                "it again"
            )
        return picture


def _fields(given: Mapping[str, str]) -> dict[str, Any]:
    """Returns the fields of the merge that a request has."""
    found: dict[str, Any] = {}
    if "thresholds" in given:
        texts = given["thresholds"].split(",")
        found["thresholds"] = tuple(_parsed("thresholds", text, float) for text in texts)
    if "min_pixels" in given:
        found["min_pixels"] = _number(given, "min_pixels", int)
    if "min_score" in given:
        found["min_score"] = _number(given, "min_score", float)
    return found


def _number(given: Mapping[str, str], name: str, kind: type) -> Any:
    """Returns a number of a request, None if it is not given."""
    return _parsed(name, given[name], kind) if name in given else None


def _parsed(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        whole = "whole " if kind is int else ""
        raise ValueError(f"`{name}` must be a {whole}number: {text!r}") from error


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")


def _failed(status: int, message: str) -> Response:
    return _json({"error": message}, status)
