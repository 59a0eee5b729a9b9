"""Checks of values from a file's JSON: each returns the value, or raises an error."""

import math
from typing import Any

_LONGEST_NAME = 1000


def fields(value: Any, names: tuple[str, ...], what: str) -> list[Any]:
    """The values of an object that has exactly these names."""
    if not isinstance(value, dict):
        raise ValueError(f"expected {what} to be an object")
    if set(value) != set(names):
        differing = sorted(set(value) ^ set(names))[0]
        found = "an unknown" if differing in value else "no"
        raise ValueError(f"expected {what} with known names, got {found} {differing[:99]!r}")
    return [value[name] for name in names]


def text(value: Any, what: str) -> str:
    """A text of limited length."""
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise ValueError(f"expected {what} to be a text of at most {_LONGEST_NAME} characters")
    return value


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"expected {what} to be a whole number from {low} to {high}")
    return value


def real(value: Any, what: str, finite: bool = True) -> float:
    """A number, finite unless `finite` is False."""
    if type(value) not in (int, float) or (finite and not math.isfinite(value)):
        raise ValueError(f"expected {what} to be a {'finite ' if finite else ''}number")
    return float(value)
