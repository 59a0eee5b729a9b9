"""Pictures with the digits that were read drawn on top."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn._utils.refusals import not_installed

if TYPE_CHECKING:
    from digitcnn.reading.page import Digit, Page

SURE, DOUBTFUL = (0, 140, 60), (230, 110, 0)  # Red, green and blue, on light and dark pictures.


def as_image(pixels: np.ndarray | None, width: int, height: int) -> Any:
    """Pixels as an RGB image of Pillow's to draw on; a white one of a size without pixels.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3), or None
    width, height : int
        Size of the white image.
    """
    from PIL import Image

    if pixels is None:
        return Image.new("RGB", (width, height), "white")
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")


def draw_page(page: "Page", pixels: np.ndarray | None, min_confidence: float) -> Any:
    """A page as an image of Pillow's, with its digits.

    Parameters
    ----------
    page : Page
    pixels : ndarray of uint8 of shape (height, width, 1 or 3), or None
        May be smaller than the page. None: the page is white.
    min_confidence : float
        Digits with a lower confidence get another colour.
    """
    from PIL import ImageDraw, ImageFont

    image = as_image(pixels, page.width, page.height)
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
    """The same in axes of matplotlib's, or in new ones where `ax` is None."""
    try:
        from matplotlib import patches, pyplot
    except ImportError as error:
        raise not_installed("Page.plot", ["matplotlib"], "plots") from error

    if ax is None:
        ax = pyplot.subplots(layout="constrained")[1]
    if pixels is not None:
        # The axes count the page's pixels, which may be more than these.
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


def _drawn(page: "Page", min_confidence: float) -> Iterator[tuple["Digit", tuple[int, int, int]]]:
    """The digits that have ink, each with its colour. Separators of a pattern have none."""
    for line in page.lines:
        for number in line.numbers:
            for digit in number.digits:
                if digit.polygon[0] != digit.polygon[1]:
                    yield digit, SURE if digit.confidence >= min_confidence else DOUBTFUL
