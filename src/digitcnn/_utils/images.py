"""Images as arrays of pixels: the accepted layouts, and their shapes."""

from math import isqrt, prod
from typing import Any

import numpy as np

from digitcnn._utils.pictures import list_few, list_pictures

# Grey, grey with opacity, RGB, RGBA.
_CHANNELS = (1, 2, 3, 4)
_RESIZE = "Resize the images, or put a DigitNormalizer before the classifier, for training too"


def check_images(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Flatten pictures to rows of pixels.

    Parameters
    ----------
    X : array-like of shape (n, p), (n, height, width) or (n, height, width, channels)
        Or a list of pictures of one size, see `list_pictures`.

    Returns
    -------
    X : array-like of shape (n, p)
        Unchanged if it was two-dimensional; otherwise a view where that is possible.
    given_shape : tuple of int, or None
        ``(height, width)`` or ``(height, width, channels)`` of pictures; None for rows.

    Raises
    ------
    ValueError
        If X has another number of dimensions, values that are not finite, or pictures of several
        sizes.
    """
    if getattr(getattr(X, "dtype", None), "kind", "") == "c":
        raise ValueError(
            "Complex data not supported: expected real numbers, got complex ones. Pass np.abs(X) "
            "or np.real(X)"
        )
    pictures = list_pictures(X)
    if pictures is not None:
        sizes = {picture.shape for picture in pictures}
        if len(sizes) > 1:
            raise ValueError(
                f"expected pictures of one size, got sizes {list_few(sizes)}. Put a "
                "DigitNormalizer before the classifier, or resize the pictures"
            )
        X = np.stack(pictures)
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    from sklearn.utils import check_array  # slow to import, and rows do not need it

    images = check_array(X, dtype="numeric", allow_nd=True)
    if images.ndim > 4:
        raise ValueError(
            "expected X of shape (n, pixels), (n, height, width) or (n, height, width, channels), "
            f"got {images.ndim} dimensions"
        )
    return images.reshape(len(images), -1), images.shape[1:]


def to_pictures(X: Any, image_shape: str | tuple[int, ...] = "auto") -> np.ndarray:
    """Rows of pixels, or pictures of one size, as pictures.

    Parameters
    ----------
    X : array-like of shape (n, p), (n, height, width) or (n, height, width, channels)
        Or a list of pictures of one size, see `list_pictures`.
    image_shape : {"auto", "pad"} or tuple of int, default="auto"
        As for `resolve_image_shape`. ``"pad"`` appends zeros to rows.

    Returns
    -------
    ndarray of shape (n, height, width, channels)
        A view where that is possible.

    Raises
    ------
    ValueError
        If the rows do not have that shape.
    """
    rows, given_shape = check_images(X)
    rows = np.asarray(rows)
    if rows.ndim != 2:
        raise ValueError(
            "expected X of shape (n, pixels), (n, height, width) or (n, height, width, channels), "
            f"got shape {rows.shape}"
        )
    n_rows, n_features = rows.shape
    shape = resolve_image_shape(image_shape, n_features, given_shape, n_rows)
    n_missing = prod(shape) - n_features
    if n_missing:
        rows = np.pad(rows, ((0, 0), (0, n_missing)))
    return rows.reshape(n_rows, *shape)


def resolve_image_shape(
    image_shape: str | tuple[int, ...],
    n_features: int,
    given_shape: tuple[int, ...] | None = None,
    n_rows: int | None = None,
) -> tuple[int, int, int]:
    """The shape (height, width, channels) of a row of `n_features` pixels.

    Parameters
    ----------
    image_shape : {"auto", "pad"} or tuple of int
        ``"auto"`` takes rows as square images, ``"pad"`` as the beginning of the next larger
        square.
    n_features : int
        The number of pixels in a row.
    given_shape : tuple of int or None, default=None
        The images' shape in X; None if they were rows.
    n_rows : int or None, default=None
        The number of rows, for the error.

    Raises
    ------
    ValueError
        If the number of pixels does not fit the shape.
    """
    if image_shape == "pad":
        root = isqrt(n_features)
        root += root * root < n_features
        return root, root, 1
    if image_shape == "auto":
        if given_shape is not None:
            hint = f". If that is right, pass image_shape={tuple(given_shape)}"
            return channels_last(given_shape, hint)
        root = isqrt(n_features)
        if root * root != n_features:
            hint = ""
            if n_rows == n_features:
                hint = " If X is a single image, pass X[np.newaxis]."
            elif isqrt(n_features - 1) ** 2 == n_features - 1 and n_features > 2:
                hint = " Is the label column still in X?"
            raise ValueError(
                f"expected X with a square number of pixels, got {n_features} features.{hint} For "
                "images that are not square pass image_shape=(height, width), for other tables "
                "image_shape='pad'"
            )
        return root, root, 1
    assert not isinstance(image_shape, str)
    shape = with_channels(tuple(image_shape))
    if prod(shape) != n_features:
        raise ValueError(
            f"expected X with {prod(shape)} features for image_shape={image_shape}, got "
            f"{n_features}"
        )
    if given_shape is not None:
        check_image_shape(given_shape, shape, "as image_shape says")
    return shape


def with_channels(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (height, width) or (height, width, channels), always with channels."""
    height, width, *channels = shape
    return height, width, (channels[0] if channels else 1)


def channels_last(given_shape: tuple[int, ...], hint: str = "") -> tuple[int, int, int]:
    """The shape (height, width, channels) of pictures of shape `given_shape`.

    A single channel may come first, because the order of the pixels is the same.

    Parameters
    ----------
    given_shape : tuple of int
        (height, width) or (height, width, channels).
    hint : str, default=""
        What to do about more channels, for the error.

    Raises
    ------
    ValueError
        If the number of channels is not 1 to 4.
    """
    height, width, channels = with_channels(given_shape)
    if channels in _CHANNELS:
        return height, width, channels
    given = tuple(given_shape)
    if height in _CHANNELS:  # the shape can only be (channels, height, width)
        if height == 1:
            return width, channels, 1
        raise ValueError(
            f"expected pictures of shape (height, width, channels), got {given}, which looks like "
            "channels first. Use np.moveaxis(X, 1, -1)"
        )
    raise ValueError(
        f"expected pictures with 1 to 4 channels (grey, grey with opacity, RGB, RGBA), got "
        f"{channels} in the shape {given} (height, width, channels){hint}"
    )


def check_image_shape(
    given_shape: tuple[int, ...], image_shape: tuple[int, int, int], source: str
) -> None:
    """Refuse pictures of another shape.

    Parameters
    ----------
    given_shape : tuple of int
        The pictures' shape.
    image_shape : tuple of int
        The expected shape (height, width, channels).
    source : str
        Where the expected shape comes from, for the error: "as in training".

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    height, width, channels = image_shape
    has_channels_first = tuple(given_shape) == (channels, height, width)
    if with_channels(given_shape) == image_shape or (channels == 1 and has_channels_first):
        return
    hint = _RESIZE
    if has_channels_first:
        hint = "X has the channels first: use np.moveaxis(X, 1, -1)"
    elif tuple(given_shape) == (width, channels):
        hint = "If X is a single image, pass X[np.newaxis]"
    raise ValueError(
        f"expected images of shape {image_shape} (height, width, channels), {source}, got shape "
        f"{tuple(given_shape)}. {hint}"
    )


def to_images(rows: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Rows as images, padded with zeros where they are shorter.

    Parameters
    ----------
    rows : ndarray of shape (n, pixels)
    image_shape : tuple of int (height, width, channels)
    """
    missing = int(np.prod(image_shape)) - rows.shape[1]
    if missing:
        rows = np.pad(rows, ((0, 0), (0, missing)))
    return rows.reshape(-1, *image_shape)


def size_hint(shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> str:
    """What to do about rows whose number of pixels does not fit the network's images."""
    height, width, channels = image_shape
    size = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
    expected = f"The network takes images of {size} pixels"
    if tuple(shape) == (height, width):
        return f"{expected}. If X is a single image, pass X[np.newaxis]"
    if shape[1] == height * width * channels + 1:
        return f"{expected}. Is the label column still in X?"
    root = isqrt(shape[1])
    if root * root != shape[1]:
        return f"{expected}, no square image has {shape[1]}. Check for missing or extra columns"
    return f"{expected}, X looks like images of {root}x{root}. {_RESIZE}"


def _shape_of(data: Any) -> tuple[int, ...] | None:
    """The shape of an array, a table or a list; None for other objects."""
    if isinstance(data, list | tuple):
        return (len(data), *np.shape(data[:1])[1:])
    shape: tuple[int, ...] | None = getattr(data, "shape", None)
    return shape


def refuse_single_image(rows: Any, y: Any) -> None:
    """Refuse a single image with its label, which looks like a table of many rows.

    Raises
    ------
    ValueError
        If X has several rows and y is a single label.
    """
    shape = _shape_of(rows)
    is_one = np.isscalar(y) or (y is not None and _shape_of(y) in ((), (1,)))
    if is_one and shape is not None and len(shape) == 2 and min(shape) > 1:
        raise ValueError(
            f"expected a label for each of {shape[0]} rows, got one. If X is a single image, pass "
            "X[np.newaxis] and [y]"
        )
