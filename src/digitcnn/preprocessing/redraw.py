"""Redrawing of pictures of digits in MNIST's form, without scikit-learn."""

from collections.abc import Sequence

import numpy as np

from digitcnn.preprocessing.foreground import find_strokes
from digitcnn.preprocessing.placement import draw_centred


def redraw(
    pictures: Sequence[np.ndarray] | np.ndarray,
    size: int = 28,
    box: int = 20,
    invert: str | bool = "auto",
) -> np.ndarray:
    """Redraw pictures of one digit each: see `DigitNormalizer`.

    Parameters
    ----------
    pictures : sequence of ndarrays of shape (height, width) or (height, width, channels)
        Finite real numbers of any range: grey, grey and opacity, RGB or RGBA.
    size, box : int
        Side of the new pictures, and of the square that the digits are fitted into, in pixels.
    invert : "auto" or bool, default="auto"
        Whether the strokes are darker than the background.

    Returns
    -------
    ndarray of uint8 of shape (n, size * size)
        All zeros if no digit is found.
    """
    redrawn = np.zeros((len(pictures), size, size), np.uint8)
    for i, picture in enumerate(pictures):
        strokes = find_strokes(picture if picture.ndim == 3 else picture[..., None], invert)
        if strokes is not None:
            redrawn[i] = draw_centred(strokes, size, box)
    return redrawn.reshape(len(redrawn), -1)
