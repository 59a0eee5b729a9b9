"""A page on which a human corrects the doubtful readings of forms."""

import base64
import hashlib
import io
import json
import math
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from digitcnn._version import __version__
from digitcnn.reading.forms.page import FormPage, is_doubtful

_AROUND = 0.35  # Margin of a crop around its field, relative to the field's height.
_CROP_HEIGHT, _CROP_WIDTH = 96, 900  # Largest size of a crop, in pixels.


def crop_field(page: FormPage, polygon: Sequence[tuple[float, float]]) -> np.ndarray | None:
    """A field cut out of its picture and straightened, with a margin; None without pixels."""
    pixels = page._picture
    if pixels is None:
        return None
    scale = np.array([pixels.shape[1] / page.width, pixels.shape[0] / page.height])
    corners = np.array(polygon) * scale
    across = max(float(np.linalg.norm(corners[1] - corners[0])), 1.0)
    down = max(float(np.linalg.norm(corners[3] - corners[0])), 1.0)
    zoom = min(2.0, _CROP_HEIGHT / (down * (1 + 2 * _AROUND)), _CROP_WIDTH / (across + down))
    margin = _AROUND * down * zoom
    width, height = across * zoom, down * zoom
    inner = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) + margin
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), inner.astype(np.float32))
    size = math.ceil(width + 2 * margin), math.ceil(height + 2 * margin)
    crop: np.ndarray = cv2.warpPerspective(
        pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop


def make_review(
    pages: Iterable[tuple[str, int, FormPage]], columns: Sequence[str], min_confidence: float
) -> str:
    """A page to correct doubtful readings: one HTML file that loads no other.

    Parameters
    ----------
    pages : iterable of (file, page number, FormPage)
    columns : sequence of str
        The names of a page's fields and of its grids' cells.
    min_confidence : float
        Fields with a lower confidence are shown, and those with a text that is not allowed.
    """
    rows: list[list[Any]] = []
    items: list[dict[str, Any]] = []
    for file, number, page in pages:
        row: list[Any] = [file, number, *([None] * (2 * len(columns)))]
        for i, name in enumerate(columns):
            one = page.fields[name]
            row[2 + 2 * i : 4 + 2 * i] = [one.text, round(one.confidence, 4)]
            if is_doubtful(one, min_confidence):
                items.append(
                    {
                        "row": len(rows),
                        "column": 2 + 2 * i,
                        "read": one.text or ("" if one.number is None else one.number.text),
                        "allowed": one.is_allowed,
                        "image": _data_url(crop_field(page, one.polygon)),
                    }
                )
        rows.append(row)
    names = ["file", "page", *(text for name in columns for text in (name, f"{name} confidence"))]
    return _fill(json.dumps({"names": names, "rows": rows, "items": items}, ensure_ascii=True))


def _data_url(crop: np.ndarray | None) -> str:
    if crop is None:
        return ""
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(crop if crop.ndim == 2 or crop.shape[2] == 3 else crop[..., 0])
    image.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _fill(data: str) -> str:
    """The page's template with its data. Nothing in the data can end a script or begin a tag."""
    folder = files("digitcnn.reading.forms") / "templates"
    html, style, script = (
        folder.joinpath(f"review.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; script-src 'sha256-{digest}'"
    )
    safe = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    parts = {
        "policy": policy, "version": __version__, "style": style, "script": script, "data": safe,
    }  # fmt: skip
    # In one pass, so that inserted text is not searched for placeholders.
    pieces = html.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        filled += [parts[name.strip()], rest]
    return "".join(filled)
