"""The printed borders of a field's boxes: their paths, and the strokes that cross them.

The template says how many borders there are, and where. So faint and short ones are found too,
which `digitcnn.reading.rulings` would not find: it searches for lines of unknown number and place.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_STEP = 6  # Pixels along a border, for tracking.
# Largest distance from the expected place, and from the neighbours' offset, relative to a box.
_WIDE, _NEAR = 0.3, 0.1
_BEND = 0.15  # Cost of a step to the side, relative to the gain of full ink.
_COVERED = 0.65  # Least share of a border that is ink.
_FAMILY = 0.6  # Least share of the borders of one direction; with fewer, none is printed.
_THICKEST = 0.2  # Largest thickness, relative to a box.


@dataclass(frozen=True, slots=True)
class Borders:
    """The level borders of a crop. The upright ones are the level ones of the transposed crop.

    Attributes
    ----------
    paths : ndarray of float of shape (n_borders, width)
        The middle row of each border in each column.
    thickness : ndarray of int of shape (n_borders,)
        In pixels; 0 for borders that are not printed.
    """

    paths: np.ndarray
    thickness: np.ndarray


def track_borders(
    mask: np.ndarray, expected: np.ndarray, start: int, stop: int, side: float
) -> Borders:
    """The level borders of a crop, near to their expected places.

    Parameters
    ----------
    mask : ndarray of uint8 of shape (height, width)
        1 for what may be ink.
    expected : ndarray of float of shape (n_borders,)
        The expected rows.
    start, stop : int
        First column of the borders, and the one after their last.
    side : float
        Height of a box, in pixels.
    """
    width = mask.shape[1]
    ink = _shrunk(mask[:, start:stop])
    paths, covered = _track(ink, np.repeat(expected[:, None], ink.shape[1], 1), _WIDE * side)
    offsets = np.median(paths, axis=1) - expected
    is_there = covered >= _COVERED
    if is_there.mean() < _FAMILY:
        return Borders(np.repeat(expected[:, None], width, 1), np.zeros(len(expected), int))
    # Borders move together. One that is off its neighbours is a digit's stroke.
    centre = expected.mean()
    near = is_there & (np.abs(offsets - np.median(offsets[is_there])) <= _NEAR * side)
    shape = np.median(paths[is_there] - expected[is_there, None], axis=0)
    slope = 0.0
    if near.sum() > 2:
        slope = float(np.polyfit(expected[near] - centre, offsets[near], 1)[0])
    guess = expected[:, None] + shape[None] + slope * (expected - centre)[:, None]
    paths, covered = _track(ink, guess, max(_NEAR * side, 2))
    paths[covered < _COVERED] = guess[covered < _COVERED]
    columns = start + (np.arange(ink.shape[1]) + 0.5) * _STEP - 0.5
    smooth = cv2.blur(paths.astype(np.float32), (5, 1), borderType=cv2.BORDER_REPLICATE)
    full = np.array([np.interp(np.arange(width), columns, path) for path in smooth])
    thickness = [
        _thickness(mask[:, start:stop], path[start:stop], side) if part >= _COVERED else 0
        for path, part in zip(full, covered, strict=True)
    ]
    return Borders(full, np.array(thickness, int))


def _shrunk(mask: np.ndarray) -> np.ndarray:
    """Ink in steps along the borders, from 0 to 1."""
    n = max(1, mask.shape[1] // _STEP)
    thick = cv2.dilate(np.ascontiguousarray(mask), np.ones((3, 1), np.uint8))
    ink = cv2.resize(thick.astype(np.float32), (n, mask.shape[0]), interpolation=cv2.INTER_AREA)
    steps: np.ndarray = ink.reshape(mask.shape[0], n)
    return steps


def _track(ink: np.ndarray, guess: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
    """The paths with the most ink near a guess that bend little, by Viterbi's algorithm.

    Parameters
    ----------
    ink : ndarray of float32 of shape (height, n_steps)
    guess : ndarray of float of shape (n_borders, n_steps)
    slack : float

    Returns
    -------
    paths : ndarray of float of shape (n_borders, n_steps)
    covered : ndarray of float of shape (n_borders,)
        The share of each path that is ink.
    """
    reach = max(1, int(np.ceil(slack)))
    n_borders, n_steps = guess.shape
    shifts = np.arange(-reach, reach + 1)
    rows = np.round(guess).astype(int)[:, :, None] + shifts
    soft = cv2.blur(ink, (1, 3), borderType=cv2.BORDER_CONSTANT)
    inside = (rows >= 0) & (rows < len(ink))
    columns = np.arange(n_steps)[None, :, None]
    gain = np.where(inside, soft[rows.clip(0, len(ink) - 1), columns], -1.0)
    total = gain[:, 0] - 1e-3 * np.abs(shifts)
    back = np.zeros((n_borders, n_steps, len(shifts)), np.int8)
    low = np.full((n_borders, 1), -np.inf)
    for k in range(1, n_steps):
        moves = np.stack(
            [
                np.hstack([low, total[:, :-1]]) - _BEND,
                total,
                np.hstack([total[:, 1:], low]) - _BEND,
            ]
        )
        back[:, k] = moves.argmax(axis=0) - 1
        total = moves.max(axis=0) + gain[:, k]
    at = total.argmax(axis=1)
    each = np.arange(n_borders)
    chosen = np.zeros((n_borders, n_steps), int)
    for k in range(n_steps - 1, -1, -1):
        chosen[:, k] = at
        at = at + back[each, k, at]
    paths = np.take_along_axis(rows, chosen[:, :, None], 2)[:, :, 0]
    covered = ink[paths.clip(0, len(ink) - 1), np.arange(n_steps)] >= 0.5
    return paths.astype(float), covered.mean(axis=1)


def _thickness(mask: np.ndarray, path: np.ndarray, side: float) -> int:
    """The number of rows of ink in a border: the median over its columns."""
    reach = max(2, int(_THICKEST * side))
    rows = np.round(path).astype(int)[None] + np.arange(-reach, reach + 1)[:, None]
    inside = (rows >= 0) & (rows < len(mask))
    ink = (mask[rows.clip(0, len(mask) - 1), np.arange(mask.shape[1])] > 0) & inside
    # The tracked row may lie beside a thin border.
    ink[reach] = ink[reach - 1 : reach + 2].any(axis=0)
    up = np.cumprod(ink[reach::-1], axis=0).sum(axis=0)
    down = np.cumprod(ink[reach:], axis=0).sum(axis=0)
    runs = (up + down - 1)[ink[reach]]
    return int(np.median(runs)) if len(runs) else 0


def bands(borders: Borders, height: int) -> np.ndarray:
    """1 for the printed ones of the borders, of shape (height, width)."""
    found = np.zeros((height, borders.paths.shape[1]), np.uint8)
    rows = np.arange(height)[:, None]
    for path, thickness in zip(borders.paths, borders.thickness, strict=True):
        if thickness:
            found |= (np.abs(rows - path) <= thickness / 2 + 1).astype(np.uint8)
    return found


def crossings(mask: np.ndarray, borders: Borders) -> np.ndarray:
    """1 where strokes cross the borders from one side to the other, of the mask's shape.

    Parameters
    ----------
    mask : ndarray of uint8 of shape (height, width)
        Ink without the borders of the other direction.
    borders : Borders
    """
    height, width = mask.shape
    kept = np.zeros(mask.shape, np.uint8)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    for path, thickness in zip(borders.paths, borders.thickness, strict=True):
        if not thickness:
            continue
        half = thickness / 2 + 1
        sides = []
        for sign in (-1, 1):
            beside = np.round(path + sign * (half + 1)).astype(int)
            is_inside = (beside >= 0) & (beside < height)
            sides.append(mask[beside.clip(0, height - 1), columns] * is_inside.astype(np.uint8))
        above, below = sides
        # A slanted stroke leaves the border beside the place where it entered.
        reach = int(2 * half) + 2
        span = np.ones((1, 2 * reach + 1), np.uint8)
        wide_above, wide_below = (cv2.dilate(one[None], span)[0] for one in sides)
        crosses = (above & wide_below) | (below & wide_above)
        crosses = cv2.morphologyEx(crosses[None], cv2.MORPH_CLOSE, span[:, reach:])[0]
        kept |= (np.abs(rows - path) <= half).astype(np.uint8) * crosses
    remaining: np.ndarray = kept & mask
    return remaining
