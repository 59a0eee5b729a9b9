"""Random distortions of images.

The affine part equals that of Keras's ``ImageDataGenerator`` for the same angles, shifts and
factors. The elastic part is Simard's. Both together need one interpolation per image.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Distortion:
    """How strongly training images are distorted.

    Parameters
    ----------
    rotation_range : float, default=0.0
        Largest rotation in either direction, in degrees.
    zoom_range : tuple of two floats, default=(1.0, 1.0)
        Bounds of the zoom factor, drawn for each axis. A factor below 1 enlarges the digit.
    shift_range : float, default=0.0
        Largest shift along each axis, as a fraction of the side.
    shear_range : float, default=0.0
        Largest shear angle in either direction, in degrees.
    elastic_alpha : float, default=0.0
        Strength of the elastic distortion [1]_, in pixels: the factor of a smoothed field of random
        numbers in -1..1. 0 disables it.
    elastic_sigma : float, default=4.0
        Standard deviation of the Gaussian that smooths the field, in pixels.
    fill_mode : {"nearest", "constant"}, default="nearest"
        Fill for pixels from outside the image: the nearest pixel, or the background.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003.
    """

    rotation_range: float = 0.0
    zoom_range: tuple[float, float] = (1.0, 1.0)
    shift_range: float = 0.0
    shear_range: float = 0.0
    elastic_alpha: float = 0.0
    elastic_sigma: float = 4.0
    fill_mode: str = "nearest"

    @property
    def is_identity(self) -> bool:
        """Whether the distortion changes nothing."""
        return not (
            self.rotation_range or self.shift_range or self.shear_range or self.elastic_alpha
        ) and tuple(self.zoom_range) == (1.0, 1.0)


# Distortion of the views for test-time augmentation: weaker than in training, whose strongest
# distortions are hardest to classify. The seed gives every model the same views.
_VIEWS = Distortion(rotation_range=5.0, zoom_range=(0.95, 1.05), shift_range=0.04, shear_range=4.0)
_VIEWS_SEED = 28


class AffineParameters(NamedTuple):
    """Affine parameters of a batch, of shape (n,), named as in ``ImageDataGenerator``."""

    theta: np.ndarray  # degrees
    tx: np.ndarray  # pixels, along the columns
    ty: np.ndarray  # pixels, along the rows
    shear: np.ndarray  # degrees
    zx: np.ndarray  # factor along the columns
    zy: np.ndarray  # factor along the rows


def draw_affine(
    distortion: Distortion, n: int, side: tuple[int, int], rng: np.random.Generator
) -> AffineParameters:
    """Draw the affine parameters of `n` images of `side` (height, width), each uniformly."""
    height, width = side
    uniform = rng.uniform(-1.0, 1.0, (4, n))
    low, high = distortion.zoom_range
    zoom = rng.uniform(low, high, (2, n))
    return AffineParameters(
        theta=distortion.rotation_range * uniform[0],
        tx=distortion.shift_range * width * uniform[1],
        ty=distortion.shift_range * height * uniform[2],
        shear=distortion.shear_range * uniform[3],
        zx=zoom[0],
        zy=zoom[1],
    )


def affine_matrices(parameters: AffineParameters, side: tuple[int, int]) -> np.ndarray:
    """Matrices that map an output pixel's (column, row, 1) to its position in the input.

    The order is that of ``ImageDataGenerator``: rotation, shift, shear, zoom, about the centre of
    the image. Here the centre is also right for images that are not square.

    Parameters
    ----------
    parameters : AffineParameters
        Of n images.
    side : tuple of int (height, width)

    Returns
    -------
    ndarray of shape (n, 2, 3), float32
    """
    theta, tx, ty, shear, zx, zy = parameters
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    cos, sin = np.cos(theta), np.sin(theta)
    # The columns of rotation x shear x zoom; only the rotation applies to the shift.
    a, b = cos * zx, (-cos * np.sin(shear) - sin * np.cos(shear)) * zy
    d, e = sin * zx, (-sin * np.sin(shear) + cos * np.cos(shear)) * zy
    x, y = (side[1] - 1) / 2, (side[0] - 1) / 2
    c = cos * tx - sin * ty + x - a * x - b * y
    f = sin * tx + cos * ty + y - d * x - e * y
    return np.stack([a, b, c, d, e, f], axis=1).reshape(-1, 2, 3).astype(np.float32)


@lru_cache(maxsize=64)
def _smoothing_factors(side: int, sigma: float) -> np.ndarray:
    """A matrix B of shape (side, k) with small k, such that B B' smooths a line like a Gaussian.

    Smoothing a field R of independent normal numbers is A R A', with A the matrix of the
    convolution. With A = U S V', the numbers in V' R V are again independent and normal, and all
    but the first few of the singular values S are nothing. So U S times a k by k field of normal
    numbers has the same distribution, at a small part of the cost.
    """
    distance = np.arange(side)[:, None] - np.arange(side)[None, :]
    kernel = np.exp(-0.5 * (distance / sigma) ** 2)
    # Normalised over the whole line rather than inside the image: displacements outside are zero,
    # as in Simard's method.
    span = int(np.ceil(4 * sigma))
    kernel /= np.exp(-0.5 * (np.arange(-span, span + 1) / sigma) ** 2).sum()
    left, values, _ = np.linalg.svd(kernel)
    rank = max(1, int(np.sum(values > 1e-3 * values[0])))
    factors: np.ndarray = (left[:, :rank] * values[:rank]).astype(np.float32)
    return factors


def draw_elastic(
    distortion: Distortion, n: int, side: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw the elastic displacements of `n` images.

    Parameters
    ----------
    distortion : Distortion
        Its `elastic_alpha` and `elastic_sigma` are used.
    n : int
        Number of images.
    side : tuple of int (height, width)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n, 2, height, width), float32
        Displacements along the columns and along the rows, in pixels. Independent normal numbers
        of the variance of Simard's uniform ones (1/3), smoothed by a Gaussian, times alpha.
    """
    rows, columns = smoothing_factors(distortion, side)
    noise = draw_smooth_noise(distortion, n, side, rng)
    return np.asarray(rows @ noise @ columns.T)


def smoothing_factors(
    distortion: Distortion, side: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The matrices for the displacements, rows @ noise @ columns.T, of a smooth field."""
    rows = _smoothing_factors(side[0], distortion.elastic_sigma)
    return rows, _smoothing_factors(side[1], distortion.elastic_sigma)


def draw_smooth_noise(
    distortion: Distortion, n: int, side: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw the few random numbers that determine the smooth field of `draw_elastic`."""
    rows, columns = smoothing_factors(distortion, side)
    noise = rng.standard_normal((n, 2, rows.shape[1], columns.shape[1]), dtype=np.float32)
    noise *= distortion.elastic_alpha / np.sqrt(3.0)
    return noise


def warp_on_device(
    images: Any, matrices: Any, displacements: Any, *, fill_mode: str, fill_value: float
) -> Any:
    """`warp` for tensors, to be compiled: one gather for each corner."""
    from keras import ops

    n, height, width, channels = images.shape
    columns = ops.convert_to_tensor(np.tile(np.arange(width, dtype=np.float32), height))
    rows = ops.convert_to_tensor(np.repeat(np.arange(height, dtype=np.float32), width))
    # Written out rather than as a matrix product, so that XLA fuses it into the loop.
    x = matrices[:, 0, 0:1] * columns + matrices[:, 0, 1:2] * rows + matrices[:, 0, 2:3]
    y = matrices[:, 1, 0:1] * columns + matrices[:, 1, 1:2] * rows + matrices[:, 1, 2:3]
    if displacements is not None:
        x = x + ops.reshape(displacements[:, 0], (n, height * width))
        y = y + ops.reshape(displacements[:, 1], (n, height * width))
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = ops.clip(x, 0.0, width - 1.0), ops.clip(y, 0.0, height - 1.0)
    x0, y0 = ops.floor(x), ops.floor(y)
    right, below = (x - x0)[..., None], (y - y0)[..., None]
    x0, y0 = ops.cast(x0, "int32"), ops.cast(y0, "int32")
    x1, y1 = ops.minimum(x0 + 1, width - 1), ops.minimum(y0 + 1, height - 1)
    first = ops.convert_to_tensor(np.arange(n, dtype=np.int32)[:, None] * (height * width))
    pixels = ops.reshape(images, (n * height * width, channels))

    def at(row: Any, column: Any) -> Any:
        return ops.cast(ops.take(pixels, first + row * width + column, axis=0), "float32")

    above, under = at(y0, x0), at(y1, x0)
    above = above + (at(y0, x1) - above) * right
    under = under + (at(y1, x1) - under) * right
    values = above + (under - above) * below
    if fill_mode == "constant":
        values = ops.where(inside[..., None], values, np.float32(fill_value))
    return ops.reshape(values, (n, height, width, channels))


@lru_cache(maxsize=32)
def _compiled_warp(fill_mode: str, fill_value: float, elastic: bool) -> Callable[..., np.ndarray]:
    from digitcnn.backend.runtime import compiled

    if elastic:
        return compiled(
            lambda images, matrices, displacements: warp_on_device(
                images, matrices, displacements, fill_mode=fill_mode, fill_value=fill_value
            )
        )
    return compiled(
        lambda images, matrices: warp_on_device(
            images, matrices, None, fill_mode=fill_mode, fill_value=fill_value
        )
    )


def warp(
    images: np.ndarray,
    matrices: np.ndarray,
    displacements: np.ndarray | None = None,
    *,
    fill_mode: str = "nearest",
    fill_value: float = 0.0,
) -> np.ndarray:
    """Distort a batch of images, in one interpolation.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Images of any real dtype.
    matrices : ndarray of shape (n, 2, 3), float32
        From `affine_matrices`.
    displacements : ndarray of shape (n, 2, height, width) or None, default=None
        From `draw_elastic`, in pixels.
    fill_mode : {"nearest", "constant"}, default="nearest"
        How pixels from outside the image are filled: with the nearest pixel, or `fill_value`.
    fill_value : float, default=0.0

    Returns
    -------
    ndarray of shape (n, height, width, channels), float32

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.augmentation.distortion import warp
    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> one_to_the_right = np.array([[[1, 0, -1], [0, 1, 0]]], dtype=np.float32)
    >>> warp(image, one_to_the_right)[0, :, :, 0]
    array([[0., 0., 1.],
           [3., 3., 4.],
           [6., 6., 7.]], dtype=float32)
    """
    function = _compiled_warp(fill_mode, float(fill_value), displacements is not None)
    arguments = [images, matrices] if displacements is None else [images, matrices, displacements]
    return function(*arguments)


def draw_views(n: int, side: tuple[int, int]) -> np.ndarray:
    """Draw views for test-time augmentation: the identity and slight affine distortions.

    Parameters
    ----------
    n : int
        Number of views, including the unchanged image.
    side : tuple of int (height, width)

    Returns
    -------
    ndarray of shape (n, 2, 3), float32
        Matrices for `warp`. A larger n only adds views.
    """
    rngs = np.random.default_rng(_VIEWS_SEED).spawn(max(0, n - 1))
    views = [affine_matrices(draw_affine(_VIEWS, 1, side, rng), side) for rng in rngs]
    as_it_is = np.array([[[1, 0, 0], [0, 1, 0]]], dtype=np.float32)
    return np.concatenate([as_it_is, *views])


def apply_view(images: np.ndarray, view: np.ndarray, **fill: Any) -> np.ndarray:
    """Apply one of the views to images.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    view : ndarray of shape (2, 3), float32
        One of `draw_views`.
    **fill
        ``fill_mode`` and ``fill_value``, as for `warp`.

    Returns
    -------
    ndarray of shape (n, height, width, channels), float32
    """
    n = len(images)
    # A power of two, so that few sizes are compiled, and at least one: JAX needs an image.
    missing = (1 << max(0, n - 1).bit_length()) - n
    filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
    return warp(filled, np.repeat(view[None], n + missing, axis=0), **fill)[:n]
