"""Reading of many image files: headers first, then decoding in threads, some at a time."""

import errno
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._utils.text import shorten
from digitcnn._utils.workers import usable_cores, worker_threads
from digitcnn.tables.image_files import (
    LONGEST_SIDE,
    image_size,
    read_image,
    without_warnings_of_pillow,
)
from digitcnn.tables.image_sources import ImageList

# Limits of a part: number of images, and bytes after decoding.
_MOST_IMAGES = 1024
_MOST_BYTES = 2**26
_MOST_THREADS = 8
# System errors that would occur for any file.
_NO_FAULT_OF_A_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
# Number of bad files that are named in the warning.
_NAMED = 5


class ImageReader:
    """Reads listed images in order, and refuses or leaves out bad ones.

    All headers are read first, to find files that are not images, or too large, before any work.
    Other damage shows only when an image is decoded.

    Parameters
    ----------
    images : ImageList
    skip_bad : bool, default=False
        Whether to leave out files that cannot be read, and record them in `bad`.

    Attributes
    ----------
    images : ImageList
    sizes : ndarray of int of shape (n, 2)
        Height and width of each image, by its header; zeros for a bad file.
    bad : dict of int to str
        The reason for each file that is left out, by its index.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read, or, with `skip_bad`, none of them.
    """

    def __init__(self, images: ImageList, *, skip_bad: bool = False) -> None:
        self.images = images
        self.skip_bad = skip_bad
        self.bad: dict[int, str] = {}
        self.sizes: np.ndarray = np.zeros((len(images.files), 2), np.int64)
        for start in range(0, len(images.files), _MOST_IMAGES):
            indices = range(start, min(start + _MOST_IMAGES, len(images.files)))
            for index, size in self._map(image_size, indices):
                self.sizes[index] = size
        self.check_any_left()

    def __iter__(self) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        """Yield parts: the indices of some images, and the images from `read_image`."""
        for indices in self._parts():
            found = self._map(read_image, indices)
            if found:
                kept, pictures = zip(*found, strict=True)
                yield list(kept), list(pictures)
        self.check_any_left()

    def check_any_left(self) -> None:
        """Raise an error if every file is bad."""
        if len(self.bad) == len(self.images.files):
            first = next(iter(self.bad.values()))
            if len(self.bad) == 1:
                raise ValueError(first)
            raise ValueError(
                f"{self.images.source}: expected images, got {len(self.bad):,} files of which none "
                f"can be read. The first: {first}"
            )

    def describe_bad(self) -> str:
        """One line about the files that were left out; empty if there are none."""
        if not self.bad:
            return ""
        named = "; ".join(shorten_reason(self.bad[index]) for index in sorted(self.bad)[:_NAMED])
        more = len(self.bad) - _NAMED
        return (
            f"{len(self.bad):,} of {len(self.images.files):,} image files cannot be read and are "
            f"left out: {named}" + (f"; and {more:,} more" if more > 0 else "")
        )

    def _parts(self) -> Iterator[list[int]]:
        """Yield the indices of as many images as may be in memory at once."""
        factors = -(-self.sizes.max(axis=1, initial=1) // LONGEST_SIDE)
        n_bytes = 3 * self.sizes.prod(axis=1) // np.maximum(factors, 1) ** 2
        part: list[int] = []
        size = 0
        for index, its_bytes in enumerate(n_bytes.tolist()):
            if index in self.bad:
                continue
            if part and (len(part) == _MOST_IMAGES or size + its_bytes > _MOST_BYTES):
                yield part
                part, size = [], 0
            part.append(index)
            size += its_bytes
        if part:
            yield part

    def _map(
        self, function: Callable[[Path], Any], indices: Sequence[int]
    ) -> list[tuple[int, Any]]:
        """The results of a function for some files, in order, without bad files."""

        def call(index: int) -> Any:
            path = self.images.files[index]
            try:
                return function(path)
            except (ValueError, OSError) as error:
                if not self.skip_bad or getattr(error, "errno", None) in _NO_FAULT_OF_A_FILE:
                    raise
                return error

        found: list[tuple[int, Any]] = []
        # Inside the context, because its threads must not outlast it.
        with without_warnings_of_pillow(), ThreadPoolExecutor(_n_threads()) as threads:
            futures = [threads.submit(call, index) for index in indices]
            try:
                for index, future in zip(indices, futures, strict=True):
                    result = future.result()
                    if isinstance(result, Exception):
                        self.bad[index] = _reason(result, self.images.files[index])
                    else:
                        found.append((index, result))
            except BaseException:
                threads.shutdown(wait=True, cancel_futures=True)
                raise
        return found


def shorten_reason(reason: str) -> str:
    """The reason for a bad file, shortened."""
    return reason if len(reason) <= 200 else f"{reason[:120]}...{reason[-60:]}"


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or shorten(str(error))}"
    return str(error)


def _n_threads() -> int:
    """One thread for each core of this process: Pillow releases the GIL while it decodes."""
    return worker_threads() or min(usable_cores(), _MOST_THREADS)
