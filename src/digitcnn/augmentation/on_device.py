"""Batches of training images made on the accelerator that trains.

Only the random numbers are drawn on the CPU, as in `digitcnn.augmentation.batches`, so that a batch
is the same on both, except for rounding. The images are copied to the device in their own type
(uint8 is best), and remain there.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from digitcnn.augmentation.appearance import alter_on_device, draw_appearance, softenings
from digitcnn.augmentation.distortion import (
    Distortion,
    affine_matrices,
    draw_affine,
    draw_smooth_noise,
    smoothing_factors,
    warp_on_device,
)
from digitcnn.backend.runtime import compiled_on_device


class _Drawn(NamedTuple):
    """Random numbers for the images of some batches, padded to sizes that are compiled for.

    Of n images c are corrupted, s of these are softened, and m get noise.
    """

    matrices: np.ndarray  # (n, 2, 3)
    smooth_noise: np.ndarray  # (n, 2, k, k)
    rows: np.ndarray  # (height, k)
    columns: np.ndarray  # (width, k)
    altered: np.ndarray  # (c,), which; n is none
    stroke: np.ndarray  # (c,)
    softer: np.ndarray  # (s,), which of the c; c is none
    down: np.ndarray  # (s, height, height)
    across: np.ndarray  # (s, width, width)
    paper: np.ndarray  # (c, 3)
    ink: np.ndarray  # (c,)
    noisy: np.ndarray  # (m,), which of the c; c is none
    noise: np.ndarray  # (m, height, width, channels)


def make_on_device(
    images: np.ndarray,
    sizes: list[int],
    rngs: list[np.random.Generator],
    *,
    batch_size: int,
    distortion: Distortion,
    corruption_rate: float,
    pixel_range: tuple[float, float],
) -> list[Any]:
    """Distort and corrupt the images of consecutive batches.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Images of all batches.
    sizes : list of int
        Number of images of each batch.
    rngs : list of numpy.random.Generator
        Random generator of each batch.
    batch_size : int
        Number of images for which the distortions of each batch are drawn, also of a smaller batch.
    distortion : Distortion
    corruption_rate : float
    pixel_range : tuple of two floats
        The pixel values that become 0 and 1.

    Returns
    -------
    list of tensor of shape (size, height, width, channels), float32
    """
    whole = batch_size * len(rngs)
    drawn = _draw(images.shape[1:], sizes, rngs, batch_size, distortion, corruption_rate)
    function = _compiled(distortion, pixel_range, bool(corruption_rate))
    missing = np.zeros((whole - len(images), *images.shape[1:]), images.dtype)
    made = function(np.concatenate([images, missing]), *drawn)
    ends = np.cumsum(sizes)
    return [made[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _draw(
    shape: tuple[int, ...],
    sizes: list[int],
    rngs: list[np.random.Generator],
    batch_size: int,
    distortion: Distortion,
    corruption_rate: float,
) -> _Drawn:
    height, width, channels = shape
    side = height, width
    whole = batch_size * len(rngs)
    matrices, smooth_noise = [], []
    altered, looks, noises = [], [], []
    # In the order of `DigitBatches`, from the generator of each batch.
    for number, rng in enumerate(rngs):
        matrices.append(affine_matrices(draw_affine(distortion, batch_size, side, rng), side))
        if distortion.elastic_alpha:
            smooth_noise.append(draw_smooth_noise(distortion, batch_size, side, rng))
        if not corruption_rate or number >= len(sizes):
            continue
        chosen = np.flatnonzero(rng.random(sizes[number]) < corruption_rate)
        look = draw_appearance(len(chosen), rng)
        n_noisy = np.count_nonzero(look.noise)
        noise = rng.standard_normal((n_noisy, height, width, channels), dtype=np.float32)
        strength = look.noise[look.noise > 0].astype(np.float32)
        noises.append(noise * strength[:, None, None, None])
        altered.append(chosen + number * batch_size)
        looks.append(look)
    rows, columns = smoothing_factors(distortion, side)
    look = draw_appearance(0, np.random.default_rng(0))
    if looks:
        look = type(look)(*map(np.concatenate, zip(*looks, strict=True)))
    softer = np.flatnonzero((look.blur > 0) | (look.cell > 1))
    noisy = np.flatnonzero(look.noise)
    # Nearly always enough, so that the random numbers of images need only one compilation.
    expected = whole * corruption_rate + 6 * np.sqrt(whole * corruption_rate)
    most = max(len(look.ink), int(min(expected, whole)), 1)
    most = 1 << (most - 1).bit_length()
    down, across = softenings(look, softer, side)
    noise = np.concatenate(noises) if noises else np.zeros((0, *shape), np.float32)
    return _Drawn(
        np.concatenate(matrices),
        np.concatenate(smooth_noise) if smooth_noise else np.zeros((whole, 2, 1, 1), np.float32),
        rows,
        columns,
        _filled(np.concatenate(altered) if altered else np.zeros(0), most, whole).astype(np.int32),
        _filled(look.stroke, most),
        _filled(softer, most, most).astype(np.int32),
        _filled(down, most),
        _filled(across, most),
        _filled(look.paper, most),
        _filled(look.ink, most),
        _filled(noisy, most, most).astype(np.int32),
        _filled(noise, most),
    )


def _filled(array: np.ndarray, size: int, value: float = 0.0) -> np.ndarray:
    """The array as float32, padded to a number of rows."""
    filled = np.full((size, *array.shape[1:]), value, np.float32)
    filled[: len(array)] = array
    return filled


@lru_cache(maxsize=32)
def _compiled(
    distortion: Distortion, pixel_range: tuple[float, float], alters: bool
) -> Callable[..., Any]:
    low, high = pixel_range
    factor = 1.0 / (high - low) if high > low else 1.0

    def make(images: Any, *drawn: Any) -> Any:
        one = _Drawn(*drawn)
        n, height, width, channels = images.shape
        displacements = None
        if distortion.elastic_alpha:
            smooth = ops.matmul(one.rows, one.smooth_noise)
            displacements = ops.matmul(smooth, ops.transpose(one.columns))
        made = warp_on_device(
            images,
            one.matrices,
            displacements,
            fill_mode=distortion.fill_mode,
            fill_value=low,
        )
        made = (made - low) * factor
        if not alters:
            return made
        made = ops.concatenate([made, ops.zeros((1, height, width, channels), "float32")])
        altered = alter_on_device(ops.take(made, one.altered, axis=0), *one[5:])
        return ops.scatter_update(made, one.altered[:, None], altered)[:n]

    return compiled_on_device(make)
