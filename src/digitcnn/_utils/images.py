"""Images as arrays of pixels: what forms they may come in, and their shape."""

from math import isqrt, prod
from typing import Any

import numpy as np

from digitcnn._utils.pictures import list_few, list_pictures

# Grey, grey and opacity, RGB, RGBA.
_CHANNELS = (1, 2, 3, 4)


def check_images(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Bring pictures to rows of pixels.

    Parameters
    ----------
    X : array-like of shape (n, p), (n, height, width) or (n, height, width, channels)
        Or a list of pictures of one size, see `list_pictures`.

    Returns
    -------
    X : array-like of shape (n, p)
        As it was, where it was two-dimensional; a view where that is possible.
    given_shape : tuple of int, or None
        ``(height, width)`` or ``(height, width, channels)`` of pictures; None for rows.

    Raises
    ------
    ValueError
        If there are other numbers of dimensions, numbers that are not finite, or pictures of
        several sizes.
    """
    if getattr(getattr(X, "dtype", None), "kind", "") == "c":
        raise ValueError(
            "Complex data not supported: expected real numbers, got complex ones. Give np.abs(X) "
            "or np.real(X)"
        )
    pictures = list_pictures(X)
    if pictures is not None:
        sizes = {picture.shape for picture in pictures}
        if len(sizes) > 1:
            raise ValueError(
                f"expected pictures of one size, got sizes {list_few(sizes)}. Put a "
                "DigitNormalizer in front, which brings digits to one size, or resize them"
            )
        X = np.stack(pictures)
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    from sklearn.utils import check_array  # what is in rows does not wait for its import

    images = check_array(X, dtype="numeric", allow_nd=True)
    if images.ndim > 4:
        raise ValueError(
            f"X has {images.ndim} dimensions; expected (n, pixels), (n, height, width) or "
            "(n, height, width, channels)"
        )
    return images.reshape(len(images), -1), images.shape[1:]


def to_pictures(X: Any, image_shape: str | tuple[int, ...] = "auto") -> np.ndarray:
    """Bring rows of pixels, or pictures of one size, to pictures.

    Parameters
    ----------
    X : array-like of shape (n, p), (n, height, width) or (n, height, width, channels)
        Or a list of pictures of one size, see `list_pictures`.
    image_shape : {"auto", "pad"} or tuple of int, default="auto"
        As of `resolve_image_shape`. Rows that ``"pad"`` makes longer end in zeros.

    Returns
    -------
    ndarray of shape (n, height, width, channels)
        A view where that is possible.

    Raises
    ------
    ValueError
        If the rows are no pictures of that shape.
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
        ``"auto"`` takes rows for squares; ``"pad"`` for the beginning of the next larger square.
    n_features : int
        Pixels in a row.
    given_shape : tuple of int or None, default=None
        The shape that the images came in, where they were not rows.
    n_rows : int or None, default=None
        Number of rows, for the error.

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
        if given_shape is not None:
            hint = f". If this is meant, give image_shape={tuple(given_shape)}"
            return channels_last(given_shape, hint)
        root = isqrt(n_features)
        if root * root != n_features:
            hint = ""
            if n_rows == n_features:
                hint = " If X is a single image, give X[np.newaxis]."
            elif isqrt(n_features - 1) ** 2 == n_features - 1 and n_features > 2:
                hint = " Was the label column left in?"
            raise ValueError(
                f"X has {n_features} features, which is not a square number of pixels.{hint} "
                "For images that are not square give image_shape=(height, width); for other "
                "tables image_shape='pad'"
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
        check_image_shape(given_shape, shape, "image_shape says")
    return shape


def with_channels(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(height, width) or (height, width, channels) as the latter."""
    height, width, *channels = shape
    return height, width, (channels[0] if channels else 1)


def channels_last(given_shape: tuple[int, ...], hint: str = "") -> tuple[int, int, int]:
    """The shape (height, width, channels) of pictures that came as `given_shape`.

    Pictures of one channel may have it first: their pixels lie in the same order.

    Parameters
    ----------
    given_shape : tuple of int
        (height, width) or (height, width, channels).
    hint : str, default=""
        What to do about more channels, for the error.

    Raises
    ------
    ValueError
        If the number of channels makes no sense.
    """
    height, width, channels = with_channels(given_shape)
    if channels in _CHANNELS:
        return height, width, channels
    given = tuple(given_shape)
    if height in _CHANNELS:  # (a, b, c) makes sense as (channels, height, width) alone
        if height == 1:
            return width, channels, 1
        raise ValueError(
            f"expected pictures of shape (height, width, channels), got {given}, which looks like "
            "channels first. Use np.moveaxis(X, 1, -1)"
        )
    raise ValueError(
        f"expected pictures with 1 to 4 channels (grey, grey and opacity, RGB, RGBA), got "
        f"{channels}: shape {given} as (height, width, channels){hint}"
    )


def check_image_shape(
    given_shape: tuple[int, ...], image_shape: tuple[int, int, int], source: str
) -> None:
    """Refuse pictures of another shape.

    Parameters
    ----------
    given_shape : tuple of int
        The shape that they came in.
    image_shape : tuple of int
        The shape (height, width, channels) that they should have.
    source : str
        What says so, for the error.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    height, width, channels = image_shape
    has_channels_first = tuple(given_shape) == (channels, height, width)
    if with_channels(given_shape) == image_shape or (channels == 1 and has_channels_first):
        return
    hint = "Resize the images, or put a DigitNormalizer in front, of the training too"
    if has_channels_first:
        hint = "They have their channels first: use np.moveaxis(X, 1, -1)"
    elif tuple(given_shape) == (width, channels):
        hint = "If X is a single image, give X[np.newaxis]"
    raise ValueError(
        f"X holds images of shape {tuple(given_shape)}, but {source} {image_shape} (height, width, "
        f"channels). {hint}"
    )


def to_images(rows: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Rows as images, filled up with zeros where they are shorter.

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
    """What to do about rows of another number of pixels than the network's images have."""
    height, width, channels = image_shape
    size = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
    expected = f"The network reads images of {size} pixels"
    if tuple(shape) == (height, width):
        return f"{expected}. If X is a single image, give X[np.newaxis]"
    root = isqrt(shape[1])
    given = f", X looks like images of {root}x{root}" if root * root == shape[1] else ""
    if shape[1] == height * width * channels + 1:
        return f"{expected}. Was the label column left in?"
    return (
        f"{expected}{given}. Resize the images, or put a DigitNormalizer in front, of the training "
        "too"
    )


def _shape_of(data: Any) -> tuple[int, ...] | None:
    """The shape of an array, a table or a list; None of what has to be converted first."""
    if isinstance(data, list | tuple):
        return (len(data), *np.shape(data[:1])[1:])
    shape: tuple[int, ...] | None = getattr(data, "shape", None)
    return shape


def refuse_single_image(rows: Any, y: Any) -> None:
    """Refuse a single image with its label, which reads as many rows.

    Raises
    ------
    ValueError
        If X has many rows, and y is one label.
    """
    shape = _shape_of(rows)
    is_one = np.isscalar(y) or (y is not None and _shape_of(y) in ((), (1,)))
    if is_one and shape is not None and len(shape) == 2 and min(shape) > 1:
        raise ValueError(
            f"expected a label for each of {shape[0]} rows, got one. If X is a single image, give "
            "X[np.newaxis] and [y]"
        )
