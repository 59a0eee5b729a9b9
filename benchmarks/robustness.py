"""Accuracy on corrupted digits, with and without corruptions in training.

    python benchmarks/robustness.py MNIST_NPZ [--recipe fast] [--seed 0] [--digits 2000]

Trains a recipe on MNIST's 60,000 digits twice, as it is and with ``corruption_rate=0``, and reads
MNIST's first test digits in every corruption of `digitcnn.corruptions`: as they are, and through
`DigitNormalizer`. Each figure is the mean over the five severities. "lines" and "jpeg" are in no
training, and only the normaliser can undo "inversion". Nothing is chosen by any of them.
"""

import argparse

import numpy as np
from _report import print_header, print_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digits", type=int, default=2000)
    options = parser.parse_args()

    from digitcnn import DigitNormalizer
    from digitcnn.corruptions import CORRUPTIONS, SEVERITIES, corrupt
    from digitcnn.recipes import make_classifier

    with np.load(options.mnist) as arrays:
        X, y, X_test, y_test = (arrays[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    readers = {
        "with corruptions": make_classifier(options.recipe, random_state=options.seed),
        "without": make_classifier(options.recipe, random_state=options.seed, corruption_rate=0.0),
    }
    for reader in readers.values():
        reader.fit(X, y)
    print_header("keras", "tensorflow")
    clean = [f"{reader.score(X_test, y_test):.2%}" for reader in readers.values()]
    print(f"clean, all 10,000: {', '.join(clean)}\n")
    X_test, y_test = X_test[: options.digits], y_test[: options.digits]

    def scores(pictures: np.ndarray) -> list[float]:
        normalized = DigitNormalizer().fit_transform(pictures)
        return [
            reader.score(images, y_test)
            for reader in readers.values()
            for images in (pictures, normalized)
        ]

    rows = {
        name: np.mean(
            [scores(corrupt(X_test, name, s, random_state=options.seed)) for s in SEVERITIES], 0
        )
        for name in CORRUPTIONS
    }
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    columns = [f"{name}{through}" for name in readers for through in ("", ", normalised")]
    print_table(
        ("corruption", *columns),
        [(name, *(f"{value:.1%}" for value in values)) for name, values in rows.items()],
    )


if __name__ == "__main__":
    main()
