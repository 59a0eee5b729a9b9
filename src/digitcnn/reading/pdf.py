"""Pages of PDF files as pixels, drawn by PDFium in bounded memory and time."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from digitcnn._utils.refusals import not_installed
from digitcnn._utils.text import first_line, shorten
from digitcnn.tables.image_files import ImageFileError

_PIXELS_PER_POINT = 200 / 72
_MOST_PIXELS = 2**26  # Of a page, and of all its pictures together.
_MOST_BYTES = 2**28
_MOST_OBJECTS = 200_000  # On a page.
_PATIENCE = 20.0  # Longest time to draw a page, in seconds.
# Only one thread at a time may use PDFium.
_lock = threading.Lock()


def is_pdf(start: bytes) -> bool:
    """Whether a file with this start is a PDF."""
    return b"%PDF-" in start[:1024]


def count_pdf_pages(source: Path | BinaryIO) -> int:
    """The number of pages of a PDF.

    Raises
    ------
    OSError, ImportError, ValueError
        As `draw_pdf_page`.
    """
    with _opened(source) as document:
        return len(document)


def draw_pdf_page(
    source: Path | BinaryIO, number: int, longest_side: int
) -> tuple[np.ndarray, tuple[int, int]]:
    """Draw a page of a PDF on white.

    Parameters
    ----------
    source : pathlib.Path or binary file
    number : int
        Number of the page, from 0.
    longest_side : int
        Largest side of the drawn page, in pixels.

    Returns
    -------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    size : tuple of int (height, width)
        Of the page at 200 pixels per inch, or at fewer if those are too many.

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ImportError
        If pypdfium2 is not installed.
    ValueError
        If the file is damaged, encrypted or too large, or if the page takes too much memory or
        time.
    """
    with _opened(source) as document:
        page = document[number]
        try:
            return _draw(page, f"{name_of(source)}, page {number + 1}", longest_side)
        finally:
            page.close()


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[Any]:
    name = name_of(source)
    try:
        import pypdfium2
    except ImportError as error:
        raise not_installed(f"{name}: reading a PDF", ["pypdfium2"], "pdf") from error
    content = _content(source)
    with _lock:
        document = None
        try:
            document = pypdfium2.PdfDocument(content)
            yield document
        except pypdfium2.PdfiumError as error:
            why = shorten(first_line(error))
            if "password" in why.lower():
                raise ImageFileError(
                    f"{name}: expected a PDF that opens without a password, got an encrypted one. "
                    "Save it without a password first"
                ) from error
            raise ImageFileError(f"{name}: damaged, or not a PDF file ({why})") from error
        finally:
            if document is not None:
                document.close()


def _content(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    else:
        source.seek(0)
        content = source.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ImageFileError(
            f"{name_of(source)}: expected a PDF of at most {_MOST_BYTES >> 20} MiB, got more. "
            "Split it first"
        )
    return content


def name_of(source: Path | BinaryIO | None) -> str:
    """A source's name in messages."""
    return str(source) if isinstance(source, Path) else "picture"


def _draw(page: Any, name: str, longest_side: int) -> tuple[np.ndarray, tuple[int, int]]:
    across, down = page.get_size()
    if not (0 < across < math.inf and 0 < down < math.inf):
        raise ImageFileError(f"{name}: expected a page with a size, got {across} x {down}")
    _check_pictures(page, name)
    scale = min(_PIXELS_PER_POINT, math.sqrt(_MOST_PIXELS / across / down))
    width, height = max(1, int(across * scale)), max(1, int(down * scale))
    if width * height > _MOST_PIXELS:  # of a page of less than a pixel's width
        raise ImageFileError(f"{name}: expected a page of a usual shape, got {width} x {height}")
    part = min(1.0, longest_side / max(width, height))
    pixels = _pixels_of(page, name, max(1, int(width * part)), max(1, int(height * part)))
    if (pixels[..., :1] == pixels).all():
        pixels = np.ascontiguousarray(pixels[..., :1])
    return pixels, (height, width)


def _check_pictures(page: Any, name: str) -> None:
    """Refuse a page whose pictures take too much memory when they are unpacked."""
    from pypdfium2 import raw

    n_pixels = 0
    for i, one in enumerate(page.get_objects(max_depth=8)):
        if i == _MOST_OBJECTS:
            raise ImageFileError(
                f"{name}: expected at most {_MOST_OBJECTS:,} objects on a page, got more. Save it "
                "as an image"
            )
        if one.type == raw.FPDF_PAGEOBJ_IMAGE:
            width, height = one.get_px_size()
            n_pixels += width * height
    if n_pixels > _MOST_PIXELS:
        raise ImageFileError(
            f"{name}: expected pictures of at most {_MOST_PIXELS:,} pixels on a page, got "
            f"{n_pixels:,}. Save it as an image"
        )


def _pixels_of(page: Any, name: str, width: int, height: int) -> np.ndarray:
    import pypdfium2
    from pypdfium2 import raw

    until = time.monotonic() + _PATIENCE
    pause_type = dict(raw.IFSDK_PAUSE._fields_)["NeedToPauseNow"]
    pause = raw.IFSDK_PAUSE(
        version=1, NeedToPauseNow=pause_type(lambda _: time.monotonic() > until)
    )
    bitmap = pypdfium2.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        status = raw.FPDF_RenderPageBitmap_Start(
            bitmap, page, 0, 0, width, height, 0, raw.FPDF_ANNOT, pause
        )
        raw.FPDF_RenderPage_Close(page)
        if status == raw.FPDF_RENDER_TOBECONTINUED:
            raise ImageFileError(
                f"{name}: expected a page that is drawn within {_PATIENCE:.0f} seconds, got one "
                "that takes longer. Save it as an image"
            )
        if status != raw.FPDF_RENDER_DONE:
            raise ImageFileError(f"{name}: damaged: it cannot be drawn")
        return np.array(bitmap.to_numpy()[..., ::-1], order="C")
    finally:
        bitmap.close()
