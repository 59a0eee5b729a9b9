"""How continued training changes a good network, at several learning rates.

    python benchmarks/going_on.py MNIST_NPZ [--model FILE] [--draws 5] [--rates 0.009 0.0005 ...]

The default network is trained on 55,000 of MNIST's training digits, or read from FILE, if an
earlier run has written it. 5,000 digits are held out. 500 of them are drawn, and training continues
with them: by `partial_fit`, or by a warm start of one epoch. The other 4,500 are scored before and
after. Finally, a warm start of one epoch on the 55,000 is scored on the 5,000. These figures choose
the default rate; the test digits are scored once, at that rate.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
from _report import print_header, print_table
from sklearn.model_selection import train_test_split

import digitcnn


def go_on(clf, X, y, way: str, rate, seed: int):
    """A copy of the network, trained for one more epoch."""
    clf = copy.deepcopy(clf).set_params(learning_rate=rate, random_state=seed)
    if way == "partial_fit":
        return clf.partial_fit(X, y)
    return clf.set_params(warm_start=True, epochs=1).fit(X, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[0.009, 0.002, 0.001, 0.0005, 0.0002]
    )
    options = parser.parse_args()
    with np.load(options.npz) as file:
        mnist = dict(file)
    X, y = mnist["x_train"], mnist["y_train"]
    trained, held = train_test_split(np.arange(len(X)), test_size=5000, stratify=y, random_state=0)
    print_header("keras", "tensorflow")
    if options.model is not None and options.model.exists():
        clf = digitcnn.load(options.model)
    else:
        clf = digitcnn.DigitCNNClassifier(random_state=0).fit(X[trained], y[trained])
        if options.model is not None:
            clf.save(options.model)
    start = clf.score(X[held], y[held])
    print(f"before: {start:.2%} of the digits held out\n")
    rows = []
    for rate in options.rates:
        row = [f"{rate:g}"]
        for way in ("partial_fit", "warm start"):
            changes = []
            for seed in range(options.draws):
                drawn = np.random.default_rng(seed).permutation(held)
                new, rest = drawn[:500], drawn[500:]
                after = go_on(clf, X[new], y[new], way, rate, seed)
                changes.append(after.score(X[rest], y[rest]) - clf.score(X[rest], y[rest]))
            row.append(f"{np.mean(changes):+.3%} ({min(changes):+.2%} to {max(changes):+.2%})")
        after = go_on(clf, X[trained], y[trained], "warm start", rate, 0)
        row.append(f"{after.score(X[held], y[held]) - start:+.2%}")
        rows.append(row)
    columns = ["learning rate", "partial_fit of 500", "warm start on 500", "warm start on 55,000"]
    print_table(columns, rows)
    X_test, y_test = mnist["x_test"], mnist["y_test"]
    new = np.random.default_rng(0).permutation(held)[:500]
    scores = [clf.score(X_test, y_test)]
    for way, part in (("partial_fit", new), ("warm start", new), ("warm start", trained)):
        scores.append(go_on(clf, X[part], y[part], way, "auto", 0).score(X_test, y_test))
    print("\ntest digits at the default rate: " + ", ".join(f"{score:.2%}" for score in scores))


if __name__ == "__main__":
    main()
