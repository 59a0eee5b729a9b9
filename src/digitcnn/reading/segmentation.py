"""Strokes of a line divided into digits: what touches is cut, what is broken is joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from digitcnn.preprocessing.foreground import draw_group
from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.layout import Components

_SURE = 0.9  # A component that is read with this confidence is one digit,
_WIDE = 1.1  # unless it is wider than this part of a line's height.
_NARROW = 0.55  # Of the height: what is narrower is not cut.
_PIECE = 0.25  # Of the height: a piece is no narrower.
_WIDEST = 1.4  # Of the height: a digit is no wider.
_JOINED_GAP = 0.12  # Of the height: components further apart are not one digit.
_MOST_PIECES = 5  # Of one digit.
# What it costs to leave out a component, or a piece of one, as digits cost minus the logarithm of
# their confidence.
_LEFT_OUT, _PIECE_LEFT_OUT = 1.1, 2.5
_LOW, _LOW_COST = 0.65, 2.5  # What a piece as a digit costs more if it is lower, of the height.
_CUT_COST = 0.4  # What a part of a component as a digit costs more.
_LEAST = 1e-4


@dataclass(frozen=True, slots=True)
class Reading:
    """Strokes of a line that are read as a digit, or are left out as none.

    Attributes
    ----------
    box : ndarray of float of shape (4,)
        Left, top, right and bottom.
    probabilities : ndarray of float32 of shape (n_classes,)
    is_left_out : bool
        Whether it is no digit; pieces that were cut from one are not told.
    """

    box: np.ndarray
    probabilities: np.ndarray
    is_left_out: bool = False

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return float(self.probabilities.max())


@dataclass(frozen=True, slots=True)
class _Piece:
    """A component, or what lies between two cuts of it."""

    component: int
    box: np.ndarray
    is_whole: bool


def read_line(
    shades: Shades,
    components: Components,
    line: Sequence[int],
    predict: Callable[[Sequence[np.ndarray]], np.ndarray],
) -> list[Reading]:
    """The digits of a line, and what is none, from left to right; pieces that are none are missing.

    Components that are not surely one digit are cut where little ink is, and the pieces are put
    together again so that the product of the digits' confidences is the highest [1]_.

    Parameters
    ----------
    shades : Shades
    components : Components
    line : sequence of int
        The components of the line, from left to right.
    predict : callable
        Gives the probabilities of pictures of strokes.

    References
    ----------
    .. [1] R. Casey and E. Lecolinet, "A survey of methods and strategies in character
       segmentation", IEEE Transactions on Pattern Analysis and Machine Intelligence 18(7), 1996.
    """
    boxes = components.boxes[list(line)]
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    whole = [_Piece(i, box, True) for i, box in zip(line, boxes, strict=True)]
    answers = predict([_draw(shades, components.labels, [piece]) for piece in whole])
    pieces: list[_Piece] = []
    for piece, answer in zip(whole, answers, strict=True):
        width = piece.box[2] - piece.box[0]
        is_one = answer.max() >= _SURE and width <= _WIDE * height
        if is_one or width < _NARROW * height:
            pieces.append(piece)
        else:
            pieces += _cut(shades, components.labels, piece, height)
    candidates = _candidates(pieces, height)
    drawn = [_draw(shades, components.labels, pieces[i:j]) for i, j in candidates]
    probabilities = predict(drawn)
    costs = -np.log(np.maximum(probabilities.max(axis=1), _LEAST))
    for k, (i, j) in enumerate(candidates):
        box = _box_of(pieces[i:j])
        is_cut = _is_cut(pieces, i, j)
        costs[k] += _CUT_COST * is_cut
        if is_cut and box[3] - box[1] < _LOW * height:
            costs[k] += _LOW_COST
    return [
        Reading(_box_of(pieces[i:j]), probabilities[k], is_left_out)
        for i, j, k, is_left_out in _best_path(pieces, candidates, costs)
        if not is_left_out or pieces[i].is_whole
    ]


def _cut(shades: Shades, labels: np.ndarray, piece: _Piece, height: float) -> list[_Piece]:
    """Pieces of a component, between columns with little ink."""
    left, top, right, bottom = piece.box.astype(int)
    mask = labels[top:bottom, left:right] == piece.component + 1
    profile = mask.sum(axis=0).astype(np.float32)
    span = max(1, int(0.05 * height)) * 2 + 1
    profile = cv2.blur(profile[None], (span, 1), borderType=cv2.BORDER_REPLICATE)[0]
    least = max(2, int(_PIECE * height))
    cuts: list[int] = []
    # From the thinnest column on.
    for column in np.argsort(profile, kind="stable"):
        if profile[column] > 0.6 * height:
            break
        if all(abs(column - other) >= least for other in (0, len(profile), *cuts)):
            cuts.append(int(column))
    edges = [0, *sorted(cuts), right - left]
    pieces = []
    for start, stop in pairwise(edges):
        rows = np.flatnonzero(mask[:, start:stop].any(axis=1))
        if len(rows):
            box = np.array([left + start, top + rows[0], left + stop, top + rows[-1] + 1], float)
            pieces.append(_Piece(piece.component, box, not cuts))
    return pieces


def _candidates(pieces: list[_Piece], height: float) -> list[tuple[int, int]]:
    """The runs of pieces that may be a digit, each as its start and stop."""
    found = []
    for i in range(len(pieces)):
        for j in range(i + 1, min(i + _MOST_PIECES, len(pieces)) + 1):
            box = _box_of(pieces[i:j])
            if j > i + 1:
                gap = pieces[j - 1].box[0] - max(piece.box[2] for piece in pieces[i : j - 1])
                if gap > _JOINED_GAP * height or box[2] - box[0] > _WIDEST * height:
                    break
            found.append((i, j))
    return found


def _is_cut(pieces: list[_Piece], start: int, stop: int) -> bool:
    """Whether a run of pieces has parts of a component, and not all of it."""
    inside = {piece.component for piece in pieces[start:stop]}
    return any(piece.component in inside for piece in [*pieces[:start], *pieces[stop:]])


def _best_path(
    pieces: list[_Piece], candidates: list[tuple[int, int]], costs: np.ndarray
) -> list[tuple[int, int, int, bool]]:
    """The candidates that cost least, by Viterbi's algorithm [1]_.

    Each is given as its start, stop, number, and whether it is left out.

    References
    ----------
    .. [1] A. Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding
       algorithm", IEEE Transactions on Information Theory 13(2), 1967.
    """
    least = [0.0] + [np.inf] * len(pieces)
    steps = [(0, 0, False)] * (len(pieces) + 1)
    ending: dict[int, list[int]] = {}
    for k, (_, j) in enumerate(candidates):
        ending.setdefault(j, []).append(k)
    for j in range(1, len(pieces) + 1):
        left_out = _LEFT_OUT if pieces[j - 1].is_whole else _PIECE_LEFT_OUT
        for k in ending[j]:
            i = candidates[k][0]
            if i == j - 1:
                least[j], steps[j] = least[i] + left_out, (i, k, True)
        for k in ending[j]:
            i = candidates[k][0]
            cost = least[i] + float(costs[k])
            if cost < least[j]:
                least[j], steps[j] = cost, (i, k, False)
    path, j = [], len(pieces)
    while j > 0:
        i, k, is_left_out = steps[j]
        path.append((i, j, k, is_left_out))
        j = i
    return path[::-1]


def _draw(shades: Shades, labels: np.ndarray, pieces: Sequence[_Piece]) -> np.ndarray:
    """The strokes of pieces, cut out."""
    left, top, right, bottom = _box_of(pieces).astype(int)
    margin = 3
    first_row, first_column = max(0, top - margin), max(0, left - margin)
    rows, columns = slice(first_row, bottom + margin), slice(first_column, right + margin)
    here = labels[rows, columns]
    group = np.zeros(here.shape, np.uint8)
    for piece in pieces:
        start, stop = int(piece.box[0]) - first_column, int(piece.box[2]) - first_column
        group[:, start:stop] |= here[:, start:stop] == piece.component + 1
    contrast = shades.contrast[rows, columns].copy()
    # Ink of neighbours is none of this digit's soft edge.
    contrast[(here > 0) & (group == 0)] = 0
    return draw_group(replace(shades, contrast=contrast, mask=group), group)


def _box_of(pieces: Sequence[_Piece]) -> np.ndarray:
    boxes = np.array([piece.box for piece in pieces])
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
