"""Lists of image files and their labels: from folders, paths, and CSV files with names."""

import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

from digitcnn._typing import ColumnName, FilePaths
from digitcnn._utils.atomic import as_path
from digitcnn._utils.text import shorten, some_of
from digitcnn.tables.files import TABLE_ENDINGS, rows_of
from digitcnn.tables.image_files import ACCEPTED, PICTURE_ENDINGS

# A table with more columns holds pixels, even if it names files too.
_MOST_COLUMNS = 32
# Files that operating systems add. Hidden files begin with a dot.
_LEFT_OUT = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin"}
# Names of the parts of a data set, which are not classes.
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
_EXPECTED_LABELS = (
    "Put the images of each class into a folder of its own, or give a CSV with a column of file "
    "names and one of labels"
)


class ImageList(NamedTuple):
    """Image files, in order.

    Attributes
    ----------
    files : list of pathlib.Path
    names : list of str
        Name of each in a table of predictions: its path in its folder, or its name in the CSV.
    labels : list of str or None
        None if there are none, or if they are not needed.
    source : str
        The path that was given, for error messages.
    """

    files: list[Path]
    names: list[str]
    labels: list[str] | None
    source: str


def find_images(
    paths: FilePaths,
    *,
    label: ColumnName = "label",
    with_labels: bool | None = None,
) -> ImageList | None:
    """List image files, if a path leads to images.

    Parameters
    ----------
    paths : str, path-like, or list of them
        A folder of images or one with a folder for each class, one or several images, or a CSV that
        names images.
    label : object, default="label"
        Name of the label column of a CSV.
    with_labels : bool or None, default=None
        Whether labels are required. None returns them if there are any.

    Returns
    -------
    ImageList or None
        None if the paths lead to tables of pixels or do not exist.

    Raises
    ------
    ValueError
        If there are both tables and images, or other files, or if labels are missing.
    """
    if isinstance(paths, str | os.PathLike):
        path = as_path(paths)
        if path.is_dir():
            return _of_folder(path, with_labels)
        if _ending(path) in TABLE_ENDINGS - {".parquet"} and path.is_file():
            return _of_table(path, label, with_labels)
        files = [path]
    else:
        files = [as_path(path) for path in paths]
        if not files:
            raise ValueError("expected at least one file, got an empty list of paths")
    images = [path for path in files if _ending(path) in PICTURE_ENDINGS]
    others = [path for path in files if _ending(path) not in PICTURE_ENDINGS]
    source = str(files[0]) if len(files) == 1 else f"{len(files)} files"
    if others and images:
        raise ValueError(
            f"expected images ({ACCEPTED}) or tables, got both: {images[0]} and {others[0]}"
        )
    if not images:
        folder = next((path for path in files if path.is_dir()), None)
        if folder is not None:
            raise ValueError(
                f"{folder}: expected files, got a folder among {len(files)}. Give the folder that "
                "it lies in"
            )
        return None
    if with_labels:
        raise ValueError(f"{source}: expected labelled images, got image files. {_EXPECTED_LABELS}")
    return ImageList(images, [str(path) for path in images], None, source)


def in_natural_order(names: Iterable[str]) -> list[str]:
    """Sort names in natural order: 2 before 10, and a next to A.

    >>> in_natural_order(["b2", "b10", "a", "B1"])
    ['a', 'B1', 'b2', 'b10']
    """
    return sorted(names, key=_natural_key)


def _natural_key(name: str) -> tuple[list[Any], str]:
    # Text is at even positions and numbers at odd ones, so text is never compared with numbers.
    parts: list[Any] = re.split(r"([0-9]+)", name)
    parts[::2] = [part.casefold() for part in parts[::2]]
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, name


def _ending(path: Path) -> str:
    return path.suffix.lower()


def _visible(folder: Path) -> list[Path]:
    """The contents of a folder in natural order, without hidden and system files."""
    names = [name for name in os.listdir(folder) if not name.startswith(".")]
    return [folder / name for name in in_natural_order(names) if name.casefold() not in _LEFT_OUT]


def _divided(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images and the folders in a folder; other files are ignored."""
    entries = _visible(folder)
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    # A broken link raises an error when it is read.
    return [file for file in files if _ending(file) in PICTURE_ENDINGS], folders


def _images_below(folder: Path, above: tuple[str, ...]) -> list[Path]:
    """All images in a folder and its subfolders; `above` are the resolved parent folders."""
    here = os.path.realpath(folder)
    if here in above:
        raise ValueError(f"{folder}: links to {here}, a folder that it lies in. Delete the link")
    images, folders = _divided(folder)
    for one in folders:
        images += _images_below(one, (*above, here))
    return images


def _of_folder(folder: Path, with_labels: bool | None) -> ImageList:
    images, folders = _divided(folder)
    above = (os.path.realpath(folder),)
    by_class = {one.name: _images_below(one, above) for one in folders}
    if images:
        full = next((name for name, files in by_class.items() if files), None)
        if full is not None:
            raise ValueError(
                f"{folder}: expected images or a folder for each class, got both: {images[0].name} "
                f"and the folder {full}. Move one of them elsewhere"
            )
        if with_labels:
            raise ValueError(
                f"{folder}: expected labelled images, got {len(images)} images in one folder. "
                f"{_EXPECTED_LABELS}"
            )
        return ImageList(images, [image.name for image in images], None, str(folder))
    if not any(by_class.values()):
        raise ValueError(
            f"{folder}: expected image files ({ACCEPTED}), got a folder without any. "
            f"In it: {some_of([path.name for path in _visible(folder)])}"
        )
    if with_labels is not False:
        _check_classes(folder, by_class)
    files = [file for files in by_class.values() for file in files]
    names = [file.relative_to(folder).as_posix() for file in files]
    # macOS may decompose the names of folders: two characters for the letter é of a label.
    labels = [normalize("NFC", name.strip()) for name, files in by_class.items() for _ in files]
    return ImageList(files, names, None if with_labels is False else labels, str(folder))


def _check_classes(folder: Path, by_class: dict[str, list[Path]]) -> None:
    if {name.casefold() for name in by_class} <= _PARTS:
        first = next(iter(by_class))
        raise ValueError(
            f"{folder}: expected a folder for each class, got the parts of a data set: "
            f"{some_of(list(by_class))}. Give one of them, as {folder / first}"
        )
    if len(by_class) == 1:
        (only,) = by_class
        if not _divided(folder / only)[0]:
            raise ValueError(
                f"{folder}: expected a folder for each class, got one folder of folders. Give "
                f"{folder / only}"
            )
    odd = next((name for name in by_class if not name.strip() or not name.isprintable()), None)
    if odd is not None:
        raise ValueError(f"{folder}: expected printable names of classes, got a folder {odd!r}")
    empty = [name for name, files in by_class.items() if not files]
    if empty:
        raise ValueError(
            f"{folder / empty[0]}: expected image files ({ACCEPTED}), got a folder without any. "
            "Add some, or delete the folder"
        )


def _of_table(path: Path, label: Any, with_labels: bool | None) -> ImageList | None:
    """The images in a CSV, if its first row names an image file."""
    rows = ((line, row) for line, row in rows_of(path) if row)
    first = list(islice(rows, 2))
    if len(first) < 2 or len(first[0][1]) > _MOST_COLUMNS:
        return None
    header = [name.strip() for name in first[0][1]]
    if any(_names_image(cell) for cell in header):
        raise ValueError(
            f"{path}: expected a header line, as file,label, got {shorten(repr(first[0][1][0]))}"
        )
    found = [i for i, cell in enumerate(first[1][1][: len(header)]) if _names_image(cell)]
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(
            f"{path}: expected one column of image files, got {len(found)}: "
            f"{some_of([header[i] for i in found])}. Leave only one"
        )
    label_at = None
    if with_labels is not False:
        label_at = _label_column(path, header, found[0], label, bool(with_labels))
    files, names, labels = [], [], []
    for line, row in (*first[1:], *rows):
        where = f"{path}, line {line}"
        if len(row) != len(header):
            raise ValueError(
                f"{where}: expected {len(header)} values, as the header names columns, got "
                f"{len(row)}"
            )
        name = row[found[0]].strip()
        if not _names_image(name):
            raise ValueError(
                f"{where}: expected the name of an image file ({ACCEPTED}), got "
                f"{shorten(repr(name))}"
            )
        names.append(name)
        files.append(_beside(path, name))
        if label_at is not None:
            text = row[label_at].strip()
            if not text or not text.isprintable():
                raise ValueError(f"{where}: the label is {'not text' if text else 'missing'}")
            labels.append(text)
    return ImageList(files, names, None if label_at is None else labels, str(path))


def _names_image(cell: str) -> bool:
    return os.path.splitext(cell.strip())[1].lower() in PICTURE_ENDINGS


def _beside(table: Path, name: str) -> Path:
    """A file named in a table, relative to the table's folder.

    Windows writes \\ for /, and macOS may decompose names: the file or the table may be from there.
    """
    path = table.parent / name
    if name.isascii() and "\\" not in name:
        return path
    plain = name.replace("\\", "/")
    others = [plain, normalize("NFC", plain), normalize("NFD", plain)]
    candidates = [path, *(table.parent / other for other in others)]
    return next((one for one in candidates if one.exists()), candidates[1])


def _label_column(
    path: Path, header: list[str], file_at: int, label: Any, must: bool
) -> int | None:
    """Find the label column: by its name, ignoring case, or the only other column."""
    same = [i for i, name in enumerate(header) if name == str(label) and i != file_at]
    alike = [i for i, name in enumerate(header) if name.casefold() == str(label).casefold()]
    others = [i for i in range(len(header)) if i != file_at]
    for found in (same, alike, others):
        if len(found) == 1 and found[0] != file_at:
            return found[0]
    if must:
        raise ValueError(
            f"{path}: expected a label column {str(label)!r}, got, beside the file names, "
            f"{some_of([header[i] for i in others])}. Name the label's column: label=NAME, or "
            "--label NAME in the command"
        )
    return None
