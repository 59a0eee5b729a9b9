"""Segmentation: separates the strokes of a digit from the rest of its picture."""

import math

import cv2
import numpy as np

from digitcnn.preprocessing.shades import (
    Shades,
    border,
    to_bytes,
    two_shades,
    uneven_shades,
)
from digitcnn.preprocessing.strokes import choose_group, rate_group

# Scores of `rate_group`: the least for strokes, and that above which two shades suffice.
_LEAST_RATING, _SURE_RATING = 40.0, 100.0
_SMALL = 64  # longer side, in pixels, up to which a picture is a crop with even light
_PLAIN_SHARE = 0.5  # least share of a digit's strokes in the contrast to a plain background
_HALF = 0.5  # a segmentation with this fraction of another's score is wrong
_SLACK = 0.1  # fraction of the side of the strokes
_CUT = 0.4  # factor for strokes at the border in uneven light: likely the edge of a shadow
_FULL = 0.9  # quantile of a digit's contrast in uneven light that is drawn as 255
_SOFT_EDGE, _SHARP_EDGE = np.ones((5, 5), np.uint8), np.ones((3, 3), np.uint8)


def find_strokes(picture: np.ndarray, invert: str | bool = "auto") -> np.ndarray | None:
    """Find the strokes of the digit in a picture.

    It is segmented into two shades, which suits drawings, scans and small crops, and, unless that
    result is clear, into dark or light strokes in uneven light. The segmentation whose strokes
    score highest is used.

    Parameters
    ----------
    picture : ndarray of shape (height, width, channels)
        Real numbers of any range: grey, grey and opacity, RGB or RGBA.
    invert : "auto" or bool, default="auto"
        Whether the strokes are darker than the background.

    Returns
    -------
    ndarray of uint8 of shape (new height, new width), or None
        0 for the background, up to 255 for strokes; None if there is no digit. Pictures with a side
        of more than 256 pixels are reduced to that.
    """
    picture = to_bytes(picture)
    even = two_shades(picture, invert)
    best = _rated(even)
    is_small = max(picture.shape[:2]) <= _SMALL
    if best is None or best[0] < (_LEAST_RATING if is_small else _SURE_RATING):
        polarities = (True, False) if invert == "auto" else (bool(invert),)
        guesses = [_rated(uneven_shades(picture, is_dark)) for is_dark in polarities]
        found = sorted(filter(None, guesses), key=lambda guess: guess[0])
        other = found[-1] if found else None
        if len(found) == 2 and found[0][0] >= _HALF * found[1][0]:
            # The holes inside strokes are as clear and sharp as the strokes around them.
            other = found[0] if _is_within(found[1][2], found[0][2]) else found[1]
        if best is None or (other is not None and other[0] > best[0]):
            best = other
    if best is None or best[0] < _LEAST_RATING:
        return None
    _, shades, group = best
    return draw_group(shades, group)


def _rated(shades: Shades | None) -> tuple[float, Shades, np.ndarray] | None:
    """A segmentation with its group of strokes and their score."""
    if shades is None:
        return None
    chosen = choose_group(shades)
    if chosen is None:
        return None
    group, share = chosen
    if share >= _PLAIN_SHARE and shades.is_beyond_doubt:
        return math.inf, shades, group
    rating = rate_group(shades, group, share)
    if not shades.is_even and border(group).any():
        rating *= _CUT
    return rating, shades, group


def _is_within(group: np.ndarray, other: np.ndarray) -> bool:
    """Whether a group of strokes lies within the rectangle around another, with some slack."""
    left, top, width, height = cv2.boundingRect(other)
    slack = int(_SLACK * max(width, height))
    beyond = group.copy()
    rows = slice(max(0, top - slack), top + height + slack)
    beyond[rows, max(0, left - slack) : left + width + slack] = 0
    return not beyond.any()


def draw_group(shades: Shades, group: np.ndarray) -> np.ndarray:
    """Draw a group of strokes with its soft edge.

    Parameters
    ----------
    shades : Shades
    group : ndarray of uint8 of shape (height, width)
        1 for the strokes.

    Returns
    -------
    ndarray of uint8 of shape (height, width)
        0 for the background, 255 for the strongest strokes.
    """
    contrast = shades.contrast
    if shades.is_even:
        edge, full = _SOFT_EDGE, cv2.minMaxLoc(contrast, group)[1]
    else:
        edge, full = _SHARP_EDGE, float(np.quantile(contrast[group > 0], _FULL))
    near = cv2.dilate(group, edge)
    if shades.faintest:
        near *= contrast > shades.faintest
    # Rounds, and clips to 0..255.
    drawn: np.ndarray = cv2.multiply(contrast, near, scale=255 / full, dtype=cv2.CV_8U)
    return drawn
