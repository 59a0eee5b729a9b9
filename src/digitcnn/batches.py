"""The generator of batches for training and validation."""

from collections.abc import Iterator

import keras
import numpy as np

from digitcnn.augmentation import Distortion, affine_matrices, draw_affine, draw_elastic, warp

# Pixels that are distorted together, at most: 2,048 images of 28x28.
_GROUP = 2_048 * 784


class DigitBatches(keras.utils.PyDataset):
    """Batches of images in 0..1 for a network: shuffled and distorted, or as they stand.

    The images stay as they were given (uint8, as a rule) until their batch is asked for. What
    batch i of an epoch holds depends on the seed, the epoch and i alone, not on which thread asks
    for it, nor when.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    codes : ndarray of shape (n,)
        Labels as numbers from 0 up.
    weights : ndarray of shape (n,) or None
        Sample weights.
    pixel_range : tuple of two floats
        What becomes 0 and 1.
    batch_size : int
        The last batch of an epoch is smaller where this does not divide n.
    distortion : Distortion or None, default=None
        None leaves the images as they are, as validation data wants it.
    shuffle : bool, default=False
        Whether each epoch has an order of its own.
    seed : int, default=0
    first_epoch : int, default=0
        The number of the first epoch, where a training goes on.
    """

    def __init__(
        self,
        images: np.ndarray,
        codes: np.ndarray,
        weights: np.ndarray | None,
        *,
        pixel_range: tuple[float, float],
        batch_size: int,
        distortion: Distortion | None = None,
        shuffle: bool = False,
        seed: int = 0,
        first_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.images = images
        self.codes = codes
        self.weights = weights
        self.pixel_range = pixel_range
        self.batch_size = batch_size
        self.distortion = distortion
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = first_epoch
        self._order = self._draw_order()

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return next(self._make(index, 1))

    def in_order(self) -> Iterator[tuple[np.ndarray, ...]]:
        """The epoch's batches, one after the other.

        Some of them are distorted together: after a step of training nothing of the distortion is
        left in the processor's caches, so that starting it costs more than its arithmetic.
        """
        pixels = self.batch_size * int(np.prod(self.images.shape[1:]))
        most = max(1, min(len(self), _GROUP // pixels))
        # A power of two, so that data of many sizes has few compiled distortions.
        group = 1 << (most.bit_length() - 1)
        for first in range(0, len(self), group):
            yield from self._make(first, group)

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._order = self._draw_order()

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, purpose])

    def _draw_order(self) -> np.ndarray:
        n = len(self.images)
        return self._rng(0).permutation(n) if self.shuffle else np.arange(n)

    def _make(self, first: int, count: int) -> Iterator[tuple[np.ndarray, ...]]:
        """`count` batches from the number `first` on, or as many as there are."""
        size = self.batch_size
        rows = self._order[first * size : (first + count) * size]
        images = self.images[rows]
        if self.distortion is not None and not self.distortion.is_identity:
            images = self._distort(images, first, count)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            batch = scale(images[start : start + size], self.pixel_range), self.codes[part]
            yield batch if self.weights is None else (*batch, self.weights[part])

    def _distort(self, images: np.ndarray, first: int, count: int) -> np.ndarray:
        assert self.distortion is not None
        n, side = len(images), images.shape[1:3]
        # The compiled distortion is made for one number of images: fewer are filled up.
        size = min(self.batch_size, len(self.images))
        missing = count * size - n
        if missing:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
        matrices, displacements = [], []
        for index in range(first, first + count):
            rng = self._rng(1 + index)
            parameters = draw_affine(self.distortion, size, side, rng)
            matrices.append(affine_matrices(parameters, side))
            if self.distortion.elastic_alpha:
                displacements.append(draw_elastic(self.distortion, size, side, rng))
        return warp(
            images,
            np.concatenate(matrices),
            np.concatenate(displacements) if displacements else None,
            fill_mode=self.distortion.fill_mode,
            fill_value=self.pixel_range[0],
        )[:n]


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
