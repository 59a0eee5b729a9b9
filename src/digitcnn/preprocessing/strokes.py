"""What tells strokes from a background: two shades, of which one is thin and hangs together."""

import math

import numpy as np
from scipy import ndimage

_SHADES = 64  # Steps of the histogram that divides a picture into light and dark.
_STRUCTURE_SIZE = 96  # Larger pictures are sampled at every second, third ... pixel.
_THICKNESS_WEIGHT = 0.5  # Of the thickness's logarithm, beside terms that go from -1 to 1.
SOFT_EDGE = 2  # Pixels.
_REACH = 0.05  # Of the border's pixels.


def split_in_two_shades(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Otsu's threshold between the dark and the light pixels of pictures (n, h, w), as (n,).

    Besides the part of the variance that the two shades explain, as (n,).
    """
    n = len(images)
    low, high = images.min(axis=(1, 2)), images.max(axis=(1, 2))
    # So that the number of shades, divided by it, is a number of float32.
    span = np.maximum(high - low, _SHADES * np.finfo(np.float32).tiny)
    steps = (images - low[:, None, None]) * (_SHADES / span)[:, None, None]
    steps = np.minimum(steps.astype(np.intp), _SHADES - 1).reshape(n, -1)
    keys = steps + _SHADES * np.arange(n)[:, None]
    counts = np.bincount(keys.ravel(), minlength=n * _SHADES).reshape(n, _SHADES)
    shades = np.arange(_SHADES)
    below, sums = counts.cumsum(axis=1), (counts * shades).cumsum(axis=1)
    total, mean = below[:, -1:], sums[:, -1:] / below[:, -1:]
    sizes = np.maximum(below * (total - below), 1)
    between = np.square(mean * below - sums) / sizes
    best = between[:, :-1].argmax(axis=1)
    variance = (counts * np.square(shades - mean)).sum(axis=1) / total[:, 0]
    score = between[np.arange(n), best] / np.maximum(variance, np.finfo(float).tiny)
    level = low + (best + 1) * (span / _SHADES)
    # Rounding must not leave a shade without a pixel.
    level = np.clip(level.astype(np.float32), np.nextafter(low, np.inf, dtype=np.float32), high)
    return level, score


def stroke_signs(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much masks (n, h, w) look like strokes, as scores of shape (n,).

    Background lies at the border and in the corners, and strokes divide it; strokes are connected,
    and few of their pixels lie far from their edge. Besides the share that the largest connected
    component has of each mask, and whether it reaches the border.
    """
    n, height, width = masks.shape
    border = border_pixels(masks).mean(axis=1)
    corners = masks[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1)
    step = -(-max(height, width) // _STRUCTURE_SIZE)
    masks = masks[:, ::step, ::step]
    area = np.maximum(masks.sum(axis=(1, 2)), 1)
    largest, reaches = largest_component(masks)
    share = largest / area
    depth, rest = np.zeros(n), np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    while rest.any():
        depth += rest.sum(axis=(1, 2))
        inner = np.zeros_like(rest)
        inner[:, 1:-1, 1:-1] = (
            rest[:, 1:-1, 1:-1] & rest[:, :-2, 1:-1] & rest[:, 2:, 1:-1]
            & rest[:, 1:-1, :-2] & rest[:, 1:-1, 2:]
        )  # fmt: skip
        rest = inner
    thickness = np.maximum(depth / area, 1)
    return share - border - corners - _THICKNESS_WEIGHT * np.log(thickness), share, reaches


def largest_component(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the largest connected component of each of the masks (n, h, w).

    Besides whether it reaches the border, but for a soft edge, by more than a chain of specks.
    """
    neighbours = np.zeros((3, 3, 3), bool)
    neighbours[1] = ndimage.generate_binary_structure(2, 1)
    components, n_components = ndimage.label(masks, neighbours)
    sizes = np.bincount(components.ravel(), minlength=n_components + 1)
    owners = np.zeros(n_components + 1, np.intp)
    owners[components[masks]] = np.nonzero(masks)[0]
    largest = np.zeros(len(masks), np.intp)
    np.maximum.at(largest, owners[1:], sizes[1:])
    outer = border_pixels(components, SOFT_EDGE)
    within = (outer > 0) & (sizes[outer] == largest[:, None])
    return largest, within.mean(axis=1) >= _REACH


def median_where(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The lower median of the pixels in a mask, one at least, of each of the pictures (n, h, w)."""
    flat = np.where(masks, images, np.inf).reshape(len(images), math.prod(images.shape[1:]))
    ordered = np.sort(flat, axis=1)
    middle = (masks.sum(axis=(1, 2)) - 1) // 2
    median: np.ndarray = ordered[np.arange(len(images)), middle]
    return median


def border_pixels(images: np.ndarray, width: int = 1) -> np.ndarray:
    """The outermost pixels of pictures (n, h, w), as (n, pixels)."""
    edge = np.ones(images.shape[1:], dtype=bool)
    edge[width:-width, width:-width] = False
    return images[:, edge]
