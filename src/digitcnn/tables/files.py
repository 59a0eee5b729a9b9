"""Opening of data files, compressed or not, and reading of rows, in bounded memory."""

import csv
import gzip
import io
import itertools
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from digitcnn._typing import FilePaths
from digitcnn._utils.atomic import as_path
from digitcnn._utils.text import some_of

TABLE_ENDINGS = frozenset({".csv", ".tsv", ".gz", ".zip", ".parquet"})
# Delimiters of a CSV, by priority if two occur equally often.
_DELIMITERS = ",;\t|"

# Most bytes in a row: pictures of 1000x1000 pixels have about four million.
_LONGEST_ROW = 2**23
_MOST_EMPTY_LINES = 10**6
_BLOCK_BYTES = 2**18
# A compressed file may unpack to this many bytes, or to this multiple of its own length if that is
# more. Text of digits is compressed about tenfold.
_ALWAYS_UNPACKED = 2**26
_MOST_UNPACKED = 100
# First bytes of binary files that may have the name of a text file, and advice for the error.
_NO_TEXT = {
    b"\x1f\x8b": "compressed by gzip. Give it the ending .gz",
    b"PK\x03\x04": "a zip archive, as workbooks of Excel are too. Give it the ending .zip, or save "
    "the workbook as CSV",
    b"PAR1\x15": "a Parquet file. Give it the ending .parquet",
    b"BZh91AY": "compressed by bzip2. Unpack it",
    b"\xfd7zXZ": "compressed by xz. Unpack it",
    b"\x28\xb5\x2f\xfd": "compressed by zstd. Unpack it",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel. Save it as CSV",
}
# Errors of opening a damaged zip: OSError for an offset before the start of the file, RuntimeError
# for features that zipfile does not support.
_ZIP_DAMAGE = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    RuntimeError,
)


def table_files(paths: FilePaths) -> list[Path]:
    """The paths as a list; raise an error if one does not exist or cannot be a table."""
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
        raise IsADirectoryError(
            f"expected a CSV or Parquet file, got '{path}', which is a folder. Image files are "
            "read by digitcnn.datasets.read_digit_images"
        )
    if not path.is_file():
        raise ValueError(f"expected a regular file, got '{path}', which is not one")
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise ValueError(f"expected a .csv, .tsv, .csv.gz, .csv.zip or .parquet file, got '{path}'")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, compressed or not; errors of damaged files name it.

    Parameters
    ----------
    path : pathlib.Path
        The file. ``.gz`` and ``.zip`` with one member are unpacked.

    Yields
    ------
    binary stream

    Raises
    ------
    ValueError
        If it is not a regular file, is damaged, or unpacks to far more than a file of digits. Some
        of this shows only while it is read.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: expected a regular file")
    kind = path.suffix.lower()
    with path.open("rb") as file:
        try:
            if kind == ".gz":
                with gzip.open(file, "rb") as unpacked:
                    yield _limited(path, unpacked)  # type: ignore[arg-type]
            elif kind == ".zip":
                with _opened_zip(path, file) as unpacked:
                    yield _limited(path, unpacked)
            else:
                start = file.peek(6)
                for mark, what in _NO_TEXT.items():
                    if start.startswith(mark):
                        raise ValueError(f"{path}: expected text, got a file that is {what}")
                yield file
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: damaged, or no {kind} file ({error}).") from error


def check_unpacked(path: Path, n_bytes: int) -> None:
    """Refuse a file that unpacks to far more bytes than a file of data.

    Parameters
    ----------
    path : pathlib.Path
    n_bytes : int
        The length of its unpacked content, so far or in total.

    Raises
    ------
    ValueError
        If it is more than 64 MiB, and more than 100 times the file's own length.
    """
    if n_bytes > _ALWAYS_UNPACKED and n_bytes > _MOST_UNPACKED * path.stat().st_size:
        raise ValueError(
            f"{path}: unpacks to more than {_MOST_UNPACKED} times its length, unlike any data. If "
            "it is right all the same, unpack it first."
        )


def find_delimiter(path: Path) -> str:
    """Find the delimiter of a CSV: a comma, a semicolon, a tab or a bar.

    Parameters
    ----------
    path : pathlib.Path
        The delimiter is the one that occurs most often, outside quotes, in the first line that is
        not empty (usually the header).

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    with opened(path) as stream:
        for line in itertools.islice(_lines(stream), _MOST_EMPTY_LINES):
            if line.strip(b" \t\r\n"):
                # Every second part is between quotes; the last may be, if a quote is not closed.
                plain = b"".join(line.split(b'"')[::2]).decode("utf-8", "replace")
                return max(_DELIMITERS, key=plain.count)
    return _DELIMITERS[0]


def rows_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read a CSV row by row, with the delimiter of `find_delimiter`.

    Parameters
    ----------
    path : pathlib.Path

    Yields
    ------
    line : int
        Number of the row's last line, from 1.
    cells : list of str
        Empty for a line that is empty or has only spaces; ``""`` is a cell. Bytes that are not
        UTF-8 become lone surrogates.

    Raises
    ------
    ValueError
        If the file is damaged, quotes are not closed, there is a NUL byte, a row is too long, or
        there are more than a million empty lines.
    """
    since_last = number = n_empty = 0
    blank = False

    def lines() -> Iterator[str]:
        nonlocal since_last, number, blank
        for line in _lines(stream):
            number += 1
            since_last += len(line)
            if since_last > _LONGEST_ROW:
                raise ValueError(f"{path}, line {number}: a row of more than {_LONGEST_ROW} bytes.")
            if b"\0" in line:
                found = "a NUL byte"
                # A header in which each letter is next to a NUL is UTF-16 without a byte order
                # mark.
                is_spaced = number == 1 and 3 * line.count(0) > len(line)
                if is_spaced or line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    found = "UTF-16. Save the table as UTF-8"
                raise ValueError(f"{path}, line {number}: expected UTF-8 text, got {found}.")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            blank = not line.strip(b" \t\r\n")
            yield line.decode("utf-8", "surrogateescape")

    delimiter = find_delimiter(path)
    with opened(path) as stream:
        reader = csv.reader(lines(), strict=True, delimiter=delimiter)
        try:
            for row in reader:
                # A quoted cell may make a row longer than a line.
                yield number, [] if blank else row
                since_last = 0
                n_empty += blank
                if n_empty > _MOST_EMPTY_LINES:
                    raise ValueError(f"{path}, line {number}: more than a million empty lines.")
        except csv.Error as error:
            raise ValueError(f"{path}, line {max(number, 1)}: {error}.") from error


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends (LF, CRLF or CR); lines that are too long are cut."""
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        lines = (rest + block).splitlines(keepends=True)
        # A CR at the end may be half of a CRLF.
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        yield from lines
        if len(rest) > _LONGEST_ROW:
            yield rest
            return
    if rest:
        yield rest


def _opened_zip(path: Path, file: BinaryIO) -> BinaryIO:
    try:
        archive = zipfile.ZipFile(file)
        return archive.open(_member(path, archive))  # type: ignore[return-value]
    except _NoTableError:
        raise
    except _ZIP_DAMAGE as error:
        raise ValueError(f"{path}: damaged, or no .zip file ({error}).") from error


class _NoTableError(ValueError):
    """An intact zip whose content is not one CSV."""


def _member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]
    if len(files) != 1:
        raise _NoTableError(
            f"{path}: expected an archive of one CSV, got one of {len(files)} files "
            f"({some_of([info.filename for info in files])}). Unpack it."
        )
    if files[0].flag_bits & 1:
        raise _NoTableError(f"{path}: expected a plain archive, got an encrypted one.")
    if files[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _NoTableError(
            f"{path}: expected an archive compressed by deflate, as zip programs do by default, "
            f"got method {files[0].compress_type}."
        )
    return files[0]


class _DecompressionLimit(io.RawIOBase):
    """A compressed file's content, up to the limit of `check_unpacked`."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._n_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._n_bytes += len(block)
        check_unpacked(self._path, self._n_bytes)
        return len(block)


def _limited(path: Path, stream: BinaryIO) -> BinaryIO:
    return io.BufferedReader(_DecompressionLimit(path, stream), _BLOCK_BYTES)
