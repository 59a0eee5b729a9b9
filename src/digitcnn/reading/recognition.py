"""The lines of digits in a picture's pixels."""

import math

import cv2
import numpy as np

from digitcnn.preprocessing.foreground import find_strokes
from digitcnn.preprocessing.shades import Shades, two_shades, uneven_shades
from digitcnn.preprocessing.strokes import rate_group
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.layout import find_components
from digitcnn.reading.lines import link_lines, split_numbers
from digitcnn.reading.segmentation import Reading, read_line

_MOST_COMPONENTS = 1500  # Of a page: texture has more.
# A number beside words: so many digits, all of them so sure. In words no more of the letters are.
_LONG, _SURE = 4, 0.9
# Of a line with digits only such a part is sure at least, and more for each digit more.
_SURE_PART, _SURE_MORE = 0.4, 0.02
_FEW = 4  # Components of a line: whether so few are words cannot be told.
_DIGIT_PART = 0.6  # Of what stands in a number: separators and smudges are the rest.

_LEAST_RATING = 40.0  # Of `rate_group`: noise and shadows are rated lower.

Lines = list[list[list[Reading]]]


def read_single(pixels: np.ndarray, classifier: DigitClassifier) -> Lines:
    """The digit in a picture of one digit, as the one of one line."""
    strokes = find_strokes(pixels)
    if strokes is None:
        return []
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    scale = pixels.shape[0] / strokes.shape[0], pixels.shape[1] / strokes.shape[1]
    box = np.array(
        [
            columns[0] * scale[1],
            rows[0] * scale[0],
            (columns[-1] + 1) * scale[1],
            (rows[-1] + 1) * scale[0],
        ]
    )
    return [[[Reading(box, classifier.predict([strokes])[0])]]]


def read_lines(
    pixels: np.ndarray, classifier: DigitClassifier, is_one_line: bool, reject_below: float
) -> Lines:
    """The lines of a picture, each as its numbers, each as its digits.

    Dark and light strokes are both tried. The guess is right whose ink is digits, surely read, and
    stands out.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    classifier : DigitClassifier
    is_one_line : bool
        Whether all that is written stands in one line.
    reject_below : float
        Digits that are less sure are left out.
    """
    best: tuple[float, Lines] = (0.0, [])
    for shades in _guesses(pixels):
        lines = _read(shades, classifier, is_one_line, reject_below)
        merit = _merit(shades, lines)
        if merit > best[0]:
            best = merit, lines
    return best[1]


def _guesses(pixels: np.ndarray) -> list[Shades]:
    """What may be ink: two shades, or dark or light strokes in uneven light."""
    found = [two_shades(pixels, "auto"), uneven_shades(pixels, True), uneven_shades(pixels, False)]
    return [shades for shades in found if shades is not None]


def _merit(shades: Shades, lines: Lines) -> float:
    """Contrast of the digits, their part of all ink, and their confidence; 0 for noise."""
    digits = [one for line in lines for number in line for one in number]
    if not digits:
        return 0.0
    ink = np.where(shades.mask > 0, shades.contrast, 0)
    is_digit = np.zeros(ink.shape, bool)
    for one in digits:
        left, top, right, bottom = one.box.astype(int)
        is_digit[top:bottom, left:right] = True
    group = (is_digit & (shades.mask > 0)).astype(np.uint8)
    n_pixels = cv2.countNonZero(group)
    mass = float(ink[is_digit].sum())
    share = mass / float(ink.sum())
    if rate_group(shades, group, share) < _LEAST_RATING:
        return 0.0
    confidence = float(np.mean([one.confidence for one in digits]))
    contrast = mass / max(n_pixels, 1)
    return math.sqrt(contrast) * share * confidence**4


def _read(
    shades: Shades, classifier: DigitClassifier, is_one_line: bool, reject_below: float
) -> Lines:
    components = find_components(shades.mask)
    n_components = len(components.boxes)
    if not 0 < n_components <= _MOST_COMPONENTS:
        return []
    if is_one_line:
        lines = [[int(i) for i in np.argsort(components.boxes[:, 0], kind="stable")]]
    else:
        lines = link_lines(components.boxes, components.height)
    found: Lines = []
    for line in lines:
        read = read_line(shades, components, line, classifier.predict)
        numbers = _numbers_of(read, reject_below) if read else []
        if numbers:
            found.append(numbers)
    return found


def _numbers_of(line: list[Reading], reject_below: float) -> list[list[Reading]]:
    """The numbers of a line, without words: some letters look like digits, others do not."""
    is_digit = [not one.is_left_out and one.confidence >= reject_below for one in line]
    is_sure = [yes and one.confidence >= _SURE for yes, one in zip(is_digit, line, strict=True)]
    least = min(_SURE_PART + _SURE_MORE * len(line), _SURE)
    is_text = len(line) >= _FEW and sum(is_sure) < least * len(line)
    numbers = []
    for group in split_numbers(np.array([one.box for one in line])):
        n_digits = sum(is_digit[i] for i in group)
        n_sure = sum(is_sure[i] for i in group)
        is_word = n_digits < _DIGIT_PART * len(group)
        is_word |= is_text and not _LONG <= n_sure == len(group)
        if n_digits and not is_word:
            numbers.append([line[i] for i in group if is_digit[i]])
    return numbers
