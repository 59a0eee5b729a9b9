"""Opening and decoding of image files with Pillow, in bounded memory."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from digitcnn._utils.text import first_line, shorten
from digitcnn.tables.image_modes import (
    bits_of,
    luminance,
    orientation_of,
    to_bytes,
    turned,
    without_opacity,
)

ACCEPTED = "PNG, JPEG, BMP, TIFF, WebP or GIF"
IMAGE_ENDINGS = frozenset(
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"]
)
# Photos in these formats are an error in a folder; other files are ignored.
PICTURE_ENDINGS = IMAGE_ENDINGS | {
    *(".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".cr2", ".nef", ".dng"),
    *(".ico", ".tga", ".pcx", ".pnm", ".pbm", ".pgm", ".ppm"),
}
# First bytes of the files of each format.
_FORMATS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
}
_PLUGINS = ("Bmp", "Gif", "Jpeg", "Png", "Tiff", "WebP")
_MOST_COUNTED = 100  # Pages of a TIFF that are counted for an error.
_SAMPLE_FORMAT = 339  # a tag of TIFF
MOST_BYTES = 2**29
_MOST_PIXELS = 2**26
# Images with more pixels than this are decoded one at a time.
_LARGE_PIXELS = 2**23
# A picture of a digit needs no more pixels. Larger ones are shrunk while they are read.
LONGEST_SIDE = 1024

_one_large = threading.Lock()
_filters = threading.Lock()


class ImageFileError(ValueError):
    """A damaged image file, or a file that is not an image."""


@contextmanager
def without_warnings_of_pillow() -> Iterator[None]:
    """A context to open and decode images without Pillow's warnings, in threads that end in it.

    Pillow warns about harmless flaws, for example in EXIF data. Other flaws raise errors anyway.
    """
    # Warning filters belong to the process: two overlapping contexts would not restore them.
    with _filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def image_size(path: Path) -> tuple[int, int]:
    """Read the height and width of an image from its header, before EXIF's orientation.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    OSError
        If the file does not exist, or cannot be read.
    ValueError
        If it is not an image file, or has too many pixels or several pages.
    """
    with _opened(path) as image:
        width, height = image.size
    return height, width


def read_image(path: Path) -> np.ndarray:
    """Decode an image, rotated upright by EXIF.

    Transparent pixels become white, or black if all opaque pixels are light. The first frame of an
    animation is read. An image with a side of more than 1,024 pixels is shrunk by an integer
    factor.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ndarray of uint8 of shape (height, width) or (height, width, 3)
        Grey if all its pixels are grey, otherwise RGB.

    Raises
    ------
    OSError
        If the file does not exist, or cannot be read.
    ValueError
        If it is not an image file, is damaged, or has too many pixels, several pages or more than
        16 bits per channel.
    """
    with _opened(path) as image:
        return _decode_alone(image, LONGEST_SIDE)


def count_images(source: Path | BinaryIO, most: int) -> int:
    """Count the pages of an image: one, except for TIFF.

    Parameters
    ----------
    source : pathlib.Path or binary file
    most : int
        Largest number to count: for more pages, ``most + 1`` is returned.

    Raises
    ------
    OSError, ValueError
        As `read_image`.
    """
    with _opened(source, page=0) as image:
        return _count_pages(image, most) if image.format == "TIFF" else 1


def _count_pages(image: Any, most: int) -> int:
    # Each page points to the next one: a file may have millions.
    n_pages = 1
    try:
        while n_pages <= most:
            image.seek(n_pages)
            n_pages += 1
    except EOFError:
        pass
    image.seek(0)
    return n_pages


def read_sized_image(
    source: Path | BinaryIO, longest_side: int, page: int | None = None
) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode an image as `read_image` does, and return its original size too.

    Parameters
    ----------
    source : pathlib.Path or binary file
        A binary file is read from its start.
    longest_side : int
        Largest side in pixels; larger images are shrunk by an integer factor.
    page : int or None, default=None
        Number of a page of a TIFF, from 0. None requires a single page.

    Returns
    -------
    pixels : ndarray of uint8 of shape (height, width) or (height, width, 3)
    size : tuple of int (height, width)
        The upright size before shrinking.

    Raises
    ------
    OSError, ValueError
        As `read_image`.
    """
    with _opened(source, page) as image:
        width, height = image.size
        pixels = _decode_alone(image, longest_side)
    is_turned = (pixels.shape[0] > pixels.shape[1]) != (height > width)
    return pixels, (width, height) if is_turned else (height, width)


def _decode_alone(image: Any, longest_side: int) -> np.ndarray:
    """Decode an image; large ones one at a time."""
    is_large = image.width * image.height > _LARGE_PIXELS
    with _one_large if is_large else nullcontext():
        return _decode(image, longest_side)


def grey_of(picture: np.ndarray) -> np.ndarray:
    """Convert a picture of `read_image` to grey, by the luminance of ITU-R BT.601."""
    return picture if picture.ndim == 2 else luminance(picture)


@contextmanager
def _opened(source: Path | BinaryIO, page: int | None = None) -> Iterator[Any]:
    """Open an image and read its header; errors in the context name the file."""
    if not isinstance(source, Path):
        with _opened_file(source, "picture", page) as image:
            yield image
        return
    path = source
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "something else"
        raise ImageFileError(f"{path}: expected an image file, got {what}")
    with path.open("rb") as file, _opened_file(file, path, page) as image:
        yield image


@contextmanager
def _opened_file(file: BinaryIO, name: str | Path, page: int | None) -> Iterator[Any]:
    kind = _format_of(name, file)
    pillow = _pillow()
    try:
        with pillow.open(file, formats=[kind]) as image:
            if page and kind == "TIFF":
                image.seek(page)
            _check_header(name, kind, image, page)
            yield image
    except (ImageFileError, MemoryError):
        raise
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        # Pillow refuses images with more than twice the pixels of its limit.
        most = min(_MOST_PIXELS, 2 * (pillow.MAX_IMAGE_PIXELS or _MOST_PIXELS))
        raise ImageFileError(
            f"{name}: expected an image of at most {most:,} pixels, got more. Shrink it first"
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly anything
        # If Pillow cannot identify a file, its error has no more than the name.
        why = "" if "identify" in str(error) else f" ({shorten(first_line(error))})"
        raise ImageFileError(f"{name}: damaged, or no {kind} file{why}") from error


def _pillow() -> Any:
    import importlib

    from PIL import Image

    # Otherwise Pillow would import all its plugins.
    for name in _PLUGINS:
        importlib.import_module(f"PIL.{name}ImagePlugin")
    return Image


def _format_of(path: str | Path, file: BinaryIO) -> str:
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(32)
    if n_bytes > MOST_BYTES:
        raise ImageFileError(
            f"{path}: expected an image file of at most {MOST_BYTES >> 20} MiB, got more. Shrink "
            "it first"
        )
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    for mark, kind in _FORMATS.items():
        if start.startswith(mark):
            return kind
    raise ImageFileError(f"{path}: expected {ACCEPTED}, got {_describe(start)}")


def _describe(start: bytes) -> str:
    """Describe a file that does not begin like an image."""
    if not start:
        return "an empty file"
    if start[4:8] == b"ftyp":
        return "HEIC, AVIF or a video. Convert it to JPEG"
    if start.startswith(b"%PDF"):
        return "a PDF. Save its pages as images"
    text = start.decode("utf-8", "ignore")
    # The last character may be cut.
    if len(text.encode()) > len(start) - 4 and all(
        sign.isprintable() or sign.isspace() for sign in text
    ):
        return f"text: {shorten(text[:20].strip())!r}"
    return "another kind of file"


def _check_header(path: str | Path, kind: str, image: Any, page: int | None) -> None:
    width, height = image.size
    if width * height > _MOST_PIXELS or min(width, height) < 1:
        raise ImageFileError(
            f"{path}: expected an image of at most {_MOST_PIXELS:,} pixels, got {width} x "
            f"{height}. Shrink it first"
        )
    n_pages = 1 if page is not None or kind != "TIFF" else _count_pages(image, _MOST_COUNTED)
    if n_pages > 1:
        shown = f"{n_pages}" if n_pages <= _MOST_COUNTED else "many"
        raise ImageFileError(
            f"{path}: expected one picture, got a TIFF of {shown} pages. Save each page as a file"
        )
    if image.mode in ("I", "F"):
        tags = getattr(image, "tag_v2", {})
        bits = 32 if image.mode == "F" else bits_of(image)
        if bits > 16 or tags.get(_SAMPLE_FORMAT, (1,)) != (1,):
            raise ImageFileError(
                f"{path}: expected 1 to 16 bits for a channel, without a sign, got numbers of "
                f"{bits} bits. Save it with 8 bits"
            )


def _decode(image: Any, longest_side: int) -> np.ndarray:
    image.draft(None, (longest_side, longest_side))  # JPEG is decoded to a part of its size
    image.load()
    orientation = orientation_of(image)
    image = to_bytes(image)
    factor = -(-max(image.size) // longest_side)
    if factor > 1:
        image = image.reduce(factor)
    pixels = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        pixels = without_opacity(pixels)
    if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
        pixels = pixels[..., 0]
    return np.array(turned(pixels, orientation), order="C")
