"""The training data of the model in the wheel.

    python benchmarks/pretrained/pictures.py FOLDER --mnist MNIST_NPZ --optdigits OPTDIGITS_NPZ

Draws, from seeds, what FOLDER/train.npz and FOLDER/held_out.npz hold: MNIST's training digits as
they are and in other forms, optdigits' training writers (``x`` of shape (n, 32, 32), ``y``), digits
of fonts (see fonts.py) and of pen strokes, and pictures that are no digits. The latter have random
labels, so that all answers are equally right (D. Hendrycks, M. Mazeika, T. Dietterich, "Deep
anomaly detection with outlier exposure", ICLR 2019). Held out are MNIST's last 5,000 digits, the
last fifth of optdigits' rows and every sixth font; ``--everything`` trains on the former two as
well.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from captures import KINDS, Capture, capture, crop, deform, place, plain, postal, squeezed
from fonts import divide, read_record
from no_digits import blank, noise, rulings
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from strokes import draw_digit

Rng = np.random.Generator
Drawer = Callable[[Rng], tuple[np.ndarray, int]]
NO_DIGIT = -1
_CHUNK = 2_000
_LEAST_LIKENESS = 0.75
# Letters and signs that nobody takes for a digit. O, l, I, S, Z, B, q, g, b and the like are
# missing: of these neither answer is right.
_LETTERS = "acdefhjkmnprtuvwxACDEFHJKLMNPRTUVWXY"
_SIGNS = "+-=.:#&@*?$<>~{}[]()_"
# The share of each kind among the pictures that are not digits.
NO_DIGITS = {
    "blank": 0.05, "noise": 0.11, "letters": 0.27, "signs": 0.11, "halves": 0.14, "pairs": 0.2,
    "rulings": 0.07, "negative": 0.05,
}  # fmt: skip
# Halves of digits that look like no digit themselves.
_HALVES = {
    "top": (0, 2, 3, 5), "bottom": (0, 2, 3, 5), "left": (2, 3, 5, 8), "right": (2, 5),
}  # fmt: skip


class Sources:
    """Where drawings come from: large ones of fonts, and the small ones of data sets."""

    def __init__(self, folder: Path, mnist: tuple, optdigits: tuple, held_out: bool) -> None:
        self.folder = folder
        self.mnist, self.optdigits = mnist, optdigits
        fonts = read_record()
        self.hand, self.type = (divide(fonts, kind)[held_out] for kind in ("hand", "type"))
        self.glyph = lru_cache(maxsize=None)(self._glyph)

    def _glyph(self, name: str, character: str) -> np.ndarray | None:
        """A character as the font draws it, 72 pixels to the em, or None if it has none."""
        font = ImageFont.truetype(str(self.folder / "fonts" / f"{name}.ttf"), 72)
        picture = Image.new("L", (180, 180))
        ImageDraw.Draw(picture).text((50, 30), character, fill=255, font=font)
        drawing = np.asarray(picture)
        return crop(drawing) if drawing.any() else None

    def _of_fonts(self, names: list[str], rng: Rng) -> tuple[np.ndarray, int]:
        digit = int(rng.integers(10))
        glyph = self.glyph(str(rng.choice(names)), str(digit))
        assert glyph is not None
        return deform(glyph, rng), digit

    def of_hand(self, rng: Rng) -> tuple[np.ndarray, int]:
        return self._of_fonts(self.hand, rng)

    def of_type(self, rng: Rng) -> tuple[np.ndarray, int]:
        return self._of_fonts(self.type, rng)

    def of_strokes(self, rng: Rng) -> tuple[np.ndarray, int]:
        # Mostly those whose forms the other sources lack.
        digit = int(rng.choice(10, p=np.array([2, 5, 2, 2, 4, 2, 2, 5, 2, 4]) / 30))
        return draw_digit(digit, rng), digit

    def of_mnist(self, rng: Rng) -> tuple[np.ndarray, int]:
        i = rng.integers(len(self.mnist[0]))
        return self.mnist[0][i], int(self.mnist[1][i])

    def of_optdigits(self, rng: Rng) -> tuple[np.ndarray, int]:
        i = rng.integers(len(self.optdigits[0]))
        drawing = self.optdigits[0][i]
        if rng.random() < 0.5:
            drawing = deform(np.kron(drawing, np.ones((2, 2), np.uint8)), rng)
        return drawing, int(self.optdigits[1][i])

    def any_digit(self, rng: Rng) -> tuple[np.ndarray, int]:
        drawers = (self.of_mnist, self.of_mnist, self.of_hand, self.of_type, self.of_strokes)
        return drawers[rng.integers(len(drawers))](rng)

    def no_digit(self, rng: Rng, kind: str | None = None) -> Capture:
        """A picture that is no digit, of a kind in `NO_DIGITS`."""
        if kind is None:
            kind = str(rng.choice(list(NO_DIGITS), p=list(NO_DIGITS.values())))
        if kind in ("blank", "noise"):
            return (blank if kind == "blank" else noise)(rng)
        if kind in ("letters", "signs"):
            return capture(self._letter(_LETTERS if kind == "letters" else _SIGNS, rng), rng)
        if kind in ("halves", "pairs", "rulings"):
            drawers = {"halves": self._half, "pairs": self._pair, "rulings": rulings}
            return capture(drawers[kind](rng), rng)
        # Dark on light, where light on dark is read.
        return Capture(255 - plain(self.any_digit(rng)[0], rng).picture, False)

    def _letter(self, characters: str, rng: Rng) -> np.ndarray:
        names = self.hand if rng.random() < 0.6 else self.type
        while (
            glyph := self.glyph(str(rng.choice(names)), str(rng.choice(list(characters))))
        ) is None:
            pass
        return deform(glyph, rng)

    def _half(self, rng: Rng) -> np.ndarray:
        while True:
            drawing, digit = self.any_digit(rng)
            side = str(rng.choice(list(_HALVES)))
            if digit in _HALVES[side]:
                break
        ink = crop(drawing)
        if side in ("left", "right"):
            ink = ink.T
        n = round(len(ink) * rng.uniform(0.3, 0.48))
        ink = ink[:n] if side in ("top", "left") else ink[-n:]
        return np.pad(ink.T if side in ("left", "right") else ink, 3)

    def _pair(self, rng: Rng) -> np.ndarray:
        """Two or three digits side by side that touch."""
        source = (self.of_mnist, self.of_hand, self.of_type, self.of_strokes)[rng.integers(4)]
        height = 48
        row = None
        for _ in range(2 + (rng.random() < 0.2)):
            digit = place(crop(source(rng)[0]), round(height * rng.uniform(0.85, 1)), height)
            inked = np.flatnonzero(digit.any(axis=0))
            digit = digit[:, inked[0] : inked[-1] + 1]
            row = digit if row is None else _pushed_together(row, digit, int(rng.integers(1, 4)))
        assert row is not None
        return np.pad(row, 3)


def _pushed_together(left: np.ndarray, right: np.ndarray, overlap: int) -> np.ndarray:
    """Two drawings of one height side by side, so near that they share some pixels' width."""
    after, before = (one[:, ::step] > 128 for one, step in ((left, -1), (right, 1)))
    both = after.any(axis=1) & before.any(axis=1)
    gaps = (after.argmax(axis=1) + before.argmax(axis=1))[both]
    overlap = min((gaps.min() if len(gaps) else 0) + overlap, left.shape[1], right.shape[1])
    row = np.zeros((len(left), left.shape[1] + right.shape[1] - overlap), np.uint8)
    row[:, : left.shape[1]] = left
    row[:, -right.shape[1] :] = np.maximum(row[:, -right.shape[1] :], right)
    return row


def draw(n: int, drawer: Callable[[Rng], tuple[Capture, int]], seed: tuple[int, ...]) -> tuple:
    """Pictures as a network takes them, uint8 of shape (n, 784), and their labels."""
    from digitcnn import DigitNormalizer

    normalizer = DigitNormalizer()
    X, y = np.empty((n, 784), np.uint8), np.empty(n, np.int64)
    for start in range(0, n, _CHUNK):
        rng = np.random.default_rng([*seed, start])
        rows = range(start, min(start + _CHUNK, n))
        captures, y[rows] = zip(*(drawer(rng) for _ in rows), strict=True)
        is_normalized = np.array([one.normalized for one in captures])
        for i in np.flatnonzero(~is_normalized):
            X[start + i] = captures[i].picture.ravel()
        whole = np.flatnonzero(is_normalized)
        if len(whole):
            X[start + whole] = normalizer.transform([captures[i].picture for i in whole])
        unsure = np.array([i for i in whole if captures[i].clean is not None], int)
        if len(unsure):
            found = normalizer.transform([captures[i].clean for i in unsure])
            lost = unsure[_likeness(X[start + unsure], found) < _LEAST_LIKENESS]
            # What is left of it after the normaliser is a digit no more.
            y[start + lost] = NO_DIGIT
    return X, y


def _likeness(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The correlation of normalised pictures, of shape (n,), a pixel's shift allowed."""
    soft = [
        ndimage.uniform_filter(one.reshape(-1, 28, 28).astype(np.float32), (0, 3, 3))
        for one in (pictures, others)
    ]
    a, b = (one - one.mean(axis=(1, 2), keepdims=True) for one in soft)
    norms = np.square(a).sum(axis=(1, 2)) * np.square(b).sum(axis=(1, 2))
    likeness: np.ndarray = (a * b).sum(axis=(1, 2)) / np.sqrt(np.maximum(norms, 1e-9))
    return likeness


def captured(drawer: Drawer, by: Callable = capture) -> Callable[[Rng], tuple[Capture, int]]:
    def make(rng: Rng) -> tuple[Capture, int]:
        drawing, digit = drawer(rng)
        return by(drawing, rng), digit

    return make


def optdigits_as_they_are(sources: Sources) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Their 32x32 pixels, and UCI's 8x8 counts of these, normalised; and the labels."""
    from digitcnn import DigitNormalizer

    X, y = sources.optdigits
    cells = X.reshape(len(X), 8, 4, 8, 4).mean(axis=(2, 4)) / 255 * 16
    normalizer = DigitNormalizer()
    return normalizer.transform(X), normalizer.transform(np.rint(cells)), y


def training_parts(sources: Sources, scale: float, seed: int) -> Iterator[tuple[str, tuple]]:
    """The training data, source by source."""

    def part(name: str, n: int, drawer: Callable) -> tuple[str, tuple]:
        # The name, so that another order changes nothing.
        return name, draw(round(n * scale), drawer, (seed, *name.encode()))

    X, y = sources.mnist
    n = round(len(X) * scale)
    for copy in range(4):
        yield f"MNIST, copy {copy}", (X[:n].reshape(n, 784), y[:n].astype(np.int64))
    whole, cells, y = optdigits_as_they_are(sources)
    n = round(4 * scale * len(y))
    yield "optdigits, 32x32", (np.tile(whole, (4, 1))[:n], np.tile(y, 4)[:n])
    yield "optdigits, 8x8", (np.tile(cells, (4, 1))[:n], np.tile(y, 4)[:n])
    yield part("MNIST, other forms", 60_000, captured(sources.of_mnist))
    yield part("optdigits, other forms", 25_000, captured(sources.of_optdigits))
    yield part("handwriting fonts", 50_000, captured(sources.of_hand))
    yield part("typefaces", 35_000, captured(sources.of_type))
    yield part("strokes", 40_000, captured(sources.of_strokes))
    yield part("no digit", 100_000, lambda rng: (sources.no_digit(rng), NO_DIGIT))


def held_out_parts(sources: Sources, seed: int) -> Iterator[tuple[str, tuple]]:
    """What no training has seen, by source and form."""
    from digitcnn import DigitNormalizer

    normalizer = DigitNormalizer()
    X, y = sources.mnist
    labels = y.astype(np.int64)
    yield "MNIST", (X.reshape(len(X), -1), labels)
    rng = np.random.default_rng([seed, 1])

    def forced(form: Callable, normalized: bool) -> np.ndarray:
        """Every digit in one form, normalised or enlarged."""
        made = []
        for picture in X:
            while (one := form(picture, rng)).normalized != normalized:
                pass
            made.append(one.picture)
        if normalized:
            return normalizer.transform(made)
        return np.stack(made).reshape(len(made), -1)

    for name, form in (("squeezed", squeezed), ("postal", postal)):
        yield f"MNIST, {name}, normalised", (forced(form, True), labels)
        yield f"MNIST, {name}, enlarged", (forced(form, False), labels)
    for form in KINDS:
        if form not in (squeezed, postal):
            drawn = draw(3_000, captured(sources.of_mnist, form), (seed, 2))
            yield f"MNIST, {form.__name__}", drawn
    whole, cells, y = optdigits_as_they_are(sources)
    yield "optdigits, 32x32", (whole, y)
    yield "optdigits, 8x8", (cells, y)
    yield "handwriting fonts", draw(4_000, captured(sources.of_hand), (seed, 3))
    yield "typefaces", draw(4_000, captured(sources.of_type), (seed, 4))
    yield "strokes", draw(4_000, captured(sources.of_strokes), (seed, 5))
    for kind in NO_DIGITS:

        def drawer(rng: Rng, kind: str = kind) -> tuple[Capture, int]:
            return sources.no_digit(rng, kind), NO_DIGIT

        n = round(10_000 * NO_DIGITS[kind])
        yield f"no digit, {kind}", draw(n, drawer, (seed, 6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--optdigits", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the training data")
    parser.add_argument("--everything", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with np.load(options.mnist) as arrays:
        mnist = arrays["x_train"], arrays["y_train"]
    with np.load(options.optdigits) as arrays:
        optdigits = arrays["x"], arrays["y"]
    bounds = 55_000, len(optdigits[0]) * 4 // 5
    data = mnist, optdigits
    seen, unseen = (
        [tuple(array[part] for array in one) for one, part in zip(data, parts, strict=True)]
        for parts in ([slice(b) for b in bounds], [slice(b, None) for b in bounds])
    )
    for name, made in (
        ("held_out", held_out_parts(Sources(options.folder, *unseen, held_out=True), options.seed)),
        (
            "train",
            training_parts(
                Sources(options.folder, *(data if options.everything else seen), held_out=False),
                options.scale,
                options.seed,
            ),
        ),
    ):
        start = time.process_time()
        parts = dict(made)
        X, y = (np.concatenate([part[i] for part in parts.values()]) for i in (0, 1))
        source = np.repeat(list(parts), [len(part[1]) for part in parts.values()])
        np.savez(options.folder / f"{name}.npz", X=X, y=y, source=source)
        print(f"{name}: {len(X):,} pictures, {time.process_time() - start:.0f} s")


if __name__ == "__main__":
    main()
