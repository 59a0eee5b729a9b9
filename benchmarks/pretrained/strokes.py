"""Digits drawn as pen strokes: forms that fonts and MNIST have too few of.

Each form is a list of strokes; a stroke is a list of points in a box of 1 by 1, y downwards. The
points are moved at random, joined by a smooth curve (or, for a stroke in `Straight`, by lines) and
drawn with a pen whose width varies along the way.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Rng = np.random.Generator
_SIDE = 96  # of the picture, in pixels
_BODY = 60  # height of the digit in it
_JITTER = 0.025
_STEPS = 12  # of the curve between two points


class Straight(list):
    """Points that are joined by lines."""


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, n: int = 9) -> list:
    """Points of an ellipse; angles in degrees, 0 on the right, 90 below."""
    angles = np.radians(np.linspace(start, stop, n))
    return list(zip(cx + rx * np.cos(angles), cy + ry * np.sin(angles), strict=True))


def zero(rng: Rng) -> list:
    rx = rng.uniform(0.2, 0.48)
    start = rng.uniform(-130, -50)
    around = rng.uniform(340, 400)
    strokes = [_arc(0.5, 0.5, rx, 0.5, start, start - around, 13)]
    if rng.random() < 0.08:
        strokes.append(Straight([(0.5 + rx, 0.1), (0.5 - rx, 0.9)]))
    return strokes


def one_with_upstroke(rng: Rng) -> list:
    """The European one: an upstroke from a quarter of the height to nearly all of it."""
    top = (rng.uniform(0.5, 0.75), 0.0)
    start = (top[0] - rng.uniform(0.15, 0.55), rng.uniform(0.2, 0.95))
    foot = (top[0] + rng.uniform(-0.12, 0.08), 1.0)
    strokes = [Straight([start, top, foot])]
    if rng.random() < 0.25:  # a curved upstroke
        bend = (start[0] + 0.65 * (top[0] - start[0]), start[1] + 0.45 * (top[1] - start[1]))
        strokes = [[start, bend, top], Straight([top, foot])]
    if rng.random() < 0.15:
        width = rng.uniform(0.12, 0.3)
        strokes.append(Straight([(foot[0] - width, 1.0), (foot[0] + width, 1.0)]))
    return strokes


def one(rng: Rng) -> list:
    lean = rng.uniform(-0.05, 0.15)
    strokes: list = [[(0.5 + lean, 0), (0.5 + rng.uniform(-0.03, 0.03), 0.5), (0.5 - lean, 1)]]
    kind = rng.random()
    if kind < 0.4:  # a short flag
        strokes.append(Straight([(0.5 + lean, 0), (0.5 + lean - rng.uniform(0.08, 0.2), 0.15)]))
    if 0.25 < kind < 0.5:
        width = rng.uniform(0.12, 0.3)
        strokes.append(Straight([(0.5 - lean - width, 1), (0.5 - lean + width, 1)]))
    return strokes


def two(rng: Rng) -> list:
    right = rng.uniform(0.75, 0.95)
    top = [(0.1, rng.uniform(0.15, 0.35)), (0.2, 0.07), (0.5, 0), (right, 0.15), (right, 0.35)]
    if rng.random() < 0.45:  # a loop at the foot
        loop = [(0.35, 0.85), (0.12, 0.98), (0.05, 0.88), (0.2, 0.78), (0.5, 0.93), (0.95, 0.95)]
        return [[*top, (0.6, 0.62), *loop]]
    corner = (rng.uniform(0.0, 0.15), rng.uniform(0.93, 1.0))
    foot = Straight([corner, (rng.uniform(0.7, 1), rng.uniform(0.9, 1.03))])
    return [[*top, (0.55, 0.6), corner], foot]


def three(rng: Rng) -> list:
    waist = (rng.uniform(0.35, 0.55), rng.uniform(0.4, 0.5))
    below = [(0.75, 0.5), (0.9, 0.7), (0.75, 0.93), (0.4, 1.0), (0.08, rng.uniform(0.8, 0.95))]
    kind = rng.random()
    if kind < 0.3:  # a flat top
        return [Straight([(0.1, 0.02), (0.82, 0), waist]), [waist, *below]]
    if kind < 0.45:  # of angles alone, open below
        inner = (rng.uniform(0.5, 0.75), rng.uniform(0.35, 0.55))
        outer = (rng.uniform(0.85, 1.1), rng.uniform(0.6, 0.75))
        foot = (rng.uniform(0.2, 0.6), 1.0)
        way: type[list] = Straight if rng.random() < 0.6 else list
        return [way([(rng.uniform(0, 0.2), 0.08), (0.75, 0), inner, outer, foot])]
    above = [(0.1, rng.uniform(0.08, 0.2)), (0.4, 0), (0.75, 0.1), (0.75, 0.28)]
    return [[*above, waist], [waist, *below]]


def four_open(rng: Rng) -> list:
    across = rng.uniform(0.5, 0.72)
    start = (rng.uniform(0.05, 0.4), rng.uniform(0, 0.15))
    corner = (rng.uniform(0.0, 0.15), across)
    stem = rng.uniform(0.55, 0.85)
    bar = (rng.uniform(stem + 0.05, 1.05), across + rng.uniform(-0.08, 0.05))
    kind: type[list] = Straight if rng.random() < 0.6 else list
    top = rng.uniform(0, 0.45)
    return [
        kind([start, corner, bar]),
        Straight([(stem + rng.uniform(-0.03, 0.1), top), (stem - 0.05, 1)]),
    ]


def four_closed(rng: Rng) -> list:
    top, across = rng.uniform(0.5, 0.75), rng.uniform(0.55, 0.75)
    foot = (top + rng.uniform(-0.08, 0.05), 1)
    bar = [(0, across), (rng.uniform(0.8, 1), across + rng.uniform(-0.05, 0.03))]
    if rng.random() < 0.3:  # in one stroke
        return [Straight([(top, 1), (top, 0), *bar])]
    return [Straight([(top, 0), *bar]), Straight([(top, rng.uniform(0, 0.3)), foot])]


def five(rng: Rng) -> list:
    left = rng.uniform(0.1, 0.25)
    knee = (left - rng.uniform(0, 0.08), rng.uniform(0.4, 0.52))
    belly = [(0.5, 0.38), (0.88, 0.6), (0.75, 0.92), (0.4, 1), (0.05, rng.uniform(0.82, 0.95))]
    lift = rng.uniform(-0.08, 0.05)
    bar = Straight(
        [(left + rng.uniform(0, 0.1), lift), (rng.uniform(0.7, 1), rng.uniform(-0.1, 0.05))]
    )
    kind = rng.random()
    if kind < 0.18:  # smooth, as an S
        return [[(0.85, 0), (0.35, 0.05), (0.15, 0.3), (0.5, 0.42), *belly[1:]]]
    if kind < 0.32:  # as a Z that is mirrored, open on both sides
        turn = (rng.uniform(0.0, 0.2), rng.uniform(0.2, 0.42))
        belly_end = (rng.uniform(0.85, 1.1), rng.uniform(0.6, 0.85))
        foot = (rng.uniform(0.05, 0.5), rng.uniform(0.92, 1.03))
        way: type[list] = Straight if rng.random() < 0.4 else list
        strokes = [way([(rng.uniform(0.5, 0.8), 0), turn, belly_end, foot])]
        if rng.random() < 0.4:  # the foot runs on to the next digit
            strokes[0].append((rng.uniform(1.05, 1.15), rng.uniform(0.9, 1.0)))
        return strokes
    if kind < 0.42:  # a hook, and a belly that ends low
        hook = [(0.85, rng.uniform(0.05, 0.15)), (0.5, 0), (0.15, 0.2), (0.25, 0.42)]
        return [[*hook, (0.6, 0.38), (0.85, 0.55), (0.7, 0.8), (rng.uniform(0.2, 0.5), 1)]]
    return [Straight([(left, 0), knee]), [knee, *belly], bar]


def six(rng: Rng) -> list:
    top = (rng.uniform(0.4, 0.85), 0)
    height = rng.uniform(0.45, 0.65)
    loop = _arc(0.5, 1 - height / 2, rng.uniform(0.3, 0.45), height / 2, 180, 180 - 360, 9)
    down = [top, (rng.uniform(0.2, 0.4), 0.3)]
    if rng.random() < 0.3:  # the loop is not closed
        loop = loop[:-1]
    return [[*down, *loop]]


def seven_crossed(rng: Rng) -> list:
    strokes = seven(rng)
    middle = rng.uniform(0.42, 0.6)
    at = 0.35 + 0.5 * (1 - middle)
    width = rng.uniform(0.15, 0.33)
    tilt = rng.uniform(-0.08, 0.05)
    return [*strokes, Straight([(at - width, middle - tilt), (at + width, middle + tilt)])]


def seven(rng: Rng) -> list:
    corner = (rng.uniform(0.8, 1), rng.uniform(-0.03, 0.05))
    foot = (rng.uniform(0.25, 0.5), 1)
    bar = [(rng.uniform(0, 0.15), rng.uniform(-0.03, 0.08)), corner]
    if rng.random() < 0.3:
        bar.insert(0, (bar[0][0], rng.uniform(0.15, 0.28)))
    bend = (foot[0] + rng.uniform(0.05, 0.25), rng.uniform(0.4, 0.6))
    kind: type[list] = list if rng.random() < 0.5 else Straight
    stem = kind([corner, bend, foot]) if kind is list else Straight([corner, foot])
    return [Straight(bar), stem]


def seven_looped(rng: Rng) -> list:
    """A seven that crosses itself: the pen is not lifted before its middle stroke."""
    corner, foot = (rng.uniform(0.7, 0.9), rng.uniform(0, 0.1)), (rng.uniform(0.55, 0.8), 1)
    cross = rng.uniform(0.5, 0.7)
    back = (rng.uniform(0.1, 0.3), cross + rng.uniform(0, 0.15))
    start = (rng.uniform(0.25, 0.5), rng.uniform(-0.03, 0.08))
    end = (rng.uniform(0.95, 1.1), cross - rng.uniform(0, 0.15))
    return [[start, corner, (foot[0] + 0.08, 0.5), foot], [(foot[0], 0.8), back, (0.5, cross), end]]


def eight(rng: Rng) -> list:
    waist = rng.uniform(0.4, 0.52)
    narrow, wide = rng.uniform(0.22, 0.38), rng.uniform(0.28, 0.45)
    if rng.random() < 0.4:  # two rings
        above = _arc(0.5, waist / 2, narrow, waist / 2, 90, 450, 11)
        return [above, _arc(0.5, (1 + waist) / 2, wide, (1 - waist) / 2, -90, 270, 11)]
    gap = rng.uniform(0, 0.15)
    s = [(0.5 + narrow, 0.12 + gap), (0.5, 0), (0.5 - narrow, waist / 2), (0.5, waist)]
    s += [(0.5 + wide, (1 + waist) / 2), (0.5, 1), (0.5 - wide, (1 + waist) / 2), (0.5, waist)]
    if rng.random() < 0.2:  # its end crosses its start and sticks out
        end = (0.5 + rng.uniform(0.35, 0.55), rng.uniform(0.05, 0.4))
        return [[*s, (0.5 + narrow * 0.8, waist * 0.6), end]]
    return [[*s, (0.5 + narrow, waist / 2), (0.5 + narrow * rng.uniform(0.4, 0.9), 0.03)]]


def _nine_head(rng: Rng) -> tuple[list, float, float]:
    height, rx = rng.uniform(0.4, 0.58), rng.uniform(0.28, 0.42)
    around = rng.uniform(300, 375)
    return _arc(0.45, height / 2, rx, height / 2, -20, -20 - around, 11), 0.45 + rx, height


def nine(rng: Rng) -> list:
    head, right, height = _nine_head(rng)
    foot = (right - rng.uniform(-0.05, 0.3), 1)
    return [head, [(right, rng.uniform(0, height / 2)), (right, height), foot]]


def nine_curled(rng: Rng) -> list:
    """A nine whose tail curls back, up to nearly closing a second loop."""
    head, right, height = _nine_head(rng)
    tail = [(right, 0.85), (right - 0.15, 0.98), (0.4, 1.0), (0.15, rng.uniform(0.85, 0.95))]
    if rng.random() < 0.4:
        tail.append((rng.uniform(0.1, 0.25), rng.uniform(0.68, 0.8)))
    return [head, [(right, height / 3), (right, height), *tail]]


def nine_twisted(rng: Rng) -> list:
    """A nine as an eight begins: a narrow ring, then across it and down, in one stroke."""
    height, rx = rng.uniform(0.42, 0.6), rng.uniform(0.2, 0.36)
    start = rng.uniform(-65, -15)
    ring = _arc(0.5, height / 2, rx, height / 2, start, start - rng.uniform(325, 385), 11)
    cross = (0.5 + rx * rng.uniform(0.3, 1.0), height * rng.uniform(0.75, 1.1))
    if rng.random() < 0.3:  # begun inside of the ring
        ring.insert(0, (0.5, height * rng.uniform(0.3, 0.5)))
    tail = [(0.5 + rx * rng.uniform(0.4, 1.1), rng.uniform(0.7, 0.8)), (rng.uniform(0.4, 0.7), 1)]
    if rng.random() < 0.3:
        tail.append((rng.uniform(0.15, 0.35), rng.uniform(0.9, 1.0)))
    return [[*ring, cross, *tail]]


# Segments of a display, by their two ends, and those that a digit lights.
_SEGMENTS = {
    "a": [(0, 0), (1, 0)], "b": [(1, 0), (1, 0.5)], "c": [(1, 0.5), (1, 1)], "d": [(0, 1), (1, 1)],
    "e": [(0, 0.5), (0, 1)], "f": [(0, 0), (0, 0.5)], "g": [(0, 0.5), (1, 0.5)],
}  # fmt: skip
_LIT = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")


def display(digit: int) -> Callable[[Rng], list]:
    """A digit of a seven-segment display, with gaps between the segments or without."""

    def draw(rng: Rng) -> list:
        gap, width, lean = rng.choice([0, 0.04, 0.08]), rng.uniform(0.45, 0.7), rng.uniform(0, 0.15)
        strokes = []
        for name in _LIT[digit]:
            start, stop = (np.array(end, float) for end in _SEGMENTS[name])
            start, stop = start + gap * (stop - start), stop - gap * (stop - start)
            strokes.append(Straight([(x * width + lean * (1 - y), y) for x, y in (start, stop)]))
        return strokes

    return draw


# Of each digit the forms and how often each is drawn.
FORMS: tuple[list[tuple[Callable[[Rng], list], float]], ...] = (
    [(zero, 1.0)],
    [(one_with_upstroke, 3.0), (one, 1.0)],
    [(two, 1.0)],
    [(three, 1.0)],
    [(four_open, 2.0), (four_closed, 1.0)],
    [(five, 1.0)],
    [(six, 1.0)],
    [(seven_crossed, 2.0), (seven, 1.0), (seven_looped, 0.5)],
    [(eight, 1.0)],
    [(nine_curled, 1.2), (nine, 1.2), (nine_twisted, 1.0)],
)
_DISPLAY_SHARE = 0.08


def draw_pen(rng: Rng, marker: float = 0.2) -> float:
    """The width of a pen, from a hairline to a marker, as a part of a digit's height."""
    return float(np.exp(rng.uniform(np.log(0.025), np.log(marker))))


def draw_digit(digit: int, rng: Rng, pen: float | None = None) -> np.ndarray:
    """One of a digit's forms, as uint8 of shape (96, 96): 0 is paper, 255 ink.

    A pen is drawn if none is given.
    """
    forms, weights = zip(*FORMS[digit], strict=True)
    form = forms[rng.choice(len(forms), p=np.divide(weights, sum(weights)))]
    jitter, marker = _JITTER, 0.2
    if rng.random() < _DISPLAY_SHARE:
        form, jitter, marker = display(digit), 0.004, 0.13
    width = _BODY * (draw_pen(rng, marker) if pen is None else min(pen, marker))
    return draw_strokes(form(rng), width, jitter, rng)


def draw_strokes(strokes: list, pen: float, jitter: float, rng: Rng) -> np.ndarray:
    """Draw strokes with a pen of that many pixels."""
    aspect = np.exp(rng.uniform(np.log(0.55), np.log(1.2)))
    turn, lean = rng.normal(0, 0.08), rng.normal(0, 0.15)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[aspect, -lean], [0, 1]]) * _BODY
    picture = Image.new("L", (_SIDE, _SIDE))
    canvas = ImageDraw.Draw(picture)
    # The pressure of the hand: a slow wave.
    phase, swing = rng.uniform(0, 6.3), rng.uniform(0, 0.25)
    for stroke in strokes:
        points = np.array(stroke, float)
        points += rng.normal(0, jitter, points.shape)
        path = points if isinstance(stroke, Straight) else _curve(points)
        path = (path - 0.5) @ matrix.T + _SIDE / 2
        # A dot at each pixel or so.
        steps = np.hypot(*np.diff(path, axis=0).T)
        place = np.concatenate([[0], np.cumsum(steps)])
        dots = np.linspace(0, place[-1], max(2, int(place[-1] / max(1.0, pen / 6))))
        xs, ys = (np.interp(dots, place, path[:, axis]) for axis in (0, 1))
        radii = pen / 2 * (1 + swing * np.sin(phase + dots / _BODY * 4))
        for x, y, radius in zip(xs, ys, np.maximum(radii, 0.5), strict=True):
            canvas.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return np.asarray(picture)


def _curve(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom curve through the points."""
    if len(points) < 3:
        return points
    whole = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, _STEPS, endpoint=False)[:, None, None]
    a, b, c, d = (whole[i : len(whole) - 3 + i] for i in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )
    inner = curve.transpose(1, 0, 2).reshape(-1, 2)
    return np.concatenate([inner, points[-1:]])
