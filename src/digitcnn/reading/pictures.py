"""Pixels from the forms in which a picture may be given."""

import io
import math
import os
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from digitcnn._utils.images import channels_last
from digitcnn._utils.pictures import list_pictures
from digitcnn.preprocessing.shades import to_bytes
from digitcnn.reading.pdf import count_pdf_pages, draw_pdf_page, is_pdf, name_of
from digitcnn.tables.image_files import MOST_BYTES, count_images, read_sized_image

LONGEST_SIDE = 1600  # Pixels. Larger pictures are reduced, in which a page's digits can be read.
_MOST_PIXELS = 2**26
_MOST_PAGES = 1000
_ROUNDING = 1e-9
Region = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels to read, and the size of the picture that they come from.

    Attributes
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
        May be fewer than the picture's own.
    height, width : int
        In the picture's own pixels.
    left, top : int
        Place in the larger picture that it was cut from, in that picture's own pixels.
    """

    pixels: np.ndarray
    height: int
    width: int
    left: int = 0
    top: int = 0

    def cut(self, region: Region) -> "Picture":
        """A part of the picture.

        Raises
        ------
        ValueError
            If `region` is not as `DigitReader.read` takes it, or lies outside of the picture.
        """
        left, top, width, height = _in_pixels(region, self.width, self.height)
        right, bottom = min(left + width, self.width), min(top + height, self.height)
        left, top = max(left, 0), max(top, 0)
        if right <= left or bottom <= top:
            raise ValueError(
                f"expected a region in the picture of {self.width} x {self.height} pixels, got "
                f"{','.join(map(str, region))}"
            )
        across, down = self.pixels.shape[1] / self.width, self.pixels.shape[0] / self.height
        columns = slice(int(left * across), max(int(left * across) + 1, round(right * across)))
        rows = slice(int(top * down), max(int(top * down) + 1, round(bottom * down)))
        pixels = np.ascontiguousarray(self.pixels[rows, columns])
        return Picture(pixels, bottom - top, right - left, left, top)


def _in_pixels(region: Any, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of a region in pixels.

    Ints are pixels, and floats are fractions of the picture's size, as 1.0 for all of it.
    """
    is_four = isinstance(region, tuple | list) and len(region) == 4
    if is_four and all(isinstance(side, int | np.integer) for side in region):
        if min(region[2:]) > 0:
            return int(region[0]), int(region[1]), int(region[2]), int(region[3])
    elif is_four and all(isinstance(side, Real) and math.isfinite(side) for side in region):
        x, y, across, down = map(float, region)
        # Sums of fractions are not exact.
        right, bottom = x + across - _ROUNDING, y + down - _ROUNDING
        if min(x, y) >= 0 < min(across, down) and max(right, bottom) <= 1:
            left, top = int((x + _ROUNDING) * width), int((y + _ROUNDING) * height)
            return left, top, math.ceil(right * width) - left, math.ceil(bottom * height) - top
    raise ValueError(
        "expected region to be x, y, width and height, as ints in pixels or as fractions of the "
        f"picture from 0.0 to 1.0, got {region!r}"
    )


class Source:
    """A picture as it was given: a path, bytes, a binary file, an image of Pillow's or an array.

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ValueError
        If it is not a picture, is damaged, or has too many pixels.
    TypeError
        If it has another type.
    """

    def __init__(self, given: Any) -> None:
        self._file: Path | BinaryIO | None = None
        self._array: np.ndarray | None = None
        self._is_pdf = False
        self._n_pages: int | None = None
        if isinstance(given, bytes | bytearray | memoryview):
            self._file = io.BytesIO(given)
        elif isinstance(given, str | os.PathLike):
            self._file = Path(os.fsdecode(given))
        elif hasattr(given, "read") and not hasattr(given, "getbands"):
            self._file = _seekable(given)
        else:
            self._array, self._n_pages = _in_memory(given), 1
            return
        self._is_pdf = is_pdf(_start_of(self._file))

    def count_pages(self) -> int:
        """The number of pages of a PDF or TIFF, and 1 for other pictures.

        Raises
        ------
        OSError, ValueError, ImportError
            As the class. Also for more than 1,000 pages, and for a PDF without pypdfium2.
        """
        if self._n_pages is not None:
            return self._n_pages
        assert self._file is not None
        if self._is_pdf:
            n_pages = count_pdf_pages(self._file)
        else:
            n_pages = count_images(self._file, _MOST_PAGES)
        if n_pages > _MOST_PAGES:
            raise ValueError(
                f"{name_of(self._file)}: expected at most {_MOST_PAGES:,} pages, got more. Split "
                "it first"
            )
        self._n_pages = n_pages
        return n_pages

    def open(self, page: int | None = None, longest_side: int = LONGEST_SIDE) -> Picture:
        """A page's pixels.

        Parameters
        ----------
        page : int or None, default=None
            Number of the page, from 0. None: the only page.
        longest_side : int, default=1600
            Larger pages are reduced to this size, in pixels.

        Raises
        ------
        OSError, ValueError, ImportError
            As `count_pages`. Also if the page does not exist.
        """
        n_pages = self.count_pages()
        if page is None and n_pages > 1:
            raise ValueError(
                f"{name_of(self._file)}: expected one page, got {n_pages:,}. Choose one, as "
                "page=0, or read all with read_pages"
            )
        number = 0 if page is None else page
        if not isinstance(number, int | np.integer) or not 0 <= number < n_pages:
            raise ValueError(f"expected page to be from 0 to {n_pages - 1}, got {page!r}")
        return self._decoded(int(number), longest_side)

    def open_region(self, whole: Picture, page: int | None, region: Region) -> Picture:
        """A part of a page, in more detail than `open` gives the whole page.

        Parameters
        ----------
        whole : Picture
            The result of `open`.
        page : int or None
        region : tuple of float

        Raises
        ------
        ValueError
            See `Picture.cut`.
        """
        part = whole.cut(region)
        side = max(whole.width, whole.height)
        needed = min(side, LONGEST_SIDE * side // max(part.width, part.height))
        if needed <= max(whole.pixels.shape):
            return part
        return self._decoded(page or 0, needed).cut(region)

    def _decoded(self, page: int, longest_side: int) -> Picture:
        if self._array is not None:
            pixels, (height, width) = to_bytes(self._array, longest_side), self._array.shape[:2]
        elif self._is_pdf:
            assert self._file is not None
            pixels, (height, width) = draw_pdf_page(self._file, page, longest_side)
        else:
            assert self._file is not None
            pixels, (height, width) = read_sized_image(self._file, longest_side, page)
        return Picture(pixels.reshape(*pixels.shape[:2], -1), height, width)


def _start_of(file: Path | BinaryIO) -> bytes:
    if not isinstance(file, Path):
        file.seek(0)
        return file.read(1024)
    if not file.is_file():  # The error comes when it is opened as an image.
        return b""
    with file.open("rb") as opened:
        return opened.read(1024)


def _seekable(file: Any) -> Any:
    """A binary file that can be read from the start again."""
    if getattr(file, "seekable", lambda: False)() and not isinstance(file, io.TextIOBase):
        return file
    content = file.read(MOST_BYTES + 1)  # More is refused later. A stream may be endless.
    if not isinstance(content, bytes):
        raise TypeError("expected a file opened in binary mode, got one opened in text mode")
    return io.BytesIO(content)


def _in_memory(given: Any) -> np.ndarray:
    if hasattr(given, "getbands"):
        from PIL import ImageOps

        _check_size(given.height, given.width)
        upright = ImageOps.exif_transpose(given)
        (pixels,) = list_pictures([upright]) or [np.asarray(upright)]
        return _checked(pixels)
    if isinstance(given, np.ndarray | list | tuple):
        try:
            pixels = np.asarray(given)
        except ValueError as error:
            raise ValueError(f"expected an array of pixels, got {error}") from None
        return _checked(pixels)
    raise TypeError(
        "expected a picture as a path, bytes, binary file, Pillow image or array, got "
        f"{type(given).__name__}"
    )


def _checked(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(
            "expected pixels of shape (height, width) or (height, width, channels), got shape "
            f"{pixels.shape}"
        )
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        raise ValueError(f"expected pixels with 1 to 4 channels, got {pixels.shape[2]}")
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if pixels.dtype.kind not in "uif":
        raise ValueError(f"expected pixels that are real numbers, got the type {pixels.dtype}")
    height, width = pixels.shape[:2]
    _check_size(height, width)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ValueError("expected finite pixels, got NaN or infinity")
    return pixels.reshape(channels_last(pixels.shape))


def _check_size(height: int, width: int) -> None:
    if height * width > _MOST_PIXELS:
        raise ValueError(
            f"expected a picture of at most {_MOST_PIXELS:,} pixels, got {width} x {height}. "
            "Shrink it first"
        )
