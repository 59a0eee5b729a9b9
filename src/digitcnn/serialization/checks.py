"""Values from a file's JSON, checked: each gives the value, or raises what is wrong with it."""

import math
from typing import Any

_LONGEST_NAME = 1000


def fields(value: Any, names: tuple[str, ...], what: str) -> list[Any]:
    """The values of an object that has these names and no others."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")
    if set(value) != set(names):
        differing = sorted(set(value) ^ set(names))
        raise ValueError(f"{what} lacks {differing[0][:99]!r}, or has it and should not")
    return [value[name] for name in names]


def text(value: Any, what: str) -> str:
    """A text, which is not long."""
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise ValueError(f"{what} is no text of at most {_LONGEST_NAME} characters")
    return value


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number from one bound to the other."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{what} is not a whole number from {low} to {high}")
    return value


def real(value: Any, what: str, finite: bool = True) -> float:
    """A number, which may have to be finite."""
    if type(value) not in (int, float) or (finite and not math.isfinite(value)):
        raise ValueError(f"{what} is no {'finite ' if finite else ''}number")
    return float(value)
