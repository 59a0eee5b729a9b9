"""Random corruptions of training images, as by pens, scanners and cameras.

Distortions move the strokes of a digit. Corruptions change their width and sharpness, the shades of
background and strokes, and the noise.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from keras import ops

# Image side, in pixels, that the strengths refer to; they are scaled for other sizes.
_SIDE = 28.0


class Appearance(NamedTuple):
    """Random parameters for n images: arrays of shape (n,) unless another shape is given.

    Lengths are in pixels of a 28x28 image. Each corruption is applied to half of the images.
    """

    stroke: np.ndarray  # from -1, a pixel off each edge of a stroke, to 1, a pixel more; 0 is none
    blur: np.ndarray  # standard deviation of a Gaussian; 0 is none
    cell: np.ndarray  # side of the cells of a coarser grid that the image has been through
    ink: np.ndarray  # where 1 goes
    paper: np.ndarray  # of shape (n, 3): where 0 goes, in the middle, and its slope down and across
    noise: np.ndarray  # standard deviation of a normal one


def draw_appearance(n: int, rng: np.random.Generator) -> Appearance:
    """Draw the corruptions of `n` images.

    Parameters
    ----------
    n : int
        Number of images.
    rng : numpy.random.Generator

    Returns
    -------
    Appearance
    """
    is_changed = rng.random((4, n)) < 0.5
    strength = rng.random((7, n))
    is_coarse = rng.random(n) < 0.5
    shaded = is_changed[2]
    slope = 0.3 * (2.0 * strength[4:6] - 1.0)
    return Appearance(
        stroke=np.where(is_changed[0], 2.0 * strength[0] - 1.0, 0.0),
        blur=np.where(is_changed[1] & ~is_coarse, 0.3 + 1.2 * strength[1], 0.0),
        cell=np.where(is_changed[1] & is_coarse, 1.0 + 2.5 * strength[1], 1.0),
        ink=np.where(shaded, 1.0 - 0.5 * strength[2], 1.0),
        paper=np.where(shaded, np.stack([0.3 * strength[3], *slope]), 0.0).T,
        noise=np.where(is_changed[3], 0.2 * strength[6], 0.0),
    )


def apply_corruptions(
    images: np.ndarray, appearance: Appearance, rng: np.random.Generator
) -> np.ndarray:
    """Apply corruptions to images.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels), float32
        Light strokes on a dark background, in 0..1.
    appearance : Appearance
        Parameters for the n images.
    rng : numpy.random.Generator
        Draws the noise.

    Returns
    -------
    ndarray of shape (n, height, width, channels), float32
        In 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.augmentation.appearance import apply_corruptions, draw_appearance
    >>> rng = np.random.default_rng(0)
    >>> stroke = np.zeros((4, 28, 28, 1), np.float32)
    >>> stroke[:, 6:22, 13:15] = 1.0
    >>> apply_corruptions(stroke, draw_appearance(4, rng), rng).shape
    (4, 28, 28, 1)
    """
    height, width = images.shape[1:3]
    images = _widen(np, images, _stroke(appearance.stroke, height, width).astype(np.float32))
    softer = np.flatnonzero((appearance.blur > 0) | (appearance.cell > 1))
    if len(softer):
        down, across = softenings(appearance, softer, (height, width))
        images[softer] = np.einsum(
            "nij,njkc,nlk->nilc",
            down,
            images[softer],
            across,
            optimize=["einsum_path", (0, 1), (0, 1)],
        )
    images = _shade(
        np, images, appearance.paper.astype(np.float32), appearance.ink.astype(np.float32)
    )
    noisy = np.flatnonzero(appearance.noise)
    noise = rng.standard_normal((len(noisy), *images.shape[1:]), dtype=np.float32)
    images[noisy] += noise * appearance.noise[noisy].astype(np.float32)[:, None, None, None]
    return np.clip(images, 0.0, 1.0, out=images)


def alter_on_device(
    images: Any,
    stroke: Any,
    softer: Any,
    down: Any,
    across: Any,
    paper: Any,
    ink: Any,
    noisy: Any,
    noise: Any,
) -> Any:
    """`apply_corruptions` for tensors on accelerators, as a part of a compiled function.

    Parameters
    ----------
    images : tensor of shape (n, height, width, channels), float32
    stroke, paper, ink : tensors
        As in `Appearance`.
    softer : tensor of shape (s,), int32
        Indices of the images to soften; n is padding.
    down, across : tensors of shape (s, side, side)
        The matrices: see `softenings`.
    noisy : tensor of shape (m,), int32
        Indices of the images that get noise; n is padding.
    noise : tensor of shape (m, height, width, channels)
        It.
    """
    n, height, width, channels = images.shape
    images = _widen(ops, images, _stroke(stroke, height, width))
    images = ops.concatenate([images, ops.zeros((1, height, width, channels), "float32")])
    lines = ops.reshape(ops.take(images, softer, axis=0), (-1, height, width * channels))
    lines = ops.reshape(ops.matmul(down, lines), (-1, height, width, channels))
    soft = ops.einsum("nlk,nikc->nilc", across, lines)
    images = ops.scatter_update(images, softer[:, None], soft)
    shaded = _shade(ops, images[:n], paper, ink)
    shaded = ops.concatenate([shaded, ops.zeros((1, height, width, channels), "float32")])
    loud = ops.take(shaded, noisy, axis=0) + noise
    return ops.clip(ops.scatter_update(shaded, noisy[:, None], loud)[:n], 0.0, 1.0)


def softenings(
    appearance: Appearance, chosen: np.ndarray, side: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices that soften the columns and rows of the images with the indices `chosen`."""
    scale = min(side) / _SIDE
    down, across = (
        _softening(length, appearance.blur[chosen] * scale, appearance.cell[chosen] * scale)
        for length in side
    )
    return down, across


def _stroke(amount: Any, height: int, width: int) -> Any:
    """The stroke change, scaled down for images with few pixels."""
    return amount * min(1.0, min(height, width) / _SIDE)


def _widen(np: Any, images: Any, amount: Any) -> Any:
    """Widen strokes, or narrow them for negative amounts.

    Each pixel moves by the fraction `amount` towards the maximum, or minimum, of itself and its
    eight neighbours. `np` is NumPy, or `keras.ops` for tensors, here and below.
    """
    amount = amount[:, None, None, None]
    # min(x) = -max(-x), so one maximum serves both directions.
    sign = np.where(amount < 0, np.array(-1, "float32"), np.array(1, "float32"))
    extreme = images * sign
    extreme = np.maximum(
        np.maximum(extreme, np.concatenate([extreme[:, 1:], extreme[:, -1:]], axis=1)),
        np.concatenate([extreme[:, :1], extreme[:, :-1]], axis=1),
    )
    extreme = np.maximum(
        np.maximum(extreme, np.concatenate([extreme[:, :, 1:], extreme[:, :, -1:]], axis=2)),
        np.concatenate([extreme[:, :, :1], extreme[:, :, :-1]], axis=2),
    )
    return images + np.abs(amount) * (extreme * sign - images)


def _shade(np: Any, images: Any, paper: Any, ink: Any) -> Any:
    """Map 0 to the shade of the background and 1 to that of the strokes."""
    height, width = images.shape[1:3]
    rows = np.linspace(-1.0, 1.0, height, dtype="float32")[None, :, None, None]
    columns = np.linspace(-1.0, 1.0, width, dtype="float32")[None, None, :, None]
    middle, slope_down, slope_across = (paper[:, i, None, None, None] for i in range(3))
    paper = np.clip(middle + slope_down * rows + slope_across * columns, 0.0, 1.0)
    ink = ink[:, None, None, None]
    return images * (ink - np.minimum(paper, ink)) + np.minimum(paper, ink)


def _softening(side: int, blur: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Matrices of shape (n, side, side) that blur a line or resample it by a coarser grid."""
    place = np.arange(side)
    distance = (place[:, None] - place[None, :]).astype(np.float32)
    deviation = np.maximum(blur, 1e-3).astype(np.float32)[:, None, None]
    matrices: np.ndarray = np.exp(-0.5 * np.square(distance / deviation))
    matrices /= matrices.sum(axis=2, keepdims=True)
    for i in np.flatnonzero(blur == 0):
        matrices[i] = _coarsening(side, max(1, round(side / max(1.0, cell[i]))))
    return matrices


@lru_cache(maxsize=256)
def _coarsening(side: int, cells: int) -> np.ndarray:
    """A matrix that averages a line of `side` pixels over cells, and interpolates between them."""
    edges = np.linspace(0.0, side, cells + 1)
    pixels = np.arange(side)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    averages = np.clip(shared, 0.0, None) * (cells / side)
    # Centres of the pixels, in cells from the centre of the first cell.
    place = np.clip((pixels + 0.5) * (cells / side) - 0.5, 0.0, cells - 1.0)
    nearness = np.clip(1.0 - np.abs(place[:, None] - np.arange(cells)), 0.0, None)
    matrix: np.ndarray = (nearness @ averages).astype(np.float32)
    return matrix
