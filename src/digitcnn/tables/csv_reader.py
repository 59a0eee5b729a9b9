"""Parsing of pixels and labels in CSV files.

A CSV of plain digits is parsed with NumPy, block by block. From the first block with anything else
on, a slower reader parses cell by cell: it supports more syntax, and its errors name the cell.
"""

import math
import numbers
import re
import reprlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from digitcnn._utils.text import shorten
from digitcnn.tables.files import find_delimiter, opened, rows_of

# Small enough for a block's index arrays to stay in the cache, large enough for the threads to
# rarely wait for Python's lock.
_BLOCK_BYTES = 1 << 19
_THREADS = 2  # More would wait for Python's lock.
_ZERO = ord("0")
_NEWLINE = (ord("\n") - _ZERO) % 256
# Longer lines are not rows of plain digits.
_LONGEST_PLAIN = 2**23
_MOST_COLUMNS = 2**19
_LONGEST_NAME = 1000
# ASCII digits only, and no syntax that only Python accepts. The expression is unambiguous, so
# matching takes linear time.
_NUMBER = re.compile(
    r"[ \t]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*|[ \t]*[+-]?inf[ \t]*"
)
_PIXEL_OF_TEXT = {str(value): value for value in range(256)}


class Layout(NamedTuple):
    """The positions of the pixels and the label in a table's rows, and the pixels' names."""

    width: int
    pixels: list[int] | slice
    label: int | None
    names: list[str]


def read_header(path: Path) -> tuple[list[str], int]:
    """Read the names of a CSV's columns.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    names : list of str
        The cells of the first line that is not empty.
    n_lines : int
        Number of lines down to where the rows begin.

    Raises
    ------
    ValueError
        If the file is empty or damaged, or the header is not UTF-8.
    """
    for line, row in rows_of(path):
        if row:
            return _check_names(row, f"{path}, line {line}"), line
    raise ValueError(f"{path}: expected a header and a row for each image, got an empty file")


def iter_csv(
    path: Path, n_header_lines: int, layout: Layout
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Read the pixels and labels of a CSV, a block of rows at a time.

    Parameters
    ----------
    path : pathlib.Path
    n_header_lines : int
        Number of lines above the rows.
    layout : Layout
        The columns to read.

    Yields
    ------
    pixels : ndarray of uint8 of shape (n, p)
    labels : list of str
        Labels as text, as in the file; empty if the layout has no label.

    Raises
    ------
    ValueError
        If the file is damaged or has no rows, or a cell is not a pixel or a label; the error names
        the cell.
    """
    n_rows = 0
    for parsed in _read_plain(path, n_header_lines, layout):
        if parsed is None:
            break
        n_rows += len(parsed[0])
        yield parsed
    else:
        if n_rows:
            return
    for parsed in _read_careful(path, n_header_lines, layout, n_rows):
        n_rows += len(parsed[0])
        yield parsed
    if not n_rows:
        raise ValueError(f"{path}: there are no rows below the header.")


def describe_bad_pixel(value: Any) -> str:
    """Say what is wrong with a value that is not a pixel.

    >>> describe_bad_pixel(256)
    '256 is outside 0..255.'
    """
    rule = "a pixel is a whole number 0..255."
    if isinstance(value, str):
        found = f"{reprlib.repr(value)} is text, not a number" if value.strip() else "empty cell"
        return f"{found}; {rule}"
    if not is_real(value):
        return f"{reprlib.repr(value)} is not a number; {rule}"
    if math.isnan(value):
        return f"the value is missing (NaN); {rule}"
    if not 0 <= value <= 255:
        return f"{shorten(str(value))} is outside 0..255."
    return f"{value} is not a whole number; {rule}"


def is_real(value: Any) -> bool:
    """Whether a value is a number (also NaN or infinity) rather than True or text."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def number_of_text(text: str) -> float | int | None:
    """Read a number in the syntax of other programs; float() also accepts "1_0" and "nan".

    >>> number_of_text("2.5e1"), number_of_text(" +7.0"), number_of_text("1_0")
    (25, 7, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _check_names(row: list[str], where: str) -> list[str]:
    """The names in a header, stripped of spaces."""
    if re.search("[\ud800-\udfff]", "".join(row)):
        raise ValueError(f"{where}: the header is not UTF-8 text.")
    names = [name.strip() for name in row]
    if len(names) > _MOST_COLUMNS or max(map(len, names)) > _LONGEST_NAME:
        raise ValueError(
            f"{where}: {len(names)} columns, with names of up to {max(map(len, names))} "
            f"characters, are no header; {_MOST_COLUMNS} and {_LONGEST_NAME} are the most."
        )
    return names


def _read_plain(
    path: Path, n_header_lines: int, layout: Layout
) -> Iterator[tuple[np.ndarray, list[str]] | None]:
    """Parse a CSV in blocks; yield None for a block with anything but plain digits."""
    delimiter = find_delimiter(path)
    with opened(path) as stream:
        for _ in range(n_header_lines):
            # readline does not split lines at a CR alone.
            if b"\r" in stream.readline().removesuffix(b"\n").removesuffix(b"\r"):
                yield None
                return
        yield from _in_threads(
            lambda block: _parse_block(block, layout, delimiter), _whole_lines(stream)
        )


def _in_threads(function: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    """Yield the results of `function` for each item, in order, a few items at a time.

    Threads suffice, because NumPy releases the GIL.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        pending: deque[Future[Any]] = deque()
        for item in items:
            pending.append(threads.submit(function, item))
            if len(pending) > 2 * _THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while read := stream.read(_BLOCK_BYTES):
        block = rest + read
        end = block.rfind(b"\n") + 1
        if not end and len(block) > _LONGEST_PLAIN:
            yield b"?"  # not a row of digits: `_read_careful` raises the error
            return
        rest = block[end:]
        if end:
            block = block[:end]
            yield block.replace(b"\r\n", b"\n") if b"\r" in block else block
    if rest:
        yield rest + b"\n"


def _parse_block(
    block: bytes, layout: Layout, delimiter: str
) -> tuple[np.ndarray, list[str]] | None:
    """Parse whole lines of digits, delimiters and newlines; return None for anything else."""
    # With bytes in front, every number can be read backwards from its last digit.
    digits = np.frombuffer(b",,,," + block, np.uint8) - np.uint8(_ZERO)
    stops = np.flatnonzero(digits[4:] > 9)  # Other characters have wrapped past 9.
    n_rows = len(stops) // layout.width
    shape = n_rows, layout.width
    newlines = digits[4:] == _NEWLINE
    n_delimiters = np.count_nonzero(digits[4:] == (ord(delimiter) - _ZERO) % 256)
    if (
        len(stops) != n_rows * layout.width
        or np.count_nonzero(newlines) != n_rows
        or n_delimiters != len(stops) - n_rows
        or not newlines[stops[layout.width - 1 :: layout.width]].all()
    ):
        return None
    values, good = (part.reshape(shape) for part in _parse_numbers(digits, stops))
    if not good[:, layout.pixels].all():
        return None
    labels = []
    if layout.label is not None:
        ends = stops.reshape(shape)[:, layout.label]
        # A label starts at the end of the column before it; the first one at the line's start.
        starts = np.concatenate(([-1], stops[:-1])).reshape(shape)[:, layout.label] + 1
        if (starts == ends).any() or (ends - starts > _LONGEST_NAME).any():
            return None
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        labels = [block[start:end].decode("ascii") for start, end in pairs]
    return values[:, layout.pixels], labels


def _parse_numbers(digits: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of the numbers that end at ``stops``, and which of them are 0..255."""
    values = digits[3:][stops]
    good = values <= 9
    tens = digits[2:][stops]
    longer = np.flatnonzero(tens <= 9)
    values[longer] += 10 * tens[longer]
    hundreds = digits[1:][stops[longer]]
    is_long = hundreds <= 9
    longest, hundreds = longer[is_long], hundreds[is_long].astype(np.uint16)
    whole = values[longest] + 100 * hundreds
    good[longest] &= (whole < 256) & (digits[stops[longest]] > 9)
    values[longest] = whole.astype(np.uint8)
    return values, good


def _read_careful(
    path: Path, n_header_lines: int, layout: Layout, n_read: int
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Read a CSV cell by cell, with quotes, spaces and 3.0 for 3; errors name the cell.

    The first `n_read` rows are skipped.
    """
    pixels = bytearray()
    labels: list[str] = []
    n_rows, at = 0, layout.pixels
    for line, row in rows_of(path):
        if line <= n_header_lines or not row:
            continue
        if n_rows < n_read:
            n_rows += 1
            continue
        where = f"{path}, line {line} (row {n_rows})"
        if len(row) != layout.width:
            raise ValueError(
                f"{where}: expected {layout.width} values, as the header names columns, got "
                f"{len(row)}."
            )
        picked = row[at] if isinstance(at, slice) else [row[i] for i in at]
        try:
            pixels += bytes(map(_PIXEL_OF_TEXT.__getitem__, picked))
        except KeyError:
            pixels += bytes(_careful_pixels(picked, layout.names, where))
        if layout.label is not None:
            text = row[layout.label].strip()
            if not (text and text.isprintable()) or len(text) > _LONGEST_NAME:
                what = "too long" if text.isprintable() else "not printable UTF-8"
                raise ValueError(f"{where}: the label is {what if text else 'missing'}.")
            labels.append(text)
        n_rows += 1
        if len(pixels) >= _BLOCK_BYTES:
            yield np.frombuffer(pixels, np.uint8).reshape(-1, len(layout.names)), labels
            pixels, labels = bytearray(), []
    yield np.frombuffer(pixels, np.uint8).reshape(-1, len(layout.names)), labels


def _careful_pixels(cells: list[str], names: list[str], where: str) -> Iterator[int]:
    for cell, name in zip(cells, names, strict=True):
        number = number_of_text(cell)
        if number is None or not 0 <= number <= 255 or number != int(number):
            found = cell if number is None else number
            raise ValueError(f"{where}, column {name!r}: {describe_bad_pixel(found)}")
        yield int(number)
