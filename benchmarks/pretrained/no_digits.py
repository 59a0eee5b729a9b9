"""Pictures in which nothing is written: blank sheets, noise, rulings."""

import numpy as np
from captures import Capture, Rng
from PIL import Image, ImageDraw


def blank(rng: Rng) -> Capture:
    side = int(rng.integers(16, 65))
    shade = int(rng.choice([0, 0, 255, rng.integers(256)]))
    picture = np.full((side, side), shade, np.uint8)
    if rng.random() < 0.5:
        return Capture(picture, True)
    return Capture(np.full((28, 28), shade, np.uint8), False)


def noise(rng: Rng) -> Capture:
    side = 28 if rng.random() < 0.6 else int(rng.integers(16, 65))
    kind = rng.integers(5)
    if kind == 0:
        picture = rng.uniform(0, rng.uniform(30, 256), (side, side))
    elif kind == 1:
        picture = rng.normal(rng.uniform(0, 255), rng.uniform(2, 80), (side, side))
    elif kind == 2:
        picture = 255.0 * (rng.random((side, side)) < rng.uniform(0.005, 0.5))
    else:  # clouds and blots
        n = int(rng.integers(3, 12))
        cells = Image.fromarray(rng.uniform(0, 255, (n, n)).astype(np.uint8))
        picture = np.asarray(cells.resize((side, side), Image.Resampling.BICUBIC), float)
        if kind == 4:
            picture = 255.0 * (picture > rng.uniform(100, 200))
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return Capture(picture, side != 28 or rng.random() < 0.4)


def rulings(rng: Rng) -> np.ndarray:
    """Lines of a sheet, cells of a grid, crosses: not a single upright line."""
    side = 96
    picture = Image.new("L", (side, side))
    canvas = ImageDraw.Draw(picture)
    width = int(rng.integers(1, 10))
    kind = rng.integers(5)
    low, high = rng.integers(8, 40), rng.integers(56, 88)
    tilt = rng.normal(0, 3)
    if kind in (0, 3):
        for y in range(int(low), side - 8, int(rng.integers(16, 90))):
            canvas.line([8, y, 88, y + tilt], fill=255, width=width)
    if kind in (1, 3):
        for x in range(int(low), side - 8, int(rng.integers(16, 45))):
            canvas.line([x, 8, x + tilt, 88], fill=255, width=width)
        if kind == 1:
            canvas.line([8, high, 88, high], fill=255, width=width)
    if kind == 2:
        canvas.rectangle([8, low, 88, high], outline=255, width=min(width, 4))
    if kind == 4:
        canvas.line([low, low, high, high], fill=255, width=width)
        canvas.line([low, high, high, low + tilt], fill=255, width=width)
    return np.asarray(picture)
