"""The boxes of a form's fields: the ink in each of them, without printed borders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from digitcnn.reading.forms.borders import Borders, bands, crossings, track_borders
from digitcnn.reading.forms.sheet import Sheet
from digitcnn.reading.forms.template import FieldTemplate

_MARGIN = 0.35  # How far strokes leave their box, relative to its side.
_SPECK, _SPECK_AREA = 0.12, 0.003  # Size of a speck, relative to a box's height and area.
_PART = 0.06  # Least area of a digit's part, relative to the largest part.
_REMNANT = 0.7  # A component with this share beside a border is a remnant of the border.
_SMALL_GAP = 0.15  # Relative to a box's side.
_SHARED, _OUTSIDE = 0.3, 0.6  # Share of a component's ink in a second box; outside of the field.
_FULL = 0.9  # Quantile of the strokes' contrast from which on ink is drawn at full strength.
_HALF = 0.45  # Threshold of ink, relative to the strongest ink in a box.
_INK_PART = 0.02  # Share of a square of a box's shorter side that the strongest ink covers.
# Strongest ink relative to that of other boxes: certainly nothing, something, not a smudge.
_NOTHING, _SOMETHING, _CLEAR = 0.1, 0.2, 0.5
_LEAST_INK = 0.3  # Lower limit of other boxes' ink, relative to the page's.
_SPECKLED, _GREAT_DOUBT = 0.9, 5  # Factor of the certainty for a speck; specks of a great doubt.
_LEVELS = 128  # Of the histogram of contrast.
_NEAR = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Crop:
    """The writing in one box.

    Attributes
    ----------
    strokes : ndarray of uint8 of shape (height, width), or None
        0 for paper, 255 for the strongest strokes. None: the box is empty.
    left, top : int
        Place of the strokes on the sheet, in pixels.
    is_dash : bool
        Whether the ink is too low for a digit.
    is_faint : bool
        Whether the ink is much fainter than in other boxes.
    certainty : float
        1, or less if it is not clear which ink is writing, or whether the box is empty.
    """

    strokes: np.ndarray | None
    left: int
    top: int
    is_dash: bool = False
    is_faint: bool = False
    certainty: float = 1.0


@dataclass(frozen=True, slots=True)
class FieldInk:
    """The boxes of a field, row by row, and how many of its printed borders were found."""

    crops: list[Crop]
    polygons: list[np.ndarray]  # (4, 2) each, on the sheet, in pixels
    n_borders: int
    n_found: int


def cut_field(sheet: Sheet, field: FieldTemplate) -> FieldInk:
    """The ink in each box of a field."""
    scale, shift = float(sheet.to_sheet[0, 0]), float(sheet.to_sheet[0, 2])
    left, top, width, height = (side * scale for side in field.box)
    left, top = left + shift, top + shift
    gap = field.gap * scale
    across, down = width / field.columns, height / field.rows
    reach = int(_MARGIN * min(across, down)) + 1
    x, y = max(0, int(left) - reach), max(0, int(top) - reach)
    part = np.s_[y : int(top + height) + reach, x : int(left + width) + reach]
    contrast = np.ascontiguousarray(sheet.contrast[part])
    rows = _edges(top - y, height, field.rows, gap)
    columns = _edges(left - x, width, field.columns, gap)
    ends_x, ends_y = _within(columns, contrast.shape[1]), _within(rows, contrast.shape[0])
    maybe = (contrast > sheet.faintest).astype(np.uint8)
    level = track_borders(maybe, rows - 0.5, *ends_x, side=down - gap)
    upright = track_borders(
        np.ascontiguousarray(maybe.T), columns - 0.5, *ends_y, side=across - gap
    )
    bounds = _bounds(level.paths, gap), _bounds(upright.paths, gap)
    cells = _cell_map(contrast.shape, *bounds)
    side = min(across, down) - gap
    n_cells = field.rows * field.columns
    mask, is_faint, certainty = _ink_of_boxes(sheet, contrast, cells, n_cells, level, upright, side)
    cleaned, borders = _without_borders(mask, level, upright)
    # Two borders with a small gap may have been tracked as one.
    span = 5 + 2 * int(min(gap, _SMALL_GAP * side) + 0.5)
    near_borders = cv2.dilate(borders, np.ones((span, span), np.uint8))
    owner, n_doubts = _assign(cleaned, near_borders, cells, field, down - gap, across - gap)
    certainty *= _SPECKLED ** np.minimum(n_doubts, 6)
    pixels = _pixels_by_box(owner, n_cells)
    crops = [
        replace(
            _crop(contrast, cleaned, pixels[i], (x, y), down - gap, field),
            is_faint=bool(is_faint[i]),
            certainty=float(certainty[i]),
        )
        for i in range(n_cells)
    ]
    thickness = np.concatenate([level.thickness, upright.thickness])
    n_found = int(np.count_nonzero(thickness))
    return FieldInk(crops, _polygons(*bounds, x, y), len(thickness), n_found)


def _ink_of_boxes(
    sheet: Sheet,
    contrast: np.ndarray,
    cells: np.ndarray,
    n_cells: int,
    level: Borders,
    upright: Borders,
    side: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ink, with a threshold for each box since pens differ; if it is faint; the certainty."""
    borders = bands(level, contrast.shape[0]) | bands(upright, contrast.shape[1]).T
    borders = cv2.dilate(borders, np.ones((5, 5), np.uint8))
    levels = (cv2.blur(contrast, (3, 3)).clip(0, 1) * (_LEVELS - 1)).astype(np.int64)
    counted = (cells >= 0) & (borders == 0)
    counts = np.bincount(cells[counted] * _LEVELS + levels[counted], minlength=n_cells * _LEVELS)
    above = counts.reshape(n_cells, _LEVELS)[:, ::-1].cumsum(axis=1)
    least = max(4, _INK_PART * side**2)
    strongest = 1 - (above < least).sum(axis=1) / (_LEVELS - 1)
    filled = strongest[strongest > sheet.faintest]
    usual = max(_LEAST_INK * sheet.typical, float(np.quantile(filled, 0.75)) if len(filled) else 0)
    is_written = strongest >= max(_SOMETHING * usual, sheet.faintest)
    doubt = (strongest / usual - _NOTHING) / (2 * _SOMETHING - _NOTHING)
    certainty = np.where(is_written, 1.0, 1 - doubt.clip(0, 1))
    thresholds = np.where(is_written, np.maximum(_HALF * strongest, sheet.faintest), np.inf)
    thresholds = np.append(thresholds, max(_HALF * usual, sheet.faintest))  # outside
    is_faint = strongest < _CLEAR * usual
    return (contrast > thresholds[cells]).astype(np.uint8), is_faint, certainty


def _edges(start: float, size: float, n: int, gap: float) -> np.ndarray:
    pitch = (size + gap) / n
    starts = start + pitch * np.arange(n)
    if not gap:
        return np.append(starts, start + size)
    return np.column_stack([starts, starts + pitch - gap]).ravel()


def _bounds(paths: np.ndarray, gap: float) -> np.ndarray:
    """The paths that separate boxes: where one ends and the next begins."""
    if not gap:
        return paths
    return np.vstack([paths[:1], (paths[1:-1:2] + paths[2::2]) / 2, paths[-1:]])


def _within(edges: np.ndarray, size: int) -> tuple[int, int]:
    start = min(max(0, round(edges[0])), size - 1)
    return start, max(start + 1, min(round(edges[-1]), size))


def _without_borders(
    mask: np.ndarray, level: Borders, upright: Borders
) -> tuple[np.ndarray, np.ndarray]:
    """The ink without printed borders, and the borders."""
    level_bands = bands(level, mask.shape[0])
    upright_bands = bands(upright, mask.shape[1]).T
    kept = crossings(mask & (1 - upright_bands), level)
    kept |= crossings(np.ascontiguousarray((mask & (1 - level_bands)).T), upright).T
    borders = level_bands | upright_bands
    return mask & ((1 - borders) | kept), borders


def _cell_map(shape: tuple[int, ...], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The number of each pixel's box, counted row by row; -1 outside."""
    n_rows, n_columns = len(rows) - 1, len(columns) - 1
    down = _paths_above(shape, rows) - 1
    across = _paths_above(shape[::-1], columns).T - 1
    is_inside = (down >= 0) & (down < n_rows) & (across >= 0) & (across < n_columns)
    return np.where(is_inside, down * n_columns + across, -1)


def _paths_above(shape: tuple[int, ...], paths: np.ndarray) -> np.ndarray:
    """The number of paths above each pixel."""
    height, width = shape
    starts = np.zeros((height + 1, width), np.int32)
    first = np.clip(np.floor(paths).astype(int) + 1, 0, height)
    np.add.at(starts, (first, np.arange(width)[None]), 1)
    return starts[:-1].cumsum(axis=0)


def _assign(
    cleaned: np.ndarray,
    near_borders: np.ndarray,
    cells: np.ndarray,
    field: FieldTemplate,
    height: float,
    width: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The box of each pixel of ink, -1 for none, and the number of doubts in each box.

    A component belongs to the box that has most of it, because strokes may leave their box. A
    component with much ink in two boxes is divided between them.
    """
    n_cells = field.rows * field.columns
    n, labels, stats, _ = cv2.connectedComponentsWithStats(cleaned, connectivity=8)
    ink = labels > 0
    counts = np.zeros((n, n_cells + 1), np.int64)
    np.add.at(counts, (labels[ink], cells[ink]), 1)  # -1 is the last column
    beside = np.bincount(labels[near_borders > 0], minlength=n)
    owners = np.full(n, -1)
    n_doubts = np.zeros(n_cells, int)
    divided = []
    for i in range(1, n):
        left, top, across, down, area = stats[i]
        inside = counts[i, :-1]
        cell = int(inside.argmax())
        if not inside[cell]:
            continue
        is_speck = max(across, down) < _SPECK * height or area < _SPECK_AREA * height * width
        if is_speck or beside[i] > _REMNANT * area:
            n_doubts[cell] += not beside[i]
            continue
        at_border = left == 0 or top == 0
        at_border |= left + across == cleaned.shape[1] or top + down == cleaned.shape[0]
        second = np.sort(inside)[-2] if n_cells > 1 else 0
        is_shared = second >= _SHARED * area and (across > 1.1 * width or down > 1.1 * height)
        if is_shared or (at_border and counts[i, -1] < (1 - _OUTSIDE / 4) * area):
            divided.append(i)
        elif counts[i, -1] < _OUTSIDE * area:
            owners[i] = cell
        elif inside[cell] > _SPECK * height * width * _OUTSIDE:
            n_doubts[cell] += _GREAT_DOUBT
    owner = np.where(ink, owners[labels], -1)
    for i in divided:
        here = labels == i
        owner[here] = cells[here]
    return owner, n_doubts


def _pixels_by_box(owner: np.ndarray, n_cells: int) -> list[np.ndarray]:
    """The ink of each box as rows and columns, (2, n)."""
    at = np.array(np.nonzero(owner >= 0))
    of = owner[at[0], at[1]]
    order = np.argsort(of, kind="stable")
    return np.split(at[:, order], np.searchsorted(of[order], np.arange(1, n_cells)), axis=1)


def _crop(
    contrast: np.ndarray,
    cleaned: np.ndarray,
    pixels: np.ndarray,
    origin: tuple[int, int],
    height: float,
    field: FieldTemplate,
) -> Crop:
    """The strokes in a box, with their soft edges."""
    empty = Crop(None, *origin)
    if not pixels.size:
        return empty
    top, left = pixels.min(axis=1)
    own = np.zeros(pixels.max(axis=1) - (top, left) + 1, np.uint8)
    own[pixels[0] - top, pixels[1] - left] = 1
    if field.has_single_digits:
        own = _main_parts(own)
    x, y, across, down = cv2.boundingRect(own)
    if down < _SPECK * height and across < _SPECK * height:
        return empty
    is_dash = field.has_single_digits and down < 0.25 * height and across > 1.5 * down
    own = np.pad(own[y : y + down, x : x + across], 2)
    left, top = int(left) + x - 2, int(top) + y - 2
    first_row, first_column = max(0, -top), max(0, -left)
    top, left = max(0, top), max(0, left)
    shade = contrast[
        top : top + own.shape[0] - first_row, left : left + own.shape[1] - first_column
    ]
    own = own[first_row : first_row + shade.shape[0], first_column : first_column + shade.shape[1]]
    here = cleaned[top : top + shade.shape[0], left : left + shade.shape[1]]
    near = cv2.dilate(own, _NEAR)
    near[(here > 0) & (own == 0)] = 0
    full = float(np.quantile(shade[own > 0], _FULL))
    strokes = cv2.multiply(shade * near, 255 / max(full, 1e-6), dtype=cv2.CV_8U)
    return Crop(strokes, origin[0] + left, origin[1] + top, is_dash)


def _main_parts(group: np.ndarray) -> np.ndarray:
    """The largest component, and others that may be parts of the same digit."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(group, connectivity=8)
    if n <= 2:
        return group
    is_part = stats[:, 4] >= _PART * stats[1:, 4].max()
    is_part[0] = False
    parts: np.ndarray = is_part.astype(np.uint8)[labels]
    return parts


def _polygons(rows: np.ndarray, columns: np.ndarray, x: int, y: int) -> list[np.ndarray]:
    """The corners of each box, on the sheet."""

    def crossing(i: int, j: int) -> tuple[float, float]:
        across = float(np.median(columns[j]))
        down = float(rows[i, min(max(0, round(across)), rows.shape[1] - 1)])
        across = float(columns[j, min(max(0, round(down)), columns.shape[1] - 1)])
        return x + across + 0.5, y + down + 0.5

    at = [[crossing(i, j) for j in range(len(columns))] for i in range(len(rows))]
    return [
        np.array([at[i][j], at[i][j + 1], at[i + 1][j + 1], at[i + 1][j]])
        for i in range(len(rows) - 1)
        for j in range(len(columns) - 1)
    ]


def found_share(found: Sequence[FieldInk]) -> float:
    """The share of the fields' printed borders that was found."""
    return sum(one.n_found for one in found) / max(1, sum(one.n_borders for one in found))
