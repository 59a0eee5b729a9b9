"""Boxes on a page as lines, in reading order, and lines as numbers."""

import numpy as np

from digitcnn.reading.polygons import box_around

_OVERLAP = 0.4  # Least overlap of neighbours in a line, relative to the lower one's height.
_FAR = 5.0  # Largest gap in a line, relative to a digit's height. Columns have larger ones.
# Largest gap in a number, relative to a digit's height and to the line's median gap.
_APART, _WIDER = 0.9, 1.8


def link_lines(boxes: np.ndarray, height: float) -> list[list[int]]:
    """The lines that boxes form.

    Each box is linked to the nearest one on its right that overlaps it vertically. So a line may
    rise or fall.

    Parameters
    ----------
    boxes : ndarray of shape (n, 4)
        Left, top, right and bottom.
    height : float
        Height of a digit.

    Returns
    -------
    list of list of int
        Indices of the boxes from left to right. The lines are in reading order.
    """
    if not len(boxes):
        return []
    left, top, right, bottom = boxes.T
    middle = (left + right) / 2
    links = []
    for i in range(len(boxes)):
        shared = np.minimum(bottom, bottom[i]) - np.maximum(top, top[i])
        lower = np.minimum(bottom - top, bottom[i] - top[i])
        gap = np.maximum(left - right[i], 0)
        may_follow = (middle > middle[i]) | ((middle == middle[i]) & (np.arange(len(boxes)) > i))
        may_follow &= (shared >= _OVERLAP * lower) & (gap <= _FAR * height)
        # Among several, a box at the same height wins.
        off = np.abs(top + bottom - top[i] - bottom[i]) / 2
        distance = middle - middle[i] + 2 * off
        links += [(float(distance[j]), i, j) for j in np.flatnonzero(may_follow).tolist()]
    following: dict[int, int] = {}
    preceding: dict[int, int] = {}
    for _, i, j in sorted(links):
        if i not in following and j not in preceding:
            following[i], preceding[j] = j, i
    lines = []
    for start in range(len(boxes)):
        if start in preceding:
            continue
        line = [start]
        while line[-1] in following:
            line.append(following[line[-1]])
        lines.append(line)
    return [lines[i] for i in reading_order([box_around(boxes[line]) for line in lines])]


def reading_order(boxes: list[np.ndarray]) -> list[int]:
    """Indices of boxes from top to bottom, and from left to right for boxes side by side."""
    rows: list[list[int]] = []
    for i in sorted(range(len(boxes)), key=lambda i: boxes[i][1] + boxes[i][3]):
        for row in reversed(rows[-1:]):
            first = boxes[row[0]]
            shared = min(first[3], boxes[i][3]) - max(first[1], boxes[i][1])
            if shared > 0.5 * min(first[3] - first[1], boxes[i][3] - boxes[i][1]):
                row.append(i)
                break
        else:
            rows.append([i])
    return [i for row in rows for i in sorted(row, key=lambda i: boxes[i][0])]


def split_numbers(boxes: np.ndarray) -> list[list[int]]:
    """Split a line, given by its digits' boxes (n, 4) from left to right, into numbers."""
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    gaps = boxes[1:, 0] - np.maximum.accumulate(boxes[:-1, 2])
    widest = max(_APART * height, _WIDER * float(np.median(gaps)) if len(gaps) else 0.0)
    numbers = [[0]]
    for i, gap in enumerate(gaps, 1):
        if gap > widest:
            numbers.append([])
        numbers[-1].append(i)
    return numbers
