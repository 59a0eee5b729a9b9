"""Draw the picture of README.md and of the documentation's first page.

    python docs/first_picture.py

A sheet with handwritten numbers, drawn with pen strokes, lies on a desk; beside it is what the
reader says of it. Writes docs/_static/reading.jpg.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from digitcnn import DigitReader

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "pretrained"))

from strokes import draw_digit  # noqa: E402

ROWS = ["3141 5926", "1,250.75", "20/11/26", "90210 44"]
SHEET, PHOTO = (640, 520), (760, 620)  # width and height


def digit(label: int) -> np.ndarray:
    """A digit, drawn with a pen as thick as the others'."""

    def off(seed: int) -> float:
        ink = draw_digit(label, np.random.default_rng([seed, label])) > 128
        depth = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 3)
        return abs(float(depth.max()) - 3.0)

    seed = min(range(30), key=off)
    ink = draw_digit(label, np.random.default_rng([seed, label]))
    columns = np.flatnonzero(ink.max(axis=0) > 60)
    return ink[:, columns[0] : columns[-1] + 1]


def write(text: str, rng: np.random.Generator) -> np.ndarray:
    """The ink of a line of text, 96 pixels high."""
    line = np.zeros((96, 64 * len(text) + 96), np.uint8)
    x = 4
    for sign in text:
        if sign in ".,/":
            top, bottom = {".": (72, 73), ",": (70, 84), "/": (20, 80)}[sign]
            lean = {".": 0, ",": 5, "/": 22}[sign]
            cv2.line(line, (x + 8 + lean, top), (x + 8, bottom), 255, 5, cv2.LINE_AA)
            x += 22 + lean
        elif sign == " ":
            x += 52
        else:
            ink = digit(int(sign))
            y = int(rng.integers(-2, 3))
            part = line[:, x : x + ink.shape[1]]
            np.maximum(part, np.roll(ink, y, axis=0)[:96], out=part)
            x += ink.shape[1] + int(rng.integers(8, 14))
    return line[:, : x + 4]


def photograph(rng: np.random.Generator) -> np.ndarray:
    """A photo of the sheet on a desk, RGB."""
    width, height = SHEET
    ink = np.zeros((height, width), np.uint8)
    for i, text in enumerate(ROWS):
        line = write(text, rng)
        ink[40 + 112 * i : 136 + 112 * i, 70 : 70 + line.shape[1]] = line
    paper = np.full((height, width, 3), (246, 243, 234), np.float32)
    paper[60::56] = (205, 214, 228)
    share = ink[..., None] / 255 * 0.85
    paper = paper * (1 - share) + np.array([28, 44, 96], np.float32) * share
    corners = np.float32([[70, 60], [700, 34], [728, 560], [44, 590]])
    whole = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    matrix = cv2.getPerspectiveTransform(whole, corners)
    desk = np.full((PHOTO[1], PHOTO[0], 3), (112, 88, 66), np.float32)
    desk += rng.normal(0, 1, (PHOTO[1], 1, 1)) * 7
    covered = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, PHOTO)[..., None]
    photo = desk * (1 - covered) + cv2.warpPerspective(paper, matrix, PHOTO) * covered
    rows, columns = np.indices(photo.shape[:2])
    light = 1.02 - 0.22 * columns / PHOTO[0] - 0.15 * rows / PHOTO[1]
    photo = photo * light[..., None] + rng.normal(0, 2.5, photo.shape)
    return photo.clip(0, 255).astype(np.uint8)


def main() -> None:
    photo = photograph(np.random.default_rng(1))
    page = DigitReader().read(photo)
    print(page.text)
    seen = np.asarray(page.draw())
    both = np.hstack([photo, np.full((PHOTO[1], 16, 3), 255, np.uint8), seen])
    both = cv2.resize(both, None, fx=0.66, fy=0.66, interpolation=cv2.INTER_AREA)
    path = ROOT / "docs" / "_static" / "reading.jpg"
    cv2.imwrite(str(path), both[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
