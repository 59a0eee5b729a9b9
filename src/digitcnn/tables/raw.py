"""Reading of tables without checks, to describe those that a training would refuse."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._typing import ColumnName, FilePaths
from digitcnn._utils.text import first_line
from digitcnn.tables.columns import check_same_columns, text_names
from digitcnn.tables.csv_reader import read_header
from digitcnn.tables.files import find_delimiter, opened, table_files
from digitcnn.tables.frames import is_parquet, read_parquet
from digitcnn.tables.labels import missing_beside_numbers, text_of_label, tidy_labels


def read_raw_frame(paths: FilePaths, label: ColumnName = "label") -> Any:
    """Read a table without checks, to describe one that :func:`read_table` might refuse.

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
        The table as pandas reads it. Column names are text, and invalid UTF-8 is replaced. The rows
        of several files are concatenated.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the path is not a file.
    ValueError
        If a file is empty, damaged or not a table, or if the files have different columns.
    """
    import pandas as pd

    files = table_files(paths)
    frames = [_read_raw_file(file, str(label)) for file in files]
    for file, part in zip(files, frames, strict=True):
        check_same_columns(file, list(part.columns), files[0], list(frames[0].columns))
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if str(label) in frame.columns:
        cells = frame[str(label)].astype(object)
        texts = [
            "" if is_missing else text_of_label(cell)
            for cell, is_missing in zip(cells, cells.isna(), strict=True)
        ]
        missing = {"", *missing_beside_numbers([text for text in texts if text])}
        known = np.array([text not in missing for text in texts], dtype=bool)
        cells[known] = tidy_labels([text for text in texts if text not in missing]).tolist()
        cells[~known] = None
        frame[str(label)] = cells
    return frame


def _read_raw_file(file: Path, label: str) -> Any:
    import pandas as pd

    if is_parquet(file):
        frame = read_parquet(file)
        frame.columns = text_names(frame.columns)
        return frame
    names, _ = read_header(file)  # raises clearer errors than pandas for other files
    with opened(file) as stream:
        content = stream.read()
    read = {"encoding_errors": "replace", "low_memory": False, "sep": find_delimiter(file)}
    try:
        frame = pd.read_csv(io.BytesIO(content), **read)
        # pandas would treat values before the named columns as an index.
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("the first row has more values than the header names columns")
        if label in names:
            # Without conversion: "None" may be a label.
            at = names.index(label)
            texts = pd.read_csv(
                io.BytesIO(content), usecols=[at], dtype=str, keep_default_na=False, **read
            )
            frame.isetitem(at, texts.iloc[:, 0].str.strip())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{file}: no table of rows ({first_line(error)}).") from error
    frame.columns = [name.strip() for name in text_names(frame.columns)]
    return frame
