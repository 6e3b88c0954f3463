"""The threads beside the networks, and the times they write down."""

import json
import threading
import time

import pytest

from affinity_seg.pipeline.background import Finisher, prefetch
from affinity_seg.pipeline.timeline import FINISH, NETWORK, STAGES, Timeline


def test_prefetch_is_one_ahead_and_keeps_the_order():
    started = []
    second = threading.Event()

    def read(value):
        started.append(value)
        if value == 1:
            second.set()
        return 10 * value

    inputs = prefetch(read, range(5))
    first, future = next(inputs)
    assert (first, future.result()) == (0, 0)
    assert second.wait(10)  # It runs while the first is in hand.
    assert 2 not in started
    assert [(value, future.result()) for value, future in inputs] == [
        (1, 10),
        (2, 20),
        (3, 30),
        (4, 40),
    ]
    assert list(prefetch(read, [])) == []


def test_prefetch_raises_where_the_result_is_wanted():
    inputs = prefetch(lambda value: 1 // value, [1, 0, 2])
    assert next(inputs)[1].result() == 1
    _, future = next(inputs)
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_the_finisher_works_in_order_beside_the_caller():
    done, gate = [], threading.Event()

    def wait(value):
        assert gate.wait(10)
        done.append(value)

    with Finisher(depth=2) as finisher:
        for value in range(2):
            finisher.wait_for_room()
            finisher.add(lambda value=value: wait(value))
        assert done == []  # The caller has not waited.
        threading.Timer(0.1, gate.set).start()
        finisher.wait_for_room()  # Two are unfinished: now it has.
        assert done[0] == 0
    assert done == [0, 1]


def test_the_finisher_stops_at_an_error_and_raises_it():
    done = []

    def fail():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Finisher(depth=3) as finisher:
        for function in (lambda: done.append(0), fail, lambda: done.append(2)):
            finisher.wait_for_room()
            finisher.add(function)
    assert done == [0]


def test_timelines_add_up_and_can_be_shown(tmp_path):
    times = Timeline()
    assert times.total_seconds() == 0
    with times.span(NETWORK, "a"):
        time.sleep(0.02)
    with pytest.raises(ValueError), times.span(FINISH):
        raise ValueError
    assert times.seconds(NETWORK) >= 0.02
    assert times.total_seconds() >= times.seconds(NETWORK)
    times.write(str(tmp_path / "times.json"))
    events = json.loads((tmp_path / "times.json").read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert [event["name"] for event in spans] == ["network: a", "merge and write"]
    assert spans[0]["dur"] >= 20000
    assert [e["args"]["name"] for e in events if e["ph"] == "M"] == list(STAGES)
