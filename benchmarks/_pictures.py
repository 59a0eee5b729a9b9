"""Digits as people photograph and scan them, composed from MNIST's, and pictures without a digit.

Each function takes digits as uint8 arrays of shape (28, 28), light on black, or a random generator
alone, and gives a picture of about 200 pixels; what it draws depends on the generator alone.
"""

from collections.abc import Callable

import cv2
import numpy as np

_SIDE = 200

Generator = np.random.Generator


def crop(digit: np.ndarray, margin: int) -> np.ndarray:
    """A digit cut to its strokes, with `margin` pixels of 0 around it."""
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    return np.pad(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)


def _strokes(digit: np.ndarray, height: int, pen: float = 1.0) -> np.ndarray:
    """How much a pen covers each pixel, 0..1: a digit enlarged, its strokes thinned to `pen`."""
    inside = crop(digit, 1)
    scale = height / inside.shape[0]
    size = (max(1, round(inside.shape[1] * scale)), height)
    large = cv2.resize(inside, size, interpolation=cv2.INTER_CUBIC)
    mask = (large > 110).astype(np.uint8)
    if pen < 1:
        depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
        radius = np.quantile(depth[mask > 0], 0.9)
        around = np.ones((3, 3), np.uint8)
        is_ridge = (depth >= cv2.dilate(depth, around)) & (mask > 0)
        ridge = cv2.dilate(is_ridge.astype(np.uint8), around)
        mask = ((depth > (1 - pen) * radius) | (ridge > 0)).astype(np.uint8) & mask
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)


def _put(canvas: np.ndarray, strokes: np.ndarray, left: int, top: int) -> None:
    """Lay strokes into a canvas; what does not fit is cut away."""
    height, width = canvas.shape
    up, back = max(0, -top), max(0, -left)
    seen = strokes[up : height - top, back : width - left]
    place = canvas[top + up :, left + back :][: seen.shape[0], : seen.shape[1]]
    np.maximum(place, seen, out=place)


def _written(
    digit: np.ndarray, rng: Generator, pen: float = 1.0, part: tuple[float, float] = (0.35, 0.7)
) -> np.ndarray:
    """Strokes somewhere near the middle of an empty canvas of 200 by 200 pixels."""
    strokes = _strokes(digit, round(_SIDE * rng.uniform(*part)), pen)
    canvas = np.zeros((_SIDE, _SIDE), np.float32)
    top, left = (
        round((_SIDE - length) * (0.5 + rng.uniform(-0.2, 0.2))) for length in strokes.shape
    )
    _put(canvas, strokes, left, top)
    return canvas


def _texture(rng: Generator, deviation: float = 0.01) -> np.ndarray:
    """Grain of paper about 1."""
    fine = rng.normal(0, 1, (_SIDE, _SIDE)).astype(np.float32)
    coarse = cv2.GaussianBlur(fine, (0, 0), 2) * 4
    return 1 + deviation * (0.7 * fine + 0.7 * coarse)


def _vignette(rng: Generator) -> np.ndarray:
    rows, columns = np.indices((_SIDE, _SIDE), dtype=np.float32) / _SIDE
    middle = rng.uniform(0.2, 0.8, 2)
    distance = np.hypot(rows - middle[0], columns - middle[1])
    return 1 - rng.uniform(0.4, 0.8) * distance**1.5


def _shadow(rng: Generator) -> np.ndarray:
    """Light with one straight shadow, from sharp to soft at its edge, and a vignette."""
    rows, columns = np.indices((_SIDE, _SIDE), dtype=np.float32) / _SIDE
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35)
    beyond = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle) - offset
    edge = 1 / (1 + np.exp(-np.clip(beyond / rng.uniform(0.003, 0.03), -30, 30)))
    return (1 - rng.uniform(0.25, 0.6) * edge) * (0.5 + 0.5 * _vignette(rng))


def _lines(rng: Generator, upright: bool = False) -> np.ndarray:
    """Rulings, slightly tilted: how much their colour covers each pixel."""
    canvas = np.zeros((_SIDE, _SIDE), np.float32)
    step, tilt = rng.uniform(0.2, 0.45) * _SIDE, rng.uniform(-0.03, 0.03)
    first = rng.uniform(0, 1) * step
    for place in np.arange(first - step, _SIDE + step, step):
        ends = [(-5, place), (_SIDE + 5, place + tilt * _SIDE)]
        for start, end in [ends] + ([[point[::-1] for point in ends]] if upright else []):
            points = [tuple(round(16 * x) for x in point) for point in (start, end)]
            cv2.line(canvas, *points, 1.0, 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(canvas, (0, 0), 0.7)


def _develop(
    rng: Generator,
    cover: np.ndarray,
    ink: tuple[float, float, float] = (0.15, 0.15, 0.18),
    paper: tuple[float, float, float] = (0.92, 0.9, 0.86),
    light: np.ndarray | float = 1.0,
    rulings: np.ndarray | None = None,
    blur: float = 0.7,
    quality: int = 85,
) -> np.ndarray:
    """A photograph (uint8, RGB) of ink on paper, through JPEG."""
    colours = np.float32(paper) * _texture(rng)[..., None]
    if rulings is not None:
        shade = 0.55 + 0.25 * rng.uniform()
        colours = colours * (1 - rulings[..., None] * (1 - np.float32([shade, shade + 0.05, 0.9])))
    colours = colours * (1 - cover[..., None]) + np.float32(ink) * cover[..., None]
    colours = colours * np.broadcast_to(light, cover.shape)[..., None]
    colours = cv2.GaussianBlur(colours, (0, 0), blur)
    colours = colours + rng.normal(0, 0.008, colours.shape)
    picture = np.rint(255 * np.clip(colours, 0, 1)).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


_BLUE = (0.25, 0.3, 0.65)


def _marker(digit: np.ndarray, rng: Generator) -> np.ndarray:
    return _develop(rng, _written(digit, rng))


def _vignetting(digit: np.ndarray, rng: Generator) -> np.ndarray:
    return _develop(rng, _written(digit, rng, 0.6), light=_vignette(rng))


def _shadow_edge(digit: np.ndarray, rng: Generator) -> np.ndarray:
    return _develop(rng, _written(digit, rng, 0.6), light=_shadow(rng))


def _ball_pen_on_lines(digit: np.ndarray, rng: Generator) -> np.ndarray:
    cover = _written(digit, rng, 0.4)
    return _develop(rng, cover, _BLUE, light=_vignette(rng), rulings=_lines(rng))


def _ball_pen_on_grid(digit: np.ndarray, rng: Generator) -> np.ndarray:
    cover = _written(digit, rng, 0.4)
    return _develop(rng, cover, _BLUE, light=_vignette(rng), rulings=_lines(rng, upright=True))


def _pencil(digit: np.ndarray, rng: Generator) -> np.ndarray:
    grain = np.clip(rng.normal(0.75, 0.35, (_SIDE, _SIDE)), 0, 1).astype(np.float32)
    cover = _written(digit, rng, 0.5) * cv2.GaussianBlur(grain, (0, 0), 0.8)
    return _develop(rng, cover, (0.5, 0.5, 0.52), light=_vignette(rng))


def _out_of_focus(digit: np.ndarray, rng: Generator) -> np.ndarray:
    light = _shadow(rng)
    return _develop(rng, _written(digit, rng, 0.6), light=light, blur=rng.uniform(2, 4), quality=40)


def _neighbours(digit: np.ndarray, rng: Generator) -> np.ndarray:
    """Parts of other strokes intrude from left and right."""
    cover = _written(digit, rng, 0.6, (0.5, 0.65))
    columns = np.flatnonzero(cover.any(axis=0))
    for is_left in (True, False):
        if rng.uniform() < 0.8:
            other = _strokes(digit[::-1, ::-1], round(_SIDE * rng.uniform(0.5, 0.65)), 0.6)
            space = rng.uniform(0.05, 0.1) * _SIDE
            shown = (columns[0] if is_left else _SIDE - columns[-1]) - space
            left = round(shown - other.shape[1] if is_left else _SIDE - shown)
            _put(cover, other, left, round(_SIDE * rng.uniform(0.1, 0.3)))
    return _develop(rng, cover, light=_vignette(rng))


def _in_a_box(digit: np.ndarray, rng: Generator) -> np.ndarray:
    """A form's cell, its frame in the picture."""
    cover = _written(digit, rng, 0.5, (0.45, 0.6))
    low, high = sorted(rng.integers(4, 22, 2)), _SIDE - np.array(sorted(rng.integers(4, 22, 2)))
    cv2.rectangle(cover, (int(low[0]), int(low[1])), (int(high[0]), int(high[1])), 0.8, 2)
    return _develop(rng, cover)


def _chalk(digit: np.ndarray, rng: Generator) -> np.ndarray:
    smudge = cv2.GaussianBlur(rng.normal(0, 1, (_SIDE, _SIDE)), (0, 0), 12).astype(np.float32)
    board = np.clip(1 + 3 * smudge, 0.6, 1.6)
    cover = 0.85 * _written(digit, rng, 0.7)
    paper, ink = (0.16, 0.22, 0.18), (0.9, 0.9, 0.88)
    return _develop(rng, cover, ink, paper, light=board * _vignette(rng))


def _coloured(digit: np.ndarray, rng: Generator) -> np.ndarray:
    """Strokes and paper of nearly one luminance, far apart in one colour."""
    paper = (0.85, 0.55, 0.35)
    return _develop(rng, _written(digit, rng, 0.7), (0.35, 0.65, 0.7), paper, light=_vignette(rng))


def _small_crop(digit: np.ndarray, rng: Generator) -> np.ndarray:
    """The same, 24 to 40 pixels high."""
    picture = _tight(digit, rng)
    height = int(rng.integers(24, 41))
    width = max(3, round(picture.shape[1] * height / picture.shape[0]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _tight(digit: np.ndarray, rng: Generator) -> np.ndarray:
    """A photograph cut to the strokes."""
    canvas = np.zeros((_SIDE, _SIDE), np.float32)
    strokes = _strokes(digit, round(_SIDE * rng.uniform(0.5, 0.7)), 0.8)
    _put(canvas, strokes, (_SIDE - strokes.shape[1]) // 2, (_SIDE - strokes.shape[0]) // 2)
    rows, columns = (np.flatnonzero((canvas > 0.5).any(axis=axis)) for axis in (1, 0))
    picture = _develop(rng, canvas)
    margin = int(rng.integers(0, 4))
    return picture[
        max(0, rows[0] - margin) : rows[-1] + 1 + margin,
        max(0, columns[0] - margin) : columns[-1] + 1 + margin,
    ]


DIGITS: dict[str, Callable[[np.ndarray, Generator], np.ndarray]] = {
    "marker on paper": _marker,
    "vignetting": _vignetting,
    "shadow edge": _shadow_edge,
    "ball pen, ruled paper": _ball_pen_on_lines,
    "ball pen, squared paper": _ball_pen_on_grid,
    "pencil": _pencil,
    "out of focus, JPEG 40": _out_of_focus,
    "neighbours intrude": _neighbours,
    "frame of a form": _in_a_box,
    "chalk": _chalk,
    "coloured, one luminance": _coloured,
    "cut to the strokes": _tight,
    "cut, 24 to 40 pixels": _small_crop,
}


def _empty(rng: Generator) -> np.ndarray:
    return np.zeros((_SIDE, _SIDE), np.float32)


BLANKS: dict[str, Callable[[Generator], np.ndarray]] = {
    "one shade": lambda rng: np.full((28, 28), rng.integers(256), np.uint8),
    "noise, 28 pixels": lambda rng: rng.integers(0, 256, (28, 28)).astype(np.uint8),
    "faint noise, 28 pixels": lambda rng: np.rint(rng.normal(200, 4, (28, 28))).astype(np.uint8),
    "noise, 200 pixels": lambda rng: rng.integers(0, 256, (_SIDE, _SIDE)).astype(np.uint8),
    "specks": lambda rng: (255 * (rng.random((_SIDE, _SIDE)) < 0.01)).astype(np.uint8),
    "paper": lambda rng: _develop(rng, _empty(rng)),
    "paper, vignetting": lambda rng: _develop(rng, _empty(rng), light=_vignette(rng)),
    "paper, shadow edge": lambda rng: _develop(rng, _empty(rng), light=_shadow(rng)),
    "board": lambda rng: _develop(rng, _empty(rng), paper=(0.16, 0.2, 0.18), light=_vignette(rng)),
    "paper, 40 pixels": lambda rng: BLANKS["paper, vignetting"](rng)[60:100, 60:100],
}
