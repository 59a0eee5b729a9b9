"""Reading and checking of pixels and labels in DataFrames, also those of Parquet files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._typing import ColumnName
from digitcnn._utils.refusals import not_installed
from digitcnn._utils.text import first_line
from digitcnn.tables.columns import layout_of, text_names
from digitcnn.tables.csv_reader import describe_bad_pixel, is_real
from digitcnn.tables.labels import text_of_label

_BLOCK_ROWS = 4096
_PARQUET_ROWS = 1024  # rows per part


def read_frame(
    frame: Any,
    label: ColumnName = "label",
    columns: Sequence[str] | None = None,
    with_labels: bool = False,
    source: str = "",
    first_row: int = 0,
) -> tuple[np.ndarray, list[str], list[str]]:
    """Read a DataFrame whose pixel columns may be of any numeric dtype.

    Parameters
    ----------
    frame : pandas.DataFrame
        One picture per row. It is not modified, and the results do not share memory with it.
    label, columns, with_labels
        As in `digitcnn.tables.readers.read_table`.
    source : str, default=""
        The file of the frame, for error messages.
    first_row : int, default=0
        Number of the frame's first row in the file.

    Returns
    -------
    pixels : ndarray of uint8 of shape (n, p)
    labels : list of str
        Empty unless `with_labels`.
    columns : list of str
        Names of the pixel columns.

    Raises
    ------
    ValueError
        If a pixel is not a whole number 0..255, or a label is missing.
    """
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
        texts = [text_of_label(cell) for cell in cells.tolist()]
    return pixels, texts, layout.names


def put_pixels(numbers: np.ndarray, out: np.ndarray) -> tuple[int, int] | None:
    """Write numbers into a uint8 array if it holds them exactly.

    Parameters
    ----------
    numbers : ndarray of shape (n, p)
        Booleans, integers or floats.
    out : ndarray of uint8 of shape (n, p)
        Output array.

    Returns
    -------
    tuple of int or None
        Row and column of the first number that is not a whole number 0..255; None if all are.
    """
    with np.errstate(invalid="ignore"):
        out[...] = numbers.astype(np.uint8)
    # Numbers that wrapped around, lost their fraction or were NaN compare unequal.
    bad = out != numbers
    if not bad.any():
        return None
    row, column = np.unravel_index(int(bad.argmax()), bad.shape)
    return int(row), int(column)


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
    """The values of numeric or object columns as one array; other values become NaN."""
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


def is_parquet(path: Path) -> bool:
    """Whether a file is a Parquet file, by its extension."""
    return path.suffix.lower() == ".parquet"


def read_parquet(path: Path) -> Any:
    """Read a Parquet file as a DataFrame."""
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise not_installed(f"{path}: reading Parquet", ["pyarrow"], "parquet") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: damaged, or no Parquet file ({first_line(error)}).") from error


def iter_parquet(path: Path) -> Iterator[Any]:
    """Read a Parquet file as DataFrames with a bounded number of rows."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise not_installed(f"{path}: reading Parquet", ["pyarrow"], "parquet") from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                yield batch.to_pandas()
    except (ValueError, OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: damaged, or no Parquet file ({first_line(error)}).") from error
