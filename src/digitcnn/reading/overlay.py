"""Pictures with what was read in them drawn on top."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from digitcnn.reading.page import Page

_SURE, _DOUBTFUL = (0, 140, 60), (230, 110, 0)


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
    for line in page.lines:
        for number in line.numbers:
            for digit in number.digits:
                left, top, width, height = digit.box
                if not width * height:  # a separator without ink
                    continue
                colour = _SURE if digit.confidence >= min_confidence else _DOUBTFUL
                frame = [(x * across, y * down) for x, y in digit.polygon]
                draw.polygon(frame, outline=colour, width=max(1, image.width // 500))
                size = max(8.0, 0.5 * height * down)
                font = ImageFont.load_default(size)
                place = left * across, max(0.0, top * down - 1.2 * size)
                draw.text(place, digit.text, fill=colour, font=font)
    return image
