"""Checked fields of dataclasses: annotation and rule define the allowed values.

A class declares its fields with `checked` and calls `check` in its `__post_init__`:

    @dataclasses.dataclass(frozen=True)
    class Options:
        stages: tuple[int, ...] = fields.checked((3, 2, 2), low=1)

        def __post_init__(self):
            fields.check(self)

Annotations are `int`, `float`, `bool` or `str`, or `tuple[T, ...]` of one of these, each also with
`| None`.
"""

import dataclasses
import functools
import numbers
import operator
import types
import typing
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

_RULE = "rule"
_MOST_EXACT = 2**53
"""Larger whole numbers are not all exact as float."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """The allowed values of a field. A rule of a list applies to each of its entries.

    Attributes:
      low: Least value, None: any.
      high: Largest value, None: any.
      choices: The only values, None: any.
    """

    low: float | None = None
    high: float | None = None
    choices: tuple | None = None


@dataclasses.dataclass(frozen=True)
class _Type:
    """An annotation: type of the value or of a list's entries, and whether None is allowed.

    `tuple[int, ...] | None` is `_Type(int, is_list=True, optional=True)`.
    """

    kind: type
    is_list: bool = False
    optional: bool = False


def checked(
    default: Any = dataclasses.MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple | None = None,
    **metadata: Any,
) -> Any:
    """Returns a dataclass field that `check` checks.

    Args:
      default: Its default, without which the field must be given.
      low: Least value, also of each entry of a list.
      high: Largest value, likewise.
      choices: The only values, likewise.
      **metadata: Further entries of the field's metadata.
    """
    rule = Rule(low, high, choices)
    return dataclasses.field(default=default, metadata={_RULE: rule, **metadata})


def check(instance: Any) -> None:
    """Checks all fields of a dataclass and gives their values the types of the annotations.

    Lists, arrays and iterators become tuples, NumPy's numbers Python's, and whole numbers floats
    where the annotation says so.

    Raises:
      TypeError: A value has the wrong type.
      ValueError: A value breaks its rule.
    """
    annotations = _annotations(type(instance))
    for field in dataclasses.fields(instance):
        rule = field.metadata.get(_RULE, Rule())
        value = _checked(field.name, getattr(instance, field.name), annotations[field.name], rule)
        object.__setattr__(instance, field.name, value)  # The class may be frozen.


def check_value(name: str, value: Any, kind: type, rule: Rule = Rule()) -> Any:
    """Returns the value of an argument, checked as `check` does a field's.

    Args:
      name: Name of the argument, for messages.
      value: Its value.
      kind: int, float, bool or str.
      rule: Which values are allowed.
    """
    return _checked(name, value, _Type(kind), rule)


def names(cls: type, mark: str) -> tuple[str, ...]:
    """Returns the names of a dataclass's fields whose metadata says `mark`=True."""
    return tuple(field.name for field in dataclasses.fields(cls) if field.metadata.get(mark))


@functools.cache
def _annotations(cls: type) -> dict[str, _Type]:
    return {name: _parsed(hint) for name, hint in typing.get_type_hints(cls).items()}


def _parsed(hint: Any) -> _Type:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        return dataclasses.replace(_parsed(hint), optional=True)
    if typing.get_origin(hint) is tuple:
        return _Type(typing.get_args(hint)[0], is_list=True)
    return _Type(hint)


def _checked(name: str, value: Any, wanted: _Type, rule: Rule) -> Any:
    if value is None and wanted.optional:
        return None
    if wanted.is_list:
        value = tuple(_scalar(name, entry, wanted.kind) for entry in _entries(name, value))
    else:
        value = _scalar(name, value, wanted.kind)
    for entry in value if wanted.is_list else (value,):
        if rule.choices is not None and entry not in rule.choices:
            choices = _listed(rule.choices, wanted.optional)
            raise ValueError(f"`{name}` must be {choices}: {value!r}")
        # NaN is neither above nor below.
        above = rule.low is None or entry >= rule.low
        below = rule.high is None or entry <= rule.high
        if not (above and below):
            raise ValueError(f"`{name}` must be {_range(rule)}: {value}")
    return value


def _entries(name: str, value: Any) -> tuple:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Set):
        return tuple(value)
    raise TypeError(f"`{name}` must be a list: {value!r}")


def _scalar(name: str, value: Any, kind: type) -> Any:
    """Returns `value` as `kind`, or raises TypeError."""
    if kind is bool and isinstance(value, bool | np.bool_):
        return bool(value)
    if kind is str and isinstance(value, str):
        return value
    if kind in (int, float) and not isinstance(value, bool | np.bool_):
        whole = _whole_number(value)
        if kind is int and whole is not None:
            return whole
        if kind is float and whole is None and isinstance(value, numbers.Real):
            return float(value)
        if kind is float and whole is not None and abs(whole) < _MOST_EXACT:
            return float(whole)
    raise TypeError(f"`{name}` must be of type {kind.__name__}: {value!r}")


def _whole_number(value: Any) -> int | None:
    """Returns a whole number of any type, also NumPy's, as int, and None for anything else."""
    try:
        return operator.index(value)
    except TypeError:
        return None


def _listed(choices: tuple, optional: bool) -> str:
    if optional:
        return f"null or one of {choices}"
    if isinstance(choices[0], str):
        return f"one of {choices}"
    return f"{', '.join(map(str, choices[:-1]))} or {choices[-1]}"


def _range(rule: Rule) -> str:
    if rule.high is None:
        return f"at least {rule.low}"
    if rule.low is None:
        return f"at most {rule.high}"
    return f"in [{rule.low}, {rule.high}]"
