"""Files as a command's data: patterns of names, and image files as a model takes them."""

import argparse
import difflib
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._utils.ensembles import networks_of
from digitcnn.cli._measures import count
from digitcnn.cli._output import say
from digitcnn.preprocessing.image_rows import ImageRows, read_rows
from digitcnn.tables.files import TABLE_ENDINGS, table_files
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_files import ACCEPTED
from digitcnn.tables.image_sources import find_images, in_natural_order
from digitcnn.tables.labels import tidy_labels

# Data sets that are given by name, not as a file.
NAMED_DATA = ("sample", "mnist")


def data_paths(options: argparse.Namespace) -> str | list[str] | None:
    """The files, or the folder, of a command's data; None for a named data set."""
    return None if options.data in NAMED_DATA else find_paths(options.data)


def find_paths(data: str) -> str | list[str]:
    """The files that match a pattern such as "part-*.csv", or the one file of that name."""
    if Path(data).exists():
        return data
    if any(sign in data for sign in "*?[") and (found := glob.glob(data, recursive=True)):
        return in_natural_order(found)
    near = difflib.get_close_matches(data.lower(), NAMED_DATA, 1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    if "://" in data:
        hint = ". Download it first"
    raise FileNotFoundError(f"{data}: there is no such file{hint}")


def open_images(options: argparse.Namespace, *, with_labels: bool) -> ImageReader | None:
    """The image files of a command's data, with their headers checked; None for other data.

    Tables are only checked to exist.

    Parameters
    ----------
    options : argparse.Namespace
    with_labels : bool
        Whether labels are required.
    """
    images, paths = None, data_paths(options)
    if paths is not None:
        images = find_images(paths, label=options.label, with_labels=with_labels)
    if images is not None:
        return ImageReader(images, skip_bad=options.skip_bad)
    if paths is not None:
        _check_tables([paths] if isinstance(paths, str) else paths)
    if options.skip_bad:
        raise ValueError(f"{options.data}: expected image files with --skip-bad, got other data")
    return None


def _check_tables(paths: list[str]) -> None:
    other = next((path for path in paths if Path(path).suffix.lower() not in TABLE_ENDINGS), None)
    if other is not None:
        raise ValueError(
            f"{other}: expected a table (.csv, .tsv, .csv.gz, .csv.zip, .parquet), an image ("
            f"{ACCEPTED}), or a folder of images"
        )
    table_files(paths)


def image_rows(reader: ImageReader, clf: Any = None) -> ImageRows:
    """Images as rows of the size that a model takes, with a message about the conversion."""
    shape = (28, 28)
    if clf is not None:
        *shape_, channels = networks_of(clf)[0].image_shape_
        if channels != 1:
            raise ValueError(
                f"{reader.images.source}: expected a model of grey images, because image files are "
                f"read in grey, got one of {channels} channels. Give it a table of pixels"
            )
        shape = shape_[0], shape_[1]
    # A model with its own normaliser was trained on normalised images, so all are normalised.
    settings = _normalizer_of(clf)
    more = {"normalize": True, **settings} if settings is not None else {}
    rows = ImageRows(reader, shape=shape, **more)
    n_images = len(reader.images.files) - len(reader.bad)
    size = f"{shape[0]}x{shape[1]} pixels"
    images = count(n_images, "image")
    if rows.is_normalized:
        say(f"{images}: normalised to {size}, in the format of MNIST")
    else:
        say(f"{images}: used as they are, {size}, light on dark")
    return rows


def read_labelled_rows(
    reader: ImageReader, clf: Any = None, memory_map: Path | None = None
) -> tuple[np.ndarray, np.ndarray, list[str], Any]:
    """Rows on a model's scale, their labels, their files' names, and the transformer that was used.

    The last is a `DigitNormalizer`, or None where the images are used as they are. With a model
    the labels are texts as in the data; without one they are tidied.
    """
    rows = image_rows(reader, clf)
    X, labels, kept = read_rows(rows, memory_map)
    assert labels is not None
    _say_what_is_bad(reader)
    files = [reader.images.names[index] for index in kept]
    if clf is None:
        return X, tidy_labels(labels), files, rows.normalizer
    return _on_scale_of(clf, X), np.array(labels, dtype=object), files, rows.normalizer


def iter_rows(reader: ImageReader, clf: Any) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Batches of rows on a model's scale, with the names of their files."""
    for indices, pixels in image_rows(reader, clf):
        yield _on_scale_of(clf, pixels), [reader.images.names[index] for index in indices]
    _say_what_is_bad(reader)


def _say_what_is_bad(reader: ImageReader) -> None:
    if reader.bad:
        say(reader.describe_bad())


def _normalizer_of(clf: Any) -> dict[str, Any] | None:
    """The settings of a model's `DigitNormalizer`; None without one."""
    if hasattr(clf, "normalizer"):
        settings: dict[str, Any] | None = clf.normalizer
        return settings
    for _, step in getattr(clf, "steps", []):
        if type(step).__name__ == "DigitNormalizer":
            return {"box": step.box, "invert": step.invert}
    return None


def _on_scale_of(clf: Any, pixels: np.ndarray) -> np.ndarray:
    """Bytes, brought to the pixel scale that a model was trained on."""
    black, white = networks_of(clf)[0].pixel_range_
    if (black, white) == (0, 255):
        return pixels
    scaled: np.ndarray = (black + pixels * ((white - black) / 255)).astype(np.float32)
    return scaled


def name_errors(measures: dict[str, Any], files: list[str] | None) -> None:
    """Add file names to the most confident errors, where the data is image files."""
    if files is not None:
        for error in measures["most_confident_errors"]:
            error["file"] = files[error["row"]]
