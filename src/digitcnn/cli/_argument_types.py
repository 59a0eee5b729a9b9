"""Types of arguments: each converts a text, or refuses it."""

import argparse
import math
import os
from collections.abc import Callable


def whole_number(low: int) -> Callable[[str], int]:
    """A type for whole numbers of at least `low`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**32):
            raise argparse.ArgumentTypeError(
                f"{text!r}: expected a whole number from {low} to {2**32 - 1}"
            )
        return int(text)

    return parse


def path(text: str) -> str:
    """A file's name, with ``~`` expanded to the home folder."""
    if text in ("", "-"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a file's name")
    return os.path.expanduser(text)


def file_or_input(text: str) -> str:
    """A file's name, or - for standard input."""
    return text if text == "-" else path(text)


def region(text: str) -> tuple[float, ...]:
    """X,Y,W,H: four whole numbers are pixels, others are fractions of the picture."""
    sides = text.split(",")
    if all(side.isascii() and side.isdigit() and len(side) < 10 for side in sides):
        found: tuple[float, ...] = tuple(map(int, sides))
        is_right = len(found) == 4 and min(found[2:]) > 0
    else:
        found = tuple(map(_number, sides))
        is_right = len(found) == 4 and all(0 <= side <= 1 for side in found) and min(found[2:]) > 0
    if not is_right:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected four numbers X,Y,W,H, all of them whole (pixels) or from 0.0 to "
            "1.0 (fractions of the picture), with W and H above 0"
        )
    return found


def _number(text: str) -> float:
    """A number; NaN where the text is not one."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def fraction(text: str) -> float:
    """A number between 0 and 1."""
    if not 0 < _number(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number between 0 and 1")
    return _number(text)


def positive(text: str) -> float:
    """A number above 0."""
    if not 0 < _number(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return _number(text)
