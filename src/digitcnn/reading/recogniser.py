"""The network that reads a line of digits as a whole, without cuts between the digits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from digitcnn.inference.runtime import import_onnx_runtime
from digitcnn.preprocessing.shades import Shades, mean_depth
from digitcnn.reading.calibration import Calibration
from digitcnn.reading.layout import Components

# The network's classes after the blank. The last one stands for every other sign.
SYMBOLS = "0123456789.,-/*"
HEIGHT = 32  # Of a line in the network's input, in pixels,
BODY = 20  # and of a digit in it.
STEP = 2  # Columns for each output of the network.

_MODEL_FILE = "strings.onnx"
_MARGIN = 8  # Columns beside the first and the last sign.
_WIDEST = 4096  # Most columns of a line. Wider ones are not lines of digits.
# Height, relative to a typical one, of the components that tell a line's course.
_LARGE = 0.6, 1.7
_STEEPEST = 0.35  # Largest slope of a line.
_FULL_INK = 75  # Percentile of the strokes' contrast that counts as full ink.
_THINNEST = 2.0  # Least thickness of strokes in the line, in pixels. Thinner ones are thickened.


@dataclass(frozen=True, slots=True)
class CutLine:
    """A line as input of the network.

    Attributes
    ----------
    pixels : ndarray of uint8 of shape (HEIGHT, width)
        0 for paper, 255 for ink.
    matrix : ndarray of float of shape (2, 3)
        Maps places in these pixels to places in the picture.
    """

    pixels: np.ndarray
    matrix: np.ndarray

    @property
    def scale(self) -> float:
        """Pixels of the line per pixel of the picture."""
        return 1 / float(self.matrix[0, 0])

    def columns_of(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last column of boxes (n, 4) in the picture."""
        forward = np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))[0]
        left, right = (
            forward[0] * boxes[:, side] + forward[1] * boxes[:, 1] + forward[2] for side in (0, 2)
        )
        return left, right

    def polygon(self, first: int, last: int) -> np.ndarray:
        """The corners (4, 2), in the picture, of the ink from a first to a last column."""
        inked = self.pixels[:, first : last + 1] > 96
        rows = np.flatnonzero(inked.any(axis=1))
        columns = np.flatnonzero(inked.any(axis=0))
        top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, HEIGHT)
        left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, last + 1 - first)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        corners[:, 0] += first
        placed: np.ndarray = corners @ self.matrix[:, :2].T + self.matrix[:, 2]
        return placed


class LineRecogniser:
    """The string recogniser in the package. Any number of threads may use it."""

    def __init__(self) -> None:
        self._loaded: tuple[Any, Calibration] | None = None

    @property
    def calibration(self) -> Calibration:
        """The calibration of its probabilities of whole lines."""
        return self._load()[1]

    def read(self, lines: Sequence[CutLine]) -> list[np.ndarray]:
        """The logarithms of probabilities, (n_steps, 1 + len(SYMBOLS)), of each line.

        A step is two columns. The first probability is that of the blank.
        """
        session, _ = self._load()
        return [
            session.run(["log_probabilities"], {"lines": line.pixels[None]})[0][0] for line in lines
        ]

    def _load(self) -> tuple[Any, Calibration]:
        if self._loaded is None:
            onnxruntime = import_onnx_runtime()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            content = (files("digitcnn") / "pretrained" / _MODEL_FILE).read_bytes()
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            told = session.get_modelmeta().custom_metadata_map.get("calibration")
            calibration = Calibration() if told is None else Calibration.from_json(told)
            # Several threads at once may each load one. The last one stays.
            self._loaded = session, calibration
        return self._loaded


def cut_line(
    shades: Shades,
    components: Components,
    line: Sequence[int],
    size: float = 1.0,
    lean: float = 0.0,
) -> CutLine | None:
    """Cut a line out: level, with digits of a fixed size, without the ink of other lines.

    Parameters
    ----------
    shades : Shades
    components : Components
    line : sequence of int
        The components of the line.
    size : float, default=1.0
        Size of a typical component in the line, relative to `BODY`.
    lean : float, default=0.0
        Columns per row by which the line is sheared. Above 0 its upper part moves to the left.

    Returns
    -------
    CutLine or None
        None if it is too long for a line of digits.
    """
    boxes = components.boxes[list(line)]
    heights, widths = boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]
    # The bar of a frame is higher than a digit.
    typical = _weighted_median(heights, widths)
    is_large = (heights >= _LARGE[0] * typical) & (heights <= _LARGE[1] * typical)
    body = _weighted_median(heights[is_large], widths[is_large])
    middle, slope = _course(boxes[is_large], body)
    scale = size * BODY / body
    left, right = boxes[:, 0].min(), boxes[:, 2].max()
    width = math.ceil((right - left) * scale + abs(lean) * BODY) + 2 * _MARGIN
    width += width % STEP
    if width > _WIDEST:
        return None
    # From the picture to the line: a shear that makes it level, its scale, and its lean.
    forward = np.array(
        [
            [scale, 0, _MARGIN - left * scale],
            [-slope * scale, scale, HEIGHT / 2 - middle * scale],
        ]
    )
    forward[0] += lean * forward[1]
    forward[0, 2] += abs(lean) * BODY / 2 - lean * HEIGHT / 2
    reach = math.ceil(HEIGHT / scale + abs(slope) * (right - left)) + 2
    rows = slice(max(0, int(boxes[:, 1].min()) - reach), int(boxes[:, 3].max()) + reach)
    columns = slice(max(0, int(left) - reach), int(right) + reach)
    ink = _ink_of(shades, components, line, rows, columns)
    here = forward.copy()
    here[:, 2] += forward[:, :2] @ [columns.start, rows.start]
    pixels = _drawn(ink, here, width)
    inverse = np.linalg.inv(np.vstack([forward, [0, 0, 1]]))[:2]
    return CutLine(pixels, inverse)


def cut_digit(strokes: np.ndarray) -> CutLine:
    """The strokes of one digit as a line.

    Parameters
    ----------
    strokes : ndarray of uint8 of shape (height, width)
        0 for the background.
    """
    left, top, width, height = cv2.boundingRect(strokes)
    scale = BODY / max(height, 1)
    forward = np.array(
        [
            [scale, 0, _MARGIN - left * scale],
            [0, scale, HEIGHT / 2 - (top + height / 2) * scale],
        ]
    )
    columns = min(math.ceil(width * scale) + 2 * _MARGIN, _WIDEST)
    pixels = _drawn(strokes.astype(np.float32) / 255, forward, columns + columns % STEP)
    return CutLine(pixels, np.linalg.inv(np.vstack([forward, [0, 0, 1]]))[:2])


def _drawn(ink: np.ndarray, forward: np.ndarray, width: int) -> np.ndarray:
    """Ink, from 0 to 1, as a line's pixels. Thin strokes are thickened before they vanish."""
    scale = float(forward[0, 0])
    if scale < 1:
        missing = round(_THINNEST / scale - _thickness(ink))
        if missing > 0:
            pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1))
            ink = cv2.dilate(ink, pen)
        # Without a blur the reduction would pick single pixels.
        ink = cv2.GaussianBlur(ink, (0, 0), 0.4 / scale)
    pixels = cv2.warpAffine(ink, forward, (width, HEIGHT), flags=cv2.INTER_LINEAR)
    drawn: np.ndarray = np.rint(pixels * 255).astype(np.uint8)
    return drawn


def _ink_of(
    shades: Shades, components: Components, line: Sequence[int], rows: slice, columns: slice
) -> np.ndarray:
    """The amount of ink, from 0 to 1, without rulings and other lines.

    The paper's grain stays: a threshold that removes it removes thin strokes too.
    """
    labels = components.labels[rows, columns]
    is_mine = np.isin(labels, np.asarray(line) + 1)
    contrast = shades.contrast[rows, columns]
    full = float(np.percentile(contrast[is_mine], _FULL_INK)) if is_mine.any() else 1.0
    was_ruled = (shades.mask[rows, columns] > 0) & (components.ink[rows, columns] == 0)
    was_ruled = cv2.dilate(was_ruled.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    kept = is_mine | ((labels == 0) & ~was_ruled)
    soft = np.where(kept, contrast / max(full, 1e-6), 0)
    return np.clip(soft, 0, 1).astype(np.float32)


def _thickness(ink: np.ndarray) -> float:
    """The usual thickness of strokes, in pixels."""
    mask = (ink > 0.5).astype(np.uint8)
    return 4 * mean_depth(mask) - 1 if mask.any() else 0.0


def _course(boxes: np.ndarray, body: float) -> tuple[float, float]:
    """The row of a line's middle at column 0, and its slope in rows per column."""
    across = (boxes[:, 0] + boxes[:, 2]) / 2
    down = (boxes[:, 1] + boxes[:, 3]) / 2
    if len(boxes) < 3 or np.ptp(across) < 3 * body:
        return float(np.median(down)), 0.0
    steps = across[:, None] - across[None, :]
    is_far = steps > body
    slope = float(np.median((down[:, None] - down[None, :])[is_far] / steps[is_far]))
    slope = float(np.clip(slope, -_STEEPEST, _STEEPEST))
    return float(np.median(down - slope * across)), slope


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(summed, summed[-1] / 2)])
