"""Data larger than memory: shuffled reading of some rows at a time, and pixels in a file."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from digitcnn._typing import ColumnName, FilePath, FilePaths
from digitcnn._utils.atomic import as_path, atomic_write, is_same_file
from digitcnn.tables.labels import tidy_labels
from digitcnn.tables.readers import iter_table

# Number of parts in memory from which rows are drawn.
_HELD_PARTS = 8


def shuffled(
    parts: Iterator[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Shuffle rows across parts.

    Eight parts are held in memory. Rows drawn from them are replaced by those of the next part. So
    a row may come any number of parts later, but at most eight parts earlier.

    Parameters
    ----------
    parts : iterator of tuple (X, y)
        Parts of equal length, except the last.
    rng : numpy.random.Generator

    Yields
    ------
    X, y : ndarray
        The same rows, in parts of the same length.
    """
    held_X: list[np.ndarray] = []
    held_y: list[np.ndarray] = []
    for X, y in parts:
        if len(held_X) < _HELD_PARTS:
            held_X.append(X)
            held_y.append(y)
            if len(held_X) == _HELD_PARTS:
                pool_X, pool_y = np.concatenate(held_X), np.concatenate(held_y)
            continue
        indices = rng.choice(len(pool_X), len(X), replace=False)
        yield pool_X[indices], pool_y[indices]
        pool_X[indices] = X
        pool_y = _put(pool_y, indices, y)
    if not held_X:
        return
    if len(held_X) < _HELD_PARTS:
        pool_X, pool_y = np.concatenate(held_X), np.concatenate(held_y)
    size = len(held_X[0])
    order = rng.permutation(len(pool_X))
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        yield pool_X[indices], pool_y[indices]


def write_pixels(
    paths: FilePaths, out: FilePath, *, label: ColumnName = "label"
) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures and labels, and write the pixels to a file instead of memory.

    Parameters
    ----------
    paths : str, path-like, or list of them
        CSV or Parquet files, as for `digitcnn.tables.readers.read_table`.
    out : str or path-like
        A ``.npy`` file to write the pixels to. An existing one is replaced atomically.
    label : object, default="label"
        Name of the label column.

    Returns
    -------
    X : memmap of uint8 of shape (n, p)
        The file, mapped into memory for reading.
    y : ndarray of shape (n,)
        int64 if every label is an integer, otherwise strings.

    Raises
    ------
    ValueError
        If the file to write is one of those to read.
    """
    out = as_path(out)
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        if is_same_file(path, out):
            raise ValueError(f"{out}: expected another file than those that are read")
    parts = (
        (part.pixels, part.labels) for part in iter_table(paths, label=label, with_labels=True)
    )
    X, y = write_parts(parts, out)
    assert y is not None
    return X, y


def write_parts(
    parts: Iterable[tuple[np.ndarray, Sequence[str] | np.ndarray | None]], out: FilePath
) -> tuple[np.ndarray, np.ndarray | None]:
    """Write the pixels of parts to a file.

    Parameters
    ----------
    parts : iterable of tuple (pixels, labels)
        Rows of uint8, and their labels as text or None.
    out : str or path-like
        A ``.npy`` file, as in `write_pixels`.

    Returns
    -------
    X : memmap of uint8 of shape (n, p)
        The file, mapped into memory for reading.
    y : ndarray of shape (n,) or None
        int64 if every label is an integer, otherwise strings.
    """
    texts: list[Any] = []

    def write(file: Any) -> None:
        shape = 0, 0
        _write_header(file, shape)
        for pixels, labels in parts:
            file.write(pixels)
            if labels is not None:
                texts.append(labels)
            shape = shape[0] + len(pixels), pixels.shape[1]
        file.seek(0)
        # NumPy's header has spare room for a larger length.
        _write_header(file, shape)

    atomic_write(out, write)
    X = np.load(out, mmap_mode="r")
    if not texts:
        return X, None
    # Distinct labels only: one Python string per row would need more memory than the pixels.
    labels, indices = np.unique(np.concatenate(texts), return_inverse=True)
    return X, tidy_labels(labels)[indices]


def take_rows_out(path: FilePath, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move rows of a ``.npy`` file to memory, and remove them from the file.

    Parameters
    ----------
    path : str or path-like
    rows : ndarray of int
        The rows to remove.

    Returns
    -------
    rest : memmap of shape (n - len(rows), p)
        The other rows, in order, mapped into memory for reading.
    taken : ndarray of shape (len(rows), p)
    """
    path = as_path(path)
    stored = np.load(path, mmap_mode="r+")
    taken = np.array(stored[rows])
    is_kept = np.ones(len(stored), dtype=bool)
    is_kept[rows] = False
    end, step = 0, 4096
    for start in range(0, len(stored), step):
        part = stored[start : start + step][is_kept[start : start + step]]
        stored[end : end + len(part)] = part
        end += len(part)
    stored.flush()
    return np.load(path, mmap_mode="r")[:end], taken


def _write_header(file: Any, shape: tuple[int, int]) -> None:
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)


def _put(array: np.ndarray, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Insert values at indices, in a dtype that holds both: strings have a fixed length."""
    array = array.astype(np.result_type(array, values), copy=False)
    array[indices] = values
    return array
