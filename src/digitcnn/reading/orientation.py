"""The orientation of a page: its quarter turn, by how well its digits are read, and its tilt."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from digitcnn.preprocessing.foreground import draw_group
from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.layout import Components
from digitcnn.reading.rulings import Rulings

_MOST = 40  # Most components that are classified.
_LEAST = 3  # Least components for a decision.
_SIDES = 0.5, 1.6  # Larger side of a digit's component, relative to a digit's height.
# Least gain of the mean confidence, and of the sum of confidences, for a turn.
_MEAN_GAIN, _GAIN = 0.12, 0.7
_STEEPEST, _STEP = 16.0, 0.5  # Degrees.
_LEAST_TILT = 2.5  # Degrees. Lines can be read with a smaller tilt.
_CLEARER = 1.3  # Least gain in clearness of rows for a tilt, as a factor.
_LINES = 3  # Least number of ruled lines that tell a page's tilt.


def better_turn(
    shades: Shades,
    components: Components,
    predict: Callable[[Sequence[np.ndarray]], np.ndarray],
) -> tuple[int, float]:
    """The clockwise quarter turns that make a page upright, and their gain.

    A page counts as upright unless its digits are read clearly better in another turn. 0, 1, 6, 8
    and 9 are read equally well upside down: a page with no other digits stays as it is.

    Parameters
    ----------
    shades : Shades
    components : Components
    predict : callable
        Gives the probabilities (n, n_classes) for pictures of strokes.

    Returns
    -------
    quarters : int
        From 0 to 3.
    gain : float
        Increase of the mean confidence.
    """
    drawn = _drawn(shades, components)
    if len(drawn) < _LEAST:
        return 0, 0.0
    turned = [np.ascontiguousarray(np.rot90(one, -k)) for k in range(4) for one in drawn]
    sure = predict(turned).max(axis=1).reshape(4, len(drawn)).mean(axis=1)
    best = int(sure.argmax())
    gain = float(sure[best] - sure[0])
    if gain < _MEAN_GAIN or gain * len(drawn) < _GAIN:
        return 0, 0.0
    return best, gain


def _drawn(shades: Shades, components: Components) -> list[np.ndarray]:
    """Pictures of components that may be digits, evenly chosen from the whole page."""
    sides = (components.boxes[:, 2:] - components.boxes[:, :2]).max(axis=1)
    least, most = (part * components.height for part in _SIDES)
    chosen = np.flatnonzero((sides >= least) & (sides <= most))
    if len(chosen) > _MOST:
        chosen = chosen[np.linspace(0, len(chosen) - 1, _MOST).astype(int)]
    drawn = []
    for i in chosen.tolist():
        left, top, right, bottom = components.boxes[i].astype(int).tolist()
        place = slice(max(0, top - 3), bottom + 3), slice(max(0, left - 3), right + 3)
        here = components.labels[place]
        group = (here == i + 1).astype(np.uint8)
        contrast = np.where((here > 0) & (group == 0), np.float32(0), shades.contrast[place])
        drawn.append(draw_group(replace(shades, contrast=contrast, mask=group), group))
    return drawn


def tilt_of_lines(rulings: Rulings) -> float | None:
    """Degrees by which ruled lines fall to the right; None with too few of them."""
    slopes = [
        sign * (line.curve(line.stop) - line.curve(line.start)) / line.length
        for sign, lines in ((1, rulings.level), (-1, rulings.upright))
        for line in lines
    ]
    if len(slopes) < _LINES:
        return None
    return float(np.rad2deg(np.arctan(np.median(slopes))))


def tilt_of_rows(components: Components) -> float:
    """Degrees by which rows of digits fall to the right; 0 if that is not clear.

    Seen along the rows, the middles of digits are at few heights [1]_.

    References
    ----------
    .. [1] W. Postl, "Detection of linear oblique structures and skew scan in digitized documents",
       International Conference on Pattern Recognition, 1986.
    """
    boxes = components.boxes
    sides = boxes[:, 3] - boxes[:, 1]
    boxes = boxes[(sides >= 0.5 * components.height) & (sides <= 1.6 * components.height)]
    if len(boxes) < 2 * _LEAST:
        return 0.0
    middles = np.column_stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]]) / 2
    angles = np.arange(-_STEEPEST, _STEEPEST + _STEP / 2, _STEP)
    clear = np.array([_clearness(middles, angle, components.height) for angle in angles])
    best = float(angles[clear.argmax()])
    upright = float(clear[np.abs(angles) < _LEAST_TILT].max())
    if abs(best) < _LEAST_TILT or clear.max() < _CLEARER * upright:
        return 0.0
    return best


def _clearness(middles: np.ndarray, degrees: float, height: float) -> float:
    """How strongly the heights of points cluster, seen along a direction."""
    angle = np.deg2rad(degrees)
    heights = middles[:, 1] * np.cos(angle) - middles[:, 0] * np.sin(angle)
    off = np.abs(heights[:, None] - heights) / height
    return float(np.maximum(0, 1 - off / 0.3).sum() - len(heights))
