"""Size and position of a digit in its picture, as in MNIST."""

import cv2
import numpy as np

_FADE = 0.2  # fraction of the range that is cut below strokes enlarged by 2 or more


def draw_centred(strokes: np.ndarray, size: int, box: int) -> np.ndarray:
    """Scale a digit into a square, and draw it with its centre of mass in the middle.

    Parameters
    ----------
    strokes : ndarray of uint8 of shape (height, width)
        0 for the background, as returned by `find_strokes`.
    size : int
        Side of the new picture, in pixels.
    box : int
        Side of the square, in pixels.

    Returns
    -------
    ndarray of uint8 of shape (size, size)
        All zeros if there are no strokes, else up to 255.
    """
    left, top, width, height = cv2.boundingRect(strokes)
    drawn: np.ndarray = np.zeros((size, size), np.uint8)
    if not width:
        return drawn
    strokes = strokes[top : top + height, left : left + width]
    side = max(width, height)
    # Leave room for enlarged strokes, which fade out half a pixel beyond their edge.
    scale = (box + 1) / (side + 1) if side < box else box / side
    columns, column = _place(strokes.sum(axis=0, dtype=np.float64), scale, size)
    rows, row = _place(strokes.sum(axis=1, dtype=np.float64), scale, size)
    if scale > 1:
        # OpenCV's coordinates start at the centre of the first pixel.
        move = np.array([[scale, 0, column], [0, scale, row]])
        move[:, 2] += (scale - 1) / 2
        drawn = cv2.warpAffine(strokes, move, (size, size), flags=cv2.INTER_CUBIC)
    else:
        if scale < 1:
            strokes = cv2.resize(strokes, (columns, rows), interpolation=cv2.INTER_AREA)
        drawn[row : row + rows, column : column + columns] = strokes
    most = int(drawn.max())
    fade = _FADE * min(max(scale - 1, 0), 1)
    if most < 255 or fade:
        grey = np.maximum(drawn * np.float32(1 / max(most, 1)) - np.float32(fade), 0)
        drawn = np.rint(grey * np.float32(255 / (1 - fade))).astype(np.uint8)
    return drawn


def _place(profile: np.ndarray, scale: float, size: int) -> tuple[int, int]:
    """Length and first line of a digit in its new picture, from its sums along the other axis."""
    length = max(1, round(len(profile) * scale))
    middle = float(profile @ (np.arange(len(profile)) + 0.5) / profile.sum())
    # Whole steps keep unscaled strokes sharp. MNIST's centre is that of pixel size // 2.
    first = round(size // 2 + 0.5 - middle * scale)
    return length, min(max(first, 0), max(0, size - length))
