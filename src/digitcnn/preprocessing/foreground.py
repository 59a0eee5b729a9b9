"""Segmentation: a digit's strokes, the foreground, told from the background of its picture."""

import numpy as np
from scipy import ndimage

from digitcnn.preprocessing.strokes import (
    SOFT_EDGE,
    border_pixels,
    largest_component,
    median_where,
    split_in_two_shades,
    stroke_signs,
)

_MIN_CONTRAST = 16  # Of 255: fainter than that, an 8-bit picture may be a blank sheet's noise.
_NOISE_DEVIATIONS = 4.0
_NOISY_LINE = 0.05  # A line with less foreground than this part of the fullest line's is specks.
_CROSSING = 0.25  # Of the highest value: where the border has more, strokes may reach it.
_SLOPE_GAIN = (
    0.7  # A plane replaces the one shade if it leaves no more than this part of the noise.
)
_FITTING_ROUNDS = 12
_ROUNDING = 1e-6
# Two shades explain a picture of strokes better than one of noise, whose strokes fall apart.
_SURELY_TWO_SHADES, _MAYBE_TWO_SHADES = 0.8, 0.7
_WHOLE_STROKE = 0.75
_MOST_FOREGROUND = 0.7  # Of a faint picture's pixels: more is a sheet with specks.
# On so few pixels noise cannot be told from strokes; but a picture becomes so small by averaging,
# which removes most of its noise.
_FEW_PIXELS = 144
# The score from which a larger picture has strokes although its border says that it is blank.
_TWO_SHADES_AFTER_ALL = 0.75


def find_foreground(images: np.ndarray, invert: str | bool) -> np.ndarray:
    """How far each pixel stands out from its picture's background.

    Parameters
    ----------
    images : ndarray of shape (n, height, width)
    invert : "auto" or bool
        Whether the foreground is darker than the background.

    Returns
    -------
    ndarray of float32 of shape (n, height, width)
        0 where a pixel is background.
    """
    foreground = images.astype(np.float32)
    background, noise = _estimate_background(foreground)
    foreground -= background
    if invert == "auto":
        lighter = np.square(np.maximum(foreground, 0)).sum(axis=(1, 2))
        darker = np.square(np.minimum(foreground, 0)).sum(axis=(1, 2))
        is_turned = darker > lighter
    else:
        is_turned = np.full(len(foreground), bool(invert))
    foreground[is_turned] *= -1
    # Where strokes reach the border, the border alone does not show what is background.
    peaks = np.abs(foreground).max(axis=(1, 2))
    crossing = np.abs(border_pixels(foreground)).max(axis=1) >= _CROSSING * peaks
    crossing |= _is_lost(foreground, noise)
    crossed = np.flatnonzero(crossing & (peaks > 0))
    if len(crossed):
        pictures = images[crossed].astype(np.float32)
        _find_crossing_foreground(pictures, invert, is_turned[crossed], crossed, foreground, noise)
    foreground[foreground <= _NOISE_DEVIATIONS * noise[:, None, None]] = 0
    noisy = np.flatnonzero(noise > 2 * _ROUNDING * np.abs(images).max(axis=(1, 2)))
    if len(noisy):
        foreground[noisy] = _without_specks(foreground[noisy])
    if images.dtype == np.uint8:
        # So few steps may be noise, or all that a picture of another scale (0..1, 0..16) has.
        faint = np.flatnonzero((peaks > 0) & (foreground.max(axis=(1, 2)) < _MIN_CONTRAST))
        strokes = foreground[faint] > 0
        area = strokes.sum(axis=(1, 2))
        is_whole = largest_component(strokes)[0] >= _WHOLE_STROKE * area
        foreground[faint[~is_whole | (area > _MOST_FOREGROUND * foreground[0].size)]] = 0
    return foreground


def _without_specks(foreground: np.ndarray) -> np.ndarray:
    """Cut away the outer lines with nothing but the few specks that noise leaves."""
    for axis in (1, 2):
        lines = foreground.sum(axis=3 - axis)
        specks = lines < _NOISY_LINE * lines.max(axis=1, keepdims=True)
        first, last = extent(np.where(specks, 0, lines))
        line = np.arange(foreground.shape[axis])
        inside = (line >= first[:, None]) & (line < last[:, None])
        foreground = foreground * np.expand_dims(inside, 3 - axis)
    return foreground


def _find_crossing_foreground(
    images: np.ndarray,
    invert: str | bool,
    is_turned: np.ndarray,
    indices: np.ndarray,
    foreground: np.ndarray,
    noise: np.ndarray,
) -> None:
    """Find the foreground of pictures whose strokes reach the border, by what strokes look like.

    Each picture is divided into light and dark. The foreground is the one of the two that shows
    less at the border and in the corners, is connected, and thin. `foreground` and `noise` are
    written to at `indices` where two shades explain a picture; elsewhere they stay as they are.
    """
    # A sloping background has been subtracted from `foreground`, unless strokes caused the slope.
    level, score = split_in_two_shades(images)
    flat = foreground[indices]
    flat_level, flat_score = split_in_two_shades(flat)
    sloping = 1 - flat_score < _SLOPE_GAIN * (1 - score)
    flat[~sloping] = images[~sloping]
    level, score = np.where(sloping, [flat_level, flat_score], [level, score]).astype(np.float32)
    light = flat >= level[:, None, None]
    light_sign, light_share, light_reaches = stroke_signs(light)
    dark_sign, dark_share, dark_reaches = stroke_signs(~light)
    # Pictures whose slope was taken away have been turned already.
    by_border = ~sloping & is_turned
    is_dark = dark_sign > light_sign if invert == "auto" else by_border
    share = np.where(is_dark, dark_share, light_share)
    may_be = (score >= _MAYBE_TWO_SHADES) & (share >= _WHOLE_STROKE) & (is_dark == by_border)
    sure = (score >= _SURELY_TWO_SHADES) | may_be
    # Otherwise what crosses the border is noise, which has been measured there.
    sure &= np.where(is_dark, dark_reaches, light_reaches)
    # But a picture with strokes must not come out empty where all of it is taken for noise.
    sure |= _is_lost(foreground[indices], noise[indices]) & _has_strokes(images, score, share)
    flat[is_dark] *= -1
    level = np.where(is_dark, -level, level)
    strokes = light ^ is_dark[:, None, None]
    flat, level, strokes, indices = flat[sure], level[sure], strokes[sure], indices[sure]
    # A stroke's soft edge is not background. Where nothing else is left, the faintest pixel is.
    neighbours = np.ones((1, 2 * SOFT_EDGE + 1, 2 * SOFT_EDGE + 1))
    background = ~ndimage.binary_dilation(strokes, neighbours)
    none = ~background.any(axis=(1, 2))
    background[none] = flat[none] == flat[none].min(axis=(1, 2), keepdims=True)
    shade = median_where(flat, background)
    flat -= shade[:, None, None]
    deviation = 1.4826 * median_where(np.abs(flat), background)
    foreground[indices] = flat
    # A stroke is never noise.
    noise[indices] = np.minimum(deviation, (1 - _ROUNDING) * (level - shade) / _NOISE_DEVIATIONS)


def _is_lost(foreground: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether all of the foreground of pictures (n, h, w) is taken for noise."""
    lost: np.ndarray = (noise > 0) & (foreground.max(axis=(1, 2)) <= _NOISE_DEVIATIONS * noise)
    return lost


def _has_strokes(images: np.ndarray, score: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Whether pictures (n, h, w) whose foreground is taken for noise have strokes all the same."""
    span = np.ptp(images, axis=(1, 2))
    clear = span >= _MIN_CONTRAST / 255 * np.abs(images).max(axis=(1, 2))
    if images[0].size <= _FEW_PIXELS:
        return clear
    whole: np.ndarray = clear & (score >= _TWO_SHADES_AFTER_ALL) & (share >= _WHOLE_STROKE)
    return whole


def _estimate_background(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The background of pictures (n, h, w), as (n, h, w) or (n, 1, 1), and its noise, as (n,).

    The border shows it: one shade, or a plane in uneven light.
    """
    _, height, width = images.shape
    border = border_pixels(images)
    shade = np.median(border, axis=1)[:, None]
    noise = _deviation(border - shade)
    # Where more than half of the border is of one and the same shade there is no slope to find.
    sloping = np.flatnonzero(noise > 0)
    if not len(sloping):
        return shade[:, :, None], noise
    rows, columns = np.indices((height, width), dtype=np.float32)
    coordinates = np.stack([np.ones_like(rows), rows / height, columns / width], axis=-1)
    on_border = np.ascontiguousarray(border_pixels(coordinates.transpose(2, 0, 1)).T)
    planes = _fit_planes(on_border, border[sloping])
    residue = _deviation(border[sloping] - planes @ on_border.T)
    better = residue < _SLOPE_GAIN * noise[sloping]
    background = np.broadcast_to(shade[:, :, None], images.shape).copy()
    background[sloping[better]] = np.einsum("nk,hwk->nhw", planes[better], coordinates)
    # A plane in float32 is off by its rounding.
    rounding = _ROUNDING * np.abs(border[sloping]).max(axis=1)
    noise[sloping[better]] = np.maximum(residue, rounding)[better]
    return background, noise


def _fit_planes(coordinates: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Planes of least absolute deviation, which strokes on the border do not tilt, as (n, 3).

    By iteratively reweighted least squares.
    """
    weights = np.ones_like(values)
    scale = np.maximum(np.ptp(values, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    planes = np.zeros((len(values), 3), dtype=np.float32)
    for _ in range(_FITTING_ROUNDS):
        weighted = weights[:, :, None] * coordinates
        # Regularised, so that a picture of one row or column has a solution.
        squares = coordinates.T @ weighted + 1e-6 * np.eye(3, dtype=np.float32)
        moments = np.einsum("nmk,nm->nk", weighted, values)
        planes = np.linalg.solve(squares, moments[:, :, None])[:, :, 0]
        off = np.abs(values - planes @ coordinates.T) / scale
        weights = 1.0 / np.maximum(off, 1e-3)
    fitted: np.ndarray = planes.astype(np.float32)
    return fitted


def _deviation(residues: np.ndarray) -> np.ndarray:
    """The median absolute deviation from 0, scaled to be a normal distribution's standard one."""
    deviation: np.ndarray = 1.4826 * np.median(np.abs(residues), axis=1)
    return deviation


def extent(profiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First line that has foreground, and one past the last, in each of the profiles (n, lines)."""
    is_filled = profiles > 0
    return is_filled.argmax(axis=1), profiles.shape[1] - is_filled[:, ::-1].argmax(axis=1)
