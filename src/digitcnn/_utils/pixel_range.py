"""Which numbers are black and white: found in training data, and held against what is predicted."""

import warnings
from collections.abc import Iterator

import numpy as np

# What white is in the scales that are known by their numbers: unit, scikit-learn's digits, pictures
# of 8 bits and of 16.
_WHITES = (1.0, 16.0, 255.0, 65535.0)
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
    if low >= 0 and _PLAIN_PART * _WHITES[3] <= high <= _WHITES[3] and not _has_fractions(X):
        return 0.0, _WHITES[3]
    if low < -_OVERSHOOT * abs(high) or high > 255 * (1 + _OVERSHOOT):
        raise ValueError(
            f"X holds numbers from {low:g} to {high:g}; expected pixels in 0..255, 0..1, 0..16 or "
            "0..65535 (whole numbers). "
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


def scale(images: np.ndarray, pixel_range: tuple[float, float]) -> np.ndarray:
    """Images as float32, with the two ends of `pixel_range` brought to 0 and 1."""
    low, high = pixel_range
    factor = 1.0 / (high - low) if high > low else 1.0
    if images.dtype in (np.uint8, np.float32):
        pixels = images.astype(np.float32, copy=False)
        if low:
            pixels = pixels - np.float32(low)
        # In place where this is no longer the caller's array.
        return np.multiply(pixels, np.float32(factor), out=None if pixels is images else pixels)
    # In double precision first: float32 would lose what a large offset leaves.
    return ((images.astype(np.float64) - low) * factor).astype(np.float32)


def _outside_hint(X: np.ndarray, low: float, high: float, fitted: tuple[float, float]) -> str:
    """What may have happened to images with numbers outside, and what to do."""
    black, white = fitted
    span = white - black
    # A scaler makes some pixels too bright, another scale most of the ink.
    if low >= -_OVERSHOOT * high and high > 2 * white and np.median(X[X > 0]) > white > 0:
        for other in _WHITES:
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
