"""The generator of batches for training and validation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from digitcnn._utils.pixel_range import scale
from digitcnn._utils.workers import worker_threads
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

# Pixels that are distorted together, at most: 2,048 images of 28x28.
_GROUP = 2_048 * 784
# Pixels that are distorted in some milliseconds: 256 images of 28x28.
_SMALL = 256 * 784
# Threads that draw and alter the batches of a group, at most. NumPy lets go of Python's lock in
# most of it.
_THREADS = 2


class DigitBatches(keras.utils.PyDataset):
    """Batches of images in 0..1 for a network: shuffled and distorted, or as they stand.

    The images stay as they were given (uint8, as a rule) until their batch is asked for. What
    batch i of an epoch holds depends on the seed, the epoch and i alone, not on which thread asks
    for it, nor when.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    y_encoded : ndarray of shape (n,)
        Labels as numbers from 0 up.
    weights : ndarray of shape (n,) or None
        Sample weights.
    pixel_range : tuple of two floats
        What becomes 0 and 1.
    batch_size : int
        The last batch of an epoch is smaller where this does not divide n.
    distortion : Distortion or None, default=None
        None leaves the images as they are, as validation data wants it.
    corruption_rate : float, default=0.0
        Part of the images, drawn anew in each epoch, whose look is altered: see
        `digitcnn.augmentation.appearance`.
    rows : ndarray of int or None, default=None
        The images that an epoch consists of; None is all of them.
    shuffle : bool, default=False
        Whether each epoch has an order of its own.
    seed : int, default=0
    first_epoch : int, default=0
        The number of the first epoch, where a training goes on.
    ahead_on : str or None, default=None
        The device, as `digitcnn.backend.devices.device_scope` takes it, of an accelerator that
        trains: while it does, the next batches are made. None makes each group when it is its turn.
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
        ahead_on: str | None = None,
    ) -> None:
        super().__init__()
        self.images = images
        self.y_encoded = y_encoded
        self.weights = weights
        self.pixel_range = pixel_range
        self.batch_size = batch_size
        self.distortion = distortion
        self.corruption_rate = corruption_rate
        self.rows = np.arange(len(images)) if rows is None else rows
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = first_epoch
        self.ahead_on = ahead_on
        self._order = self._draw_order()

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

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
        if self.ahead_on is not None:
            yield from self._in_order_ahead(group)
            return
        with ThreadPoolExecutor(min(worker_threads() or _THREADS, _THREADS)) as threads:
            for first in range(0, len(self), group):
                yield from self._make(first, group, each=threads.map)

    def _in_order_ahead(self, group: int) -> Iterator[tuple[Any, ...]]:
        """As `in_order`, on an accelerator: while some batches train, the next ones are made."""

        def make(first: int) -> list[tuple[Any, ...]]:
            # A scope is that of the thread that enters it.
            with device_scope(self.ahead_on or "auto"):
                return self._make_on_device(first, group)

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
        """Images with the labels and, where there are any, the weights of their rows."""
        batch = images, self.y_encoded[rows]
        return batch if self.weights is None else (*batch, self.weights[rows])

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._order = self._draw_order()

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, purpose])

    def _draw_order(self) -> np.ndarray:
        return self._rng(0).permutation(self.rows) if self.shuffle else self.rows

    def _make(
        self, first: int, count: int, each: Callable[..., Any] = map
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """`count` batches from the number `first` on, or as many as there are.

        `each` maps a function over the batches: what is drawn for one depends on no other.
        """
        size = self.batch_size
        rows = self._order[first * size : (first + count) * size]
        images = self.images[rows]
        bounds = [*range(0, len(rows), size), len(rows)]
        # Of the images of other batches in the group nothing is drawn, so that a batch asked for
        # alone is the same.
        rngs = [self._rng(1 + first + i) for i in range(count)]
        if self.distortion is not None and not self.distortion.is_identity:
            images = self._distort(images, rngs, each)

        def finish(start: int, stop: int, rng: np.random.Generator) -> np.ndarray:
            part = scale(images[start:stop], self.pixel_range)
            if self.corruption_rate:
                chosen = np.flatnonzero(rng.random(len(part)) < self.corruption_rate)
                part[chosen] = apply_corruptions(
                    part[chosen], draw_appearance(len(chosen), rng), rng
                )
            return part

        parts = each(finish, bounds[:-1], bounds[1:], rngs)
        for (start, stop), part in zip(pairwise(bounds), parts, strict=True):
            yield self._batch(part, rows[start:stop])

    def _distort(
        self, images: np.ndarray, rngs: list[np.random.Generator], each: Callable[..., Any]
    ) -> np.ndarray:
        distortion = self.distortion
        assert distortion is not None
        n, side = len(images), images.shape[1:3]
        size = min(self.batch_size, len(self.rows))

        def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
            matrices = affine_matrices(draw_affine(distortion, size, side, rng), side)
            if not distortion.elastic_alpha:
                return matrices, None
            return matrices, draw_elastic(distortion, size, side, rng)

        matrices, displacements = zip(*each(draw, rngs), strict=True)
        # The distortion is compiled for a number of images: fewer are filled up to one.
        whole = len(rngs) * self._compiled_size(size)
        return warp(
            _filled_up(images, whole),
            _filled_up(np.concatenate(matrices), whole),
            _filled_up(np.concatenate(displacements), whole) if distortion.elastic_alpha else None,
            fill_mode=distortion.fill_mode,
            fill_value=self.pixel_range[0],
        )[:n]

    def _compiled_size(self, size: int) -> int:
        """Images in a batch that the distortion is compiled for: few numbers for data of any size.

        A power of two, and no less than what is distorted in a moment.
        """
        pixels = int(np.prod(self.images.shape[1:]))
        least = max(1, _SMALL // pixels)
        return min(self.batch_size, 1 << (max(size, least) - 1).bit_length())


def _filled_up(array: np.ndarray, size: int) -> np.ndarray:
    """The array, with zeros behind it up to a number of rows."""
    missing = size - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
