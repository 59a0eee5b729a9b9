"""Pages: sheets on a desk, tilted and turned pages, lined paper, and grids."""

from collections.abc import Sequence

import numpy as np

from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.grids import Grid, find_grid
from digitcnn.reading.layout import Components
from digitcnn.reading.orientation import better_turn, tilt_of_lines, tilt_of_rows
from digitcnn.reading.paper import find_paper, sheet_size
from digitcnn.reading.polygons import project
from digitcnn.reading.recogniser import LineRecogniser
from digitcnn.reading.recognition import (
    Found,
    Ink,
    LineReader,
    find_ink,
    lines_of_page,
    one_line,
    read_single,
)
from digitcnn.reading.rulings import Ruling, Rulings, erased, find_rulings
from digitcnn.reading.strips import DIGITS, Strip
from digitcnn.reading.views import View

_LEAST_TILT = 1.5  # Degrees. Pages whose ruled lines have a smaller tilt are not rotated.
# Least gain in merit, as a factor, for a page to be levelled: usually, and with fewer pieces of
# lines.
_LEVELLED, _WHOLE = 1.05, 0.85
# Least share of confident digits, and of ink in digits, of an upright page,
_SURE_PART, _SHARE = 0.9, 0.6
_TURNED = 0.8, 0.7  # and of a page after a turn.
# A line of paper is at least so long, relative to the picture's side, or one of so many that are at
# least so long.
_ACROSS, _LONG, _COMPANY = 0.94, 0.5, 3
_THIN = 0.015  # Largest thickness, relative to the length. A digit's stroke is thicker.
_GRID_PART = 0.2  # Least area of a grid that is the page's content, relative to the page.
_HEIGHTS = 0.25, 1.0  # Height of a digit, relative to its cell.
# Least share of digits that are in one cell, and tolerance, relative to the cell's sides.
_INSIDE, _SLACK = 0.75, 0.12
_WORD_GAP = 0.3  # Largest gap in a word, relative to a digit's height.
_BETTER = 1.25  # Gain in merit, as a factor, from which on a grid's page is read as lines.
_FILLED = 4  # Least number of digits in a grid.


def read_as(
    layout: str,
    pixels: np.ndarray,
    classifier: DigitClassifier,
    recogniser: LineRecogniser,
    reject_below: float,
) -> tuple[Sequence[Strip], View]:
    """Read the lines of a picture with a page, a line or a single digit.

    Parameters
    ----------
    layout : {"page", "line", "single"}
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    classifier : DigitClassifier
    recogniser : LineRecogniser
    reject_below : float
        Numbers whose digits have a lower mean confidence are left out.

    Returns
    -------
    strips : sequence of Strip
        With places in the pixels of the view.
    view : View
        The picture as it was read.

    Raises
    ------
    ValueError
        If the classifier has other classes than digits, and the layout is not "single".
    """
    view = View.of(pixels)
    if layout == "single":
        return read_single(pixels, classifier, recogniser), view
    others = [label for label in classifier.classes if label not in DIGITS]
    if others:
        raise ValueError(
            f"expected a model of digits to read a {layout}, got one with the class {others[0]!r}. "
            "Use the layout 'single'"
        )
    reader = LineReader(classifier, recogniser, reject_below)
    if layout == "line":
        inks = find_ink(_without_lines(pixels, find_rulings(pixels), False))
        found = reader.read(inks, one_line, is_one_line=True)
        return ([] if found is None else found.strips), view
    return read_page(view, reader)


def read_page(picture: View, reader: LineReader) -> tuple[Sequence[Strip], View]:
    """Read the lines of a page.

    Parameters
    ----------
    picture : View
    reader : LineReader

    Returns
    -------
    strips : sequence of Strip
        With places in the pixels of the view.
    view : View
        The upright, straightened page.
    """
    corners = find_paper(picture.pixels)
    if corners is not None:
        sheet = picture.straightened(corners, *sheet_size(corners))
        found, view = _Page(reader, True).read(sheet)
        if found is not None:
            return found.strips, view
    found, view = _Page(reader, False).read(picture)
    return ([] if found is None else found.strips), view


class _Page:
    """The way a page is read: a sheet of paper alone, or a picture with surroundings."""

    def __init__(self, reader: LineReader, is_sheet: bool) -> None:
        self._reader = reader
        self._is_sheet = is_sheet

    def read(self, view: View) -> tuple[Found | None, View]:
        """The content of a page in any quarter turn, and the view in which it is upright."""
        found, inks, upright = self._read_in(view)
        if found is not None and found.sure_part >= _SURE_PART and found.share >= _SHARE:
            return found, upright
        # All guesses, because on its side a page's best one may be any.
        predict = self._reader.classifier.predict
        turns = [better_turn(ink.shades, ink.components, predict) for ink in inks]
        quarters, _ = max(turns, key=lambda turn: turn[1], default=(0, 0.0))
        if quarters:
            other, _, turned = self._read_in(view.turned(quarters))
            if (
                other is not None
                and other.sure_part >= _TURNED[0]
                and other.share >= _TURNED[1]
                and (found is None or other.merit > found.merit)
            ):
                return other, turned
        return found, upright

    def _read_in(self, view: View) -> tuple[Found | None, list[Ink], View]:
        """The content of a page in this turn, its possible ink, and the view without tilt."""
        rulings = find_rulings(view.pixels)
        tilt = None if self._is_sheet else tilt_of_lines(rulings)
        if tilt is not None and abs(tilt) >= _LEAST_TILT:
            view = view.rotated(-tilt)
            rulings = find_rulings(view.pixels)
        grid = find_grid(view.pixels, rulings=rulings, is_sheet=self._is_sheet)
        least = _GRID_PART * view.pixels[..., 0].size
        if grid is not None and grid.is_closed and grid.area >= least:
            cells, flat = self._read_grid(view, grid, rulings)
            if cells is not None:
                return cells, [cells.ink], flat
        pixels = _without_lines(view.pixels, rulings, grid is not None)
        inks = find_ink(pixels)
        found = self._reader.read(inks, lines_of_page)
        if tilt is None:
            best = inks if found is None else [found.ink]
            tilt = max((tilt_of_rows(ink.components) for ink in best), key=abs, default=0.0)
            if tilt:
                rotated = View(pixels, view.matrix).rotated(-tilt)
                inks_then = find_ink(rotated.pixels)
                other = self._reader.read(inks_then, lines_of_page)
                if other is not None and (found is None or _is_level(other, found)):
                    return other, inks_then, rotated
        return found, inks, view

    def _read_grid(self, view: View, grid: Grid, rulings: Rulings) -> tuple[Found | None, View]:
        """The rows of a grid whose cells have one number each; None if it is only the paper's."""
        width, height = sheet_size(grid.corners)
        flat = View(erased(view.pixels, rulings), view.matrix).straightened(
            grid.corners, width, height
        )
        to_flat = np.linalg.inv(flat.matrix) @ view.matrix
        places = project(to_flat, grid.nodes.reshape(-1, 2)).reshape(grid.nodes.shape)
        inks = find_ink(flat.pixels)
        found = self._reader.read(
            inks, lambda components: _cells_of(components, places), is_apart=True
        )
        if found is not None:
            lines = self._reader.read(inks, lines_of_page)
            if lines is not None and lines.merit > _BETTER * found.merit:
                return None, view
        return found, flat


def _without_lines(pixels: np.ndarray, rulings: Rulings, is_lattice: bool) -> np.ndarray:
    """A picture without the paper's lines."""
    height, width = pixels.shape[:2]
    level = _lines_of_paper(rulings.level, width, is_lattice)
    upright = _lines_of_paper(rulings.upright, height, is_lattice)
    return erased(pixels, Rulings(level, upright, rulings.mask))


def _lines_of_paper(lines: list[Ruling], side: int, is_lattice: bool) -> list[Ruling]:
    """The lines that are not strokes of digits."""
    company = [line for line in lines if line.length >= _LONG * side]
    return [
        line
        for line in company
        if line.length >= _ACROSS * side
        or is_lattice
        or (len(company) >= _COMPANY and line.thickness <= _THIN * line.length)
    ]


def _cells_of(components: Components, nodes: np.ndarray) -> list[list[list[int]]] | None:
    """The components in each cell, row by row; None if the writing does not keep to cells.

    Parameters
    ----------
    components : Components
    nodes : ndarray of shape (n_rows + 1, n_columns + 1, 2)
        x and y of the cells' corners.
    """
    boxes = components.boxes
    cell_height = float(np.median(np.diff(nodes[..., 1], axis=0)))
    cell_width = float(np.median(np.diff(nodes[..., 0], axis=1)))
    if not _HEIGHTS[0] * cell_height <= components.height <= _HEIGHTS[1] * cell_height:
        return None
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    rows, columns = _places(x, y, nodes)
    n_rows, n_columns = nodes.shape[0] - 1, nodes.shape[1] - 1
    is_in = (rows >= 0) & (rows < n_rows) & (columns >= 0) & (columns < n_columns)
    is_large = boxes[:, 3] - boxes[:, 1] >= 0.5 * components.height
    counted = np.flatnonzero(is_in & is_large)
    if len(counted) < _FILLED:
        return None
    slack = _SLACK * np.array([cell_width, cell_height, -cell_width, -cell_height])
    corner = nodes[rows[counted], columns[counted]]
    opposite = nodes[rows[counted] + 1, columns[counted] + 1]
    beyond = boxes[counted] + slack
    inside = (beyond[:, :2] >= corner).all(axis=1) & (beyond[:, 2:] <= opposite).all(axis=1)
    if inside.mean() < _INSIDE:
        return None
    cells: list[list[list[int]]] = [[[] for _ in range(n_columns)] for _ in range(n_rows)]
    last = np.full(n_rows, -1)
    for i in np.argsort(boxes[:, 0], kind="stable").tolist():
        if not is_in[i]:
            continue
        row, column = int(rows[i]), int(columns[i])
        before = cells[row][last[row]] if last[row] >= 0 else []
        # A word may go on in the next cell.
        if before and boxes[i, 0] - boxes[before, 2].max() < _WORD_GAP * components.height:
            column = int(last[row])
        cells[row][column].append(i)
        last[row] = column
    return [[cell for cell in row if cell] for row in cells if any(row)]


def _places(x: np.ndarray, y: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row and column of each point's cell; outside, -1 or the number of rows or columns."""
    rows, columns = np.zeros(len(x), int), np.zeros(len(x), int)
    for i in range(len(x)):
        heights = [np.interp(x[i], line[:, 0], line[:, 1]) for line in nodes]
        rows[i] = np.searchsorted(heights, y[i]) - 1
        widths = [np.interp(y[i], line[:, 1], line[:, 0]) for line in nodes.transpose(1, 0, 2)]
        columns[i] = np.searchsorted(widths, x[i]) - 1
    return rows, columns


def _is_level(levelled: Found, found: Found) -> bool:
    """Whether a page is read better after levelling than before."""
    n_words = [sum(len(strip.words) for strip in one.strips) for one in (levelled, found)]
    least = _WHOLE if n_words[0] < n_words[1] else _LEVELLED
    return levelled.merit > least * found.merit
