"""A digit's size and place in its picture, as MNIST's digits have them."""

import numpy as np

from digitcnn.preprocessing.foreground import extent

_FADE = 0.2  # How much of the range is cut below a stroke that is drawn twice as large or more.


def draw_centred(foreground: np.ndarray, size: int, box: int) -> np.ndarray:
    """Scale digits into a square, and draw them with their centre of mass in the middle.

    Parameters
    ----------
    foreground : ndarray of float32 of shape (n, height, width)
        From 0 up, as `find_foreground` gives it. It is written to.
    size : int
        Side of the new pictures, in pixels.
    box : int
        Side of the square, in pixels.

    Returns
    -------
    ndarray of uint8 of shape (n, size, size)
        Of 0 alone where there is no foreground.
    """
    blank = foreground.max(axis=(1, 2)) <= 0
    foreground[blank, 0, 0] = 1.0  # Anything that can be scaled; it is wiped out below.
    foreground /= foreground.max(axis=(1, 2), keepdims=True)
    rows, columns = foreground.sum(axis=2), foreground.sum(axis=1)
    tops, bottoms = extent(rows)
    lefts, rights = extent(columns)
    sides = np.maximum(bottoms - tops, rights - lefts)
    # Enlarged strokes fade out half a pixel beyond their edge: room is left for that.
    scales = np.where(sides < box, (box + 1) / (sides + 1), box / sides)
    down = _weights(rows, tops, bottoms, scales, size)
    across = _weights(columns, lefts, rights, scales, size)
    drawn = np.maximum(down @ foreground @ across.transpose(0, 2, 1), 0)
    drawn /= np.maximum(drawn.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    fade = (_FADE * np.clip(scales - 1, 0, 1)).astype(np.float32)[:, None, None]
    drawn = np.maximum(drawn - fade, 0) / (1 - fade)
    drawn[blank] = 0
    return np.rint(255 * drawn).astype(np.uint8)


def _weights(
    profiles: np.ndarray, first: np.ndarray, last: np.ndarray, scales: np.ndarray, size: int
) -> np.ndarray:
    """How much of each line goes into each line of the new picture, (n, size, lines)."""
    lines = np.arange(profiles.shape[1]) + 0.5
    centre = profiles @ lines / profiles.sum(axis=1)
    # Whole steps keep sharp what needs no scaling. MNIST's middle is the middle of pixel size // 2.
    start = np.round(size // 2 + 0.5 - (centre - first) * scales)
    start = np.clip(start, 0, np.maximum(0, size - np.ceil((last - first) * scales)))
    sources = (np.arange(size) + 0.5 - start[:, None]) / scales[:, None] + first[:, None]
    sharpness = np.minimum(scales, 1)[:, None, None]
    return _cubic((lines - sources[:, :, None]) * sharpness) * sharpness.astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys's interpolation kernel, float32."""
    d = np.abs(distance, dtype=np.float32)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((2.5 - 0.5 * d) * d - 4) * d + 2
    kernel: np.ndarray = np.where(d < 1, near, np.where(d < 2, far, 0)).astype(np.float32)
    return kernel
