"""What data the estimator may be given, and the words of the errors when it is other data."""

import warnings
from collections.abc import Collection, Iterator
from math import isqrt
from os import PathLike
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

# Grey, grey and opacity, RGB, RGBA.
_CHANNELS = (1, 2, 3, 4)
# Of Pillow's modes those whose numbers are grey or such colours; others are converted.
_PLAIN_MODES = ("1", "L", "LA", "I", "I;16", "F", "RGB", "RGBA")

# What white is in the scales that are known by their numbers: unit, scikit-learn's digits, bytes.
_WHITES = (1.0, 16.0, 255.0)
# Training data whose brightest pixel is below the first part of white is plain no more; below the
# second its own range is the likelier one.
_PLAIN_PART, _FAINT_PART = 0.5, 0.25
# Resampled pictures go beyond black and white by up to that part of the range.
_OVERSHOOT = 0.1
_ROUNDING = 1e-6
# When images to predict are taken for those of a smaller scale: its white is at most the first part
# of the fitted one, half of the images or more reach the second part of it, and the part of their
# pixels that are not 0 is neither that of specks nor that of a sheet.
_MUCH_SMALLER, _NEAR_WHITE, _INK = 1 / 8, 0.9, (0.02, 0.95)
_LOOKED_AT = 1 << 20


def list_pictures(X: Any) -> list[np.ndarray] | None:
    """The pictures of a list, each as an array; None where X is no list of pictures.

    Parameters
    ----------
    X : object
        A list, a tuple, a one-dimensional array of objects or a Series may hold arrays, nested
        lists and Pillow's images, of one size or of many.

    Raises
    ------
    ValueError
        If X is a path, text or a single one of Pillow's images, or if only some of its elements are
        pictures.
    """
    if isinstance(X, str | bytes | PathLike):
        raise ValueError(
            f"expected an array of pixels, got a path or text: {X!r}. Read the file first: a table "
            "with digitcnn.datasets.read_digits_csv, a picture with np.asarray(PIL.Image.open(...))"
        )
    if hasattr(X, "getbands"):
        raise ValueError("expected a list of pictures, got a single image. Give [image]")
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
            f"expected arrays of pixels, got a path or text: {first!r}. Read the files first, as "
            "with np.asarray(PIL.Image.open(path))"
        )
    if not any(_is_picture(one) for one in X) and _to_array(X[0], 0).ndim < 2:
        lengths = {len(one) for one in X if hasattr(one, "__len__")}
        if len(lengths) > 1:
            raise ValueError(f"expected rows of one length, got lengths {_few(lengths)}")
        return None
    pictures = [_to_array(one, i) for i, one in enumerate(X)]
    for i, picture in enumerate(pictures):
        if picture.ndim not in (2, 3):
            raise ValueError(
                f"picture {i} has {picture.ndim} dimensions, not 2 or 3; expected (height, width) "
                f"or (height, width, channels), got {picture.shape}"
            )
    return pictures


def _is_picture(one: Any) -> bool:
    return getattr(one, "ndim", 0) >= 2 or hasattr(one, "getbands")


def _to_array(one: Any, place: int) -> np.ndarray:
    """An array of one of Pillow's images, which need not be grey or RGB, or of nested lists."""
    if hasattr(one, "getbands") and one.mode not in _PLAIN_MODES:
        one = one.convert("RGBA" if one.mode == "PA" or "transparency" in one.info else "RGB")
    try:
        return np.asarray(one)
    except ValueError as error:
        raise ValueError(
            f"picture {place} has rows of different lengths; expected rectangles of pixels"
        ) from error


def _few(found: Collection[Any]) -> str:
    listed = sorted(found)
    return ", ".join(map(str, listed[:3])) + (" ..." if len(listed) > 3 else "")


def looks_channels_first(side: tuple[int, ...]) -> bool:
    """Whether (a, b, c) makes sense as (channels, height, width) alone."""
    return len(side) == 3 and side[0] in _CHANNELS and side[2] not in _CHANNELS


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
    side : tuple of int, or None
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
                f"expected pictures of one size, got sizes {_few(sizes)}. Put a DigitNormalizer in "
                "front, which brings digits to one size, or resize them"
            )
        X = np.stack(pictures)
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    images = check_array(X, dtype="numeric", allow_nd=True)
    if images.ndim > 4:
        raise ValueError(
            f"X has {images.ndim} dimensions; expected (n, pixels), (n, height, width) or "
            "(n, height, width, channels)"
        )
    return images.reshape(len(images), -1), images.shape[1:]


def check_labels(y: np.ndarray) -> None:
    """Hold labels against what a classifier can learn.

    Raises
    ------
    ValueError
        If one is missing, or if they are no classes but measurements.
    """
    if y.dtype.kind == "O":
        for row, label in enumerate(y):
            try:
                is_missing = label is None or bool(label != label)
            except TypeError:  # pandas' NA is neither equal to itself nor different
                is_missing = True
            if is_missing:
                raise ValueError(f"y has no label in row {row}: {label}")
    check_classification_targets(y)


def hold_out(codes: np.ndarray, fraction: float, random_state: Any) -> list[np.ndarray]:
    """Divide rows at random, by class: those to train on, and those to validate with.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The classes.
    fraction : float
        Part of the rows that are held out of training.
    random_state : int, RandomState instance or None

    Raises
    ------
    ValueError
        If there are too few rows of a class.
    """
    rows = np.arange(len(codes))
    try:
        return train_test_split(rows, test_size=fraction, stratify=codes, random_state=random_state)
    except ValueError as error:
        raise ValueError(
            f"expected images enough of each class to hold out validation_fraction={fraction}, got "
            f"{len(rows)} images: {error}"
        ) from error


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
            return channels_last(side)
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
    if side is not None:
        check_side(side, shape, "image_shape says")
    return shape


def with_channels(side: tuple[int, ...]) -> tuple[int, int, int]:
    """(height, width) or (height, width, channels) as the latter."""
    height, width, *channels = side
    return height, width, (channels[0] if channels else 1)


def channels_last(side: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (height, width, channels) of pictures that came as `side`.

    Pictures of one channel may have it first: their pixels lie in the same order.

    Raises
    ------
    ValueError
        If the number of channels makes no sense.
    """
    height, width, channels = with_channels(side)
    if channels in _CHANNELS:
        return height, width, channels
    if looks_channels_first(side):
        if height == 1:
            return width, channels, 1
        raise ValueError(
            f"expected pictures of shape (height, width, channels), got {tuple(side)}, which looks "
            "like channels first. Use np.moveaxis(X, 1, -1)"
        )
    raise ValueError(
        f"expected pictures with 1 to 4 channels, got {channels}: shape {tuple(side)} as (height, "
        f"width, channels). If this is meant, give image_shape={tuple(side)}"
    )


def check_side(side: tuple[int, ...], image_shape: tuple[int, int, int], source: str) -> None:
    """Refuse pictures of another shape.

    Parameters
    ----------
    side : tuple of int
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
    has_channels_first = tuple(side) == (channels, height, width)
    if with_channels(side) == image_shape or (channels == 1 and has_channels_first):
        return
    hint = "Resize the images, or put a DigitNormalizer in front, of the training too"
    if has_channels_first:
        hint = "They have their channels first: use np.moveaxis(X, 1, -1)"
    elif tuple(side) == (width, channels):
        hint = "If X is a single image, give X[np.newaxis]"
    raise ValueError(
        f"X holds images of shape {tuple(side)}, but {source} {image_shape} (height, width, "
        f"channels). {hint}"
    )


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


def resolve_pixel_range(
    pixel_range: str | tuple[float, float], X: np.ndarray
) -> tuple[float, float]:
    """What the training data's black and white are.

    Warns where ``"auto"`` is not sure of it.

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
        If it is ``"auto"`` and the numbers are of no scale of pixels.
    """
    if pixel_range not in ("auto", "data"):
        low, high = map(float, pixel_range)
        return low, high
    if pixel_range == "auto" and X.dtype == np.uint8 and _has_above(X, 255 * _PLAIN_PART):
        return 0.0, 255.0
    low, high = float(X.min()), float(X.max())
    if pixel_range == "data":
        return low, high
    if low < -_OVERSHOOT * abs(high) or high > 255 * (1 + _OVERSHOOT):
        raise ValueError(
            f"X holds numbers from {low:g} to {high:g}; expected pixels in 0..255, 0..1 or 0..16. "
            "If a scaler such as StandardScaler stands in front, take it out. For another scale "
            "give pixel_range=(low, high); for tables that are not pictures pixel_range='data'"
        )
    if high == 16 and low >= 0 and not _has_fractions(X):
        return 0.0, 16.0
    is_integer = X.dtype.kind in "iu"
    if high == 0:
        return 0.0, 255.0 if is_integer else 1.0
    lowest = 1 if is_integer else _FAINT_PART
    if lowest <= high <= 1 + _ROUNDING:
        white, is_plain = 1.0, not is_integer and high >= _PLAIN_PART
    elif 255 * _FAINT_PART <= high <= 255 * (1 + _ROUNDING):
        white, is_plain = 255.0, high >= 255 * _PLAIN_PART
    else:
        white, is_plain = high, False
    # What resampling leaves below black.
    black = low if low < -_ROUNDING * white else 0.0
    if black or not is_plain:
        warnings.warn(
            f"X holds numbers from {low:g} to {high:g}: its pixels are taken to go from {black:g} "
            f"(background) to {white:g} (full ink). If they go from other numbers to others, give "
            "pixel_range=(low, high)",
            stacklevel=6,
        )
    return black, white


def check_pixel_scale(
    X: np.ndarray,
    fitted: tuple[float, float],
    pixel_range: str | tuple[float, float],
    name: str,
) -> np.ndarray:
    """Refuse images that are plainly on another scale than the training data.

    A single image that may be on another scale, or may be nearly blank, is warned about.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    fitted : tuple of two floats
        The scale of the training data.
    pixel_range : {"auto", "data"} or pair of floats
        The estimator's parameter. ``"data"`` refuses nothing.
    name : str
        What to call X in the error.

    Returns
    -------
    ndarray of shape (n, p)
        X; what lies outside through rounding is clipped.

    Raises
    ------
    ValueError
        If there are numbers outside, or if images reach up to the white of a much smaller scale.
    """
    if pixel_range == "data":
        return X
    black, white = fitted
    if X.dtype == np.uint8 and fitted == (0.0, 255.0) and _has_above(X, _WHITES[1]):
        return X
    low, high = float(X.min()), float(X.max())
    scale = f"{black:g}..{white:g}"
    # A range that was found in the training data is not exact: other rows go somewhat beyond.
    is_found = pixel_range == "auto" and (black != 0 or white not in _WHITES)
    margin = (white - black) * (_OVERSHOOT if is_found else _ROUNDING)
    if low < black - margin or high > white + margin:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g}, but its pixels should lie in {scale}, "
            f"the scale of the training data. {_outside_hint(X, low, high, fitted)}"
        )
    # Of a range that the user gave, only the white of a known scale says how bright images are.
    is_known = is_found or white in _WHITES
    other, is_sure = _smaller_white(X, high, white) if is_known else (0.0, False)
    if other:
        found = f"{name} holds numbers from {low:g} to {high:g}"
        if is_sure:
            raise ValueError(
                f"{found}, which looks like the scale 0..{other:g}, but the training data's is "
                f"{scale}. Multiply by {white / other:g}"
            )
        warnings.warn(
            f"{found}, a nearly black image on the training data's scale {scale}. If its scale is "
            f"0..{other:g}, multiply by {white / other:g}",
            stacklevel=5,
        )
    if not is_found and (low < black or high > white):
        return np.clip(X, black, white)
    return X


def _outside_hint(X: np.ndarray, low: float, high: float, fitted: tuple[float, float]) -> str:
    """What may have happened to images with numbers outside, and what to do."""
    black, white = fitted
    span = white - black
    # A scaler makes some pixels too bright, another scale most of the ink.
    if low >= -_OVERSHOOT * high and high > 2 * white and np.median(X[X > 0]) > white > 0:
        for other in (*_WHITES, 65535.0):
            is_whole = high <= other >= 255 and not _has_fractions(X)
            if is_whole or _NEAR_WHITE * other <= high <= other * (1 + _OVERSHOOT):
                return (
                    f"It looks like the scale 0..{other:g}: treat the training data and these "
                    f"images alike, or multiply by {white / other:g}"
                )
    hint = ""
    if low >= black - _OVERSHOOT * span and high <= white + _OVERSHOOT * span:
        hint = f"Resampled images go beyond black and white: np.clip(X, {black:g}, {white:g}). "
    step = "StandardScaler" if low < black else "MinMaxScaler that was fitted on other rows"
    return (
        f"{hint}A scaler in front, such as a {step}, does that: leave it out and pass raw pixels, "
        "or use MinMaxScaler(clip=True), or pixel_range='data'"
    )


def _smaller_white(X: np.ndarray, high: float, white: float) -> tuple[float, bool]:
    """The white of a much smaller scale that images reach up to, and whether they surely do.

    0 and False where there is none: images that are dark, faint or blank are no matter of scale.
    """
    if high <= _ROUNDING * white:  # what resampling leaves of black
        return 0.0, False
    for other in _WHITES:
        if not 0 < high <= other * (1 + _OVERSHOOT):
            continue
        if other > white * _MUCH_SMALLER:
            break
        if other == 1 and X.dtype.kind == "f" and _has_fractions(X):
            return other, True
        peaks = X.max(axis=1)
        inked = peaks > 0
        areas = np.concatenate([np.mean(part > 0, axis=1) for part in _parts(X)])
        area = np.median(areas[inked])
        if np.median(peaks[inked]) >= _NEAR_WHITE * other and _INK[0] <= area <= _INK[1]:
            return other, bool(inked.sum() > 1)
        break
    return 0.0, False


def _has_above(X: np.ndarray, limit: float) -> bool:
    """Whether a number is above `limit`; of large data mostly a small part is looked at."""
    return any(part.max() > limit for part in _parts(X))


def _has_fractions(X: np.ndarray) -> bool:
    return any(np.any(part % 1) for part in _parts(X))


def _parts(X: np.ndarray) -> Iterator[np.ndarray]:
    """Rows, some at a time: what is computed of all may be as large as a file."""
    step = max(1, _LOOKED_AT // X[:1].size)
    return (X[i : i + step] for i in range(0, len(X), step))
