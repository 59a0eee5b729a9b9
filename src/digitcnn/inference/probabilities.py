"""Predicts any number of images in chunks, with any function that computes probabilities."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digitcnn._utils.pixel_range import scale
from digitcnn._utils.workers import usable_cores, worker_threads
from digitcnn.augmentation.distortion import apply_view

# The number of images of up to _CHUNK_PIXELS pixels in one call of the network.
CHUNK = 512
_CHUNK_PIXELS = 784
# The same if several threads call it.
CHUNK_OF_A_THREAD = 64
# The smallest number of images for which a thread is used.
_SMALLEST_SHARE = 8


def predict_in_parts(
    answer: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    *,
    n_outputs: int,
    pixel_range: tuple[float, float],
    at_once: int,
    n_threads: int = 1,
    views: np.ndarray | None = None,
    fill_mode: str = "nearest",
) -> np.ndarray:
    """A network's probabilities, of shape (n, n_outputs), float32.

    Only one chunk of images for each thread is in memory as float32 at any time.

    Parameters
    ----------
    answer : callable
        Returns the probabilities of scaled images, float32.
    X : ndarray of shape (n, height, width, channels)
    n_outputs : int
    pixel_range : tuple of two floats
        The pixel values that are mapped to 0 and 1.
    at_once : int
        The number of images in one call of `answer`.
    n_threads : int, default=1
        The number of threads that may call `answer` at the same time.
    views : ndarray of shape (v, 2, 3) or None, default=None
        From `digitcnn.augmentation.distortion.draw_views`. The result is the mean over the views.
    fill_mode : {"nearest", "constant"}, default="nearest"
        How views continue an image beyond its border.

    Raises
    ------
    ValueError
        If a probability is not a finite number.
    """
    probabilities = np.empty((len(X), n_outputs), dtype=np.float32)

    def predict_from(start: int) -> None:
        images = np.asarray(X[start : start + at_once])
        if views is None:
            answers = answer(scale(images, pixel_range))
        else:
            viewed = (
                apply_view(images, view, fill_mode=fill_mode, fill_value=pixel_range[0])
                for view in views
            )
            answers = np.mean([answer(scale(one, pixel_range)) for one in viewed], axis=0)
        probabilities[start : start + len(images)] = answers

    starts = range(0, len(X), at_once)
    if n_threads > 1 and len(starts) > 1:
        with ThreadPoolExecutor(n_threads) as threads:
            deque(threads.map(predict_from, starts), maxlen=0)  # raises a thread's error
    else:
        for start in starts:
            predict_from(start)
    if not np.isfinite(probabilities).all():
        raise ValueError(
            "expected finite probabilities, got others: the network's weights are so large that "
            "its sums overflow. Train it again with a smaller learning_rate or a larger batch_size"
        )
    return probabilities


def images_at_once(image_shape: tuple[int, ...], most: int = CHUNK) -> int:
    """The number of images in one call of the network; fewer for larger images."""
    pixels = int(np.prod(image_shape))
    return min(most, max(1, most * _CHUNK_PIXELS // max(1, pixels)))


def divide(X: np.ndarray) -> tuple[int, int]:
    """The number of images in one call, and the number of threads.

    A small number of images is divided equally among the threads.
    """
    n_threads = worker_threads() or usable_cores()
    share = max(_SMALLEST_SHARE, -(-len(X) // n_threads))
    at_once = min(images_at_once(X.shape[1:], CHUNK_OF_A_THREAD), share)
    return at_once, n_threads
