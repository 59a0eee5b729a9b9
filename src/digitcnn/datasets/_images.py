"""The reader of image files, with their labels."""

import os
import warnings
from typing import Any

import numpy as np

from digitcnn._typing import ColumnName, FilePath, FilePaths
from digitcnn._utils.atomic import as_path
from digitcnn.preprocessing.image_rows import ImageRows, read_rows
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_sources import ImageList, find_images
from digitcnn.tables.labels import tidy_labels


def read_digit_images(
    path: FilePaths,
    label: str = "label",
    *,
    size: int = 28,
    normalize: str | bool = "auto",
    skip_bad: bool = False,
    memory_map: FilePath | None = None,
    return_files: bool = False,
) -> tuple[Any, ...]:
    """Read image files of one digit each: PNG, JPEG, BMP, TIFF, WebP and GIF.

    The images may be grey, coloured or transparent, have 1 to 16 bits per channel and up to 67
    million pixels, and be rotated by EXIF data. The headers of all files are read first, so that a
    file that is not an image is refused early. The images are then decoded in threads, some at a
    time.

    Parameters
    ----------
    path : str, path-like, or list of them
        A folder with one folder per class, whose name is the label; a folder of images; images; or
        a CSV with a column of file names, relative to its own folder, and one of labels. Files in a
        folder are sorted by name, and numbers in names by value. In folders, hidden files and files
        without an image extension are ignored; photos in other formats, such as HEIC, are an error.
    label : str, default="label"
        Name of the label column of a CSV. A CSV with two columns needs no names.
    size : int, default=28
        Side of the returned pictures, in pixels.
    normalize : "auto" or bool, default="auto"
        Whether :class:`digitcnn.DigitNormalizer` redraws the digits in MNIST's form. "auto" redraws
        them unless all images have `size` by `size` pixels already, with light strokes on a dark
        background. False converts the images to grey only; they must have one size.
    skip_bad : bool, default=False
        Whether to leave out files that cannot be read, with a warning that counts them. Otherwise
        such a file is an error.
    memory_map : str or path-like, default=None
        A ``.npy`` file to write, with one byte per pixel, so that the pixels are not kept in
        memory. An existing file is replaced.
    return_files : bool, default=False
        Whether to return the names of the files as well.

    Returns
    -------
    X : ndarray or memmap of uint8 of shape (n, size * size)
        One digit per row. A picture in which no digit is found is all zeros.
    y : ndarray of shape (n,) or None
        int64 if every label is an integer, otherwise strings. None if there are no labels.
    files : list of str
        Only if `return_files`: the path of each image in the folder, or as it was given.

    Raises
    ------
    FileNotFoundError, PermissionError
        If a file does not exist, or cannot be read.
    ValueError
        If there are no images, if one is damaged, too large or not an image, or if a label is
        missing.

    Warns
    -----
    UserWarning
        If files are left out.

    See Also
    --------
    read_digits_csv : Reads tables of pixels.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sklearn.datasets import load_digits
    >>> from digitcnn.datasets import read_digit_images
    >>> digits = load_digits()
    >>> with TemporaryDirectory() as folder:
    ...     for i in range(20):
    ...         file = Path(folder, str(digits.target[i]), f"{i}.png")
    ...         file.parent.mkdir(exist_ok=True)
    ...         Image.fromarray((255 - 15 * digits.images[i]).astype("uint8")).save(file)
    ...     X, y, files = read_digit_images(folder, return_files=True)
    >>> X.shape, y[:4], files[:2]
    ((20, 784), array([0, 0, 1, 1]), ['0/0.png', '0/10.png'])
    """
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"expected size to be a whole number from 1 up, got {size!r}")
    images = images_of(path, label)
    reader = ImageReader(images, skip_bad=bool(skip_bad))
    rows = ImageRows(reader, shape=(int(size), int(size)), normalize=normalize)
    X, labels, kept = read_rows(rows, memory_map)
    y = None if labels is None else tidy_labels(labels)
    if reader.bad:
        warnings.warn(reader.describe_bad(), stacklevel=2)
    return (X, y, [images.names[index] for index in kept]) if return_files else (X, y)


def images_of(path: FilePaths, label: ColumnName = "label") -> ImageList:
    """List the images of a path; raise an error if there are none."""
    images = find_images(path, label=label)
    if images is not None:
        return images
    first = path if isinstance(path, str | os.PathLike) else path[0]
    if not as_path(first).exists():
        raise FileNotFoundError(f"There is no file or folder '{first}'.")
    raise ValueError(
        f"expected image files, a folder of them, or a CSV with a column of their names, got "
        f"'{first}'. A table of pixels is read by digitcnn.datasets.read_digits_csv"
    )
