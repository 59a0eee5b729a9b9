"""The lines of digits in a picture's pixels."""

import math
from collections.abc import Collection
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
# Of a number's signs, before and after the classifier has seen them; separators do not count.
_MAYBE_PART, _DIGIT_PART = 0.5, 0.6
# Of a line with many other signs only long numbers count, all of whose digits are sure.
_TEXT_PART, _FEW, _LONG, _SURE = 0.4, 4, 3, 0.9

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
    best, chosen = 0.0, None
    for shades in _guesses(pixels):
        guess = _read(shades, recogniser, is_one_line)
        if guess is not None:
            guess = _with_numbers_only(guess, reject_below)
            merit = _merit(guess)
            if merit > best:
                best, chosen = merit, guess
    if chosen is None:
        return []
    found = chosen.strips, chosen.lines, chosen.cuts, chosen.shades, chosen.components
    strips = refined(*found, classifier, signs)
    # The classifier may have doubts of its own.
    words = [_numbers_of(strip, reject_below, _DIGIT_PART) for strip in strips]
    return [replace(strip, words=kept) for strip, kept in zip(strips, words, strict=True) if kept]


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


def _with_numbers_only(guess: _Guess, reject_below: float) -> _Guess:
    """A guess without the words that are no numbers, and without lines that have none."""
    kept = []
    for i, strip in enumerate(guess.strips):
        words = _numbers_of(strip, reject_below, _MAYBE_PART)
        if words:
            kept.append((i, replace(strip, words=words)))
    return replace(
        guess,
        lines=tuple(guess.lines[i] for i, _ in kept),
        cuts=tuple(guess.cuts[i] for i, _ in kept),
        strips=tuple(strip for _, strip in kept),
    )


def _numbers_of(strip: Strip, reject_below: float, least: float) -> tuple[tuple[int, int], ...]:
    """The words of a line that are numbers."""
    words = []
    for start, stop in strip.words:
        part = strip.log_probabilities[start:stop]
        signs = [(strip.symbols[i], part[first : last + 1].max(axis=0)[i + 1])
                 for i, first, last in signs_of(part)] if stop > start else []  # fmt: skip
        sure = [math.exp(p) for sign, p in signs if sign in DIGITS]
        n_other = sum(sign == OTHER for sign, _ in signs)
        words.append((start, stop, sure, n_other))
    n_digits = sum(len(sure) for _, _, sure, _ in words)
    n_other = sum(n for _, _, _, n in words)
    is_text = n_digits + n_other >= _FEW and n_other > _TEXT_PART * (n_digits + n_other)
    numbers = []
    for start, stop, sure, n in words:
        if not sure or len(sure) < least * (len(sure) + n) or np.mean(sure) < reject_below:
            continue
        if is_text and (n or len(sure) < _LONG or min(sure) < _SURE):
            continue
        numbers.append((start, stop))
    return tuple(numbers)


def _merit(guess: _Guess) -> float:
    """Contrast of the digits, their part of all ink, and their confidence; 0 for noise."""
    shades = guess.shades
    confidences: list[float] = []
    ink = np.where(shades.mask > 0, shades.contrast, 0)
    is_digit = np.zeros(ink.shape, bool)
    for strip in guess.strips:
        for start, stop in strip.words:
            part = strip.log_probabilities[start:stop]
            signs = [(i, first + start, last + start) for i, first, last in signs_of(part)]
            for (i, first, last), (begin, end) in zip(
                signs, reaches(signs, start, stop), strict=True
            ):
                if strip.symbols[i] not in DIGITS:
                    continue
                p = strip.log_probabilities[first : last + 1, i + 1].max()
                confidences.append(math.exp(float(p)))
                corners = strip.outline(begin, end)
                left, top = np.maximum(corners.min(axis=0).astype(int), 0)
                right, bottom = np.ceil(corners.max(axis=0)).astype(int)
                is_digit[top:bottom, left:right] = True
    group = (is_digit & (shades.mask > 0)).astype(np.uint8)
    n_pixels = cv2.countNonZero(group)
    if not confidences or not n_pixels:
        return 0.0
    mass = float(ink[is_digit].sum())
    share = mass / float(ink.sum())
    if rate_group(shades, group, share) < _LEAST_RATING:
        return 0.0
    contrast = mass / n_pixels
    return math.sqrt(contrast) * share * float(np.mean(confidences)) ** 4
