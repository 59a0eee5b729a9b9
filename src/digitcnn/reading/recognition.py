"""The ink of a picture, and the lines of digits in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from digitcnn.preprocessing.foreground import find_strokes
from digitcnn.preprocessing.shades import Shades, two_shades, uneven_shades
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.layout import Components, find_components
from digitcnn.reading.line_reading import SIZES, ReadLine, read_lines, read_numbers, with_classifier
from digitcnn.reading.lines import link_lines, split_numbers
from digitcnn.reading.merit import merit_of
from digitcnn.reading.recogniser import LineRecogniser
from digitcnn.reading.strips import Strip, signs_of
from digitcnn.reading.witnesses import refined_digit
from digitcnn.reading.words import DIGIT_PART, MAYBE_PART, number_of_line, numbers_of, numbers_only

_MOST_COMPONENTS = 1500  # Of a page. Texture has more.
_FEW_PARTS = 3  # Most components of a picture in which a digit may stand alone.

_PLAIN = 0.06  # Largest standard deviation of the contrast in something solid.
_PAPER = 0.5  # Share of a picture from which on apparent ink is paper.
_BESIDE = 0.04  # Width of the edge of something solid, relative to the picture's shorter side.


# Takes components to the lines of a page. Each line is a list of words, which are lists of
# components. None: they do not form lines of that kind.
Grouping = Callable[[Components], "list[list[list[int]]] | None"]


@dataclass(frozen=True, slots=True)
class Ink:
    """A guess about what is ink, and the groups of strokes in it."""

    shades: Shades
    components: Components


@dataclass(frozen=True, slots=True)
class Found:
    """The content of a guess about ink.

    Attributes
    ----------
    ink : Ink
    strips : tuple of Strip
        The lines with numbers. Their words are the numbers.
    merit : float
        The guess with the highest merit is right.
    sure_part, share : float
        The share of confident digits, and the share of ink in digits.
    """

    ink: Ink
    strips: tuple[Strip, ...]
    merit: float
    sure_part: float
    share: float


@dataclass(frozen=True, slots=True)
class _Guess:
    """What may be ink, and what it then says."""

    ink: Ink
    rows: tuple[int, ...]  # Of the page: what stands in the same one is one line.
    lines: tuple[ReadLine, ...]


class LineReader:
    """Reads the lines of any kind of page.

    Parameters
    ----------
    classifier : DigitClassifier
        A classifier of digits.
    recogniser : LineRecogniser
    reject_below : float
        Numbers whose digits have a lower mean confidence are left out.
    """

    def __init__(
        self,
        classifier: DigitClassifier,
        recogniser: LineRecogniser,
        reject_below: float,
    ) -> None:
        self.classifier = classifier
        self._recogniser = recogniser
        self._reject_below = reject_below

    def read(
        self,
        inks: Sequence[Ink],
        grouping: Grouping,
        is_apart: bool = False,
        is_one_line: bool = False,
    ) -> Found | None:
        """The lines of a picture in the best guess about its ink.

        Dark and light strokes are both tried. In the best guess the ink has much contrast, is
        mostly digits, and is read with confidence.

        Parameters
        ----------
        inks : sequence of Ink
        grouping : callable
            Gives the lines of components; None if they do not form lines of that kind.
        is_apart : bool, default=False
            Whether words are independent of each other, as in the cells of a table.
        is_one_line : bool, default=False
            Whether the picture shows a line. If none is found, it is read in the other sizes.

        Returns
        -------
        Found or None
            None if there is no number.
        """
        grouped = [(ink, grouping(ink.components)) for ink in inks]
        lines = [(ink, one) for ink, one in grouped if one is not None]
        best = None
        for size in SIZES if is_one_line else SIZES[:1]:
            best = self._best_guess(lines, is_apart, is_one_line, size)
            if best is not None:
                break
        if best is None:
            return None
        guess, numbers, judged = best
        kept = [i for i, words in enumerate(numbers) if words]
        # What may be a number is seen by the classifier too, which may have doubts of its own.
        strips = read_numbers(
            [guess.lines[i] for i in kept],
            [numbers[i] for i in kept],
            guess.ink.shades,
            guess.ink.components,
            self._recogniser,
            self.classifier,
            size,
        )
        rows: dict[int, list[Strip]] = {}
        for i, strip in zip(kept, strips, strict=True):
            find = number_of_line if is_one_line else numbers_of
            words = find(strip, self._reject_below, DIGIT_PART)
            if words:
                rows.setdefault(guess.rows[i], []).append(replace(strip, words=words))
        found = tuple(Strip.joined(row) for row in rows.values())
        return Found(guess.ink, found, *judged) if found else None

    def _best_guess(
        self,
        lines: list[tuple[Ink, list[list[list[int]]]]],
        is_apart: bool,
        is_one_line: bool,
        size: float,
    ) -> tuple[_Guess, list[list[int]], tuple[float, float, float]] | None:
        """The best guess about the ink, the indices of each line's words that are numbers, and its
        merit, `sure_part` and `share`. None if there is no number.
        """
        best, most = None, 0.0
        for ink, one in lines:
            guess = _guess(ink, one, self._recogniser, is_apart, size)
            strips = [line.strip for line in guess.lines]
            n_signs = sum(len(signs_of(strip.log_probabilities)) for strip in strips)
            if len(ink.components.boxes) <= _FEW_PARTS:
                # Alone a digit may look like a letter, such as 9 and g: ask the classifier now.
                strips = with_classifier(
                    strips, guess.lines, ink.shades, ink.components, self.classifier
                )
            if is_one_line:
                kept = [
                    replace(one, words=number_of_line(one, self._reject_below, MAYBE_PART))
                    for one in strips
                ]
            else:
                kept = numbers_only(strips, self._reject_below, MAYBE_PART)
            merit, sure_part, share = merit_of(ink.shades, kept, n_signs)
            if is_one_line:
                # Where some strokes stand out, the rest of the number may too.
                merit *= sum(len(one.signs(*word)) for one in kept for word in one.words)
            if merit > most:
                numbers = [
                    [strip.words.index(word) for word in number.words]
                    for strip, number in zip(strips, kept, strict=True)
                ]
                best, most = (guess, numbers, (merit, sure_part, share)), merit
        return best


def read_single(
    pixels: np.ndarray, classifier: DigitClassifier, recogniser: LineRecogniser
) -> list[Strip]:
    """The digit in a picture of one digit, as a line."""
    strokes = find_strokes(pixels)
    if strokes is None:
        return []
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    scale = pixels.shape[1] / strokes.shape[1], pixels.shape[0] / strokes.shape[0]
    left, right = columns[0] * scale[0], (columns[-1] + 1) * scale[0]
    top, bottom = rows[0] * scale[1], (rows[-1] + 1) * scale[1]
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    answer = classifier.predict([strokes])[0]
    answer = refined_digit(answer, strokes, classifier, recogniser)
    return [Strip.of_digit(answer, "".join(classifier.classes), corners)]


def find_ink(pixels: np.ndarray) -> list[Ink]:
    """Guesses about what is ink: two shades, or dark or light strokes in uneven light.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    """
    even = two_shades(pixels, "auto")
    uneven = [uneven_shades(pixels, is_dark) for is_dark in (True, False)]
    found = [] if even is None else [Ink(even, find_components(even.mask))]
    beside = None if even is None else _beside_solid(even, found[0].components.solid)
    for shades in filter(None, uneven):
        if beside is not None:
            shades = replace(shades, mask=shades.mask * (1 - beside))
        found.append(Ink(shades, find_components(shades.mask)))
    return [one for one in found if 0 < len(one.components.boxes) <= _MOST_COMPONENTS]


def _beside_solid(shades: Shades, solid: np.ndarray) -> np.ndarray | None:
    """Where edges of something solid look like strokes in uneven light; None for nowhere."""
    # If most of a picture seems to be ink, that is paper, and solid things are inside of loops.
    if not solid.any() or shades.mask.mean() > _PAPER:
        return None
    reach = 2 * int(_BESIDE * min(solid.shape)) + 1
    window = np.ones((reach, reach), np.uint8)
    inside = cv2.erode(solid, window)
    beside: np.ndarray = cv2.dilate(solid, window)
    # There may be writing in a shadow.
    if inside.any() and float(shades.contrast[inside > 0].std()) > _PLAIN:
        beside = beside & ~solid & 1
    return beside


def one_line(components: Components) -> list[list[list[int]]]:
    """All components as one line."""
    order = np.argsort(components.boxes[:, 0], kind="stable").tolist()
    return [_words_in(components.boxes, order)]


def lines_of_page(components: Components) -> list[list[list[int]]]:
    """Lines of neighbours at about the same height."""
    lines = link_lines(components.boxes, components.height)
    return [_words_in(components.boxes, line) for line in lines]


def _words_in(boxes: np.ndarray, line: list[int]) -> list[list[int]]:
    return [[line[i] for i in group] for group in split_numbers(boxes[line])]


def _guess(
    ink: Ink,
    lines: list[list[list[int]]],
    recogniser: LineRecogniser,
    is_apart: bool,
    size: float,
) -> _Guess:
    """What the recogniser reads in lines of words of components."""
    parts = [
        (row, words)
        for row, line in enumerate(lines)
        for words in ([[word] for word in line] if is_apart else [line])
    ]
    read = read_lines(ink.shades, ink.components, [words for _, words in parts], recogniser, size)
    kept = [(row, one) for (row, _), one in zip(parts, read, strict=True) if one is not None]
    return _Guess(ink, tuple(row for row, _ in kept), tuple(one for _, one in kept))
