"""Accuracy of the default estimator on small images and on few of them.

    python benchmarks/small_data.py [--mnist MNIST_NPZ] [--parts splits few grid]

`splits`: scikit-learn's 1,797 digits of 8x8, as they come, in five divisions into three quarters to
train on and one to test, beside its own example for them, `SVC(gamma=0.001)`; seconds of the whole
fit, the first one's compiling included. `few`: 100 to 1,000 digits, of 8x8 and of MNIST's 28x28,
the rest to test on (of MNIST its 10,000 test digits), beside `SVC()`. `grid`: the search of the
README on the bundled sample, the mean accuracy of its three folds, beside the default without a
search.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from _report import print_header, print_table
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.svm import SVC

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits

PARTS = ("splits", "few", "grid")
SIZES = (100, 200, 400, 1000)
# As in the README.
GRID = {"elastic_alpha": [8, 16], "learning_rate": ["auto", 0.001]}


def fit_and_score(clf: Any, train: tuple, test: tuple) -> tuple[float, float]:
    """Accuracy on the test data, and the seconds of the fit."""
    start = time.perf_counter()
    clf.fit(*train)
    seconds = time.perf_counter() - start
    return clf.score(*test), seconds


def splits(n_splits: int) -> None:
    X, y = load_digits(return_X_y=True)
    results: dict[str, list[tuple[float, float]]] = {"digitcnn": [], "SVC": []}
    for seed in range(n_splits):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
        train, test = (X_train, y_train), (X_test, y_test)
        clf = DigitCNNClassifier(random_state=seed)
        results["digitcnn"].append(fit_and_score(clf, train, test))
        results["SVC"].append(fit_and_score(SVC(gamma=0.001), train, test))
    rows = []
    for name, pairs in results.items():
        scores, seconds = np.array(pairs).T
        each = " ".join(f"{100 * score:.2f}" for score in scores)
        rows.append(
            [name, f"{100 * scores.mean():.2f}%", each, f"{seconds[0]:.1f}", f"{seconds.max():.1f}"]
        )
    columns = ["estimator", "accuracy", "of each split", "first fit s", "longest fit s"]
    print_table(columns, rows)


def few(mnist: Path | None, seeds: int) -> None:
    X, y = load_digits(return_X_y=True)
    sources = {"scikit-learn's, 8x8": (X, y, None)}
    if mnist is not None:
        with np.load(mnist) as arrays:
            test = arrays["x_test"].reshape(-1, 784), arrays["y_test"]
            sources["MNIST, 28x28"] = (arrays["x_train"].reshape(-1, 784), arrays["y_train"], test)
    rows = []
    for name, (X, y, test) in sources.items():
        for n in SIZES:
            ours, theirs = [], []
            for seed in range(seeds):
                order = np.random.default_rng(seed).permutation(len(X))
                train = X[order[:n]], y[order[:n]]
                rest = test or (X[order[n:]], y[order[n:]])
                ours.append(fit_and_score(DigitCNNClassifier(random_state=seed), train, rest))
                theirs.append(fit_and_score(SVC(), train, rest))
            (score, seconds), (other, _) = np.mean(ours, axis=0), np.mean(theirs, axis=0)
            rows.append([name, n, f"{100 * score:.1f}%", f"{100 * other:.1f}%", f"{seconds:.1f}"])
    print_table(["digits", "to train on", "digitcnn", "SVC", "fit s"], rows)


def grid() -> None:
    X, y = load_sample_digits()
    search = GridSearchCV(DigitCNNClassifier(epochs=6, random_state=0), GRID, cv=3).fit(X, y)
    found = search.cv_results_
    rows = [
        [", ".join(f"{key}={value}" for key, value in parameters.items()), f"{100 * score:.2f}%"]
        for parameters, score in zip(found["params"], found["mean_test_score"], strict=True)
    ]
    for name, clf in (
        ("the default, 6 epochs", DigitCNNClassifier(epochs=6, random_state=0)),
        ("the default", DigitCNNClassifier(random_state=0)),
    ):
        rows.append([name, f"{100 * cross_val_score(clf, X, y, cv=3).mean():.2f}%"])
    print_table(["candidate", "accuracy"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help="mnist.npz; without it there is no row of it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3, help="of each row of few digits")
    options = parser.parse_args()
    print_header("scikit-learn", "tensorflow")
    for part in options.parts:
        if part == "splits":
            splits(options.splits)
        elif part == "few":
            few(options.mnist, options.seeds)
        else:
            grid()
        print()


if __name__ == "__main__":
    main()
