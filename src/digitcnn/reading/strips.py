"""A line as what may be read at each step along it, and its digits as a classifier sees them."""

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitcnn.preprocessing.foreground import draw_group
from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.calibration import Calibration
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.decoding import runs_of
from digitcnn.reading.layout import Components
from digitcnn.reading.recogniser import BODY, STEP, SYMBOLS, CutLine, LineRecogniser, cut_digit

DIGITS = "0123456789"
OTHER = SYMBOLS[-1]
SIGNS = SYMBOLS[len(DIGITS) :]  # What is no digit, and is read only where it is asked for.

_HIGH = 0.55  # Of a digit's height: what is lower is a sign, or a part.
_NEAR = 0.45 * BODY / STEP  # Steps: a part of a digit lies no further from where it was read.
_WIDE = 1.25  # Of a component's height: what is wider is more than one digit.
_LEAST = 1e-6  # A classifier is never surer than that.
_SURE = 0.8  # So sure a classifier knows a digit from another sign.
_TRUST = 0.5  # In the recogniser, beside the classifier in the package.
# Nothing but a blank, among all symbols.
_BLANK = np.where(np.arange(1 + len(SYMBOLS)) == 0, 0.0, -np.inf)


@dataclass(frozen=True, slots=True)
class Strip:
    """A line, as what may be read at each step along it.

    Attributes
    ----------
    log_probabilities : ndarray of float32 of shape (n_steps, 1 + len(symbols))
        The first column is the blank's.
    symbols : str
    words : tuple of pairs of int
        The steps, first and after the last, that stand together, without a wide gap.
    outline : callable
        Gives the corners (4, 2) in the picture of what stands at the steps from a first to a last.
    calibration : Calibration or None, default=None
        How sure a reading of some probability is; None where that is the probability.
    """

    log_probabilities: np.ndarray
    symbols: str
    words: tuple[tuple[int, int], ...]
    outline: Callable[[int, int], np.ndarray]
    calibration: Calibration | None = None

    @classmethod
    def of_line(
        cls,
        cut: CutLine,
        log_probabilities: np.ndarray,
        words: Sequence[tuple[float, float]],
        calibration: Calibration,
    ) -> "Strip":
        """A line that was read by the recogniser.

        Parameters
        ----------
        cut : CutLine
        log_probabilities : ndarray of float32 of shape (n_steps, 1 + len(SYMBOLS))
        words : sequence of pairs of float
            Columns of the cut line where words begin and end, from left to right.
        calibration : Calibration
        """
        # The middle of each gap, and both ends.
        edges = [0.0, *((b + a) / 2 for (_, b), (a, _) in itertools.pairwise(words)), np.inf]
        steps = [round(min(edge / STEP, len(log_probabilities))) for edge in edges]
        return cls(
            log_probabilities,
            SYMBOLS,
            tuple(itertools.pairwise(steps)),
            lambda first, last: cut.polygon(first * STEP, last * STEP + STEP - 1),
            calibration,
        )

    @classmethod
    def of_digit(cls, probabilities: np.ndarray, symbols: str, corners: np.ndarray) -> "Strip":
        """A single sign, of the classes of a classifier."""
        with np.errstate(divide="ignore"):
            logs = np.log(np.concatenate([[0.0], probabilities]))[None]
        return cls(logs.astype(np.float32), symbols, ((0, 1),), lambda first, last: corners)

    @classmethod
    def joined(cls, strips: Sequence["Strip"]) -> "Strip":
        """Strips beside each other as one; what stands in none of their words is left out."""
        if len(strips) == 1:
            return strips[0]
        starts = np.cumsum([0, *(len(strip.log_probabilities) for strip in strips)]).tolist()

        def outline(first: int, last: int) -> np.ndarray:
            i = int(np.searchsorted(starts, first, side="right")) - 1
            return strips[i].outline(first - starts[i], last - starts[i])

        return cls(
            np.concatenate([strip.log_probabilities for strip in strips]),
            strips[0].symbols,
            tuple(
                (first + start, stop + start)
                for start, strip in zip(starts, strips, strict=False)
                for first, stop in strip.words
            ),
            outline,
            strips[0].calibration,
        )

    def signs(self, start: int, stop: int) -> list[tuple[str, float]]:
        """The signs of the best path between two steps, and how sure each is."""
        part = self.log_probabilities[start:stop]
        if not len(part):
            return []
        return [
            (self.symbols[i], math.exp(part[first : last + 1, i + 1].max()))
            for i, first, last in signs_of(part)
        ]

    def only(self, symbols: Collection[str]) -> "Strip":
        """The same where no other signs are told from blank paper."""
        kept = [i + 1 for i, sign in enumerate(self.symbols) if sign in symbols]
        gone = [0, *(i + 1 for i, sign in enumerate(self.symbols) if sign not in symbols)]
        blank = np.logaddexp.reduce(self.log_probabilities[:, gone], axis=1)
        logs = np.column_stack([blank, self.log_probabilities[:, kept]])
        return replace(
            self, log_probabilities=logs, symbols="".join(self.symbols[i - 1] for i in kept)
        )


def signs_of(logs: np.ndarray) -> list[tuple[int, int, int]]:
    """The symbols of the best path, each as its number, and its first and last step."""
    best = logs.argmax(axis=1)
    return [(int(best[first]) - 1, first, last) for first, last in runs_of(best)]


def reaches(signs: Sequence[tuple[int, int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """The first and the last step that belong to each sign: halfway to its neighbours.

    Parameters
    ----------
    signs : sequence of tuples of int (symbol, first, last)
    start, stop : int
        Of the word, the latter after its last step.
    """
    edges = [
        start,
        *((last + first + 1) // 2 for (_, _, last), (_, first, _) in itertools.pairwise(signs)),
        stop,
    ]
    return [(begin, max(begin, end - 1)) for begin, end in itertools.pairwise(edges)]


def refined(
    strips: Sequence[Strip],
    lines: Sequence[Sequence[int]],
    cuts: Sequence[CutLine],
    shades: Shades,
    components: Components,
    classifier: DigitClassifier,
) -> list[Strip]:
    """Lines whose digits that touch no others were read by a classifier of single digits too.

    The probabilities of both are multiplied, as of independent witnesses [1]_. A model of
    somebody's own decides alone: it knows a hand that the recogniser does not.

    Parameters
    ----------
    strips : sequence of Strip
    lines : sequence of sequence of int
        The components of each.
    cuts : sequence of CutLine
    shades : Shades
    components : Components
    classifier : DigitClassifier
        Of digits.

    References
    ----------
    .. [1] G. Hinton, "Training products of experts by minimizing contrastive divergence", Neural
       Computation 14(8), 2002.
    """
    places: list[tuple[int, _Alone]] = []
    for i, (strip, line, cut) in enumerate(zip(strips, lines, cuts, strict=True)):
        places += [(i, alone) for alone in _alone(strip, line, cut, components)]
    if not places:
        return list(strips)
    drawn = [_draw(shades, components, alone.components) for _, alone in places]
    answers = np.maximum(classifier.predict(drawn), _LEAST)
    columns = [1 + SYMBOLS.index(label) for label in classifier.classes]
    none = [0, 1 + SYMBOLS.index(OTHER)]
    found = [strip.log_probabilities.copy() for strip in strips]
    for (i, alone), answer in zip(places, answers, strict=True):
        is_sure = answer.max() >= _SURE
        if not (alone.is_read or is_sure):
            continue
        here = slice(alone.start, alone.stop)
        one = _of_one_sign(found[i][here])
        mass = np.logaddexp.reduce(one[columns])
        one[columns] = mass + _both(one[columns], answer, classifier)
        if is_sure:
            # A bar is a letter among letters: the classifier knows it among digits.
            share = np.logaddexp.reduce(one[none]) + np.log(answer)
            one[columns] = np.logaddexp(one[columns], share)
            one[none] = -np.inf
        found[i][here] = _BLANK
        found[i][alone.middle] = one - np.logaddexp.reduce(one)
    return [
        replace(strip, log_probabilities=logs) for strip, logs in zip(strips, found, strict=True)
    ]


def refined_digit(
    answer: np.ndarray,
    strokes: np.ndarray,
    classifier: DigitClassifier,
    recogniser: LineRecogniser,
) -> np.ndarray:
    """What a classifier says of a single digit, with the recogniser as a second witness.

    Parameters
    ----------
    answer : ndarray of shape (n_classes,)
        The classifier's probabilities.
    strokes : ndarray of uint8 of shape (height, width)
        Of the digit, as the classifier has seen it.
    classifier : DigitClassifier
    recogniser : LineRecogniser
        It is not asked beside a model of somebody's own.
    """
    if not (classifier.is_pretrained and set(classifier.classes) <= set(DIGITS)):
        return answer
    columns = [1 + SYMBOLS.index(label) for label in classifier.classes]
    (logs,) = recogniser.read([cut_digit(strokes)])
    one = _of_one_sign(logs)[columns]
    found: np.ndarray = answer.sum() * np.exp(_both(one, answer, classifier))
    return found


def _both(logs: np.ndarray, answer: np.ndarray, classifier: DigitClassifier) -> np.ndarray:
    """The product of a recogniser's and a classifier's probabilities of digits, as logarithms."""
    trust = _TRUST if classifier.is_pretrained else 0.0
    digits = trust * np.maximum(logs, np.log(_LEAST)) + np.log(np.maximum(answer, _LEAST))
    found: np.ndarray = digits - np.logaddexp.reduce(digits)
    return found


@dataclass(frozen=True, slots=True)
class _Alone:
    """Components in which one sign was read, or none, and the steps that belong to it."""

    components: tuple[int, ...]
    start: int
    stop: int
    middle: int
    is_read: bool


def _alone(strip: Strip, line: Sequence[int], cut: CutLine, components: Components) -> list[_Alone]:
    """The components that may be digits that touch no others."""
    boxes = components.boxes[list(line)]
    left, right = (columns / STEP for columns in cut.columns_of(boxes))
    heights = (boxes[:, 3] - boxes[:, 1]) * cut.scale
    n_steps = len(strip.log_probabilities)
    signs = [one for one in signs_of(strip.log_probabilities) if strip.symbols[one[0]] not in ".,"]
    read = np.array([(first + last) / 2 for _, first, last in signs])
    owned: list[list[int]] = [[] for _ in signs]
    for i, middle in enumerate(((left + right) / 2).tolist()):
        inside = np.flatnonzero((read >= left[i]) & (read <= right[i]))
        near = inside if len(inside) else np.flatnonzero(np.abs(read - middle) <= _NEAR)
        if len(near):
            # One that has several signs in it is none of theirs alone.
            for k in near if len(inside) else near[np.abs(read[near] - middle).argmin()][None]:
                owned[int(k)].append(i)
        elif heights[i] >= _HIGH * BODY:
            at = int(np.clip(middle, 0, n_steps - 1))
            signs.append((-1, at, at))
            owned.append([i])
    counts = np.bincount([i for one in owned for i in one], minlength=len(line))
    order = sorted(range(len(signs)), key=lambda k: signs[k][1])
    found = []
    spans = reaches([signs[k] for k in order], 0, n_steps)
    for k, (start, last) in zip(order, spans, strict=True):
        mine = owned[k]
        if not mine or (counts[mine] > 1).any() or heights[mine].max() < _HIGH * BODY:
            continue
        width = (right[mine].max() - left[mine].min()) * STEP
        if width <= _WIDE * heights[mine].max():
            parts = tuple(line[i] for i in mine)
            found.append(_Alone(parts, start, last + 1, signs[k][1], signs[k][0] >= 0))
    return found


def _of_one_sign(logs: np.ndarray) -> np.ndarray:
    """The logarithm of the probability that some steps are each sign, or, first, none."""
    before = np.concatenate([[0.0], np.cumsum(logs[:, 0])]).astype(np.float64)
    found = np.full(logs.shape[1], -np.inf)
    inside = np.full(logs.shape[1], -np.inf)
    for t, step in enumerate(logs.astype(np.float64)):
        inside = np.logaddexp(inside, before[t]) + step
        found = np.logaddexp(found + step[0], inside)
    # It ends in the sign or in blanks after it; the way through blanks alone is none.
    found[0] = before[-1]
    return found


def _draw(shades: Shades, components: Components, owned: Sequence[int]) -> np.ndarray:
    """The strokes of components, cut out."""
    margin = 3
    boxes = components.boxes[list(owned)]
    left, top = np.maximum(boxes[:, :2].min(axis=0).astype(int) - margin, 0)
    right, bottom = boxes[:, 2:].max(axis=0).astype(int) + margin
    rows, columns = slice(int(top), int(bottom)), slice(int(left), int(right))
    here = components.labels[rows, columns]
    group = np.isin(here, np.asarray(owned) + 1).astype(np.uint8)
    contrast = shades.contrast[rows, columns].copy()
    # Ink of neighbours is none of this digit's soft edge.
    contrast[(here > 0) & (group == 0)] = 0
    return draw_group(replace(shades, contrast=contrast, mask=group), group)
