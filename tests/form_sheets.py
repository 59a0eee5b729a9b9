"""Filled forms, composed of handwritten digits and printed boxes, and photos of them, for tests."""

import io

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from number_sheets import SIDE, glyphs

MARKS = {"marks": [[8, 8], [142, 8], [142, 192], [8, 192]], "mark_size": 5}
FORM = {
    "version": 1,
    "size": [150, 200],
    "anchors": MARKS,
    "fields": [
        {"name": "id", "kind": "boxes", "box": [25, 25, 72, 9], "length": 8},
        {"name": "total", "kind": "number", "box": [25, 45, 50, 11], "decimals": 2},
        {"name": "phone", "kind": "digits", "box": [25, 66, 80, 11]},
        {"name": "born", "kind": "boxes", "box": [25, 87, 58, 9], "length": 6, "gap": 0.8},
        {"name": "marks", "kind": "grid", "box": [25, 110, 96, 60], "rows": 5, "columns": 8,
         "length": 1},
    ],
}  # fmt: skip
VALUES = {
    "id": "31415926",
    "total": "12345",
    "phone": "271828182",
    "born": "290277",
    "marks": ["20 74519", "83650 72", "19472803", "4 569381", "70 12564"],
}


def draw_form(form, values, zoom=8, seed=0, pictures=None, shade=70, is_ruled=True):
    """A page as grey bytes, `zoom` pixels for each unit.

    `pictures` maps each digit to light pictures of it, of 28 by 28 pixels, to choose from.
    """
    rng = np.random.default_rng(seed)
    if pictures is None:
        pictures = {str(label): [picture] for label, picture in enumerate(glyphs())}
    width, height = (round(side * zoom) for side in form["size"])
    image = Image.new("L", (width, height), 235)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(3.5 * zoom)
    anchors = form.get("anchors") or {}
    for x, y in anchors.get("marks", []):
        half = anchors["mark_size"] / 2
        draw.rectangle([(c * zoom) for c in (x - half, y - half, x + half, y + half)], fill=30)
    if "frame" in anchors:
        x, y, w, h = anchors["frame"]
        draw.rectangle(
            [c * zoom for c in (x, y, x + w, y + h)], outline=40, width=max(2, round(0.5 * zoom))
        )
    ink = np.zeros((height, width), np.float32)
    for field in form["fields"]:
        x, y, w, h = field["box"]
        rows, columns = field.get("rows", 1), field.get("columns", 1)
        if field["kind"] == "boxes":
            columns = field["length"]
        gap = field.get("gap", 0)
        draw.text((x * zoom, (y - 5) * zoom), f"{field['name']} 20", fill=60, font=font)
        across, down = (w + gap) / columns, (h + gap) / rows
        for i in range(rows):
            for j in range(columns):
                left, top = x + j * across, y + i * down
                box = (left, top, left + across - gap, top + down - gap)
                if is_ruled:
                    line = max(1, round(0.25 * zoom))
                    draw.rectangle([c * zoom for c in box], outline=shade, width=line)
        value = values.get(field["name"], "")
        texts = value if isinstance(value, list) else [value]
        for i, text in enumerate(texts):
            for j, sign in enumerate(text):
                if sign == " ":
                    continue
                if field["kind"] in ("boxes", "grid"):
                    size = rng.uniform(0.75, 0.95) * min(across, down)
                    middle = x + (j + 0.5) * across - gap / 2, y + (i + 0.5) * down - gap / 2
                else:
                    size = rng.uniform(0.85, 0.95) * h
                    middle = x + (j + 0.7) * 0.72 * h, y + 0.5 * h
                shift = rng.uniform(-0.06, 0.06, 2) * size
                one = pictures[sign][rng.integers(len(pictures[sign]))]
                _write(ink, one, (np.array(middle) + shift) * zoom, size * zoom)
    page = np.asarray(image).astype(np.float32)
    return (page * (1 - 0.8 * ink)).clip(0, 255).astype(np.uint8)


def _write(ink, picture, middle, size):
    scale = size / 20  # of 28 pixels the digit takes 20
    side = max(1, round(SIDE * scale))
    drawn = cv2.resize(
        picture.astype(np.float32) / 255, (side, side), interpolation=cv2.INTER_CUBIC
    )
    x, y = (round(c - side / 2) for c in middle)
    top, left = max(0, -y), max(0, -x)
    part = ink[max(0, y) : y + side, max(0, x) : x + side]
    np.maximum(
        part, drawn.clip(0, 1)[top : top + part.shape[0], left : left + part.shape[1]], out=part
    )


def place_of(
    page, degrees=0.0, scale=0.8, tilt=0.0, turns=0, size=(1400, 1400), bend=(0.0, 0.0), seed=0,
    **_,
):  # fmt: skip
    """Where `photograph` puts the corners of a page, clockwise from its upper left one."""
    rows, columns = page.shape
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], float)
    around = (corners - corners.mean(axis=0)) * scale * min(size) / max(rows, columns)
    lean = np.random.default_rng(seed).uniform(-1, 1, 2)
    lean *= tilt / np.abs(lean).sum()
    around *= (1 + (around / np.abs(around).max()) @ lean / 2)[:, None]
    angle = np.radians(degrees + 90 * turns)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return around @ turn.T + np.array(size) * (0.5 + np.array(bend))


def photograph(page, desk=60, light=0.0, seed=0, quality=None, size=(1400, 1400), **place):
    """A photo of a page on a desk.

    `place` is `degrees`, `scale`, `turns`, `bend`, the shift in parts of the picture, and `tilt`:
    how much shorter one side of the page looks. `light` is how much darker one corner is.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    rows, columns = page.shape
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    target = place_of(page, size=size, seed=seed, **place).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    noise = rng.normal(0, 2, (height, width)).astype(np.float32)
    seen = cv2.warpPerspective(page.astype(np.float32), matrix, size, flags=cv2.INTER_AREA)
    covers = cv2.warpPerspective(np.ones(page.shape, np.float32), matrix, size)
    picture = desk * (1 - covers) + seen * covers
    down, across = np.mgrid[:height, :width] / max(size)
    picture = picture * (1 - light * (0.6 * across + 0.4 * down)) + noise
    picture = picture.clip(0, 255).astype(np.uint8)
    if quality is not None:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        picture = np.asarray(Image.open(io.BytesIO(file.getvalue())))
    return picture
