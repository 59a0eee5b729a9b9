"""Pictures of forms with their fields drawn on top."""

from typing import Any

import numpy as np

from digitcnn.reading.forms.page import FormPage, is_doubtful
from digitcnn.reading.overlay import DOUBTFUL, SURE, as_image

_TEXT = 0.35  # Of a field's height.


def draw_form(page: FormPage, pixels: np.ndarray | None, min_confidence: float) -> Any:
    """A page as an image of Pillow's, with its fields.

    Parameters
    ----------
    page : FormPage
    pixels : ndarray of uint8 of shape (height, width, 1 or 3), or None
        May be smaller than the page. None: the page is white.
    min_confidence : float
        Fields with a lower confidence, or with a text that is not allowed, get another colour.
    """
    from PIL import ImageDraw, ImageFont

    image = as_image(pixels, page.width, page.height)
    scale = np.array([image.width / page.width, image.height / page.height])
    draw = ImageDraw.Draw(image)
    for one in page.fields.values():
        colour = DOUBTFUL if is_doubtful(one, min_confidence) else SURE
        corners = np.array(one.polygon) * scale
        points = [(float(x), float(y)) for x, y in corners]
        draw.line([*points, points[0]], fill=colour, width=max(1, image.width // 600))
        text = one.text or ("" if one.number is None else f"{one.number.text}?")
        size = max(8.0, _TEXT * float(np.linalg.norm(corners[3] - corners[0])))
        draw.text(points[0], text, fill=colour, font=ImageFont.load_default(size))
    return image
