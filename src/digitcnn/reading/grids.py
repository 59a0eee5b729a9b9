"""Grids: sudokus, tables and squared paper, with the places of their cells."""

from dataclasses import dataclass

import cv2
import numpy as np

from digitcnn.reading.rulings import Ruling, Rulings, find_rulings

_CROSSED = 0.6  # Least share of the grid's other lines that each line crosses.
_BEYOND = 0.03  # Largest distance of a crossing from a line's end, relative to its length.
_DOUBLE = 0.3  # Least distance of two lines, relative to the usual one. Nearer ones are the same.
# In a regular grid: largest relative difference of distances, and least share without a larger one.
_REGULAR, _EVEN = 0.15, 0.7
_MOST_MISSING = 2  # Lines side by side.
_OVERSHOT = 0.25  # Largest part of the distance by which lines pass a grid that they end at.
_EDGE = 0.6, 1.4  # Size of the cells at a sheet's edge, relative to the usual distance.


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid in a picture.

    Attributes
    ----------
    nodes : ndarray of float of shape (n_rows + 1, n_columns + 1, 2)
        x and y of the cells' corners, in pixels of the picture.
    is_closed : bool, default=True
        Whether the lines end at the outermost ones. Those of squared paper go on.
    """

    nodes: np.ndarray
    is_closed: bool = True

    @property
    def corners(self) -> np.ndarray:
        """The four corners (4, 2), clockwise from the upper left one."""
        return self.nodes[[0, 0, -1, -1], [0, -1, -1, 0]]

    @property
    def area(self) -> float:
        """The area in square pixels of the picture."""
        return float(cv2.contourArea(self.corners.astype(np.float32)))


def find_grid(
    pixels: np.ndarray, *, rulings: Rulings | None = None, is_sheet: bool = False
) -> Grid | None:
    """The largest grid of dark lines in a picture.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
        The grid may be tilted by up to 15 degrees, seen in perspective, and bent.
    rulings : Rulings or None, default=None
        The picture's lines. None: search for them.
    is_sheet : bool, default=False
        Whether the picture shows a sheet of paper without its surroundings. Then there are cells
        between the outermost lines and the edges too.

    Returns
    -------
    Grid or None
        None if there are fewer than two rows or two columns of cells.
    """
    lines = find_rulings(pixels) if rulings is None else rulings
    level, upright = _that_cross(lines.level, lines.upright)
    if len(level) < 3 or len(upright) < 3:
        return None
    nodes = np.array([[_crossing(one, other) for other in upright] for one in level])
    height, width = pixels.shape[:2]
    nodes = _regular(nodes, height if is_sheet else None)
    nodes = _regular(nodes.transpose(1, 0, 2)[..., ::-1], width if is_sheet else None)
    nodes = nodes.transpose(1, 0, 2)[..., ::-1]
    is_closed = is_sheet or not (_go_on(level, upright) or _go_on(upright, level))
    return Grid(np.ascontiguousarray(nodes), is_closed)


def _crossing(level: Ruling, upright: Ruling) -> tuple[float, float]:
    """x and y where two lines meet, extended if necessary."""
    x = upright.middle
    for _ in range(4):
        y = float(_extended(level, x))
        x = float(_extended(upright, y))
    return x, y


def _extended(line: Ruling, at: float) -> float:
    """A line's curve, or its tangent beyond the line's ends."""
    inside = min(max(at, line.start), line.stop)
    return float(line.curve(inside) + (at - inside) * line.curve.deriv()(inside))


def _go_on(lines: list[Ruling], others: list[Ruling]) -> bool:
    """Whether most of the lines go on beyond the first or the last line that they cross."""
    step = abs(others[-1].middle - others[0].middle) / (len(others) - 1)
    first, last = (
        [_crossing(line, other)[0] for line in lines] for other in (others[0], others[-1])
    )
    before = [at - line.start > _OVERSHOT * step for line, at in zip(lines, first, strict=True)]
    after = [line.stop - at > _OVERSHOT * step for line, at in zip(lines, last, strict=True)]
    return bool(max(np.mean(before), np.mean(after)) > 0.5)


def _that_cross(level: list[Ruling], upright: list[Ruling]) -> tuple[list[Ruling], list[Ruling]]:
    """The lines that cross most of the others."""
    crosses = np.zeros((len(level), len(upright)), bool)
    for i, one in enumerate(level):
        for j, other in enumerate(upright):
            x, y = _crossing(one, other)
            slack = _BEYOND * one.length, _BEYOND * other.length
            crosses[i, j] = (
                one.start - slack[0] <= x <= one.stop + slack[0]
                and other.start - slack[1] <= y <= other.stop + slack[1]
            )
    rows, columns = np.ones(len(level), bool), np.ones(len(upright), bool)
    while rows.sum() > 2 and columns.sum() > 2:
        along = np.where(rows, crosses[:, columns].mean(axis=1), np.inf)
        down = np.where(columns, crosses[rows].mean(axis=0), np.inf)
        if min(along.min(), down.min()) >= _CROSSED:
            break
        if along.min() <= down.min():
            rows[along.argmin()] = False
        else:
            columns[down.argmin()] = False
    return (
        [line for line, kept in zip(level, rows, strict=True) if kept],
        [line for line, kept in zip(upright, columns, strict=True) if kept],
    )


def _regular(nodes: np.ndarray, height: int | None) -> np.ndarray:
    """Rows of nodes without duplicates, and with those that are missing among regular ones.

    Parameters
    ----------
    nodes : ndarray of shape (n_lines, n_crossed, 2)
    height : int or None
        Height of a sheet that has cells up to its edges. None: no such sheet.
    """
    nodes = nodes[np.argsort(nodes[..., 1].mean(axis=1))]
    places = nodes[..., 1].mean(axis=1)
    usual = float(np.median(np.diff(places)))
    kept = [0]
    for i in range(1, len(nodes)):
        if places[i] - places[kept[-1]] >= _DOUBLE * usual:
            kept.append(i)
    nodes, places = nodes[kept], places[kept]
    steps = np.diff(places)
    if not len(steps):
        return nodes
    usual = float(np.median(steps))
    counts = np.rint(steps / usual)
    is_regular = np.abs(steps / usual - counts) <= _REGULAR * np.maximum(counts, 1)
    rows = [nodes[0]]
    fills = is_regular.mean() >= _EVEN and (counts == 1).mean() >= 0.5
    for i, count in enumerate(counts.astype(int)):
        if fills and is_regular[i] and 1 < count <= _MOST_MISSING + 1:
            parts = np.arange(1, count)[:, None, None] / count
            rows += list(nodes[i] + parts * (nodes[i + 1] - nodes[i]))
        rows.append(nodes[i + 1])
    if height is not None and len(rows) > 1:
        if _EDGE[0] * usual <= rows[0][:, 1].mean() <= _EDGE[1] * usual:
            rows.insert(0, _at_edge(rows[0], rows[1], 0.0))
        if _EDGE[0] * usual <= height - rows[-1][:, 1].mean() <= _EDGE[1] * usual:
            rows.append(_at_edge(rows[-1], rows[-2], float(height)))
    return np.array(rows)


def _at_edge(line: np.ndarray, next_line: np.ndarray, edge: float) -> np.ndarray:
    """The points where the lines that cross two others meet a sheet's edge."""
    steps = line - next_line
    parts = (edge - line[:, 1]) / np.where(np.abs(steps[:, 1]) < 1e-6, 1e-6, steps[:, 1])
    points: np.ndarray = line + np.clip(parts, 0, 2)[:, None] * steps
    return points
