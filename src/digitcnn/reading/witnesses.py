"""Digits that touch no others, read by a classifier in addition to the string recogniser."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitcnn.preprocessing.foreground import draw_group
from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.layout import Components
from digitcnn.reading.recogniser import BODY, STEP, SYMBOLS, CutLine, LineRecogniser, cut_digit
from digitcnn.reading.strips import DIGITS, OTHER, Strip, reaches, signs_of

_HIGH = 0.55  # Least height, relative to a digit's. Lower components are separators or parts.
_NEAR = 0.45 * BODY / STEP  # Largest distance, in steps, of a part from where its digit was read.
_WIDE = 1.25  # Largest width, relative to the height. Wider components are several digits.
_LEAST = 1e-6  # Lower limit of the classifier's and the recogniser's probabilities.
_SURE = 0.8  # Least probability with which the classifier tells a digit from another sign.
_TRUST = 0.5  # Weight of the recogniser, relative to the package's classifier.
# The logarithms of probabilities of a certain blank.
_BLANK = np.where(np.arange(1 + len(SYMBOLS)) == 0, 0.0, -np.inf)


def refined(
    strips: Sequence[Strip],
    lines: Sequence[Sequence[int]],
    cuts: Sequence[CutLine],
    shades: Shades,
    components: Components,
    classifier: DigitClassifier,
) -> list[Strip]:
    """Lines in which a classifier has also read the digits that touch no others.

    The probabilities of recogniser and classifier are multiplied, as for independent witnesses
    [1]_. A user's own classifier decides alone, because it knows a handwriting that the recogniser
    does not.

    Parameters
    ----------
    strips : sequence of Strip
    lines : sequence of sequence of int
        The components of each line.
    cuts : sequence of CutLine
    shades : Shades
    components : Components
    classifier : DigitClassifier
        A classifier of digits.

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
            # The recogniser may take a 1 for a letter, which the classifier does not.
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
    """A classifier's probabilities of a single digit, combined with the recogniser's.

    Parameters
    ----------
    answer : ndarray of shape (n_classes,)
        The classifier's probabilities.
    strokes : ndarray of uint8 of shape (height, width)
        The digit as it was given to the classifier.
    classifier : DigitClassifier
        A user's own classifier decides alone.
    recogniser : LineRecogniser
    """
    if not (classifier.is_pretrained and set(classifier.classes) <= set(DIGITS)):
        return answer
    columns = [1 + SYMBOLS.index(label) for label in classifier.classes]
    (logs,) = recogniser.read([cut_digit(strokes)])
    one = _of_one_sign(logs)[columns]
    found: np.ndarray = answer.sum() * np.exp(_both(one, answer, classifier))
    return found


def _both(logs: np.ndarray, answer: np.ndarray, classifier: DigitClassifier) -> np.ndarray:
    """The logarithms of the product of a recogniser's and a classifier's probabilities."""
    trust = _TRUST if classifier.is_pretrained else 0.0
    digits = trust * np.maximum(logs, np.log(_LEAST)) + np.log(np.maximum(answer, _LEAST))
    found: np.ndarray = digits - np.logaddexp.reduce(digits)
    return found


@dataclass(frozen=True, slots=True)
class _Alone:
    """Components in which one sign or none was read, and the steps that belong to them."""

    components: tuple[int, ...]
    start: int
    stop: int
    middle: int
    is_read: bool


def _alone(strip: Strip, line: Sequence[int], cut: CutLine, components: Components) -> list[_Alone]:
    """The components that may be digits and touch no others."""
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
            # A component with several signs belongs to all of them.
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
    """The logarithms of the probabilities that the steps have no sign or just the given one."""
    before = np.concatenate([[0.0], np.cumsum(logs[:, 0])]).astype(np.float64)
    found = np.full(logs.shape[1], -np.inf)
    inside = np.full(logs.shape[1], -np.inf)
    for t, step in enumerate(logs.astype(np.float64)):
        inside = np.logaddexp(inside, before[t]) + step
        found = np.logaddexp(found + step[0], inside)
    # A path ends in the sign or in blanks after it. The path of blanks alone has no sign.
    found[0] = before[-1]
    return found


def _draw(shades: Shades, components: Components, owned: Sequence[int]) -> np.ndarray:
    """A picture of the strokes of some components."""
    margin = 3
    boxes = components.boxes[list(owned)]
    left, top = np.maximum(boxes[:, :2].min(axis=0).astype(int) - margin, 0)
    right, bottom = boxes[:, 2:].max(axis=0).astype(int) + margin
    rows, columns = slice(int(top), int(bottom)), slice(int(left), int(right))
    here = components.labels[rows, columns]
    group = np.isin(here, np.asarray(owned) + 1).astype(np.uint8)
    contrast = shades.contrast[rows, columns].copy()
    # The ink of neighbours is not a soft edge of this digit.
    contrast[(here > 0) & (group == 0)] = 0
    return draw_group(replace(shades, contrast=contrast, mask=group), group)
