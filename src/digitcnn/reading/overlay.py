"""Pictures with what was read in them drawn on top."""

import base64
import io
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from digitcnn.reading.page import Digit, Page

_SURE, _DOUBTFUL = (0, 140, 60), (230, 110, 0)
_NOTEBOOK_SIDE = 800  # Pixels of a picture in a notebook, which is kept in its file.


def draw_page(page: "Page", pixels: np.ndarray | None, min_confidence: float) -> Any:
    """A page as one of Pillow's images; white where its pixels are not kept.

    Parameters
    ----------
    page : Page
    pixels : ndarray of uint8 of shape (height, width, 1 or 3), or None
        May be smaller than the page.
    min_confidence : float
        What is less sure is drawn in another colour.
    """
    from PIL import Image, ImageDraw, ImageFont

    if pixels is None:
        image = Image.new("RGB", (page.width, page.height), "white")
    else:
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    across, down = image.width / page.width, image.height / page.height
    draw = ImageDraw.Draw(image)
    for digit, colour in _drawn(page, min_confidence):
        left, top, _, height = digit.box
        frame = [(x * across, y * down) for x, y in digit.polygon]
        draw.polygon(frame, outline=colour, width=max(1, image.width // 500))
        size = max(8.0, 0.5 * height * down)
        place = left * across, max(0.0, top * down - 1.2 * size)
        draw.text(place, digit.text, fill=colour, font=ImageFont.load_default(size))
    return image


def plot_page(page: "Page", pixels: np.ndarray | None, ax: Any, min_confidence: float) -> Any:
    """The same in matplotlib's axes; None makes new ones."""
    try:
        from matplotlib import patches, pyplot
    except ImportError as error:
        raise ImportError(
            "Page.plot draws with matplotlib, which is not installed: install matplotlib, or "
            '"digitcnn[plots]"'
        ) from error

    if ax is None:
        ax = pyplot.subplots(layout="constrained")[1]
    if pixels is not None:
        # The page's own pixels, which may be more than these.
        extent = (0, page.width, page.height, 0)
        ax.imshow(pixels.squeeze(), extent=extent, cmap="gray", vmin=0, vmax=255)
    ax.set(xlim=(0, page.width), ylim=(page.height, 0), aspect="equal")
    ax.set_axis_off()
    for digit, colour in _drawn(page, min_confidence):
        shade = tuple(part / 255 for part in colour)
        ax.add_patch(patches.Polygon(digit.polygon, fill=False, edgecolor=shade))
        left, top, _, _ = digit.box
        ax.text(left, top, digit.text, color=shade, verticalalignment="bottom", clip_on=True)
    return ax


def page_as_html(page: "Page") -> str:
    """A page for a notebook: its picture with frames, and its text."""
    image = page.draw()
    image.thumbnail((_NOTEBOOK_SIDE, _NOTEBOOK_SIDE))
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    source = base64.b64encode(content.getvalue()).decode("ascii")
    text = escape(page.text) or "no number found"
    return (
        f'<figure style="margin: 0"><img alt="Picture with the numbers read: {text}" '
        f'width="{image.width}" height="{image.height}" style="max-width: 100%; height: auto" '
        f'src="data:image/png;base64,{source}"/><figcaption><pre>{text}</pre></figcaption></figure>'
    )


def _drawn(page: "Page", min_confidence: float) -> Iterator[tuple["Digit", tuple[int, int, int]]]:
    """The digits that take ink, each with its colour."""
    for line in page.lines:
        for number in line.numbers:
            for digit in number.digits:
                if digit.polygon[0] != digit.polygon[1]:
                    yield digit, _SURE if digit.confidence >= min_confidence else _DOUBTFUL
