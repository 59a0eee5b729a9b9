"""The generator of batches for training and validation."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from digitcnn._utils.pixel_range import scale
from digitcnn.augmentation.appearance import apply_corruptions, draw_appearance
from digitcnn.augmentation.distortion import (
    Distortion,
    affine_matrices,
    draw_affine,
    draw_elastic,
    warp,
)
from digitcnn.augmentation.on_device import make_on_device
from digitcnn.backend.devices import device_scope

# Largest number of pixels that are distorted together: 2,048 images of 28x28.
_GROUP = 2_048 * 784
# Number of pixels that are distorted within milliseconds: 256 images of 28x28.
_SMALL = 256 * 784


class DigitBatches(keras.utils.PyDataset):
    """Batches of images in 0..1 for a network, with or without shuffling and augmentation.

    The images are converted (from uint8, as a rule) when their batch is made. Batch i of an epoch
    depends only on the seed, the epoch and i, not on the thread or the time.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    y_encoded : ndarray of shape (n,)
        Labels encoded as integers from 0.
    weights : ndarray of shape (n,) or None
        Sample weights.
    pixel_range : tuple of two floats
        The pixel values that become 0 and 1.
    batch_size : int
        The last batch of an epoch may be smaller.
    distortion : Distortion or None, default=None
        None disables distortion (validation data).
    corruption_rate : float, default=0.0
        Fraction of the images, drawn again in each epoch, that are corrupted: see
        `digitcnn.augmentation.appearance`.
    rows : ndarray of int or None, default=None
        Indices of the images of an epoch; None for all.
    shuffle : bool, default=False
        Whether to shuffle the images in each epoch.
    seed : int, default=0
    first_epoch : int, default=0
        Number of the first epoch; above 0 if the training continues an earlier one.
    accelerator : str or None, default=None
        The accelerator on which the batches of `in_order` are made, as for
        `digitcnn.backend.devices.device_scope`. None makes them on the CPU.
    """

    def __init__(
        self,
        images: np.ndarray,
        y_encoded: np.ndarray,
        weights: np.ndarray | None,
        *,
        pixel_range: tuple[float, float],
        batch_size: int,
        distortion: Distortion | None = None,
        corruption_rate: float = 0.0,
        rows: np.ndarray | None = None,
        shuffle: bool = False,
        seed: int = 0,
        first_epoch: int = 0,
        accelerator: str | None = None,
    ) -> None:
        super().__init__()
        self.images = images
        self.y_encoded = y_encoded
        self.weights = weights
        self.pixel_range = pixel_range
        self.batch_size = batch_size
        self.distortion = distortion
        self.corruption_rate = corruption_rate
        self.rows: np.ndarray = np.arange(len(images)) if rows is None else rows
        self.shuffle = shuffle
        self.seed = seed
        self.epoch: int = first_epoch
        self.accelerator = accelerator
        self._order = self._draw_order()

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return next(self._make(index, 1))

    def in_order(self) -> Iterator[tuple[np.ndarray, ...]]:
        """The batches of the epoch, in order.

        Several batches are distorted together: a training step evicts the code and data of the
        distortion from the CPU's caches, so starting it costs more than its arithmetic. A thread
        makes the next ones during the training, which leaves a part of the CPU's time unused.
        """
        pixels = self.batch_size * int(np.prod(self.images.shape[1:]))
        most = max(1, min(len(self), _GROUP // pixels))
        # A power of two, so that few distortions are compiled for data of any size.
        group = 1 << (most.bit_length() - 1)

        def make(first: int) -> list[tuple[Any, ...]]:
            # A device scope is valid in the thread that enters it.
            with device_scope(self.accelerator or "cpu"):
                if self.accelerator is not None:
                    return self._make_on_device(first, group)
                return list(self._make(first, group))

        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(make, 0)
            for first in range(0, len(self), group):
                made = coming.result()
                if first + group < len(self):
                    coming = ahead.submit(make, first + group)
                yield from made

    def _make_on_device(self, first: int, count: int) -> list[tuple[Any, ...]]:
        if self.distortion is None or self.distortion.is_identity:
            return list(self._make(first, count))
        size = self.batch_size
        rows = self._order[first * size : (first + count) * size]
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        made = make_on_device(
            self.images[rows],
            [len(part) for part in parts],
            [self._rng(1 + first + i) for i in range(count)],
            batch_size=min(size, len(self.rows)),
            distortion=self.distortion,
            corruption_rate=self.corruption_rate,
            pixel_range=self.pixel_range,
        )
        return [self._batch(*one) for one in zip(made, parts, strict=True)]

    def _batch(self, images: Any, rows: np.ndarray) -> tuple[Any, ...]:
        """Images with the labels of their rows, and with the weights if there are any."""
        batch = images, self.y_encoded[rows]
        return batch if self.weights is None else (*batch, self.weights[rows])

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._order = self._draw_order()

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, purpose])

    def _draw_order(self) -> np.ndarray:
        return self._rng(0).permutation(self.rows) if self.shuffle else self.rows

    def _make(self, first: int, count: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Make `count` batches from the number `first` on, or as many as there are."""
        size = self.batch_size
        rows = self._order[first * size : (first + count) * size]
        images = self.images[rows]
        bounds = [*range(0, len(rows), size), len(rows)]
        # Drawn per batch, so that a batch is the same outside its group.
        rngs = [self._rng(1 + first + i) for i in range(count)]
        if self.distortion is not None and not self.distortion.is_identity:
            images = self._distort(images, rngs)
        for (start, stop), rng in zip(pairwise(bounds), rngs, strict=False):
            part = scale(images[start:stop], self.pixel_range)
            if self.corruption_rate:
                chosen = np.flatnonzero(rng.random(len(part)) < self.corruption_rate)
                part[chosen] = apply_corruptions(
                    part[chosen], draw_appearance(len(chosen), rng), rng
                )
            yield self._batch(part, rows[start:stop])

    def _distort(self, images: np.ndarray, rngs: list[np.random.Generator]) -> np.ndarray:
        distortion = self.distortion
        assert distortion is not None
        n, side = len(images), images.shape[1:3]
        size = min(self.batch_size, len(self.rows))

        def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
            matrices = affine_matrices(draw_affine(distortion, size, side, rng), side)
            if not distortion.elastic_alpha:
                return matrices, None
            return matrices, draw_elastic(distortion, size, side, rng)

        matrices, displacements = zip(*map(draw, rngs), strict=True)
        # The distortion is compiled for a number of images: smaller batches are padded.
        whole = len(rngs) * self._compiled_size(size)
        return warp(
            _filled_up(images, whole),
            _filled_up(np.concatenate(matrices), whole),
            _filled_up(np.concatenate(displacements), whole) if distortion.elastic_alpha else None,
            fill_mode=distortion.fill_mode,
            fill_value=self.pixel_range[0],
        )[:n]

    def _compiled_size(self, size: int) -> int:
        """Number of images that the distortion is compiled for: few numbers for data of any size.

        It is a power of two, and not below the number that is distorted within milliseconds.
        """
        pixels = int(np.prod(self.images.shape[1:]))
        least = max(1, _SMALL // pixels)
        return min(self.batch_size, 1 << (max(size, least) - 1).bit_length())


def _filled_up(array: np.ndarray, size: int) -> np.ndarray:
    """Pad the array with rows of zeros."""
    missing = size - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
