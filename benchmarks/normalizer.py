"""How `DigitNormalizer` takes digits that are cropped to their ink: margins and polarities.

    python benchmarks/normalizer.py MNIST_NPZ [--model FILE] [--digits 10000] [--validation]

Crops MNIST's test digits to their bounding boxes, sets margins of 0 to 3 pixels around them, light
on dark and dark on light, and reads them through `DigitNormalizer` with the default network,
trained on the 60,000 training digits, or with the network of a model file. "erased" counts pictures
without any ink left. ``--validation`` takes the last 10,000 training digits, which the network is
then not trained on: to develop on, so that nothing is chosen by the test digits.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _report import print_header, print_table

_N_HELD_OUT = 10_000


def crop(picture: np.ndarray, margin: int) -> np.ndarray:
    """A picture, light on 0, cut to its ink, and as many pixels of 0 around it."""
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    inside = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(inside, margin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist")
    parser.add_argument("--model", type=Path, help="read if it is there, else written")
    parser.add_argument("--digits", type=int, default=_N_HELD_OUT)
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
    print_header("keras", "tensorflow")
    X_test, y_test = X_test[: options.digits], y_test[: options.digits]
    normalizer = digitcnn.DigitNormalizer()

    def measure(pictures: np.ndarray | list[np.ndarray]) -> tuple[str, int, str]:
        start = time.perf_counter()
        redrawn = normalizer.transform(pictures)
        seconds = time.perf_counter() - start
        erased = int((~redrawn.any(axis=1)).sum())
        return f"{reader.score(redrawn, y_test):.2%}", erased, f"{len(redrawn) / seconds:,.0f}"

    def rows() -> Iterator[tuple[object, ...]]:
        yield "whole, 28x28", "light", *measure(X_test)
        yield "whole, 28x28", "dark", *measure(255 - X_test)
        for margin in range(4):
            light = [crop(picture, margin) for picture in X_test]
            yield margin, "light", *measure(light)
            yield margin, "dark", *measure([255 - picture for picture in light])

    print(
        f"{len(X_test)} digits; as they are: {reader.score(X_test.reshape(-1, 784), y_test):.2%}\n"
    )
    print_table(("margin, pixels", "ink", "accuracy", "erased", "pictures a second"), rows())


if __name__ == "__main__":
    main()
