"""What pens, scanners, cameras and other people's scripts make of a drawn digit.

A drawing is uint8, 0 where there is paper and 255 where there is ink.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

Rng = np.random.Generator
_SIDE = 28


class Capture(NamedTuple):
    """A picture as users have them."""

    picture: np.ndarray
    normalized: bool  # whether it goes through `DigitNormalizer`, or is a network's input as it is
    clean: np.ndarray | None = None  # where the normaliser may fail: what it should have found


def crop(drawing: np.ndarray, margin: int = 0) -> np.ndarray:
    """Cut to the ink, with a margin."""
    inked = drawing > 40
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return drawing
    return np.pad(drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)


def resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample, averaging where the new grid is coarser."""
    if picture.shape == (height, width):
        return picture
    smooth = Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((max(1, width), max(1, height)), smooth))


def place(drawing: np.ndarray, body: int, side: int, rng: Rng | None = None) -> np.ndarray:
    """Draw with proportions, `body` pixels high or wide, into a square: anywhere, or centred."""
    scale = body / max(drawing.shape)
    inner = resize(drawing, *(max(1, round(length * scale)) for length in drawing.shape))
    rooms = np.array([side - length for length in inner.shape])
    at = rooms // 2 if rng is None else (rng.random(2) * (rooms + 1)).astype(int)
    square = np.zeros((side, side), np.uint8)
    square[at[0] : at[0] + inner.shape[0], at[1] : at[1] + inner.shape[1]] = inner
    return square


def deform(drawing: np.ndarray, rng: Rng, side: int = 96) -> np.ndarray:
    """Turn, slant, stretch and change the pen of a large drawing; it ends up in a square."""
    ink = crop(drawing)
    aspect = np.exp(rng.normal(0, 0.2))
    turn, lean = rng.normal(0, 0.09), rng.normal(0, 0.15)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[aspect, lean * aspect], [0, 1 / aspect]])
    # All of it is to lie inside. Pillow takes the inverse.
    corners = np.abs(matrix) @ np.array([ink.shape[1], ink.shape[0]])
    matrix *= rng.uniform(0.6, 0.8) * side / corners.max()
    back = np.linalg.inv(matrix)
    offset = np.array([ink.shape[1], ink.shape[0]]) / 2 - back @ np.array([side / 2, side / 2])
    coefficients = (*back[0], offset[0], *back[1], offset[1])
    affine, smooth = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    turned = Image.fromarray(ink).transform((side, side), affine, coefficients, smooth)
    kind = rng.random()
    if kind < 0.3:
        turned = turned.filter(ImageFilter.MaxFilter(3 if rng.random() < 0.6 else 5))
    elif kind < 0.5:
        thinner = turned.filter(ImageFilter.MinFilter(3))
        # Of a hairline nothing would be left.
        if np.asarray(thinner).sum() > 0.5 * np.asarray(turned).sum():
            turned = thinner
    return np.asarray(turned)


def scan(drawing: np.ndarray, rng: Rng) -> Capture:
    """Clean, with a margin."""
    side = int(rng.integers(4, 13)) * 8
    picture = place(crop(drawing), int(side * rng.uniform(0.5, 0.9)), side, rng)
    return Capture(_turn_over(picture, rng), True)


def photo(drawing: np.ndarray, rng: Rng) -> Capture:
    """Ink on paper in uneven light, with noise and blur, kept as JPEG."""
    side = int(rng.integers(5, 13)) * 8
    clean = place(crop(drawing), int(side * rng.uniform(0.45, 0.85)), side, rng)
    ink = clean / 255.0
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    slope = rng.normal(0, 0.08, 2)
    light = 1 + slope[0] * rows + slope[1] * columns
    light -= rng.uniform(0, 0.15) * (rows**2 + columns**2)
    if rng.random() < 0.12:  # ruled paper
        height = int(rng.integers(side))
        thick = max(1, side // 48)
        ink[height : height + thick] = np.maximum(
            ink[height : height + thick], rng.uniform(0.2, 0.5)
        )
    shade = rng.uniform(110, 245)
    picture = shade * light * (1 - rng.uniform(0.35, 0.9) * ink)
    noise = rng.exponential(3)
    picture += rng.normal(0, noise, picture.shape)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, side / 40)))
    return Capture(_through_jpeg(image, rng), True, clean)


def tight(drawing: np.ndarray, rng: Rng) -> Capture:
    """Cropped to the ink, or nearly, few pixels high."""
    ink = crop(drawing)
    scale = int(rng.integers(14, 41)) / max(ink.shape)
    height, width = (max(2, round(length * scale)) for length in ink.shape)
    picture = np.pad(resize(ink, height, width), int(rng.choice([0, 0, 1, 2])))
    if rng.random() < 0.2:
        picture = _binary(picture, rng)
    return Capture(_turn_over(picture, rng), True)


def squeezed(drawing: np.ndarray, rng: Rng) -> Capture:
    """Stretched to a small square, mostly black and white."""
    ink = crop(drawing)
    n = int(rng.choice([10, 12, 16, 16, 16, 16, 20, 24]))
    # Not always as far as a square: a bar would become a block.
    ratio = ink.shape[1] / ink.shape[0]
    width = round(n * min(1.0, ratio ** rng.uniform(0, 0.4) if ratio < 0.35 else 1.0))
    picture = resize(ink, n, max(3, width))
    room = n - picture.shape[1]
    picture = np.pad(picture, ((0, 0), (room // 2, room - room // 2)))
    if rng.random() < 0.75:
        picture = _binary(picture, rng)
    return _small(picture, rng)


def postal(drawing: np.ndarray, rng: Rng) -> Capture:
    """Grey, 16 by 16 or so, with proportions and hardly a margin."""
    n = int(rng.choice([14, 16, 16, 16, 16, 20]))
    ink = crop(drawing)
    if rng.random() < 0.6:
        ink = np.asarray(
            Image.fromarray(np.pad(ink, 4)).filter(
                ImageFilter.GaussianBlur(max(ink.shape) * rng.uniform(0.01, 0.06))
            )
        )
        ink = crop(np.minimum(ink * 1.3, 255).astype(np.uint8))
    return _small(place(ink, n - int(rng.integers(0, 3)), n), rng)


def coarse(drawing: np.ndarray, rng: Rng) -> Capture:
    """Black and white, counted in 8 by 8 cells: as UCI's digits come."""
    n = int(rng.choice([8, 8, 8, 10, 12]))
    ink = _binary(place(crop(drawing), 4 * n, 4 * n), rng)
    cells = ink.reshape(n, 4, n, 4).mean(axis=(1, 3))
    return _small(np.rint(cells / 255 * 16).astype(np.uint8) * 15, rng)


def plain(drawing: np.ndarray, rng: Rng) -> Capture:
    """Resized to the network's input by somebody who knows nothing of MNIST's form."""
    body = int(rng.integers(15, _SIDE + 1))
    at = rng if rng.random() < 0.5 else None
    picture = place(crop(drawing), body, _SIDE, at)
    if rng.random() < 0.3:
        picture = np.asarray(_through_jpeg(Image.fromarray(picture), rng))
    return Capture(picture, False)


# How often each is used.
KINDS: dict[Callable[[np.ndarray, Rng], Capture], float] = {
    scan: 0.2,
    photo: 0.25,
    tight: 0.12,
    squeezed: 0.13,
    postal: 0.1,
    coarse: 0.06,
    plain: 0.14,
}
_FUNCTIONS, _SHARES = list(KINDS), np.divide(list(KINDS.values()), sum(KINDS.values()))


def capture(drawing: np.ndarray, rng: Rng) -> Capture:
    """One of the kinds above, by chance."""
    return _FUNCTIONS[rng.choice(len(_FUNCTIONS), p=_SHARES)](drawing, rng)


def _small(picture: np.ndarray, rng: Rng) -> Capture:
    """A small square: through the normaliser, or enlarged to the network's input."""
    if rng.random() < 0.6:
        return Capture(_turn_over(picture, rng, 0.2), True)
    body = int(rng.choice([20, 24, 26, 28, 28]))
    enlarged = Image.fromarray(picture).resize(
        (body, body),
        Image.Resampling(
            rng.choice(
                [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
            )
        ),
    )
    return Capture(place(np.asarray(enlarged), body, _SIDE), False)


def _binary(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Black and white; no threshold leaves less than a tenth of the ink."""
    level = rng.uniform(60, 160)
    bright = np.where(picture > level, 255, 0).astype(np.uint8)
    if (picture > level).sum() * 10 < (picture > 40).sum():
        return np.where(picture > 40, 255, 0).astype(np.uint8)
    return bright


def _turn_over(picture: np.ndarray, rng: Rng, share: float = 0.5) -> np.ndarray:
    return 255 - picture if rng.random() < share else picture


def _through_jpeg(image: Image.Image, rng: Rng) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(25, 96)))
    return np.asarray(Image.open(file))
