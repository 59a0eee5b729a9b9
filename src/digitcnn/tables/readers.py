"""Reading of tables of digits, one picture per row, in CSV and Parquet files.

Pixel columns are found by their names. Every reader returns exactly the pixels in the table, or
raises an error that names the first bad cell.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digitcnn._typing import ColumnName, FilePaths
from digitcnn.tables.columns import check_same_columns, layout_of, text_names
from digitcnn.tables.csv_reader import iter_csv, read_header
from digitcnn.tables.files import table_files
from digitcnn.tables.frames import is_parquet, iter_parquet, read_frame, read_parquet
from digitcnn.tables.labels import tidy_labels


class DigitTable(NamedTuple):
    """Pictures read from a table.

    Attributes
    ----------
    pixels : ndarray of uint8 of shape (n, p)
        One picture per row, C-contiguous, owned by the caller.
    labels : ndarray of shape (n,) or None
        int64 if every label is an integer, otherwise strings; None unless requested.
    columns : list of str
        Names of the pixel columns, in the order of ``pixels``.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    columns: list[str]


def pixel_columns_of(source: Any, label: ColumnName = "label") -> list[str]:
    """Find the pixel columns of a DataFrame, or of the first of some files, by their names.

    Parameters
    ----------
    source : DataFrame, str, path-like, or list of paths
        The table. Only the header of a CSV file is read.
    label : object, default="label"
        Name of the label column; None if there is none.

    Returns
    -------
    list of str
        Names of the pixel columns, see `find_pixel_columns`.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the path is not a file.
    ValueError
        If the pixel columns cannot be determined by their names.
    """
    if hasattr(source, "columns"):
        names, name = text_names(source.columns), "DataFrame"
    else:
        path = table_files(source)[0]
        name = str(path)
        names = text_names(read_parquet(path).columns) if is_parquet(path) else read_header(path)[0]
    return layout_of(names, label, None, False, name).names


def read_table(
    paths: FilePaths,
    *,
    label: ColumnName = "label",
    columns: Sequence[str] | None = None,
    with_labels: bool = False,
    tidy: bool = True,
    names: Sequence[str] | None = None,
) -> DigitTable:
    """Read pictures from CSV or Parquet files.

    Parameters
    ----------
    paths : str, path-like, or list of them
        ``.csv``, ``.csv.gz``, ``.csv.zip`` (one member) or ``.parquet``. Files of a list must have
        the same columns, in any order; their rows are concatenated.
    label : object, default="label"
        Name of the label column, which is never a pixel column. None if there is none.
    columns : sequence of str, default=None
        The pixel columns to read, in this order. None finds them by name, see
        :func:`find_pixel_columns`.
    with_labels : bool, default=False
        Whether to read the label column too; it is then required.
    tidy : bool, default=True
        Whether to convert labels to numbers if all are numbers, see :func:`tidy_labels`. Otherwise
        they are strings, as in the files.
    names : sequence of str, default=None
        Column names for CSV files without a header line.

    Returns
    -------
    DigitTable
        The pictures, their labels and the names of the pixel columns.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If a path is not a file.
    ValueError
        If a file is damaged, or a pixel is not a whole number 0..255.
    """
    parts: list[np.ndarray] = []
    texts: list[str] = []
    pixel_columns: list[str] = []
    for pixels, labels, found in _iter_blocks(
        table_files(paths), label, columns, with_labels, _whole_parquet, names
    ):
        parts.append(pixels)
        texts += labels
        pixel_columns = found
    found_labels = None
    if with_labels:
        # All together: whether labels are numbers depends on the labels of all files.
        found_labels = tidy_labels(texts) if tidy else np.array(texts, dtype=object)
    # A large Parquet file is one block, and need not be copied.
    pixels = np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)
    return DigitTable(pixels, found_labels, pixel_columns)


def iter_table(
    paths: FilePaths,
    *,
    label: ColumnName = "label",
    columns: Sequence[str] | None = None,
    with_labels: bool = False,
    n_rows: int = 4096,
) -> Iterator[DigitTable]:
    """Read pictures from CSV or Parquet files, some rows at a time.

    Parameters
    ----------
    paths, label, columns, with_labels
        As in :func:`read_table`.
    n_rows : int, default=4096
        Number of rows per part; the last part may be smaller. Parts may span files.

    Yields
    ------
    DigitTable
        A part; its labels are strings, as in the files.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        As in :func:`read_table`; for a bad cell when its part is reached.
    """
    blocks: list[np.ndarray] = []
    texts: list[str] = []
    pixel_columns: list[str] = []

    def part(pixels: np.ndarray, texts: list[str]) -> DigitTable:
        return DigitTable(pixels, np.array(texts) if with_labels else None, pixel_columns)

    n_kept = 0
    for block, labels, found in _iter_blocks(
        table_files(paths), label, columns, with_labels, iter_parquet
    ):
        blocks.append(block)
        texts += labels
        pixel_columns = found
        n_kept += len(block)
        if n_kept < n_rows:
            continue
        pixels = np.concatenate(blocks)
        end = n_kept - n_kept % n_rows
        for start in range(0, end, n_rows):
            yield part(pixels[start : start + n_rows], texts[start : start + n_rows])
        # A copy, because a view would keep the whole block in memory.
        blocks, texts, n_kept = [pixels[end:].copy()], texts[end:], n_kept - end
    if n_kept:
        yield part(np.concatenate(blocks), texts)


def _whole_parquet(path: Path) -> Iterator[Any]:
    yield read_parquet(path)


def _iter_blocks(
    files: Sequence[Path],
    label: ColumnName,
    columns: Sequence[str] | None,
    with_labels: bool,
    frames_of: Callable[[Path], Iterator[Any]],
    names: Sequence[str] | None = None,
) -> Iterator[tuple[np.ndarray, list[str], list[str]]]:
    """Yield blocks of pixels and label texts, of any size, and the names of the pixel columns.

    `frames_of` reads a Parquet file as one or several DataFrames; `names` are the column names for
    CSV files without a header.
    """
    first_names: list[str] = []
    for path in files:
        if is_parquet(path):
            start = 0
            for frame in frames_of(path):
                here = text_names(frame.columns)
                pixels, texts, columns = read_frame(
                    frame, label, columns, with_labels, str(path), start
                )
                start += len(frame)
                first_names = first_names or here
                check_same_columns(path, here, files[0], first_names)
                yield pixels, texts, columns
            if not start:
                raise ValueError(f"{path}: the table has no rows.")
        else:
            here, n_header_lines = (list(names), 0) if names else read_header(path)
            layout = layout_of(here, label, columns, with_labels, str(path))
            first_names = first_names or here
            check_same_columns(path, here, files[0], first_names)
            columns = layout.names
            for pixels, texts in iter_csv(path, n_header_lines, layout):
                yield pixels, texts, columns
