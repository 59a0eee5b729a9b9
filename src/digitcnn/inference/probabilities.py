"""Probabilities of any number of images, some at a time, whatever computes them."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digitcnn._utils.pixel_range import scale
from digitcnn._utils.workers import usable_cores, worker_threads
from digitcnn.augmentation.distortion import apply_view

# Images of up to _CHUNK_PIXELS pixels that go through the network in one call.
CHUNK = 512
_CHUNK_PIXELS = 784
# Of several threads each takes fewer.
CHUNK_OF_A_THREAD = 64
# Fewer images than these are not worth a thread.
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

    No more than a part of the images for each thread is ever held as float32.

    Parameters
    ----------
    answer : callable
        Gives the probabilities of scaled images, float32.
    X : ndarray of shape (n, height, width, channels)
    n_outputs : int
    pixel_range : tuple of two floats
        What becomes 0 and 1.
    at_once : int
        Images that `answer` is given in one call.
    n_threads : int, default=1
        How many threads may call `answer` at the same time.
    views : ndarray of shape (v, 2, 3) or None, default=None
        From `digitcnn.augmentation.distortion.draw_views`: the answer is the mean over them.
    fill_mode : {"nearest", "constant"}, default="nearest"
        What comes in from outside of a view.

    Raises
    ------
    ValueError
        If an answer is no finite number.
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
            deque(threads.map(predict_from, starts), maxlen=0)  # raises what one of them raised
    else:
        for start in starts:
            predict_from(start)
    if not np.isfinite(probabilities).all():
        raise ValueError(
            "the network's answers are no numbers: its weights are so large that its sums "
            "overflow. Train it again, with a smaller learning_rate or a larger batch_size"
        )
    return probabilities


def images_at_once(image_shape: tuple[int, ...], most: int = CHUNK) -> int:
    """How many images go through the network in one call: fewer the larger they are."""
    pixels = int(np.prod(image_shape))
    return min(most, max(1, most * _CHUNK_PIXELS // max(1, pixels)))


def divide(X: np.ndarray) -> tuple[int, int]:
    """How images are divided among threads: how many at once, and in how many threads.

    Of a few images each thread takes its share.
    """
    n_threads = worker_threads() or usable_cores()
    share = max(_SMALLEST_SHARE, -(-len(X) // n_threads))
    at_once = min(images_at_once(X.shape[1:], CHUNK_OF_A_THREAD), share)
    return at_once, n_threads
