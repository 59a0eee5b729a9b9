"""What a model reads, by source, as a Markdown table.

    python benchmarks/pretrained/evaluate.py FOLDER [--model MODEL] [--test MNIST_NPZ]

Reads FOLDER/held_out.npz, which pictures.py writes. ``--test`` adds MNIST's test digits and
scikit-learn's 1,797, by which nothing is chosen: to be used once, for the model card. Without
``--model`` it is the one in the wheel.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pictures import NO_DIGIT

_SURE = 0.5


def measure(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[str, str]:
    """The accuracy, empty for what is no digit, and the part whose confidence is above a half."""
    probabilities = model.predict_proba(X)
    confident = f"{(probabilities.max(axis=1) > _SURE).mean():.2%}"
    if (y == NO_DIGIT).all():
        return "", confident
    right = model.classes_[probabilities.argmax(axis=1)] == y
    return f"{right.mean():.2%}", confident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--test", type=Path)
    options = parser.parse_args()

    import digitcnn

    model = digitcnn.load(options.model) if options.model else digitcnn.load_pretrained()

    def sets() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        if options.test:
            with np.load(options.test) as arrays:
                X, y = arrays["x_test"], arrays["y_test"]
            yield "MNIST, test", X.reshape(len(X), -1), y
            yield "MNIST, test, normalised", digitcnn.DigitNormalizer().transform(X), y
            yield "scikit-learn's digits", *digitcnn.datasets.load_sample_digits()
        with np.load(options.folder / "held_out.npz") as arrays:
            X, y, source = (arrays[name] for name in ("X", "y", "source"))
        for name in dict.fromkeys(source.tolist()):
            # What the normaliser lost is counted among the digits of no other set.
            rows = (source == name) & ((y != NO_DIGIT) | name.startswith("no digit"))
            yield name, X[rows], y[rows]

    print("| source | pictures | accuracy | confidence above 0.5 |\n|---|---|---|---|")
    nothing = []
    for name, X, y in sets():
        accuracy, confident = measure(model, X, y)
        print(f"| {name} | {len(X):,} | {accuracy} | {confident} |", flush=True)
        if (y == NO_DIGIT).all():
            nothing.append(X)
    X = np.concatenate(nothing)
    confident = measure(model, X, np.full(len(X), NO_DIGIT))[1]
    print(f"| no digit, all together | {len(X):,} | | {confident} |")


if __name__ == "__main__":
    main()
