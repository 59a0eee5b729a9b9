"""Pages of numbers, composed of scikit-learn's digits, for tests."""

import cv2
import numpy as np

from digitcnn.datasets import load_sample_digits

SIDE = 28


def glyphs():
    """A picture, light on black, of each class, clear ones of the sample: (10, 28, 28)."""
    X, y = load_sample_digits()
    return np.array([X[np.flatnonzero(y == label)[7]].reshape(SIDE, SIDE) for label in range(10)])


def compose(rows, gap=4, space=50, leading=60, margin=40, zoom=1.0, fall=0.0):
    """Ink of rows of text, from 0 to 1: `fall` is how many pixels down each pixel to the right."""
    drawn = glyphs().astype(np.float32) / 255
    width = 2 * margin + max(sum(space if c == " " else SIDE + gap for c in row) for row in rows)
    height = 2 * margin + leading * len(rows) + int(abs(fall) * width)
    ink = np.zeros((height, width), np.float32)
    for i, row in enumerate(rows):
        x = margin
        for sign in row:
            if sign == " ":
                x += space
                continue
            y = margin + i * leading + round(fall * x)
            part = ink[y : y + SIDE, x : x + SIDE]
            np.maximum(part, drawn[int(sign)], out=part)
            x += SIDE + gap
    if zoom != 1:
        ink = cv2.resize(ink, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    return ink.clip(0, 1)


def on_paper(ink, light=230.0, depth=0.75):
    """Ink on paper, as bytes: `light` may be an array of the light in each place."""
    return (light * (1 - depth * ink)).clip(0, 255).astype(np.uint8)
