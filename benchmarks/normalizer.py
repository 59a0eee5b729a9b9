"""Accuracy through `DigitNormalizer` on digits that are photographed, scanned and cut out.

    python benchmarks/normalizer.py MNIST_NPZ [FOLDER] [--model FILE] [--digits 1000] [--validation]

Composes pictures from MNIST's test digits (light, shadows, pens, papers, crops: ``_pictures.py``)
and reads them through `DigitNormalizer` with a network: the default one, trained on the 60,000
training digits, or that of a model file. "empty" counts pictures in which no digit was found, which
is right for pictures without a digit. FOLDER holds photographs and a table ``truth.csv`` of them
with the columns ``file``, ``kind`` and ``truth``, a digit. ``--validation`` takes the last training
digits, which the network is then not trained on: to develop on, so that nothing is chosen by the
test digits.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _pictures import BLANKS, DIGITS, crop
from _report import print_header, print_table

_N_HELD_OUT = 10_000
_N_BLANKS = 200


def photographs(folder: Path) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """Photographs of single digits and their labels, by kind."""
    from PIL import Image, ImageOps

    kinds: dict[str, tuple[list[np.ndarray], list[int]]] = {}
    with open(folder / "truth.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if len(row["truth"]) == 1:
                with Image.open(folder / row["file"]) as image:
                    picture = np.asarray(ImageOps.exif_transpose(image))
                pictures, labels = kinds.setdefault(row["kind"], ([], []))
                pictures.append(picture)
                labels.append(int(row["truth"]))
    return {kind: (pictures, np.array(labels)) for kind, (pictures, labels) in kinds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist")
    parser.add_argument("folder", type=Path, nargs="?", help="photographs, with a truth.csv")
    parser.add_argument("--model", type=Path, help="read if it is there, else written")
    parser.add_argument("--digits", type=int, default=1000)
    parser.add_argument("--validation", action="store_true")
    options = parser.parse_args()

    import digitcnn

    with np.load(options.mnist) as arrays:
        X, y, X_test, y_test = (arrays[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    if options.validation:
        X, X_test = X[:-_N_HELD_OUT], X[-_N_HELD_OUT:]
        y, y_test = y[:-_N_HELD_OUT], y[-_N_HELD_OUT:]
    if options.model is not None and options.model.exists():
        reader = digitcnn.load(options.model)
    else:
        reader = digitcnn.DigitCNNClassifier(random_state=0).fit(X, y)
        if options.model is not None:
            reader.save(options.model)
    print_header("opencv-python-headless", "tensorflow")
    X_test, y_test = X_test[: options.digits], y_test[: options.digits]
    normalizer = digitcnn.DigitNormalizer()

    def normalize(pictures: np.ndarray | list[np.ndarray]) -> tuple[np.ndarray, int, float]:
        start = time.process_time()
        redrawn = normalizer.transform(pictures)
        seconds = time.process_time() - start
        return redrawn, int((~redrawn.any(axis=1)).sum()), 1e3 * seconds / len(redrawn)

    def row(name: str, pictures: np.ndarray | list[np.ndarray], labels: np.ndarray) -> tuple:
        redrawn, n_empty, cost = normalize(pictures)
        # An empty picture is not a right answer.
        right = (reader.predict(redrawn) == labels) & redrawn.any(axis=1)
        return name, len(labels), f"{right.mean():.2%}", n_empty, f"{cost:.3f}"

    def rows() -> Iterator[tuple]:
        yield row("MNIST, 28x28", X_test, y_test)
        yield row("MNIST, dark on light", 255 - X_test, y_test)
        for margin in range(5):
            cut = [crop(digit, margin) for digit in X_test]
            yield row(f"cut to the strokes, margin {margin}", cut, y_test)
            yield row("... dark on light", [255 - digit for digit in cut], y_test)
        for name, compose in DIGITS.items():
            rng = np.random.default_rng(0)
            yield row(name, [compose(digit, rng) for digit in X_test], y_test)
        for name, compose in BLANKS.items():
            rng = np.random.default_rng(0)
            _, n_empty, cost = normalize([compose(rng) for _ in range(_N_BLANKS)])
            yield f"no digit: {name}", _N_BLANKS, "", n_empty, f"{cost:.3f}"
        if options.folder is not None:
            for kind, (pictures, labels) in photographs(options.folder).items():
                yield row(f"photographs: {kind}", pictures, labels)

    score = reader.score(X_test.reshape(len(X_test), -1), y_test)
    print(f"{len(X_test)} digits; as they are: {score:.2%}\n")
    print_table(("pictures", "number", "right", "empty", "CPU ms a picture"), rows())


if __name__ == "__main__":
    main()
