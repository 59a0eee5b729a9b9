"""Loaders of digits: scikit-learn's sample, MNIST, CSV and Parquet files, image files."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from digitcnn._typing import ColumnName, FilePath, FilePaths
from digitcnn._utils.atomic import as_path
from digitcnn.datasets._images import read_digit_images
from digitcnn.datasets._mnist import find_mnist, read_mnist
from digitcnn.preprocessing.normalizer import DigitNormalizer
from digitcnn.tables.labels import tidy_labels
from digitcnn.tables.readers import iter_table, read_table
from digitcnn.tables.streaming import shuffled, write_pixels

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = [
    "load_mnist",
    "load_sample_digits",
    "read_digit_images",
    "read_digits_csv",
    "stream_digits",
]


@overload
def load_sample_digits(
    *, normalize: bool = True, return_X_y: Literal[True] = True
) -> tuple[np.ndarray, np.ndarray]: ...
@overload
def load_sample_digits(*, normalize: bool = True, return_X_y: Literal[False]) -> "Bunch": ...
def load_sample_digits(*, normalize: bool = True, return_X_y: bool = True) -> Any:
    """Load scikit-learn's 1,797 handwritten digits, without a download.

    Parameters
    ----------
    normalize : bool, default=True
        Whether to redraw the 8x8 pictures in MNIST's form with 28x28 pixels, see
        :class:`digitcnn.DigitNormalizer`. Otherwise they remain 8x8, scaled to 0..255.
    return_X_y : bool, default=True
        Whether to return two arrays rather than a Bunch.

    Returns
    -------
    X : ndarray of uint8 of shape (1797, 784) or (1797, 64)
        One picture per row, 0 for the background and 255 for strokes. y : ndarray of int64 of shape
        (1797,) The digits.
    bunch : sklearn.utils.Bunch
        Only if ``return_X_y`` is False: ``data``, ``target``, ``target_names`` and ``DESCR``.

    Examples
    --------
    >>> X, y = load_sample_digits()
    >>> X.shape, X.dtype, y[:5]
    ((1797, 784), dtype('uint8'), array([0, 1, 2, 3, 4]))
    """
    from sklearn.datasets import load_digits
    from sklearn.utils import Bunch

    sample = load_digits()
    # The values are 0..16.
    X = np.rint(sample.data * (255 / 16)).astype(np.uint8)
    if normalize:
        X = DigitNormalizer().fit_transform(X)
    y = sample.target.astype(np.int64)
    if return_X_y:
        return X, y
    return Bunch(data=X, target=y, target_names=sample.target_names, DESCR=sample.DESCR)


def load_mnist(path: FilePath | None = None, *, split: str = "all") -> tuple[np.ndarray, ...]:
    """Load MNIST, 60,000 training and 10,000 test digits of 28 by 28 pixels.

    Parameters
    ----------
    path : str or path-like, default=None
        An ``mnist.npz``, or a folder with that file, with the four IDX files (plain or ``.gz``) or
        with ``mnist_train.csv`` and ``mnist_test.csv`` (label first, with or without a header;
        plain, ``.gz`` or ``.zip``). Any data in these formats is accepted, for example
        Fashion-MNIST. None searches the folder in the environment variable ``DIGITCNN_DATA``, then
        uses Keras's copy (``~/.keras/datasets/mnist.npz``), and otherwise downloads one, once.
    split : {"all", "train", "test"}, default="all"
        What to return.

    Returns
    -------
    X_train : ndarray of uint8 of shape (60000, 784)
        One picture a row, 0 for the background and 255 for strokes.
    y_train : ndarray of int64 of shape (60000,)
        The digits.
    X_test : ndarray of uint8 of shape (10000, 784)
        Test pictures, by other writers.
    y_test : ndarray of int64 of shape (10000,)
        The test digits. "train" and "test" return two arrays, "all" returns four, in this order.

    Raises
    ------
    FileNotFoundError
        If the file does not exist, or the folder has no data.
    OSError
        If no path is given, no copy is found and the download fails.
    ValueError
        If a file is damaged, or a download is not MNIST as published.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits".
       Licence CC BY-SA 3.0.

    Examples
    --------
    >>> X_train, y_train, X_test, y_test = load_mnist()  # doctest: +SKIP
    """
    if split not in ("all", "train", "test"):
        raise ValueError(f"expected split to be 'all', 'train' or 'test', got {split!r}.")
    arrays = find_mnist() if path is None else read_mnist(as_path(path))
    if arrays is None:
        raise FileNotFoundError(
            f"'{path}' holds no mnist.npz, no four IDX files (train-images-idx3-ubyte and so "
            "on) and no mnist_train.csv with mnist_test.csv."
        )
    parts = ("train", "test") if split == "all" else (split,)
    return tuple(arrays[f"{kind}_{part}"] for part in parts for kind in "xy")


def read_digits_csv(
    path: FilePaths, label: ColumnName = "label", *, memory_map: FilePath | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures and labels from CSV or Parquet files.

    With `memory_map` the pixels are written to a file a few rows at a time, and X is that file
    mapped into memory. So `DigitCNNClassifier` can train on more pictures than fit into memory,
    with the same result.

    Parameters
    ----------
    path : str, path-like, or list of them
        The files: ``.csv``, ``.csv.gz``, ``.csv.zip`` or ``.parquet``. The rows of several files
        are concatenated.
    label : str, default="label"
        Name of the label column. The pixel columns are found by their names, see
        :class:`digitcnn.DigitCSVTransformer`.
    memory_map : str or path-like, default=None
        A ``.npy`` file to write, with one byte per pixel. An existing file is replaced. Delete it
        when you no longer need X. None keeps the pixels in memory.

    Returns
    -------
    X : ndarray or memmap of uint8 of shape (n, p)
        One picture a row.
    y : ndarray of shape (n,)
        int64 if every label is an integer, otherwise strings.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If a path is not a file.
    ValueError
        If there is no label column, or a cell is not a pixel or a label; the error names the cell.

    Examples
    --------
    >>> X, y = read_digits_csv("train.csv")  # doctest: +SKIP
    >>> X, y = read_digits_csv(["part-1.csv", "part-2.csv"], memory_map="pixels.npy")
    ... # doctest: +SKIP
    """
    if memory_map is not None:
        return write_pixels(path, memory_map, label=label)
    table = read_table(path, label=label, with_labels=True)
    assert table.labels is not None
    return table.pixels, table.labels


def stream_digits(
    path: FilePaths,
    label: ColumnName = "label",
    *,
    n_rows: int = 4096,
    shuffle: bool = False,
    random_state: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read pictures and labels from CSV or Parquet files, some rows at a time.

    Parameters
    ----------
    path : str, path-like, or list of them
        As for `read_digits_csv`.
    label : str, default="label"
        Name of the label column.
    n_rows : int, default=4096
        Number of rows per part; the last part may be smaller. Parts may span files.
    shuffle : bool, default=False
        Whether to shuffle rows across parts, eight of which are held in memory. Use it for files
        sorted by label, which are bad for training. A file of more than a few dozen parts remains
        roughly in order.
    random_state : int or None, default=None
        Seed of the order. None gives a different order each time.

    Yields
    ------
    X : ndarray of uint8 of shape (n_rows, p)
        One picture a row.
    y : ndarray of shape (n_rows,)
        int64 where every label of the part is a whole number, else strings.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If a path is not a file.
    ValueError
        If there is no label column, or a cell is not a pixel or a label; the error names the cell.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from digitcnn import DigitCNNClassifier
    >>> from digitcnn.datasets import stream_digits
    >>> clf = DigitCNNClassifier(architecture="relu-dropout", random_state=0)
    >>> table = "label,pixel0,pixel1,pixel2,pixel3\\n" + "1,0,255,0,255\\n0,255,0,255,0\\n" * 50
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "train.csv")
    ...     _ = path.write_text(table)
    ...     for X, y in stream_digits(path, n_rows=64):
    ...         _ = clf.partial_fit(X, y, classes=[0, 1])
    ...         print(X.shape)
    (64, 4)
    (36, 4)
    """
    parts = (
        (part.pixels, tidy_labels(part.labels if part.labels is not None else []))
        for part in iter_table(path, label=label, with_labels=True, n_rows=n_rows)
    )
    if not shuffle:
        yield from parts
    else:
        yield from shuffled(parts, np.random.default_rng(random_state))
