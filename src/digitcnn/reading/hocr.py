"""hOCR: what was read as XHTML, as archives and other software for scans take it."""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from digitcnn._version import __version__
from digitcnn.reading.page import Line, Number, Page
from digitcnn.reading.polygons import Box, Polygon

_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head>
<title>Numbers</title>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<meta name="ocr-system" content="digitcnn {__version__}"/>
<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word ocrp_poly ocrp_wconf"/>
</head>
<body>
"""


def hocr_parts(pages: Iterable[tuple[str, int, Page]]) -> Iterator[str]:
    """An hOCR 1.2 file, page by page.

    Parameters
    ----------
    pages : iterable of tuple (file, number, page)
        The name of each page's file, and the page's number in it, from 0.

    Yields
    ------
    str
    """
    yield _HEAD
    for i, (file, number, page) in enumerate(pages, 1):
        image = "".join(
            sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in file
        )
        image = image.replace("\\", "\\\\").replace('"', '\\"')
        title = f'image "{image}"; {_bbox(page.box)}; ppageno {number}'
        yield f'<div class="ocr_page" id="page_{i}" title={quoteattr(title)}>\n'
        for j, line in enumerate(page.lines, 1):
            yield _line(line, f"{i}_{j}")
        yield "</div>\n"
    yield "</body>\n</html>\n"


def _line(line: Line, name: str) -> str:
    words = " ".join(_word(number, f"{name}_{k}") for k, number in enumerate(line.numbers, 1))
    title = f"{_bbox(line.box)}; {_poly(line.polygon)}"
    return f'<span class="ocr_line" id="line_{name}" title="{title}">{words}</span>\n'


def _word(number: Number, name: str) -> str:
    confidence = round(100 * number.confidence)
    title = f"{_bbox(number.box)}; {_poly(number.polygon)}; x_wconf {confidence}"
    return f'<span class="ocrx_word" id="word_{name}" title="{title}">{escape(number.text)}</span>'


def _bbox(box: Box) -> str:
    left, top, width, height = box
    return f"bbox {round(left)} {round(top)} {round(left + width)} {round(top + height)}"


def _poly(polygon: Polygon) -> str:
    return "poly " + " ".join(f"{round(x)} {round(y)}" for x, y in polygon)
