"""The effect of bfloat16 on the accuracy.

    python benchmarks/precision.py MNIST_NPZ [--seeds 0 1 2 3 4] [--images 20000] [--epochs 4]

The default network, trained on the first of MNIST's training digits and scored on its test digits,
in both precisions with the same seeds. Nothing is chosen by the test digits.
"""

import argparse
import time

import numpy as np
from _report import print_header, print_table

from digitcnn import DigitCNNClassifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    with np.load(options.npz) as file:
        mnist = dict(file)
    X, y = mnist["x_train"][: options.images], mnist["y_train"][: options.images]
    print_header("keras", "tensorflow")
    found: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    seconds: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for seed in options.seeds:
        for precision in found:
            start = time.perf_counter()
            clf = DigitCNNClassifier(
                precision=precision, epochs=options.epochs, random_state=seed
            ).fit(X, y)
            seconds[precision].append(time.perf_counter() - start)
            found[precision].append(clf.score(mnist["x_test"], mnist["y_test"]))
    rows = [
        [
            precision,
            *(f"{accuracy:.2%}" for accuracy in accuracies),
            f"{np.mean(accuracies):.3%}",
            f"{np.std(accuracies, ddof=1):.3%}",
            f"{np.median(seconds[precision]):.0f}",
        ]
        for precision, accuracies in found.items()
    ]
    names = [f"seed {seed}" for seed in options.seeds]
    print_table(["precision", *names, "mean", "standard deviation", "median fit s"], rows)
    difference = np.subtract(found["bfloat16"], found["float32"])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    print(f"\nbfloat16 less float32: {difference.mean():+.3%}, standard error {error:.3%}")


if __name__ == "__main__":
    main()
