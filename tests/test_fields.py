"""Checked fields of dataclasses."""

import dataclasses

import numpy as np
import pytest

from affinity_seg import fields


@dataclasses.dataclass(frozen=True)
class _Settings:
    number: int = fields.checked(1, low=0, high=9)
    share: float = fields.checked(0.5, low=0.0, high=1.0, marked=True)
    flag: bool = fields.checked(False)
    sizes: tuple[int, ...] | None = fields.checked(None, low=1)
    words: tuple[str, ...] = fields.checked(("a",), choices=("a", "b"))
    plain: int = 3

    def __post_init__(self):
        fields.check(self)


def test_values_get_the_types_of_their_annotations():
    found = _Settings(
        number=np.uint8(7), share=1, flag=np.bool_(True), sizes=np.array([2, 3]), words=iter("ab")
    )
    assert found == _Settings(number=7, share=1.0, flag=True, sizes=(2, 3), words=("a", "b"))
    assert [type(v) for v in (found.number, found.share, found.flag)] == [int, float, bool]
    assert type(found.sizes) is tuple and type(found.sizes[0]) is int


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": 1.5}, "`number` must be of type int: 1.5"),
        ({"number": True}, "`number` must be of type int: True"),
        ({"number": None}, "`number` must be of type int: None"),
        ({"plain": "3"}, "`plain` must be of type int: '3'"),
        ({"share": "1"}, "`share` must be of type float: '1'"),
        ({"share": 2**53}, f"`share` must be of type float: {2**53}"),
        ({"flag": 1}, "`flag` must be of type bool: 1"),
        ({"sizes": 3}, "`sizes` must be a list: 3"),
        ({"sizes": {1: 2}}, "`sizes` must be a list: {1: 2}"),
        ({"words": "ab"}, "`words` must be a list: 'ab'"),
        ({"words": (1,)}, "`words` must be of type str: 1"),
    ],
)
def test_wrong_types(values, message):
    with pytest.raises(TypeError) as error:
        _Settings(**values)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": 10}, "`number` must be in [0, 9]: 10"),
        ({"share": float("nan")}, "`share` must be in [0.0, 1.0]: nan"),
        ({"sizes": (1, 0)}, "`sizes` must be at least 1: (1, 0)"),
        ({"words": ("a", "c")}, "`words` must be one of ('a', 'b'): ('a', 'c')"),
    ],
)
def test_wrong_values(values, message):
    with pytest.raises(ValueError) as error:
        _Settings(**values)
    assert str(error.value) == message


def test_single_values_and_marks():
    assert fields.check_value("side", np.int64(3), int, fields.Rule(low=1)) == 3
    with pytest.raises(ValueError, match=r"^`side` must be at most 2: 3$"):
        fields.check_value("side", 3, int, fields.Rule(high=2))
    assert fields.names(_Settings, "marked") == ("share",)
