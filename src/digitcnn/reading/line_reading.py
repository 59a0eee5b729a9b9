"""Lines of components, cut out and read as strings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.decoding import best_reading
from digitcnn.reading.layout import Components
from digitcnn.reading.recogniser import CutLine, LineRecogniser, cut_line
from digitcnn.reading.strips import DIGITS, Strip
from digitcnn.reading.witnesses import refined

# Sizes of a typical component in the network's input, relative to a digit. A component may be one
# digit, several that touch, or one with a tail.
SIZES = 1.15, 1.4, 0.95
# Shears in which an uncertain line is read too: pens lean by that much in either direction.
_LEANS = 0.2, -0.2
_SURE = 0.9  # Probability from which on a line is read once.

Words = Sequence[Sequence[int]]  # A line: its words, each as its components, from left to right.


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line's words, the pixels that were read, and the probabilities of its signs."""

    words: Words
    cut: CutLine
    strip: Strip

    @property
    def components(self) -> tuple[int, ...]:
        """All components of the line."""
        return tuple(i for word in self.words for i in word)


def read_lines(
    shades: Shades,
    components: Components,
    lines: Sequence[Words],
    recogniser: LineRecogniser,
    size: float = SIZES[0],
    lean: float = 0.0,
) -> list[ReadLine | None]:
    """Read lines in one size and shear; None for a line that is too long.

    Parameters
    ----------
    shades : Shades
    components : Components
    lines : sequence of words
    recogniser : LineRecogniser
    size : float, default=1.15
        Size of a typical component, relative to a digit.
    lean : float, default=0.0
        The shear, as `cut_line` takes it.
    """
    parts = [[i for word in words for i in word] for words in lines]
    cuts = [cut_line(shades, components, part, size, lean) for part in parts]
    answers = iter(recogniser.read([cut for cut in cuts if cut is not None]))
    found: list[ReadLine | None] = []
    for words, cut in zip(lines, cuts, strict=True):
        if cut is None:
            found.append(None)
            continue
        columns = [_columns_of(components.boxes[list(word)], cut) for word in words]
        strip = Strip.of_line(cut, next(answers), columns, recogniser.calibration)
        found.append(ReadLine(words, cut, strip))
    return found


def with_classifier(
    strips: Sequence[Strip],
    lines: Sequence[ReadLine],
    shades: Shades,
    components: Components,
    classifier: DigitClassifier,
) -> list[Strip]:
    """The strips of lines, or parts of these strips, after the classifier was asked too."""
    parts, cuts = [line.components for line in lines], [line.cut for line in lines]
    return refined(strips, parts, cuts, shades, components, classifier)


def read_numbers(
    lines: Sequence[ReadLine],
    numbers: Sequence[Sequence[int]],
    shades: Shades,
    components: Components,
    recogniser: LineRecogniser,
    classifier: DigitClassifier,
    size: float = SIZES[0],
) -> list[Strip]:
    """Read lines with the classifier too, and those that are uncertain in several ways.

    The ways are the other sizes, and shears. Each way votes for a text with its probability, and
    the text with the most votes wins: a misreading is rarely the same in two ways.

    Parameters
    ----------
    lines : sequence of ReadLine
        Results of `read_lines`.
    numbers : sequence of sequence of int
        The indices of each line's words that are numbers. The others are left out.
    shades, components, recogniser
        As in `read_lines`.
    classifier : DigitClassifier
        A classifier of digits.
    size : float, default=1.15
        The one of `SIZES` in which the lines were read.
    """

    def refine(some: Sequence[ReadLine], which: Sequence[int]) -> list[Strip]:
        strips = [
            replace(line.strip, words=tuple(line.strip.words[k] for k in numbers[i]))
            for i, line in zip(which, some, strict=True)
        ]
        return with_classifier(strips, some, shades, components, classifier)

    found = refine(lines, range(len(lines)))
    first = [_reading_of(strip) for strip in found]
    uncertain = [i for i, (_, probability) in enumerate(first) if probability < _SURE]
    if not uncertain:
        return found
    ballots = {i: {first[i][0]: [(first[i][1], found[i])]} for i in uncertain}
    words = [lines[i].words for i in uncertain]
    ways = [(other, 0.0) for other in SIZES if other != size]
    for way in (*ways, *((SIZES[0], lean) for lean in _LEANS)):
        again = read_lines(shades, components, words, recogniser, *way)
        others = {i: other for i, other in zip(uncertain, again, strict=True) if other is not None}
        for i, strip in zip(others, refine(list(others.values()), list(others)), strict=True):
            text, probability = _reading_of(strip)
            ballots[i].setdefault(text, []).append((probability, strip))
    for i, ballot in ballots.items():
        winners = max(ballot.values(), key=_votes)
        found[i] = max(winners, key=lambda one: one[0])[1]
    return found


def _votes(readings: list[tuple[float, Strip]]) -> float:
    return sum(probability for probability, _ in readings)


def _reading_of(strip: Strip) -> tuple[tuple[str, ...], float]:
    """The text of each of a strip's numbers, and the probability of all; 0 without numbers."""
    digits = strip.only(DIGITS)
    read = [best_reading(digits.log_probabilities[a:b], DIGITS) for a, b in digits.words]
    found = [one for one in read if one is not None and one.text]
    texts = tuple(one.text for one in found)
    return texts, math.prod(one.probability for one in found) if found else 0.0


def _columns_of(boxes: np.ndarray, cut: CutLine) -> tuple[float, float]:
    """The columns of a cut line where a word starts and ends."""
    left, right = cut.columns_of(boxes)
    return float(left.min()), float(right.max())
