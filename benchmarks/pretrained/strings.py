"""The training data of the string recogniser in the wheel.

    python benchmarks/pretrained/strings.py FOLDER --mnist MNIST_NPZ --optdigits OPTDIGITS_NPZ

Draws, from seeds, what FOLDER/strings_train.npz and FOLDER/strings_held_out.npz hold: lines of
digits, separators and other signs as a pen, a printer, a scanner and a camera leave them, cut out
as the reader cuts out a line, and what stands in them. The digits are MNIST's, optdigits', of fonts
(see fonts.py) and of pen strokes. Digits touch, overlap and are joined by strokes. Held out are
MNIST's last 5,000 digits, the last fifth of optdigits' rows and every sixth font.
"""

import argparse
import io
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from pictures import Sources
from PIL import Image
from strokes import draw_digit, draw_pen

from digitcnn.reading.recogniser import BODY, HEIGHT, SYMBOLS

Rng = np.random.Generator
OTHER = SYMBOLS[-1]
_INK = 48  # Pixels of a digit's height while a line is put together.
_WIDEST = 416  # Of a line, as the network takes it.
_CHUNK = 1_000
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Letters that nobody takes for a digit, for lines that have both.
_CLEAR_LETTERS = "acdefhkmnprtuvwxyACEFHKLMNPRTUVWXY"
_SIGNS = "+=:#&@*?$%<>()[]€£"
HANDS = {"mnist": 0.25, "optdigits": 0.07, "hand": 0.22, "strokes": 0.37, "type": 0.09}


class Hand:
    """What one person writes in one line: the forms, the slant, the pen."""

    def __init__(self, sources: Sources, by_label: dict, rng: Rng) -> None:
        self.sources, self.by_label, self.rng = sources, by_label, rng
        self.kind = str(rng.choice(list(HANDS), p=list(HANDS.values())))
        self.font = str(rng.choice(sources.type if self.kind == "type" else sources.hand))
        self.other_font = str(rng.choice(sources.type if rng.random() < 0.3 else sources.hand))
        self.seed = int(rng.integers(2**31)) if rng.random() < 0.6 else None
        self.width = draw_pen(rng)  # of strokes
        is_type = self.kind == "type"
        self.slant = rng.normal(0, 0.05 if is_type else 0.2)
        self.aspect = np.exp(rng.normal(0, 0.12 if is_type else 0.25))
        self.unsteady = 0.01 if is_type else rng.uniform(0.02, 0.1)
        self.zero_size = rng.uniform(0.4, 0.95) if rng.random() < 0.35 and not is_type else 1.0
        self.zero_aspect = (
            np.exp(rng.normal(0.1, 0.3)) if rng.random() < 0.5 and not is_type else 1.0
        )
        self.chains_zeros = rng.random() < 0.2 and not is_type
        self.pen = int(rng.choice([-1, 0, 0, 0, 1, 2, 3]))

    def draw(self, sign: str) -> np.ndarray:
        """A sign, or zeros in one stroke, cut to its ink."""
        if len(sign) > 1:
            ink = _chain_of_zeros(len(sign), self.rng)
            size = self.zero_size
        elif sign in "0123456789":
            ink = self._digit(int(sign))
            size = self.zero_size if sign == "0" else 1.0
        else:
            glyph = self.sources.glyph(self.other_font, sign)
            while glyph is None:
                glyph = self.sources.glyph(str(self.rng.choice(self.sources.type)), sign)
            ink = glyph
            size = self.rng.uniform(0.6, 1.1)
        rng = self.rng
        size *= _INK * np.exp(rng.normal(0, self.unsteady)) / ink.shape[0]
        turn = rng.normal(0, self.unsteady)
        lean = self.slant + rng.normal(0, self.unsteady)
        # A bar stays one: it gets no wider than it is.
        is_bar = ink.shape[1] < 0.35 * ink.shape[0]
        across = size * (min(self.aspect, 1.2) if is_bar else self.aspect)
        across *= np.exp(rng.normal(0, self.unsteady)) * (
            self.zero_aspect if sign[0] == "0" else 1.0
        )
        matrix = np.array([[across, -turn * size - lean * size], [turn * size, size]])
        corners = matrix @ (
            np.array([[0, ink.shape[1], 0, ink.shape[1]], [0, 0, ink.shape[0], ink.shape[0]]])
        )
        low = corners.min(axis=1) - 3
        width, height = np.ceil(corners.max(axis=1) - low + 3).astype(int)
        affine = np.column_stack([matrix, -low])
        flags = cv2.INTER_AREA if size < 0.7 else cv2.INTER_LINEAR
        drawn = cv2.warpAffine(ink, affine, (int(width), int(height)), flags=flags)
        return _cropped(_with_pen(drawn, self.pen))

    def _digit(self, digit: int) -> np.ndarray:
        rng = self.rng
        if self.kind in ("hand", "type"):
            glyph = self.sources.glyph(self.font, str(digit))
            assert glyph is not None
            return glyph
        if self.kind == "strokes":
            # The same form for each 7 of a line, mostly.
            own = rng if self.seed is None else np.random.default_rng([self.seed, digit])
            return _cropped(draw_digit(digit, own, self.width))
        pictures, places = self.by_label[self.kind]
        picture = pictures[rng.choice(places[digit])]
        return _cropped(cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))


def _cropped(ink: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero((ink > 60).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.full((4, 2), 255, np.uint8)
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _chain_of_zeros(n: int, rng: Rng) -> np.ndarray:
    """Zeros that a pen leaves without being lifted: loops that are joined at their tops."""
    size = 3 * _INK
    radius = rng.uniform(0.25, 0.45) * size
    pitch = 2 * radius * rng.uniform(0.95, 1.5)
    sag = rng.uniform(0.0, 0.25) * size
    path = []
    for i in range(n):
        start = np.radians(rng.uniform(-120, -60))
        turns = np.radians(rng.uniform(330, 400)) * np.linspace(0, 1, 24)
        wide, high = radius * np.exp(rng.normal(0, 0.1)), size / 2 * np.exp(rng.normal(0, 0.08))
        loop = np.column_stack([np.cos(start - turns) * wide, np.sin(start - turns) * high])
        loop += [i * pitch, 0]
        if path:
            t = np.linspace(0, 1, 8)[1:-1, None]
            path.append(path[-1][-1] * (1 - t) + loop[0] * t + 4 * t * (1 - t) * [0, sag])
        path.append(loop)
    points = np.concatenate(path)
    points += 12 - points.min(axis=0)
    width, height = (int(one) + 14 for one in points.max(axis=0))
    ink = np.zeros((height, width), np.uint8)
    thick = max(3, int(size * np.exp(rng.uniform(np.log(0.03), np.log(0.15)))))
    cv2.polylines(ink, [np.rint(points).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
    return _cropped(ink)


def _with_pen(ink: np.ndarray, pen: int) -> np.ndarray:
    if pen == 0:
        return ink
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(pen) + 1,) * 2)
    if pen > 0:
        return cv2.dilate(np.pad(ink, pen), kernel)
    thinner = cv2.erode(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    return thinner if thinner.sum() > 0.5 * ink.sum() else ink


def _separator(sign: str, rng: Rng, pen: int) -> tuple[np.ndarray, float]:
    """A separator's ink, and how far its upper edge is below the top of the digits."""
    thick = max(2, 4 + pen)
    if sign == ".":
        side = thick + int(rng.integers(1, 5))
        picture = np.zeros((side + 2, side + 2 + int(rng.integers(0, 3))), np.uint8)
        axes = (picture.shape[1] // 2 - 1, picture.shape[0] // 2 - 1)
        centre = (picture.shape[1] // 2, picture.shape[0] // 2)
        cv2.ellipse(picture, centre, axes, 0, 0, 360, 255, -1)
        return _cropped(picture), _INK * rng.uniform(0.82, 1.05) - side / 2
    if sign == ",":
        length, lean = int(rng.integers(8, 22)), int(rng.integers(1, 9))
        picture = np.zeros((length + 12, lean + 14), np.uint8)
        cv2.line(picture, (lean + 6, 5), (6, 5 + length), 255, thick, cv2.LINE_AA)
        return _cropped(picture), _INK * rng.uniform(0.75, 0.95)
    if sign == "-":
        length, rise = int(rng.integers(9, 34)), int(rng.integers(-3, 4))
        picture = np.zeros((24, length + 12), np.uint8)
        cv2.line(picture, (5, 12 + rise), (5 + length, 12 - rise), 255, thick, cv2.LINE_AA)
        return _cropped(picture), _INK * rng.uniform(0.35, 0.7)
    length = int(_INK * rng.uniform(0.95, 1.5))
    lean = int(length * rng.uniform(0.35, 0.8))
    picture = np.zeros((length + 12, lean + 12), np.uint8)
    cv2.line(picture, (lean + 6, 5), (6, 5 + length), 255, thick, cv2.LINE_AA)
    return _cropped(picture), (_INK - length) * rng.uniform(0.2, 0.8)


def some_text(rng: Rng) -> str:
    """What stands in a line; letters and signs are themselves."""

    def digits(low: int, high: int) -> str:
        n = int(rng.integers(low, high + 1))
        if rng.random() < 0.25:  # the round numbers that people write
            n_zeros = int(rng.integers(0, n))
            return "".join(map(str, rng.integers(0, 10, n - n_zeros))) + "0" * n_zeros
        if rng.random() < 0.15:  # repeats
            return "".join(map(str, rng.choice(rng.integers(0, 10, 2), n)))
        return "".join(map(str, rng.integers(0, 10, n)))

    def letters(low: int, high: int, among: str = _LETTERS) -> str:
        return "".join(rng.choice(list(among), int(rng.integers(low, high + 1))))

    kind = rng.random()
    if kind < 0.48:
        return digits(1, 4) if rng.random() < 0.4 else digits(3, 12)
    if kind < 0.66:
        groups = [digits(1, 3), *(digits(3, 3) for _ in range(int(rng.integers(0, 3))))]
        mark = str(rng.choice([".", ".", ","]))
        text = mark.join(groups)
        if rng.random() < 0.4:
            text += ("," if mark == "." else ".") + digits(2, 2)
        end = rng.random()
        return text + ("-" if end < 0.2 else ".-" if end < 0.3 else "=" if end < 0.38 else "")
    if kind < 0.74:
        mark = str(rng.choice([".", "-", "/"]))
        return mark.join([digits(1, 2), digits(1, 2), digits(2, 4)])
    if kind < 0.84:
        sign = str(rng.choice(list(_SIGNS)))
        if rng.random() < 0.5:
            return letters(1, 3, _CLEAR_LETTERS) + " " + digits(1, 6)
        return (
            (sign if rng.random() < 0.7 else "")
            + digits(1, 7)
            + (sign if rng.random() < 0.5 else "")
        )
    if kind < 0.91:
        return " ".join(letters(2, 8) for _ in range(int(rng.integers(1, 3))))
    return ""


def compose(text: str, hand: Hand, rng: Rng) -> tuple[np.ndarray, float]:
    """The ink of a line, (height, width), and the row of the digits' upper edge."""
    is_tight = rng.random() < 0.4
    gap = rng.uniform(-6, 2) if is_tight else rng.uniform(1, 26)
    if rng.random() < 0.08:  # digits that stand far apart, as in boxes
        gap = rng.uniform(26, 110)
    jitter = 2.5 if is_tight else 0.25 * gap + 1
    joined = rng.uniform(0.1, 0.7) if rng.random() < 0.2 else 0.0
    top, height = 36, 36 + _INK + 36
    canvas = np.zeros((height, 64), np.uint8)
    right = 0
    last: tuple[int, int] | None = None
    rise = rng.normal(0, 0.02)
    before = ""
    for sign in _pieces(text, hand.chains_zeros):
        if sign == " ":
            right += int(rng.uniform(0.3, 1.2) * _INK)
            continue
        if sign in ".,-/":
            ink, row = _separator(sign, rng, hand.pen)
        else:
            ink = hand.draw(sign)
            slack = _INK - ink.shape[0]
            row = slack * (1.0 if slack > 0 and rng.random() < 0.6 else 0.5)
        row += rng.normal(0, hand.unsteady) * _INK * 0.5 + rise * right
        first = int(np.clip(top + row, 0, height - 2))
        ink = ink[: height - first]
        rows = slice(first, first + len(ink))
        space = gap + rng.normal(0, jitter)
        if sign in ".,-" or (before and before in ".,-"):
            space = max(space, 1.0)
        before = sign
        left = 0 if right == 0 else _beside(canvas[rows, :right], ink, right, space)
        if left + ink.shape[1] + 32 > canvas.shape[1]:
            canvas = np.pad(canvas, ((0, 0), (0, left + ink.shape[1] + 256 - canvas.shape[1])))
        part = canvas[rows, left : left + ink.shape[1]]
        np.maximum(part, ink, out=part)
        if last is not None and rng.random() < joined and sign[0].isdigit():
            _join(canvas, last, rows, left, ink, hand.pen, rng)
        edge = ink[:, -max(1, ink.shape[1] // 8) :].max(axis=1)
        last = (
            first + int(rng.choice(np.flatnonzero(edge > 60))) if (edge > 60).any() else first,
            left + ink.shape[1] - 1,
        )
        right = max(right, left + ink.shape[1])
    return canvas[:, : max(right, 8)], float(top)


def _pieces(text: str, chains_zeros: bool) -> list[str]:
    """What is drawn at once: each sign, or all of the zeros beside each other."""
    return re.findall("0{2,4}|." if chains_zeros else ".", text)


def _beside(canvas: np.ndarray, ink: np.ndarray, right: int, space: float) -> int:
    """The column where new ink begins to be that many pixels to the right of what is there."""
    near = canvas[:, ::-1] > 60
    n = min(len(near), len(ink))
    near, far = near[:n], ink[:n] > 60
    both = near.any(axis=1) & far.any(axis=1)
    if both.any():
        kept = near.argmax(axis=1)[both] + far.argmax(axis=1)[both]
        nested = int(min(kept.min(), 0.4 * _INK))
    else:
        nested = 0
    return max(0, round(right - nested + space))


def _join(canvas, last, rows, left, ink, pen, rng) -> None:  # type: ignore[no-untyped-def]
    """A stroke from the last digit to this one, as of a pen that was not lifted."""
    edge = ink[:, : max(1, ink.shape[1] // 8)].max(axis=1)
    if not (edge > 60).any():
        return
    row = rows.start + int(rng.choice(np.flatnonzero(edge > 60)))
    sag = rng.normal(0, 5)
    t = np.linspace(0, 1, 9)
    points = np.column_stack(
        [last[1] + (left - last[1]) * t, last[0] + (row - last[0]) * t + sag * 4 * t * (1 - t)]
    )
    cv2.polylines(
        canvas, [np.rint(points).astype(np.int32)], False, 255, max(2, 3 + pen), cv2.LINE_AA
    )


def _pattern(shape: tuple[int, int], body: float, rng: Rng) -> np.ndarray:
    """What is printed on paper against forgers, or woven into it; 0 to 1."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    kind = rng.random()
    if kind < 0.45:  # arcs
        centre = rng.uniform(-4, 4, 2) * body + np.array([shape[0], shape[1]]) / 2
        bend = rng.uniform(0, 0.4) * body
        far = np.hypot(rows - centre[0], columns - centre[1])
        far += bend * np.sin(columns / (body * rng.uniform(0.3, 2)) + rng.uniform(0, 6))
        waves = np.sin(far * 2 * np.pi / rng.uniform(3, 0.35 * body + 3))
        return np.clip((waves - rng.uniform(0, 0.8)) * 3, 0, 1).astype(np.float32)
    if kind < 0.7:  # weave
        period = rng.uniform(2, 5, 2)
        made = np.sin(rows * 2 * np.pi / period[0]) * np.sin(columns * 2 * np.pi / period[1])
        return np.clip(made + rng.normal(0, 0.3, shape), 0, 1).astype(np.float32)
    rough = rng.normal(0, 1, shape).astype(np.float32)
    rough = cv2.GaussianBlur(rough, (0, 0), rng.uniform(0.6, 3))
    return np.clip(rough / max(float(rough.std()), 1e-6) * 0.5, 0, 1)


def _texture(rng: Rng) -> np.ndarray:
    """Ink of things that nobody wrote: leaves, bricks, grass, cloth, close up."""
    shape = (36 + _INK + 36, int(rng.integers(100, 640)))
    kind = rng.random()
    ink = np.zeros(shape, np.uint8)
    if kind < 0.25:  # outlines of large things, hatched or not
        for _ in range(int(rng.integers(1, 7))):
            centre = rng.uniform(-0.5, 1.5, 2) * shape[::-1]
            axes = np.exp(rng.uniform(np.log(12), np.log(260), 2)).astype(int)
            start, turn = rng.uniform(0, 360, 2)
            thick, shade = int(rng.integers(2, 16)), int(rng.integers(90, 256))
            place = int(centre[0]), int(centre[1])
            sweep = start + rng.uniform(40, 360)
            cv2.ellipse(ink, place, axes.tolist(), turn, start, sweep, shade, thick, cv2.LINE_AA)
        if rng.random() < 0.4:
            lean, pitch = rng.normal(0, 40), int(rng.integers(5, 40))
            for column in range(-60, shape[1] + 60, pitch):
                ends = (column, 0), (column + int(lean), shape[0])
                cv2.line(ink, *ends, int(rng.integers(40, 220)), int(rng.integers(1, 5)))
        if rng.random() < 0.5:
            ink = cv2.GaussianBlur(ink, (0, 0), rng.uniform(1, 5))
        return ink
    if kind < 0.5:  # blots
        rough = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), rng.uniform(1.5, 9))
        ink[rough > rough.std() * rng.uniform(0.3, 1.5)] = 255
        return ink
    if kind < 0.65:  # bricks
        high, wide = int(rng.integers(14, 50)), int(rng.integers(20, 110))
        thick = int(rng.integers(2, 8))
        for i, row in enumerate(range(int(rng.integers(0, high)), shape[0], high)):
            cv2.line(ink, (0, row), (shape[1], row + int(rng.normal(0, 3))), 255, thick)
            for column in range(int(wide * (0.25 + 0.5 * (i % 2))), shape[1], wide):
                at = column + int(rng.normal(0, 3))
                cv2.line(ink, (at, row), (at, row + high), 255, thick)
        return ink
    for _ in range(int(rng.integers(6, 60))):  # veins, blades, threads
        start = rng.uniform(0, 1, 2) * shape[::-1]
        along = rng.normal(0, 1, 2) * rng.uniform(10, 70)
        bend = rng.normal(0, 14, 2)
        t = np.linspace(0, 1, 9)[:, None]
        points = start + along * t + 4 * t * (1 - t) * bend
        shade, thick = int(rng.integers(90, 256)), int(rng.integers(1, 7))
        cv2.polylines(ink, [np.rint(points).astype(np.int32)], False, shade, thick, cv2.LINE_AA)
    return ink


def _surroundings(ink: np.ndarray, top: float, hand: Hand, rng: Rng) -> np.ndarray:
    """The line with what stands around it: rulings, frames, other lines, specks."""
    margin = int(rng.integers(4, 30))
    ink = np.pad(ink, ((0, 0), (margin, int(rng.integers(4, 30)))))
    height, width = ink.shape
    thick = int(rng.integers(1, 4))
    bottom = int(top + _INK)
    if rng.random() < 0.18:  # a ruling, or what is left of one
        row = bottom + int(rng.normal(6, 9))
        tilt = int(rng.normal(0, 2))
        line = np.zeros_like(ink)
        cv2.line(line, (0, row - tilt), (width, row + tilt), int(rng.integers(110, 256)), thick)
        if rng.random() < 0.5:
            keep = cv2.resize(rng.random((1, 8)).astype(np.float32), (width, 1))
            line[:, keep[0] < rng.uniform(0.2, 0.7)] = 0
        ink = np.maximum(ink, line)
    if rng.random() < 0.1:  # frames
        for column in (int(rng.integers(0, margin)), width - 1 - int(rng.integers(0, 4))):
            if rng.random() < 0.7:
                tilt = int(rng.normal(0, 2))
                cv2.line(
                    ink, (column, 0), (column + tilt, height), int(rng.integers(120, 256)), thick
                )
    for side in (-1, 1):
        if rng.random() < 0.08:
            other, _ = compose(some_text(rng) or "0", hand, rng)
            shift = int(side * (_INK + rng.uniform(8, 30)))
            other = other[:, :width]
            moved = np.zeros_like(ink)
            rows = np.arange(height) - shift
            is_inside = (rows >= 0) & (rows < len(other))
            moved[is_inside, : other.shape[1]] = other[rows[is_inside]]
            ink = np.maximum(ink, moved)
    if rng.random() < 0.2:
        for _ in range(int(rng.integers(1, 6))):
            centre = int(rng.integers(width)), int(rng.integers(height))
            cv2.circle(ink, centre, int(rng.integers(1, 3)), int(rng.integers(100, 256)), -1)
    return ink


class Photo(NamedTuple):
    """A picture of a line, and what it is made of."""

    picture: np.ndarray  # uint8, (height, width)
    paper: float  # its shade
    strength: float  # contrast of ink to it
    body: float  # pixels of a digit's height


def photograph(ink: np.ndarray, rng: Rng, is_plain: bool = False) -> Photo:
    """Ink on paper as a camera or a scanner has it; a plain one is as most people's are."""
    smallest = 20 if is_plain else 13
    body = float(np.exp(rng.uniform(np.log(smallest), np.log(52))))  # pixels in the picture
    scale = body / _INK
    size = max(4, round(ink.shape[1] * scale)), max(4, round(ink.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    drawn = cv2.resize(ink, size, interpolation=way).astype(np.float32) / 255
    if rng.random() < 0.15:  # pencil
        texture = cv2.GaussianBlur(rng.random(drawn.shape).astype(np.float32), (0, 0), 0.7)
        drawn *= np.clip(texture * rng.uniform(1.2, 2.2), 0, 1)
    if rng.random() < 0.6:
        drawn = cv2.GaussianBlur(drawn, (0, 0), body * rng.uniform(0.01, 0.05))
    strength = rng.uniform(0.45 if is_plain else 0.25, 0.95)
    contrast = drawn * strength
    if rng.random() < (0.15 if is_plain else 0.5):
        faint = strength * rng.uniform(0.05, 0.4)
        contrast = np.maximum(contrast, faint * _pattern(contrast.shape, body, rng))
    grain = rng.exponential(0.015 if is_plain else 0.04)
    contrast += rng.normal(0, strength * grain, contrast.shape)
    paper = rng.uniform(120, 245)
    picture = np.clip(paper * (1 - contrast), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(25, 96)))
        picture = np.asarray(Image.open(buffer))
    return Photo(picture, float(paper), float(strength), body)


def capture(ink: np.ndarray, top: float, rng: Rng) -> np.ndarray:
    """The contrast of a line to its paper as the reader sees it, uint8 (HEIGHT, width)."""
    picture, paper, strength, body = photograph(ink, rng, is_plain=bool(rng.random() < 0.5))
    scale = body / _INK
    contrast = np.clip(1 - picture / np.float32(paper), 0, 1)
    kind = rng.random()
    if kind < 0.12:  # black and white
        contrast = (contrast > strength * rng.uniform(0.35, 0.65)).astype(np.float32)
        strength = 1.0
    elif kind < 0.6:  # paper without its grain, as the reader has it
        level = strength * rng.uniform(0.15, 0.5)
        sure = cv2.dilate((contrast > level).astype(np.uint8), np.ones((3, 3), np.uint8))
        contrast[sure == 0] = 0
    # The reader's guess of where the line is.
    factor = BODY / body * np.exp(rng.normal(0, 0.13))
    centre = (top + _INK / 2) * scale + rng.normal(0, 0.07) * body
    tilt = rng.normal(0, 0.02)
    width = int(min(_WIDEST, max(16, picture.shape[1] * factor)))
    matrix = np.float32(
        [
            [factor, 0, 0],
            [
                tilt * factor,
                factor,
                HEIGHT / 2 - factor * centre - tilt * factor * picture.shape[1] / 2,
            ],
        ]
    )
    if factor < 0.7:  # warpAffine takes single pixels
        contrast = cv2.GaussianBlur(contrast, (0, 0), 0.4 / factor)
    line = cv2.warpAffine(contrast, matrix, (width, HEIGHT), flags=cv2.INTER_LINEAR)
    level = strength * np.exp(rng.normal(0, 0.15))
    return np.rint(np.clip(line / level, 0, 1) * 255).astype(np.uint8)


def encode(text: str) -> np.ndarray:
    """A line's text as the network's symbols; 0 is the blank."""
    signs = (sign if sign in SYMBOLS else OTHER for sign in text if sign != " ")
    return np.array([SYMBOLS.index(sign) + 1 for sign in signs], np.uint8)


def draw(sources: Sources, n: int, seed: list[int]) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Lines, what stands in them, and whose digits these are."""
    by_label = {
        name: (data[0], [np.flatnonzero(data[1] == digit) for digit in range(10)])
        for name, data in (("mnist", sources.mnist), ("optdigits", sources.optdigits))
    }
    rng = np.random.default_rng(seed)
    made = []
    while len(made) < n:
        text = some_text(rng)
        hand = Hand(sources, by_label, rng)
        ink, top = compose(text, hand, rng)
        if not text and rng.random() < 0.6:
            ink, top = _texture(rng), 36.0
        line = capture(_surroundings(ink, top, hand, rng), top, rng)
        if line.shape[1] >= _WIDEST:  # cut: its end may be missing
            continue
        made.append((line, encode(text), hand.kind))
    return made


def _draw_chunk(arguments: tuple) -> list:  # type: ignore[type-arg]
    cv2.setNumThreads(1)
    folder, data, held_out, n, seed = arguments
    sources = Sources(folder, *data, held_out=held_out)
    return draw(sources, n, seed)


def save(path: Path, made: list) -> None:  # type: ignore[type-arg]
    """Ragged lines as one row of bytes, with their widths and lengths."""
    np.savez(
        path,
        pixels=np.concatenate([line.T.ravel() for line, _, _ in made]),
        widths=np.array([line.shape[1] for line, _, _ in made]),
        symbols=np.concatenate([text for _, text, _ in made]),
        lengths=np.array([len(text) for _, text, _ in made]),
        hands=np.array([hand for _, _, hand in made]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--optdigits", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=240_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with np.load(options.mnist) as arrays:
        mnist = arrays["x_train"], arrays["y_train"]
    with np.load(options.optdigits) as arrays:
        optdigits = arrays["x"], arrays["y"]
    bounds = 55_000, len(optdigits[0]) * 4 // 5
    data = mnist, optdigits
    parts: list[tuple[str, int, Callable]] = [  # type: ignore[type-arg]
        ("held_out", 10_000, lambda b: slice(b, None)),
        ("train", options.lines, lambda b: slice(b)),
    ]
    for number, (name, n, cut) in enumerate(parts):
        start = time.perf_counter()
        mine = [tuple(array[cut(b)] for array in one) for one, b in zip(data, bounds, strict=True)]
        jobs = [
            (
                options.folder,
                mine,
                name == "held_out",
                min(_CHUNK, n - i),
                [options.seed, number, i],
            )
            for i in range(0, n, _CHUNK)
        ]
        with ProcessPoolExecutor(options.workers) as pool:
            made = [one for chunk in pool.map(_draw_chunk, jobs) for one in chunk]
        save(options.folder / f"strings_{name}.npz", made)
        print(f"{name}: {len(made):,} lines, {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
