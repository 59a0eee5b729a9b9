"""The lines of digits in a picture's pixels."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from digitcnn.preprocessing.foreground import find_strokes
from digitcnn.preprocessing.shades import Shades, two_shades, uneven_shades
from digitcnn.preprocessing.strokes import rate_group
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.layout import Components, find_components
from digitcnn.reading.lines import link_lines, split_numbers
from digitcnn.reading.recogniser import CutLine, LineRecogniser, cut_digit, cut_line
from digitcnn.reading.strips import DIGITS, OTHER, Strip, reaches, refined, refined_digit, signs_of

_MOST_COMPONENTS = 1500  # Of a page: texture has more.
_DIGIT_PART = 0.6  # Of a number's signs; separators do not count.
# A line of so many signs, of which such a part are no digits, is text. In text only long numbers
# count, all of whose digits are sure.
_FEW, _TEXT_PART, _LONG, _SURE = 4, 0.4, 3, 0.9

_LEAST_RATING = 40.0  # Of `rate_group`: noise and shadows are rated lower.


@dataclass(frozen=True, slots=True)
class _Guess:
    """What may be ink, and what it then says."""

    shades: Shades
    components: Components
    lines: tuple[tuple[int, ...], ...]
    cuts: tuple[CutLine, ...]
    strips: tuple[Strip, ...]


def read_single(
    pixels: np.ndarray, classifier: DigitClassifier, recogniser: LineRecogniser
) -> list[Strip]:
    """The digit in a picture of one digit, as the one of one line."""
    strokes = find_strokes(pixels)
    if strokes is None:
        return []
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    scale = pixels.shape[1] / strokes.shape[1], pixels.shape[0] / strokes.shape[0]
    left, right = columns[0] * scale[0], (columns[-1] + 1) * scale[0]
    top, bottom = rows[0] * scale[1], (rows[-1] + 1) * scale[1]
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    answer = classifier.predict([strokes])[0]
    if classifier.is_own:
        (logs,) = recogniser.read([cut_digit(strokes)])
        answer = refined_digit(answer, logs, classifier)
    return [Strip.of_digit(answer, "".join(classifier.classes), corners)]


def read_lines(
    pixels: np.ndarray,
    classifier: DigitClassifier,
    recogniser: LineRecogniser,
    is_one_line: bool,
    reject_below: float,
    signs: Collection[str] = (),
) -> list[Strip]:
    """The lines of a picture that have numbers, and the words of these that are.

    Dark and light strokes are both tried. The guess is right whose ink is digits, surely read, and
    stands out.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    classifier : DigitClassifier
        Of digits.
    recogniser : LineRecogniser
    is_one_line : bool
        Whether all that is written stands in one line.
    reject_below : float
        Numbers whose digits are less sure are left out.
    signs : collection of str, default=()
        Those that are read besides digits.
    """
    best: tuple[float, list[Strip]] = (0.0, [])
    for shades in _guesses(pixels):
        guess = _read(shades, recogniser, is_one_line)
        if guess is None:
            continue
        strips = _with_classifier(guess, classifier, signs)
        numbers = [_numbers_of(strip, reject_below) for strip in strips]
        found = [
            replace(strip, words=words)
            for strip, words in zip(strips, numbers, strict=True)
            if words
        ]
        n_signs = sum(len(signs_of(strip.log_probabilities)) for strip in strips)
        merit = _merit(shades, found, n_signs)
        if merit > best[0]:
            best = merit, found
    return best[1]


def _guesses(pixels: np.ndarray) -> list[Shades]:
    """What may be ink: two shades, or dark or light strokes in uneven light."""
    found = [two_shades(pixels, "auto"), uneven_shades(pixels, True), uneven_shades(pixels, False)]
    return [shades for shades in found if shades is not None]


def _read(shades: Shades, recogniser: LineRecogniser, is_one_line: bool) -> _Guess | None:
    components = find_components(shades.mask)
    if not 0 < len(components.boxes) <= _MOST_COMPONENTS:
        return None
    if is_one_line:
        lines = [[int(i) for i in np.argsort(components.boxes[:, 0], kind="stable")]]
    else:
        lines = link_lines(components.boxes, components.height)
    cuts = [cut_line(shades, components, line) for line in lines]
    kept = [(tuple(line), cut) for line, cut in zip(lines, cuts, strict=True) if cut is not None]
    answers = recogniser.read([cut for _, cut in kept])
    strips = [
        Strip.of_line(
            cut, answer, _words_of(components.boxes[list(line)], cut), recogniser.calibration
        )
        for (line, cut), answer in zip(kept, answers, strict=True)
    ]
    return _Guess(
        shades, components, tuple(line for line, _ in kept), tuple(cut for _, cut in kept),
        tuple(strips),
    )  # fmt: skip


def _words_of(boxes: np.ndarray, cut: CutLine) -> list[tuple[float, float]]:
    """The columns of a cut line where its words begin and end."""
    forward = np.linalg.inv(np.vstack([cut.matrix, [0, 0, 1]]))[0]
    left, right = (forward[0] * boxes[:, side] + forward[1] * boxes[:, 1] + forward[2]
                   for side in (0, 2))  # fmt: skip
    return [(float(left[group].min()), float(right[group].max())) for group in split_numbers(boxes)]


def _with_classifier(
    guess: _Guess, classifier: DigitClassifier, signs: Collection[str]
) -> list[Strip]:
    """Lines that the classifier has seen too, unless they are text: it takes letters for digits."""
    chosen = [i for i, strip in enumerate(guess.strips) if not _is_text(strip)]
    refined_ones = refined(
        [guess.strips[i] for i in chosen],
        [guess.lines[i] for i in chosen],
        [guess.cuts[i] for i in chosen],
        guess.shades,
        guess.components,
        classifier,
        signs,
    )
    strips = list(guess.strips)
    for i, strip in zip(chosen, refined_ones, strict=True):
        strips[i] = strip
    return strips


def _is_text(strip: Strip) -> bool:
    """Whether a line has many signs that are neither digits nor separators."""
    read = [strip.symbols[i] for i, _, _ in signs_of(strip.log_probabilities)]
    n_other = read.count(OTHER)
    n_signs = n_other + sum(sign in DIGITS for sign in read)
    return n_signs >= _FEW and n_other > _TEXT_PART * n_signs


def _numbers_of(strip: Strip, reject_below: float) -> tuple[tuple[int, int], ...]:
    """The words of a line that are numbers."""
    is_text = _is_text(strip)
    numbers = []
    for start, stop in strip.words:
        part = strip.log_probabilities[start:stop]
        signs = signs_of(part) if stop > start else []
        sure = [
            math.exp(part[first : last + 1, i + 1].max())
            for i, first, last in signs
            if strip.symbols[i] in DIGITS
        ]
        n_other = sum(strip.symbols[i] == OTHER for i, _, _ in signs)
        if not sure or len(sure) < _DIGIT_PART * (len(sure) + n_other):
            continue
        if np.mean(sure) < reject_below:
            continue
        if is_text and (n_other or len(sure) < _LONG or min(sure) < _SURE):
            continue
        numbers.append((start, stop))
    return tuple(numbers)


def _merit(shades: Shades, strips: Sequence[Strip], n_signs: int) -> float:
    """Contrast of the digits, their part of all ink, and their confidence; 0 for noise.

    Signs that are in no number have no confidence.
    """
    confidence = 0.0
    ink = np.where(shades.mask > 0, shades.contrast, 0)
    is_digit = np.zeros(ink.shape, bool)
    for strip in strips:
        for start, stop in strip.words:
            part = strip.log_probabilities[start:stop]
            signs = [(i, first + start, last + start) for i, first, last in signs_of(part)]
            steps = reaches(signs, start, stop)
            for (i, first, last), (begin, end) in zip(signs, steps, strict=True):
                confidence += math.exp(strip.log_probabilities[first : last + 1, i + 1].max())
                if strip.symbols[i] not in DIGITS:
                    continue
                corners = strip.outline(begin, end)
                left, top = np.maximum(corners.min(axis=0).astype(int), 0)
                right, bottom = np.ceil(corners.max(axis=0)).astype(int)
                is_digit[top:bottom, left:right] = True
    group = (is_digit & (shades.mask > 0)).astype(np.uint8)
    n_pixels = cv2.countNonZero(group)
    if not n_pixels:
        return 0.0
    mass = float(ink[is_digit].sum())
    share = mass / float(ink.sum())
    if rate_group(shades, group, share) < _LEAST_RATING:
        return 0.0
    return math.sqrt(mass / n_pixels) * share * (confidence / n_signs) ** 4
