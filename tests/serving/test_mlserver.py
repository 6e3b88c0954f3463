"""`affinity_seg serve`, asked by REST and gRPC."""

import base64
import concurrent.futures
import socket

import cv2
import grpc
import numpy as np
import pytest
import requests
from mlserver.grpc import dataplane_pb2, dataplane_pb2_grpc
from running import run_verb
from test_client import check_same

from affinity_seg.data import pictures
from affinity_seg.serving import client
from benchmarks import server_process


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    """Yields a server with one worker and its log."""
    log = tmp_path_factory.mktemp("mlserver") / "log.txt"
    with server_process.serve(str(folder / "instances"), str(log), "--threads=1") as server:
        yield server
    assert not server.process.is_running()
    assert "Traceback" not in log.read_text().partition("\nready: ")[0]


def infer(server, tensors, **more):
    """Posts a V2 request and returns the status and the answer."""
    url = f"{server.http}/v2/models/affinity_seg/infer"
    response = requests.post(url, json={"inputs": tensors, **more})
    return response.status_code, response.json()


def file_tensor(*contents, **more):
    data = [base64.b64encode(content).decode() for content in contents]
    tensor = {"name": "image_bytes", "shape": [len(data)], "datatype": "BYTES", "data": data}
    return {**tensor, **more}


def test_files_by_rest(server, folder, names, offline):
    with client.connect(server.rest) as served:
        found = served.segment([(folder / name).read_bytes() for name in names])
    for instances, name in zip(found, names, strict=True):
        check_same(instances, offline[name])


def test_files_by_grpc(server, folder, offline):
    request = dataplane_pb2.ModelInferRequest(model_name="affinity_seg")
    content = (folder / "photo.jpg").read_bytes()
    tensor = request.inputs.add(name="image_bytes", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(content)
    for name in ("sizes", "instance_ids_png_bytes"):
        request.outputs.add(name=name)
    with grpc.insecure_channel(server.grpc) as channel:
        stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
        sizes, png = stub.ModelInfer(request).outputs
        np.testing.assert_array_equal(sizes.contents.int64_contents, offline["photo.jpg"].sizes)
        content = np.frombuffer(base64.b64decode(png.contents.bytes_contents[0]), np.uint8)
        ids = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(ids, offline["photo.jpg"].instance_ids)
        tensor.contents.bytes_contents[0] = b"hello"
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "not a PNG, JPEG or BMP file" in refused.value.details()


def test_pixels_and_a_chosen_signature(server, folder, offline):
    image = pictures.read(str(folder / "small.png"))
    tensor = {
        "name": "images", "shape": [1, *image.shape], "datatype": "UINT8",
        "data": image.ravel().tolist(),
    }  # fmt: skip
    _, pixels = infer(server, [tensor], outputs=[{"name": "instance_ids"}])
    content = file_tensor((folder / "small.png").read_bytes())
    chosen = {"signature_name": "image_bytes"}
    _, chosen = infer(server, [content], parameters=chosen, outputs=[{"name": "instance_ids"}])
    for answer in (pixels, chosen):
        (output,) = answer["outputs"]
        ids = np.reshape(output["data"], output["shape"])[0]
        np.testing.assert_array_equal(ids, offline["small.png"].instance_ids)


@pytest.mark.parametrize(
    "tensor, more, message",
    [
        (file_tensor(b"hello"), {}, "INVALID_ARGUMENT: .*not a PNG, JPEG or BMP file"),
        (file_tensor(), {}, "the batch must hold at least one image"),
        (file_tensor(data=["%"], shape=[1]), {}, "'image_bytes', shape [1]: [0] is not base 64"),
        (file_tensor(b"", datatype="FP32"), {}, "'image_bytes' must be BYTES: FP32"),
        (file_tensor(b"", shape=[5]), {}, "'image_bytes', shape [5]: cannot reshape"),
        (file_tensor(b"i\xa6\x9a", name="examples"), {}, "INVALID_ARGUMENT: .*examples"),
        (file_tensor(b"", name="other"), {}, "`inputs` one of"),
        (file_tensor(b""), {"parameters": {"signature_name": "other"}}, "'other'"),
        (file_tensor(b""), {"parameters": {"signature_name": "tf_example"}}, "['examples']"),
        (file_tensor(b""), {"outputs": [{"name": "masks"}]}, "['masks']"),
        (
            {"name": "images", "shape": [1, 1, 2, 3], "datatype": "UINT8", "data": [1, 2]},
            {},
            "'images', shape [1, 1, 2, 3]: cannot reshape",
        ),
        (
            {"name": "images", "shape": [-1, 1, 2, 3], "datatype": "UINT8", "data": [0] * 6},
            {},
            "sizes must not be negative",
        ),
        (
            {"name": "images", "shape": [1, 1, 1, 3], "datatype": "UINT8", "data": [0] * 3},
            {},
            "INVALID_ARGUMENT: .*must have 2 to 67108864 pixels",
        ),
        (
            {"name": "images", "shape": [1, 1, 3], "datatype": "UINT8", "data": [1, 2, 3]},
            {},
            "must have shape (None, None, None, 3): [1, 1, 3]",
        ),
        (
            {"name": "images", "shape": [1, 1, 1, 3], "datatype": "UINT8", "data": [1, 2, 300]},
            {},
            "300",
        ),
    ],
)
def test_a_wrong_request_gets_the_reason(server, tensor, more, message):
    status, answer = infer(server, [tensor], **more)
    assert status == 400
    for part in message.split(".*"):
        assert part in answer["error"]
    assert "traceback" not in str(answer).lower()


def test_four_clients_at_once(server, folder, names, offline):
    workers = set(server.process.children())
    contents = {name: (folder / name).read_bytes() for name in names}

    def ask(seed):
        order = np.random.default_rng(seed).permutation(names)
        with client.connect(server.rest) as served:
            for name in order:
                check_same(served.segment([contents[name]])[0], offline[name])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert workers == set(server.process.children())


@pytest.mark.parametrize(
    "flag, message",
    [("--model=nowhere", "nowhere"), ("--model=.", "a model must hold the networks in folders")],
)
def test_a_model_that_is_not_there(tmp_path, flag, message):
    result = run_verb("serve", tmp_path, flag)
    assert result.returncode == 1 and message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_flag_of_the_page_is_refused(folder, tmp_path):
    result = run_verb("serve", tmp_path, f"--model={folder}/instances", "--max_pixels=9")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert (
        "--max_pixels` must not be given: only for the page, not for an exported model"
        in result.stderr
    )


def test_a_port_that_is_taken_is_named(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_verb("serve", tmp_path, f"--model={folder}/instances", f"--grpc_port={port}")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"`--grpc_port` must be free: {port}: " in result.stderr
