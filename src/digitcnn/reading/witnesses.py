"""Digits that stand alone, read by a classifier of single digits beside the recogniser of lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitcnn.preprocessing.foreground import draw_group
from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.layout import Components
from digitcnn.reading.recogniser import BODY, STEP, SYMBOLS, CutLine, LineRecogniser, cut_digit
from digitcnn.reading.strips import DIGITS, OTHER, Strip, reaches, signs_of

_HIGH = 0.55  # Of a digit's height: what is lower is a sign, or a part.
_NEAR = 0.45 * BODY / STEP  # Steps: a part of a digit lies no further from where it was read.
_WIDE = 1.25  # Of a component's height: what is wider is more than one digit.
_LEAST = 1e-6  # A classifier is never surer than that.
_SURE = 0.8  # So sure a classifier knows a digit from another sign.
_TRUST = 0.5  # In the recogniser, beside the classifier in the package.
# Nothing but a blank, among all symbols.
_BLANK = np.where(np.arange(1 + len(SYMBOLS)) == 0, 0.0, -np.inf)


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
