"""The pixel values of black and white: found in training data, checked at prediction."""

import warnings
from collections.abc import Iterator

import numpy as np

# The white of known scales: 0..1, scikit-learn's digits, 8-bit and 16-bit pictures.
_WHITES = (1.0, 16.0, 255.0, 65535.0)
# Training data whose brightest pixel is below the first fraction of white is ambiguous; below the
# second, its own range is more likely than the scale.
_PLAIN_PART, _FAINT_PART = 0.5, 0.25
# Resampling exceeds black and white by up to this fraction of the range.
_OVERSHOOT = 0.1
_ROUNDING = 1e-6
# Images to predict are on a smaller scale if three conditions hold. Its white is at most the first
# fraction of the fitted white. At least half of the images reach the second fraction of it. The
# fraction of pixels that are not 0 is between the last two: neither specks nor a bright sheet.
_MUCH_SMALLER, _NEAR_WHITE, _INK = 1 / 8, 0.9, (0.02, 0.95)
# Pixels that are examined at a time.
_CHUNK = 1 << 20


def resolve_pixel_range(
    pixel_range: str | tuple[float, float], X: np.ndarray
) -> tuple[float, float]:
    """The training data's black and white.

    Warns where ``"auto"`` is uncertain.

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
        If it is ``"auto"`` and the values are on no known scale.
    """
    if pixel_range not in ("auto", "data"):
        low, high = map(float, pixel_range)
        return low, high
    if pixel_range == "auto" and X.dtype == np.uint8 and _has_above(X, 255 * _PLAIN_PART):
        return 0.0, 255.0
    low, high = float(X.min()), float(X.max())
    if pixel_range == "data":
        return low, high
    if low >= 0 and _PLAIN_PART * _WHITES[3] <= high <= _WHITES[3] and not _has_fractions(X):
        return 0.0, _WHITES[3]
    if low < -_OVERSHOOT * abs(high) or high > 255 * (1 + _OVERSHOOT):
        raise ValueError(
            "expected X with pixels in 0..1, 0..16, 0..255 or 0..65535 (whole numbers), got values "
            f"from {low:g} to {high:g}. Remove a scaler such as StandardScaler before the "
            "classifier. For another scale pass pixel_range=(low, high), for tables that are not "
            "pictures pixel_range='data'"
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
    # Values below 0 that are more than rounding are black.
    black = low if low < -_ROUNDING * white else 0.0
    if black or not is_plain:
        warnings.warn(
            f"X has values from {low:g} to {high:g}: {black:g} is taken as black (background) and "
            f"{white:g} as white (strokes). If that is wrong, pass pixel_range=(low, high)",
            stacklevel=6,
        )
    return black, white


def check_pixel_scale(
    X: np.ndarray,
    fitted: tuple[float, float],
    pixel_range: str | tuple[float, float],
    name: str,
) -> np.ndarray:
    """Refuse images that are clearly on another scale than the training data.

    A single image gets a warning: it may also be nearly blank.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    fitted : tuple of two floats
        The scale of the training data.
    pixel_range : {"auto", "data"} or pair of floats
        The estimator's parameter. ``"data"`` refuses nothing.
    name : str
        The name of X in the error.

    Returns
    -------
    ndarray of shape (n, p)
        X; values that are outside by rounding are clipped.

    Raises
    ------
    ValueError
        If there are values outside, or if images reach the white of a much smaller scale.
    """
    if pixel_range == "data":
        return X
    black, white = fitted
    if X.dtype == np.uint8 and fitted == (0.0, 255.0) and _has_above(X, _WHITES[1]):
        return X
    low, high = float(X.min()), float(X.max())
    scale = f"{black:g}..{white:g}"
    # A range found in the training data is not exact: other rows may exceed it a little.
    is_found = pixel_range == "auto" and (black != 0 or white not in _WHITES)
    margin = (white - black) * (_OVERSHOOT if is_found else _ROUNDING)
    if low < black - margin or high > white + margin:
        raise ValueError(
            f"expected {name} with pixels in {scale}, the scale of the training data, got values "
            f"from {low:g} to {high:g}. {_outside_hint(X, low, high, fitted)}"
        )
    # In a range that the user gave, images need not reach white, unless it is a known scale's.
    is_known = is_found or white in _WHITES
    other, is_sure = _smaller_white(X, high, white) if is_known else (0.0, False)
    if other:
        if is_sure:
            raise ValueError(
                f"expected {name} on the training data's scale {scale}, got values from {low:g} to "
                f"{high:g}, which looks like the scale 0..{other:g}. Multiply by {white / other:g}"
            )
        warnings.warn(
            f"{name} has values from {low:g} to {high:g}, which is a nearly black image on the "
            f"training data's scale {scale}. If its scale is 0..{other:g}, multiply it by "
            f"{white / other:g}",
            stacklevel=5,
        )
    if not is_found and (low < black or high > white):
        clipped: np.ndarray = np.clip(X, black, white)
        return clipped
    return X


def scale(images: np.ndarray, pixel_range: tuple[float, float]) -> np.ndarray:
    """Images as float32, with the two ends of `pixel_range` mapped to 0 and 1."""
    low, high = pixel_range
    factor = 1.0 / (high - low) if high > low else 1.0
    if images.dtype in (np.uint8, np.float32):
        pixels = images.astype(np.float32, copy=False)
        if low:
            pixels = pixels - np.float32(low)
        # In place, unless this is the caller's array.
        return np.multiply(pixels, np.float32(factor), out=None if pixels is images else pixels)
    # In double precision: float32 would lose small differences on a large offset.
    return ((images.astype(np.float64) - low) * factor).astype(np.float32)


def _outside_hint(X: np.ndarray, low: float, high: float, fitted: tuple[float, float]) -> str:
    """The likely cause of values outside of the scale, and what to do."""
    black, white = fitted
    span = white - black
    # A scaler makes some pixels too bright; another scale makes most of the foreground too bright.
    if low >= -_OVERSHOOT * high and high > 2 * white and np.median(X[X > 0]) > white > 0:
        for other in _WHITES:
            is_whole = high <= other >= 255 and not _has_fractions(X)
            if is_whole or _NEAR_WHITE * other <= high <= other * (1 + _OVERSHOOT):
                return (
                    f"It looks like the scale 0..{other:g}: preprocess these images as the "
                    f"training data, or multiply by {white / other:g}"
                )
    hint = ""
    if low >= black - _OVERSHOOT * span and high <= white + _OVERSHOOT * span:
        hint = (
            "If the images were resampled, clip them to black and white: "
            f"np.clip(X, {black:g}, {white:g}). "
        )
    step = "StandardScaler" if low < black else "MinMaxScaler fitted on other rows"
    return (
        f"{hint}A scaler before the classifier, such as a {step}, has this effect: remove it and "
        "pass raw pixels, or use MinMaxScaler(clip=True), or pixel_range='data'"
    )


def _smaller_white(X: np.ndarray, high: float, white: float) -> tuple[float, bool]:
    """The white of a much smaller scale that images seem to be on, and whether that is certain.

    0 and False if there is none: dark, faint or blank images say nothing about the scale.
    """
    if high <= _ROUNDING * white:  # black, apart from resampling
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
    """Whether a value is above `limit`; stops at the first part of the data that has one."""
    return any(part.max() > limit for part in _parts(X))


def _has_fractions(X: np.ndarray) -> bool:
    return any(np.any(part % 1) for part in _parts(X))


def _parts(X: np.ndarray) -> Iterator[np.ndarray]:
    """Batches of rows, because X may be a file larger than memory."""
    step = max(1, _CHUNK // X[:1].size)
    return (X[i : i + step] for i in range(0, len(X), step))
