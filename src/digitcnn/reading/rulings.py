"""Ruled lines of paper, tables and frames: found, also bent and tilted ones, and erased."""

from dataclasses import dataclass

import cv2
import numpy as np

_SIDE = 900  # Longer side, in pixels, of the picture in which lines are searched.
_WIDEST = 60  # Lines are thinner than the picture's side divided by this,
_RUN = 28  # and their runs are at least as long as the side divided by this.
# Least contrast to the paper beside a line: absolute, and in standard deviations of the noise.
_FAINTEST, _DEVIATIONS = 0.045, 3.0
_SLOPES = np.linspace(-0.3, 0.3, 11)  # Directions of the search.
_GAP = 0.6  # Longest gap within a part, relative to a run,
_FAR = 0.5  # and between two parts, relative to the longest part.
_SHORTEST = 3.0  # Least length of a line, in runs.
_BEND = 0.012  # Largest mean distance of a line from its curve, relative to its length.
_COVERED = 0.55  # Least share of a line that is drawn.
_JOINED = 0.02  # Largest distance between two parts of a line, relative to their length together.
_THICKEST = 0.04  # Largest thickness, relative to the length.
_THIN = 0.65  # Least share of a line that is as thin as its usual thickness.
_STROKE = 1.7  # Ink higher than this, relative to the thickness, is a stroke that touches a line.


@dataclass(frozen=True, slots=True)
class Ruling:
    """A nearly level line, or a nearly upright one with rows and columns exchanged.

    Attributes
    ----------
    curve : numpy.polynomial.Polynomial
        Gives the line's row in a column.
    start, stop : float
        The columns of its ends.
    thickness : float
        In pixels.
    """

    curve: np.polynomial.Polynomial
    start: float
    stop: float
    thickness: float

    @property
    def length(self) -> float:
        """The number of columns from its start to its stop."""
        return self.stop - self.start

    @property
    def middle(self) -> float:
        """The row at its middle."""
        return float(self.curve((self.start + self.stop) / 2))


@dataclass(frozen=True, slots=True)
class Rulings:
    """The lines of a picture.

    Attributes
    ----------
    level : list of Ruling
        From top to bottom.
    upright : list of Ruling
        From left to right. Their curves give the column in a row.
    mask : ndarray of uint8 of shape (height, width)
        1 for narrow things that are darker than their surroundings.
    """

    level: list[Ruling]
    upright: list[Ruling]
    mask: np.ndarray


def find_rulings(pixels: np.ndarray) -> Rulings:
    """Find the dark lines in a picture.

    An opening by a segment in each of several directions leaves runs of ink [1]_. A closing joins
    them to lines.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)

    References
    ----------
    .. [1] P. Soille and H. Talbot, "Directional morphological filtering", IEEE Transactions on
       Pattern Analysis and Machine Intelligence 23(11), 2001.
    """
    side = max(pixels.shape[:2])
    window = max(5, side // _WIDEST | 1)
    paper = cv2.morphologyEx(pixels, cv2.MORPH_CLOSE, np.ones((window, window), np.uint8))
    paper = paper.reshape(pixels.shape)
    contrast = ((paper - pixels) / np.maximum(paper, np.float32(64))).max(axis=2)
    small = np.ascontiguousarray(contrast[::4, ::4])
    usual = float(np.median(small))
    noise = 1.4826 * float(np.median(np.abs(small - usual)))
    mask = (contrast > max(_FAINTEST, usual + _DEVIATIONS * noise)).astype(np.uint8)
    scale = int(np.ceil(side / _SIDE))
    reduced = mask
    if scale > 1:
        reduced = cv2.dilate(mask, np.ones((scale, scale), np.uint8), anchor=(0, 0))
        reduced = np.ascontiguousarray(reduced[::scale, ::scale])
    run = max(12, side // scale // _RUN)
    level, upright = (
        [_enlarged(line, scale) for line in _lines(turned, run)]
        for turned in (reduced, np.ascontiguousarray(reduced.T))
    )
    # The feet of a row of digits, or the strokes of a column, are thin in few places.
    level = [line for line in level if _thin_ink(mask, line)[1] >= _THIN]
    upright = [line for line in upright if _thin_ink(mask.T, line)[1] >= _THIN]
    return Rulings(level, upright, mask)


def erased(pixels: np.ndarray, rulings: Rulings) -> np.ndarray:
    """A picture without the given lines. Strokes that touch or cross them stay whole.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
        The picture in which the lines were found.
    rulings : Rulings
        The lines to erase.
    """
    mask = rulings.mask.copy()
    gone = np.zeros_like(mask)
    for line in rulings.level:
        _erase(mask, gone, line)
    for line in rulings.upright:
        _erase(mask.T, gone.T, line)
    if not gone.any():
        return pixels
    # Soft edges are erased too, except those of strokes.
    near = np.ones((3, 3), np.uint8)
    gone |= cv2.dilate(gone, near) & ~cv2.dilate(mask, near)
    # The paper is the mean of the blank pixels around.
    blank = 1 - cv2.dilate(rulings.mask, near).astype(np.float32)
    window = (2 * (max(5, max(mask.shape) // _WIDEST) // 2) + 1,) * 2
    share = cv2.boxFilter(blank, -1, window)
    found = pixels.copy()
    is_gone = (gone & (share > 0)) > 0
    for channel in range(pixels.shape[2]):
        total = cv2.boxFilter(pixels[..., channel] * blank, -1, window)
        found[is_gone, channel] = np.rint(total[is_gone] / share[is_gone])
    return found


def _erase(mask: np.ndarray, gone: np.ndarray, line: Ruling) -> None:
    """Move the thin ink of a line from one mask to another."""
    (rows, columns), _ = _thin_ink(mask, line)
    mask[rows, columns] = 0
    gone[rows, columns] = 1


def _thin_ink(mask: np.ndarray, line: Ruling) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """The rows and columns of a line's thin ink, and the share of the line that is thin."""
    height, width = mask.shape
    columns = np.arange(max(0, int(line.start) - 2), min(width, int(line.stop) + 3))
    middles = np.rint(line.curve(np.clip(columns, line.start, line.stop))).astype(int)
    reach = int(2 * line.thickness) + 5
    rows = middles[:, None] + np.arange(-reach, reach + 1)
    is_inside = (rows >= 0) & (rows < height)
    ink = (mask[np.clip(rows, 0, height - 1), columns[:, None]] > 0) & is_inside
    # The ink nearest to the curve, and all ink connected with it in its column.
    near = int(line.thickness / 2 + 2)
    order = np.argsort(np.abs(np.arange(-near, near + 1)), kind="stable") + reach - near
    first = order[ink[:, order].argmax(axis=1)]
    has_ink = ink[np.arange(len(columns)), first]
    place = np.arange(2 * reach + 1)
    above = np.where(~ink & (place < first[:, None]), place, -1).max(axis=1)
    below = np.where(~ink & (place > first[:, None]), place, 2 * reach + 1).min(axis=1)
    depth = below - above - 1
    usual = float(np.quantile(depth[has_ink], 0.4)) if has_ink.any() else line.thickness
    is_line = has_ink & (depth <= usual * _STROKE + 1) & (depth < 2 * reach + 1)
    here = is_line[:, None] & (place > above[:, None]) & (place < below[:, None])
    at, offset = np.nonzero(here)
    return (rows[at, offset], columns[at]), float(is_line.mean())


def _lines(mask: np.ndarray, run: int) -> list[Ruling]:
    """The nearly level lines of a mask, from top to bottom."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(_runs(mask, run), connectivity=8)
    parts = []
    for i in np.flatnonzero(stats[:, cv2.CC_STAT_WIDTH] >= run):
        if i == 0:
            continue
        left, top, width, height, _ = stats[i].tolist()
        place = slice(top, top + height), slice(left, left + width)
        here = (labels[place] == i) & (mask[place] > 0)
        thickness = here.sum(axis=0)
        drawn = np.flatnonzero(thickness)
        if len(drawn) >= _COVERED * width:
            rows = (np.arange(height)[:, None] * here).sum(axis=0)[drawn] / thickness[drawn]
            parts.append(_Part(drawn + float(left), rows + top, float(np.median(thickness[drawn]))))
    parts.sort(key=lambda part: -len(part.columns))
    lines = []
    while parts:
        part = parts.pop(0)
        joined = _next_part(part, parts)
        while joined is not None:
            part = part.with_part(parts.pop(joined))
            joined = _next_part(part, parts)
        line = part.line(_SHORTEST * run)
        if line is not None:
            lines.append(line)
    return sorted(lines, key=lambda line: line.middle)


def _runs(mask: np.ndarray, length: int) -> np.ndarray:
    """The ink in runs along one of the slopes, with short gaps closed."""
    height, width = mask.shape
    thick = cv2.dilate(mask, np.ones((3, 1), np.uint8))  # This closes steps between pixels.
    found = np.zeros_like(mask)
    segment = np.ones((1, length), np.uint8)
    gap = np.ones((1, max(3, int(_GAP * length))), np.uint8)
    for slope in _SLOPES.tolist():
        shear = np.array([[1.0, 0, 0], [slope, 1, max(0.0, -slope * width)]])
        size = width, height + int(abs(slope) * width) + 1
        level = cv2.warpAffine(thick, shear, size, flags=cv2.INTER_NEAREST)
        level = cv2.morphologyEx(level, cv2.MORPH_OPEN, segment)
        if cv2.countNonZero(level):
            level = cv2.morphologyEx(level, cv2.MORPH_CLOSE, gap)
            flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
            found |= cv2.warpAffine(level, shear, (width, height), flags=flags)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of a line or a part of one, its row in each, and its thickness."""

    columns: np.ndarray
    rows: np.ndarray
    thickness: float

    def with_part(self, other: "_Part") -> "_Part":
        columns = np.concatenate([self.columns, other.columns])
        order = np.argsort(columns, kind="stable")
        rows = np.concatenate([self.rows, other.rows])[order]
        return _Part(columns[order], rows, self.thickness)

    def line(self, shortest: float) -> Ruling | None:
        """The line; None if it is too short, thick, uneven or interrupted."""
        length = float(self.columns[-1] - self.columns[0]) + 1
        if length < shortest or len(self.columns) < _COVERED * length:
            return None
        curve = np.polynomial.Polynomial.fit(self.columns, self.rows, 3)
        for _ in range(2):  # Strokes on the line have pulled at the fit.
            off = np.abs(curve(self.columns) - self.rows)
            near = off <= max(1.0, 2.5 * float(np.median(off)))
            curve = np.polynomial.Polynomial.fit(self.columns[near], self.rows[near], 3)
        off = float(np.abs(curve(self.columns) - self.rows).mean())
        if off > max(1.0, _BEND * length) or self.thickness > max(3.0, _THICKEST * length):
            return None
        return Ruling(curve, float(self.columns[0]), float(self.columns[-1]) + 1, self.thickness)


def _next_part(part: _Part, others: list[_Part]) -> int | None:
    """The index of the part that continues a part; None if there is none."""
    start, stop = part.columns[0], part.columns[-1]
    straight = np.polynomial.Polynomial.fit(part.columns, part.rows, 1)
    best, chosen = np.inf, None
    for i, other in enumerate(others):
        first, last = other.columns[0], other.columns[-1]
        gap = max(first - stop, start - last)
        if not 0 < gap <= _FAR * len(part.columns):
            continue
        off = float(np.abs(straight(other.columns) - other.rows).mean())
        if off <= max(_JOINED * (max(last, stop) - min(first, start)), 1.5) and gap < best:
            best, chosen = gap, i
    return chosen


def _enlarged(line: Ruling, scale: int) -> Ruling:
    """A line in the coordinates of a picture that is larger by a factor."""
    if scale == 1:
        return line
    columns = np.linspace(line.start, line.stop, 12)
    middle = (scale - 1) / 2
    curve = np.polynomial.Polynomial.fit(
        columns * scale + middle, line.curve(columns) * scale + middle, 3
    )
    return Ruling(curve, line.start * scale, line.stop * scale, line.thickness * scale)
