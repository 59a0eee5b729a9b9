"""Lists of pictures: arrays, nested lists and Pillow images, of one size or of several."""

from collections.abc import Collection
from os import PathLike
from typing import Any

import numpy as np

# Pillow modes whose values are grey levels, RGB or RGBA; pictures of other modes are converted.
_PLAIN_MODES = ("1", "L", "LA", "I", "I;16", "F", "RGB", "RGBA")


def list_pictures(X: Any) -> list[np.ndarray] | None:
    """The pictures of a list, each as an array; None if X is not a list of pictures.

    Parameters
    ----------
    X : object
        A list, a tuple, a one-dimensional array of objects or a Series may hold arrays, nested
        lists and Pillow images, of one size or of several.

    Raises
    ------
    ValueError
        If X is a path, a text or a single Pillow image, or if only some of its elements are
        pictures.
    """
    if isinstance(X, str | bytes | PathLike):
        raise ValueError(
            f"expected an array of pixels, got a path or text: {X!r}. Read the file first, a table "
            "with digitcnn.datasets.read_digits_csv, images with "
            "digitcnn.datasets.read_digit_images"
        )
    if hasattr(X, "getbands"):
        raise ValueError("expected a list of pictures, got a single image. Pass [image]")
    if hasattr(X, "iloc") and str(getattr(X, "dtype", "")) == "object":  # a column of pictures
        X = X.to_numpy()
    is_list = isinstance(X, list | tuple) or (
        isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    )
    if not is_list or not len(X):
        return None
    if any(isinstance(one, str | bytes | PathLike) for one in X):
        first = next(one for one in X if isinstance(one, str | bytes | PathLike))
        raise ValueError(
            f"expected arrays of pixels, got a path or text: {first!r}. Read the files first with "
            "digitcnn.datasets.read_digit_images"
        )
    if not any(_is_picture(one) for one in X) and _to_array(X[0], 0).ndim < 2:
        lengths = {len(one) for one in X if hasattr(one, "__len__")}
        if len(lengths) > 1:
            raise ValueError(f"expected rows of one length, got lengths {list_few(lengths)}")
        return None
    pictures = [_to_array(one, i) for i, one in enumerate(X)]
    for i, picture in enumerate(pictures):
        if picture.ndim not in (2, 3):
            raise ValueError(
                "expected pictures of shape (height, width) or (height, width, channels), got "
                f"picture {i} with {picture.ndim} dimensions: {picture.shape}"
            )
    return pictures


def _is_picture(one: Any) -> bool:
    return getattr(one, "ndim", 0) >= 2 or hasattr(one, "getbands")


def _to_array(one: Any, index: int) -> np.ndarray:
    """An array of a Pillow image, which need not be grey or RGB, or of nested lists."""
    if hasattr(one, "getbands") and one.mode not in _PLAIN_MODES:
        one = one.convert("RGBA" if one.mode == "PA" or "transparency" in one.info else "RGB")
    try:
        return np.asarray(one)
    except ValueError as error:
        raise ValueError(
            f"expected pictures with rows of one length, got rows of different lengths in picture "
            f"{index}"
        ) from error


def list_few(found: Collection[Any]) -> str:
    """The first few elements in order, for an error."""
    listed = sorted(found)
    return ", ".join(map(str, listed[:3])) + (" ..." if len(listed) > 3 else "")
