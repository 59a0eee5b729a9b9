"""What data the estimator may be given, and the words of the errors when it is other data."""

import os
from math import isqrt
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets


def check_images(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Bring pictures to rows of pixels.

    Parameters
    ----------
    X : array-like of shape (n, p), (n, height, width) or (n, height, width, channels)

    Returns
    -------
    X : array-like of shape (n, p)
        As it was, where it was two-dimensional; a view where that is possible.
    side : tuple of int, or None
        ``(height, width)`` or ``(height, width, channels)`` of pictures; None for rows.

    Raises
    ------
    ValueError
        If there are other numbers of dimensions, numbers that are not finite, or paths.
    """
    _refuse_paths(X)
    if getattr(X, "ndim", 2) <= 2 and not isinstance(X, list | tuple):
        return X, None
    if isinstance(X, list | tuple) and np.ndim(X[0] if len(X) else X) < 2:
        return X, None
    images = check_array(X, dtype="numeric", allow_nd=True)
    if images.ndim == 2:
        return images, None
    if images.ndim > 4:
        raise ValueError(
            f"X has {images.ndim} dimensions; wanted is (n, pixels), (n, height, width) or "
            "(n, height, width, channels)"
        )
    return images.reshape(len(images), -1), images.shape[1:]


def _refuse_paths(X: Any) -> None:
    first = X[0] if isinstance(X, list | tuple) and len(X) else X
    if isinstance(first, str | os.PathLike):
        raise ValueError(
            f"expected images as an array or a DataFrame, got the path {os.fspath(first)!r}. Read "
            "the file first: digitcnn.datasets.read_digits_csv gives its images and labels, "
            "DigitCSVTransformer images without labels. Or use the command: digitcnn predict "
            "MODEL FILE"
        )


def check_labels(y: np.ndarray) -> None:
    """Hold labels against what a classifier can learn.

    Raises
    ------
    ValueError
        If one is missing, or if they are no classes but measurements.
    """
    if y.dtype.kind == "O":
        for row, label in enumerate(y):
            if label is None or label != label:
                raise ValueError(f"y has no label in row {row}: {label}")
    check_classification_targets(y)


def resolve_image_shape(
    image_shape: str | tuple[int, ...], n_features: int, side: tuple[int, ...] | None
) -> tuple[int, int, int]:
    """The shape (height, width, channels) of a row of `n_features` pixels.

    Parameters
    ----------
    image_shape : {"auto", "pad"} or tuple of int
        The estimator's parameter.
    n_features : int
        Pixels in a row.
    side : tuple of int, or None
        The shape that the images came in, where they were not rows.

    Raises
    ------
    ValueError
        If the numbers do not fit.
    """
    if image_shape == "pad":
        root = isqrt(n_features)
        root += root * root < n_features
        return root, root, 1
    if image_shape == "auto":
        if side is not None:
            return with_channels(side)
        root = isqrt(n_features)
        if root * root != n_features:
            lower = isqrt(n_features - 1)
            hint = (
                " Was the label column left in?"
                if lower * lower == n_features - 1 and n_features > 2
                else ""
            )
            raise ValueError(
                f"X has {n_features} features, which is not a square number of pixels.{hint} "
                "For images that are not square give image_shape=(height, width); for other "
                "tables image_shape='pad'"
            )
        return root, root, 1
    assert not isinstance(image_shape, str)
    shape = with_channels(tuple(image_shape))
    if np.prod(shape) != n_features:
        raise ValueError(
            f"X has {n_features} features, but image_shape={image_shape} wants "
            f"{np.prod(shape)}: {' * '.join(map(str, shape))}"
        )
    if side is not None and with_channels(side) != shape:
        raise ValueError(f"X holds images of shape {side}, but image_shape={image_shape}")
    return shape


def with_channels(side: tuple[int, ...]) -> tuple[int, int, int]:
    """(height, width) or (height, width, channels) as the latter."""
    height, width, *channels = side
    return height, width, (channels[0] if channels else 1)


def resolve_pixel_range(
    pixel_range: str | tuple[float, float], X: np.ndarray
) -> tuple[float, float]:
    """What the training data's black and white are.

    Parameters
    ----------
    pixel_range : {"auto", "data"} or pair of floats
        The estimator's parameter.
    X : ndarray of shape (n, p)

    Returns
    -------
    tuple of two floats

    Raises
    ------
    ValueError
        If it is ``"auto"`` and the numbers are of neither scale, or if they lie outside the pair.
    """
    if pixel_range == "data":
        return float(X.min()), float(X.max())
    if pixel_range != "auto":
        low, high = map(float, pixel_range)
        check_pixel_scale(X, (low, high), pixel_range, "X")
        return low, high
    if X.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(X.min()), float(X.max())
    if low >= 0 and high <= 255:
        return (0.0, 1.0) if high <= 1 else (0.0, 255.0)
    raise ValueError(
        f"X holds numbers from {low:g} to {high:g}; wanted are pixels in 0..255 or in 0..1. "
        "For another scale give pixel_range=(low, high); for tables that are not pictures "
        "pixel_range='data'"
    )


def check_pixel_scale(
    X: np.ndarray,
    fitted: tuple[float, float],
    pixel_range: str | tuple[float, float],
    name: str,
) -> None:
    """Refuse images that are plainly on another scale than the training data.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    fitted : tuple of two floats
        The scale of the training data.
    pixel_range : {"auto", "data"} or pair of floats
        The estimator's parameter. ``"data"`` refuses nothing.
    name : str
        What to call X in the error.

    Raises
    ------
    ValueError
        If there are numbers outside, or if all lie in 0..1 where white is 255.
    """
    if pixel_range == "data" or (X.dtype == np.uint8 and fitted == (0.0, 255.0)):
        return
    low, high = float(X.min()), float(X.max())
    scale = f"{fitted[0]:g}..{fitted[1]:g}"
    if low < fitted[0] or high > fitted[1]:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g}, but its pixels should lie in {scale}, "
            "the scale of the training data"
        )
    if fitted == (0.0, 255.0) and X.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g}, which looks like the scale 0..1, but "
            f"the training data's is {scale}. Multiply by 255"
        )
