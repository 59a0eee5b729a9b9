"""Segmentation: a digit's strokes, the foreground, told from all else in its picture."""

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

# Of `rate_group`: a digit's strokes are rated higher; what two shades explain so is no shadow.
_LEAST_RATING, _SURE_RATING = 40.0, 100.0
_SMALL = 64  # Pixels of the longer side. So small a picture is cut out, and its light is even.
_PLAIN_SHARE = 0.5  # Of what stands out from a plain background: a digit's strokes are more.
_HALF = 0.5  # A guess rated so much lower than another is wrong.
_SLACK = 0.1  # Of the strokes' side.
_CUT = 0.4  # In uneven light what reaches the border is rather the edge of a shadow.
_FULL = 0.9  # Quantile of a digit's contrast in uneven light; what is above is drawn as that.
_SOFT_EDGE, _SHARP_EDGE = np.ones((5, 5), np.uint8), np.ones((3, 3), np.uint8)


def find_strokes(picture: np.ndarray, invert: str | bool = "auto") -> np.ndarray | None:
    """The strokes of the digit in a picture.

    The picture is explained by two shades, which is right for drawings, scans and small crops, and,
    unless that is beyond doubt, by dark or light strokes in uneven light. The guess whose strokes
    are most like a digit's is taken.

    Parameters
    ----------
    picture : ndarray of shape (height, width, channels)
        Real numbers of any range: grey, grey and opacity, RGB or RGBA.
    invert : "auto" or bool, default="auto"
        Whether the strokes are darker than the background.

    Returns
    -------
    ndarray of uint8 of shape (new height, new width), or None
        0 for the background, up to 255 for strokes; None where there is no digit. Pictures of more
        than 256 pixels are reduced to that.
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
            # The space inside of strokes is as clear and sharp as they are, and is within them.
            other = found[0] if _is_within(found[1][2], found[0][2]) else found[1]
        if best is None or (other is not None and other[0] > best[0]):
            best = other
    if best is None or best[0] < _LEAST_RATING:
        return None
    _, shades, group = best
    return draw_group(shades, group)


def _rated(shades: Shades | None) -> tuple[float, Shades, np.ndarray] | None:
    """A guess with its group of strokes, and how much that is like a digit's."""
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
    """Whether a group of strokes lies within the rectangle around another, or hardly beyond."""
    left, top, width, height = cv2.boundingRect(other)
    slack = int(_SLACK * max(width, height))
    beyond = group.copy()
    rows = slice(max(0, top - slack), top + height + slack)
    beyond[rows, max(0, left - slack) : left + width + slack] = 0
    return not beyond.any()


def draw_group(shades: Shades, group: np.ndarray) -> np.ndarray:
    """A group of strokes with its soft edge.

    Parameters
    ----------
    shades : Shades
    group : ndarray of uint8 of shape (height, width)
        1 where its strokes are.

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
    # Rounds, and cuts what is below 0 and above 255.
    return cv2.multiply(contrast, near, scale=255 / full, dtype=cv2.CV_8U)
