"""The merit of a guess about ink: whether that which it finds are the digits of a page."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from digitcnn.preprocessing.shades import Shades
from digitcnn.preprocessing.strokes import rate_group
from digitcnn.reading.strips import DIGITS, Strip, reaches, signs_of

# Texture has few digits in little of its ink, or many 1s as a large share of its digits.
_FEW_DIGITS, _LEAST_SHARE = 4, 0.5
_MANY_ONES, _ONES = 8, 0.7
# Least share of the edges around few digits; 0s and 1s alone look like many a thing.
_LEAST_EDGES, _LEAST_EDGES_OF_SIMPLE, _SIMPLE = 0.5, 0.75, "01"
_SURE = 0.9  # Least probability of a confident digit.
_LEAST_RATING = 40.0  # Least result of `rate_group`. Noise and shadows have a lower one.
_SIDE = 500  # Longer side, in pixels, to which larger pictures are reduced.
_AROUND = 0.12  # Width of the border around digits that has their edges, relative to their height.
_TYPICAL, _CLEAR = 92, 0.3  # Percentile of digits' gradients, and the share of it that is clear.


def merit_of(shades: Shades, strips: Sequence[Strip], n_signs: int) -> tuple[float, float, float]:
    """The merit of a guess, its share of confident digits, and its share of ink in digits.

    The merit grows with the contrast of the digits, their share of the ink and their confidence,
    where signs outside of numbers count as 0. It is 0 for noise.
    """
    digits: list[tuple[str, float]] = []
    drawn = np.where(shades.mask > 0, shades.contrast, 0)
    is_digit = np.zeros(drawn.shape, bool)
    for strip in strips:
        for start, stop in strip.words:
            part = strip.log_probabilities[start:stop]
            signs = [(i, first + start, last + start) for i, first, last in signs_of(part)]
            steps = reaches(signs, start, stop)
            for (i, first, last), reach in zip(signs, steps, strict=True):
                if strip.symbols[i] not in DIGITS:
                    continue
                p = strip.log_probabilities[first : last + 1, i + 1].max()
                digits.append((strip.symbols[i], math.exp(float(p))))
                corners = strip.outline(*reach)
                left, top = np.maximum(corners.min(axis=0).astype(int), 0)
                right, bottom = np.ceil(corners.max(axis=0)).astype(int)
                is_digit[top:bottom, left:right] = True
    group = (is_digit & (shades.mask > 0)).astype(np.uint8)
    n_pixels = cv2.countNonZero(group)
    if not n_pixels:
        return 0.0, 0.0, 0.0
    mass = float(drawn[is_digit].sum())
    share = mass / float(drawn.sum())
    n_ones = sum(sign == "1" for sign, _ in digits)
    is_texture = len(digits) < _FEW_DIGITS and (
        share < _LEAST_SHARE or share_of_edges(shades.contrast, is_digit) < _least_edges(digits)
    )
    is_texture |= n_ones > _MANY_ONES and n_ones > _ONES * len(digits)
    if is_texture or rate_group(shades, group, share) < _LEAST_RATING:
        return 0.0, 0.0, 0.0
    confidence = sum(p for _, p in digits) / max(n_signs, len(digits))
    merit = math.sqrt(mass / n_pixels) * share * confidence**4
    return merit, float(np.mean([p >= _SURE for _, p in digits])), share


def _least_edges(digits: list[tuple[str, float]]) -> float:
    """The share of a picture's edges that digits of writing have at least."""
    is_simple = all(sign in _SIMPLE for sign, _ in digits)
    return _LEAST_EDGES_OF_SIMPLE if is_simple else _LEAST_EDGES


def share_of_edges(contrast: np.ndarray, is_digit: np.ndarray) -> float:
    """The share of a picture's edges that digits have.

    Paper is smooth, so writing has most of the edges. In a photo of things, most of the edges are
    of other things than those that look like digits.

    Parameters
    ----------
    contrast : ndarray of float of shape (height, width)
        Of all pixels to the background.
    is_digit : ndarray of bool of shape (height, width)
        The boxes of digits.

    Returns
    -------
    float
        From 0 to 1. Of gradients, as a sum of lengths; those that are far below the digits' do not
        count.
    """
    scale = min(1.0, _SIDE / max(contrast.shape))
    size = max(1, round(contrast.shape[1] * scale)), max(1, round(contrast.shape[0] * scale))
    small = cv2.resize(contrast, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1)
    inside = cv2.resize(is_digit.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(inside)
    if len(boxes) == 1:
        return 0.0
    reach = max(3, round(_AROUND * float(np.median(boxes[1:, cv2.CC_STAT_HEIGHT]))))
    inside = cv2.dilate(inside, np.ones((2 * reach + 1,) * 2, np.uint8))
    steps = cv2.magnitude(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1))
    clear = steps > _CLEAR * np.percentile(steps[inside > 0], _TYPICAL)
    return float(steps[clear & (inside > 0)].sum() / max(float(steps[clear].sum()), 1e-9))
