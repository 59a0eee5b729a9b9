"""Tables of digits, one picture a row: CSV, Parquet and DataFrames, read and checked.

Pixel columns are told by their names. Every reader answers with pixels that are exactly what the
table holds, or with an error that names the first cell at fault.
"""

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digitcnn._utils.atomic import as_path
from digitcnn._utils.text import some_of
from digitcnn.tables.columns import check_same_columns, layout_of, text_names
from digitcnn.tables.csv_reader import (
    describe_bad_pixel,
    is_real,
    iter_csv,
    number_of_text,
    read_csv,
    read_header,
)
from digitcnn.tables.files import opened

PathLike = str | os.PathLike[str]

_BLOCK_ROWS = 4096
_PARQUET_ROWS = 1024  # read at once, where a file is read in parts
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")
_MOST_LABEL_TEXT = 2**28
# What programs write for a number that is missing, in small letters.
_MISSING = {"nan", "na", "n/a", "#n/a", "<na>"}


class DigitTable(NamedTuple):
    """Pictures read from a table.

    Attributes
    ----------
    pixels : ndarray of uint8 of shape (n, p)
        One picture a row, C-contiguous, owned by the caller.
    labels : ndarray of shape (n,) or None
        int64 where every label is a whole number, else strings; None where not asked for.
    columns : list of str
        Names of the pixel columns, in the order of ``pixels``.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    columns: list[str]


def pixel_columns_of(source: Any, label: Any = "label") -> list[str]:
    """Find the pixel columns of a DataFrame, or of the first of some files, by their names.

    Parameters
    ----------
    source : DataFrame, str, path-like, or list of paths
        Of a CSV file only the header is read.
    label : object, default="label"
        Name of the label column; None where there is none.

    Returns
    -------
    list of str
        Names of the pixel columns, see :func:`find_pixel_columns`.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the path is no file.
    ValueError
        If the pixel columns cannot be told by their names.
    """
    if hasattr(source, "columns"):
        names, name = text_names(source.columns), "DataFrame"
    else:
        path = _files(source)[0]
        name = str(path)
        names = (
            text_names(_read_parquet(path).columns) if _is_parquet(path) else read_header(path)[0]
        )
    return layout_of(names, label, None, False, name).names


def read_table(
    paths: PathLike | Sequence[PathLike],
    *,
    label: Any = "label",
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
        the same columns, in any order; their rows are put one below the other.
    label : object, default="label"
        Name of the label column, which is never a pixel column. None where there is none.
    columns : sequence of str, default=None
        The pixel columns to read, in this order. None finds them by name, see
        :func:`find_pixel_columns`.
    with_labels : bool, default=False
        Whether to read the label column too; it must then be there.
    tidy : bool, default=True
        Whether labels become numbers where all are, see :func:`tidy_labels`. Otherwise they are
        strings, as they stand in the files.
    names : sequence of str, default=None
        Names of the columns of CSV files that have no header line.

    Returns
    -------
    DigitTable
        The pictures, their labels and the names of the pixel columns.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If a path is no file.
    ValueError
        If a file is damaged, or holds anything but whole numbers 0..255 in a pixel column.
    """
    files = _files(paths)
    parts: list[np.ndarray] = []
    texts: list[str] = []
    first_names: list[str] = []
    for path in files:
        if _is_parquet(path):
            frame = _read_parquet(path)
            here = text_names(frame.columns)
            pixels, labels, columns = _read_frame(frame, label, columns, with_labels, str(path), 0)
        else:
            here, n_header_lines = (list(names), 0) if names else read_header(path)
            layout = layout_of(here, label, columns, with_labels, str(path))
            pixels, labels = read_csv(path, n_header_lines, layout)
            columns = layout.names
        first_names = first_names or here
        check_same_columns(path, here, files[0], first_names)
        parts.append(pixels)
        texts += labels
    assert columns is not None
    found = None
    if with_labels:
        # All at once: whether labels are numbers hangs on the labels of all files.
        found = tidy_labels(texts) if tidy else np.array(texts, dtype=object)
    pixels = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return DigitTable(pixels, found, list(columns))


def iter_table(
    paths: PathLike | Sequence[PathLike],
    *,
    label: Any = "label",
    columns: Sequence[str] | None = None,
    with_labels: bool = False,
    n_rows: int = _BLOCK_ROWS,
) -> Iterator[DigitTable]:
    """Read pictures from CSV or Parquet files, some rows at a time.

    Parameters
    ----------
    paths, label, columns, with_labels
        As in :func:`read_table`.
    n_rows : int, default=4096
        Rows of each part; the last has what is left. Parts go across files.

    Yields
    ------
    DigitTable
        Its labels are strings, as they stand in the files.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        As in :func:`read_table`; a cell at fault when its part is reached.
    """
    blocks: list[np.ndarray] = []
    texts: list[str] = []
    names: list[str] = []

    def part(pixels: np.ndarray, texts: list[str]) -> DigitTable:
        return DigitTable(pixels, np.array(texts) if with_labels else None, names)

    n_kept = 0
    for _, block, labels in _iter_blocks(_files(paths), label, columns, with_labels):
        blocks.append(block)
        texts += labels
        n_kept += len(block)
        if n_kept < n_rows:
            continue
        pixels = np.concatenate(blocks)
        end = n_kept - n_kept % n_rows
        for start in range(0, end, n_rows):
            yield part(pixels[start : start + n_rows], texts[start : start + n_rows])
        # A copy: a view would hold on to all of it.
        blocks, texts, n_kept = [pixels[end:].copy()], texts[end:], n_kept - end
    if n_kept:
        yield part(np.concatenate(blocks), texts)


def tidy_labels(labels: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Labels as int64 where all are whole numbers, as strings where one is not.

    Of strings too, 3.0 is 3: what a program wrote as a float in one file is no other class than
    what stands as a whole number in another.

    Raises
    ------
    ValueError
        If there are numbers, and beside them only what stands for a missing one (``nan``); or if
        as strings, all as long as the longest, they would take gigabytes.
    """
    texts = [str(label) for label in labels]
    whole = [_whole_of_text(text) for text in texts]
    if None not in whole:
        return np.array(whole, np.int64)
    if missing := _missing_beside_numbers(texts):
        raise ValueError(
            f"expected a label in each row, got {some_of(sorted(missing))} beside numbers. Fill in "
            "the labels that are missing, or leave their rows out"
        )
    longest = max(map(len, texts))
    if longest * len(texts) > _MOST_LABEL_TEXT:
        raise ValueError(
            f"expected numbers or short names as labels, got {len(texts)} of up to {longest} "
            "characters. Give the classes shorter names"
        )
    return np.array([_without_fraction(text) for text in texts])


def match_labels(texts: Sequence[str] | np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The classes of a model that labels in files stand for.

    A model of the classes ``x`` and ``01`` knows the 01 of a file in which all labels look like
    numbers, and one of numbers its own beside a stray name.

    Parameters
    ----------
    texts : sequence of str
        Labels as they stand in files.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n,)
        Of the classes' dtype; where a label is none of them it is left as it is, and the dtype is
        object.
    """
    simplify = _without_fraction if classes.dtype.kind in "OUS" else _number_in_short
    known = {simplify(str(value)): value for value in classes.tolist()}
    known |= {str(value): value for value in classes.tolist()}
    found = {text: known.get(text, known.get(simplify(text), text)) for text in set(texts)}
    matched = np.array([found[text] for text in texts], dtype=object)
    is_all = set(found.values()) <= set(classes.tolist())
    return matched.astype(classes.dtype) if is_all else matched


def _missing_beside_numbers(texts: Sequence[str]) -> set[str]:
    """What stands for missing labels, where all others are numbers."""
    others = {text for text in set(texts) if number_of_text(text) is None}
    is_missing = len(others) < len(set(texts)) and all(text.lower() in _MISSING for text in others)
    return others if is_missing else set()


def _without_fraction(text: str) -> str:
    """3.0 as 3."""
    whole = _whole_of_text(text) if "." in text else None
    return text if whole is None else str(whole)


def _number_in_short(text: str) -> str:
    """A number as Python writes it, and 3.0 as 3."""
    whole = _whole_of_text(text)
    number = number_of_text(text) if whole is None else whole
    return text if number is None else str(number)


def _whole_of_text(text: str) -> int | None:
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text.partition(".")[0])
    # NumPy's savetxt writes 5.000000000000000000e+00.
    number = number_of_text(text) if "e" in text.lower() else None
    return number if isinstance(number, int) else None


def read_frame(
    frame: Any,
    *,
    label: Any = "label",
    columns: Sequence[str] | None = None,
    with_labels: bool = False,
    source: str = "",
    first_row: int = 0,
) -> DigitTable:
    """Read pictures from a DataFrame whose pixel columns may be of any numeric dtype.

    Parameters
    ----------
    frame : pandas.DataFrame
        One picture a row; it is not changed, and nothing returned shares memory with it.
    label, columns, with_labels
        As in :func:`read_table`.
    source : str, default=""
        The file that the frame came from, for the errors.
    first_row : int, default=0
        Number of the frame's first row in it.

    Returns
    -------
    DigitTable
        The pictures, their labels and the names of the pixel columns.

    Raises
    ------
    ValueError
        If a pixel column holds anything but whole numbers 0..255.
    """
    pixels, texts, names = _read_frame(frame, label, columns, with_labels, source, first_row)
    return DigitTable(pixels, tidy_labels(texts) if with_labels else None, names)


def _read_frame(
    frame: Any,
    label: Any,
    columns: Sequence[str] | None,
    with_labels: bool,
    source: str,
    first_row: int,
) -> tuple[np.ndarray, list[str], list[str]]:
    """Pixels, labels as text (none where they are not asked for) and the pixel columns' names."""
    names = text_names(frame.columns)
    layout = layout_of(names, label, columns, with_labels, source or "DataFrame")
    where = f"{source}, " if source else ""
    pixels = np.empty((len(frame), len(layout.names)), np.uint8)
    if not len(frame):
        raise ValueError(f"{source or 'DataFrame'}: the table has no rows.")
    picked = frame.iloc[:, layout.pixels]
    _check_dtypes(picked, where)
    for start in range(0, len(frame), _BLOCK_ROWS):
        block = _numbers_of(picked.iloc[start : start + _BLOCK_ROWS])
        bad = put_pixels(block, pixels[start : start + _BLOCK_ROWS])
        if bad is not None:
            row, column = bad
            raise ValueError(
                f"{where}{_place(frame, start + row, first_row)}, column "
                f"{layout.names[column]!r}: {describe_bad_pixel(picked.iat[start + row, column])}"
            )
    texts = []
    if layout.label is not None:
        cells = frame.iloc[:, layout.label]
        if cells.isna().any():
            row = int(cells.isna().to_numpy().argmax())
            place = f"{where}{_place(frame, row, first_row)}, column {str(label)!r}"
            raise ValueError(f"{place}: the label is missing.")
        texts = [_text_of_label(cell) for cell in cells.tolist()]
    return pixels, texts, layout.names


def _text_of_label(cell: Any) -> str:
    """A label's text, the same whether it was kept as the number 3, as 3.0 or as text."""
    is_whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53
    return str(int(cell)) if is_whole else str(cell).strip()


def read_raw_frame(paths: PathLike | Sequence[PathLike], label: Any = "label") -> Any:
    """Read a table as it stands, to describe one that :func:`read_table` might refuse.

    Parameters
    ----------
    paths : str, path-like, or list of them
        Files as for :func:`read_table`.
    label : object, default="label"
        Name of the column whose values are not made numbers file by file, but as
        :func:`read_table` does with labels.

    Returns
    -------
    pandas.DataFrame
        What pandas makes of it; column names are text, what is no UTF-8 is replaced. The rows of
        several files are put one below the other.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the path is no file.
    ValueError
        If a file is empty or damaged, there is no table in it, or the files have not the same
        columns.
    """
    import pandas as pd

    files = _files(paths)
    frames = [_read_raw_file(file, str(label)) for file in files]
    for file, part in zip(files, frames, strict=True):
        check_same_columns(file, list(part.columns), files[0], list(frames[0].columns))
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if str(label) in frame.columns:
        cells = frame[str(label)].astype(object)
        texts = [
            "" if is_missing else _text_of_label(cell)
            for cell, is_missing in zip(cells, cells.isna(), strict=True)
        ]
        missing = {"", *_missing_beside_numbers([text for text in texts if text])}
        known = np.array([text not in missing for text in texts], dtype=bool)
        cells[known] = tidy_labels([text for text in texts if text not in missing]).tolist()
        cells[~known] = None
        frame[str(label)] = cells
    return frame


def _read_raw_file(file: Path, label: str) -> Any:
    import pandas as pd

    if _is_parquet(file):
        frame = _read_parquet(file)
        frame.columns = text_names(frame.columns)
        return frame
    names, _ = read_header(file)  # It has the better words for what is no CSV at all.
    with opened(file) as stream:
        content = stream.read()
    read = {"encoding_errors": "replace", "low_memory": False}
    try:
        frame = pd.read_csv(io.BytesIO(content), **read)
        # pandas takes what stands before the named columns for an index.
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("the first row has more values than the header names columns")
        if label in names:
            # As it stands: "None" may be a label.
            at = names.index(label)
            texts = pd.read_csv(
                io.BytesIO(content), usecols=[at], dtype=str, keep_default_na=False, **read
            )
            frame.isetitem(at, texts.iloc[:, 0].str.strip())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{file}: no table of rows ({_first_line(error)}).") from error
    frame.columns = [name.strip() for name in text_names(frame.columns)]
    return frame


def put_pixels(numbers: np.ndarray, out: np.ndarray) -> tuple[int, int] | None:
    """Write numbers into a uint8 array if it holds them exactly.

    Parameters
    ----------
    numbers : ndarray of shape (n, p)
        Booleans, integers or floats.
    out : ndarray of uint8 of shape (n, p)
        Is written to.

    Returns
    -------
    tuple of int or None
        Row and column of the first number that is not a whole number 0..255; None if all are.
    """
    with np.errstate(invalid="ignore"):
        out[...] = numbers.astype(np.uint8)
    # A number that wrapped round, lost its fraction or was no number is no longer itself.
    bad = out != numbers
    if not bad.any():
        return None
    row, column = np.unravel_index(int(bad.argmax()), bad.shape)
    return int(row), int(column)


def _files(paths: PathLike | Sequence[PathLike]) -> list[Path]:
    if hasattr(paths, "columns"):
        raise ValueError(
            "expected a path or a list of paths, got a table. Its pixels are what "
            "DigitCSVTransformer().fit_transform(table) gives"
        )
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    files = [as_path(path) for path in given]
    if not files:
        raise ValueError("expected at least one file, got an empty list of paths")
    for path in files:
        _check_path(path)
    return files


def _check_path(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"There is no file '{path}'.")
    if path.is_dir():
        raise IsADirectoryError(f"expected a CSV or Parquet file, got '{path}', which is a folder")
    if not path.is_file():
        raise ValueError(f"expected a regular file, got '{path}', which is none")
    if path.suffix.lower() not in {".csv", ".gz", ".zip", ".parquet"}:
        raise ValueError(
            f"'{path}': unknown kind of file; .csv, .csv.gz, .csv.zip and .parquet can be read."
        )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _read_parquet(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise _without_pyarrow(path) from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: damaged, or no Parquet file ({_first_line(error)}).") from error


def _without_pyarrow(path: Path) -> ImportError:
    return ImportError(f"{path}: reading Parquet needs pyarrow: pip install 'digitcnn[parquet]'.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _place(frame: Any, row: int, first_row: int) -> str:
    index = frame.index[row]
    shown = index.item() if isinstance(index, np.generic) else index
    return f"row {first_row + row} (index {shown!r})"


def _check_dtypes(frame: Any, where: str) -> None:
    import pandas as pd

    is_ = pd.api.types
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        numeric = is_.is_numeric_dtype(dtype) and not is_.is_complex_dtype(dtype)
        if not is_.is_object_dtype(dtype) and (not numeric or is_.is_bool_dtype(dtype)):
            raise ValueError(
                f"{where}column {str(name)!r} has dtype {dtype}; pixels are whole numbers 0..255."
            )


def _numbers_of(frame: Any) -> np.ndarray:
    """The values of numeric or object columns as one plain array; what is no number is NaN."""
    if all(isinstance(dtype, np.dtype) and dtype.kind != "O" for dtype in frame.dtypes):
        values: np.ndarray = frame.to_numpy()
        return values
    numbers = np.empty(frame.shape, np.float64)
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        if column.dtype == object:
            numbers[:, i] = [value if is_real(value) else np.nan for value in column]
        else:
            numbers[:, i] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _iter_blocks(
    files: Sequence[Path], label: Any, columns: Sequence[str] | None, with_labels: bool
) -> Iterator[tuple[list[str], np.ndarray, list[str]]]:
    """The pixel columns' names, and blocks of pixels and label texts, of any size."""
    first_names: list[str] = []
    for path in files:
        if _is_parquet(path):
            start = 0
            for frame in _iter_parquet(path):
                here = text_names(frame.columns)
                pixels, texts, columns = _read_frame(
                    frame, label, columns, with_labels, str(path), start
                )
                start += len(frame)
                first_names = first_names or here
                check_same_columns(path, here, files[0], first_names)
                yield columns, pixels, texts
            if not start:
                raise ValueError(f"{path}: the table has no rows.")
        else:
            here, n_header_lines = read_header(path)
            layout = layout_of(here, label, columns, with_labels, str(path))
            first_names = first_names or here
            check_same_columns(path, here, files[0], first_names)
            columns = layout.names
            for pixels, texts in iter_csv(path, n_header_lines, layout):
                yield columns, pixels, texts


def _iter_parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise _without_pyarrow(path) from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                yield batch.to_pandas()
    except (ValueError, OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: damaged, or no Parquet file ({_first_line(error)}).") from error
