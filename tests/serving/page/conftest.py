"""The shipped model behind a page, and pictures for it."""

import threading

import cv2
import numpy as np
import pytest
import tifffile
from page_client import MAX_BYTES, MAX_PIXELS, Client
from running import ROOT

from affinity_seg import model_folder
from affinity_seg.pipeline import prediction_runs
from affinity_seg.serving.page import application, served_picture, server, store

MODEL = "nuclei"
TIMEOUT = 20.0


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Paths of small pictures of nuclei by name: two PNG files, and a TIFF file of 16 bits."""
    folder = tmp_path_factory.mktemp("pictures")
    whole = cv2.imread(f"{ROOT}/models/nuclei.png")
    paths = {name: str(folder / name) for name in ("cells.png", "other.png", "deep.tif")}
    assert cv2.imwrite(paths["cells.png"], whole[:150, :190])
    assert cv2.imwrite(paths["other.png"], whole[300:430, 400:560])
    tifffile.imwrite(paths["deep.tif"], whole[200:330, :170, 0].astype(np.uint16) * 13 + 100)
    return paths


@pytest.fixture(scope="session")
def segmenter():
    model = model_folder.read(MODEL)
    return prediction_runs.load_segmenter(model.config(), *model.network_dirs)


class Clock:
    """A clock that tests move."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    """The store of the server: 90 seconds, 3 pictures."""
    return store.Store(store.Limits(90, 3, 10**9), clock)


@pytest.fixture
def reader(segmenter):
    return served_picture.Reader(segmenter, MAX_PIXELS, TIMEOUT)


@pytest.fixture
def app(reader, kept):
    settings = application.Settings(MODEL, (), "127.0.0.1", MAX_BYTES, MAX_PIXELS, TIMEOUT)
    return application.Application(reader, kept, settings)


@pytest.fixture
def client(app, kept):
    """A client of a server that runs in a thread of this process."""
    running = server.Server("127.0.0.1", 0, app, kept)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Client(running.port)
    running.shutdown()
    thread.join()
