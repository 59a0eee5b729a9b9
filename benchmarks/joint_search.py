"""A grid search whose networks are trained together, and the same search one after the other.

    KERAS_BACKEND=jax python benchmarks/joint_search.py MNIST_NPZ [--pairs 3] [--images 6000]

Twelve candidates, of four learning rates and three weight decays, in two folds: 24 short fits of
the default, with its distortions. The searches are `JointGridSearchCV` and scikit-learn's
`GridSearchCV` in one process, in alternating pairs, after a first pair that compiles and is given
by itself. Ratios are medians over the pairs. CPU seconds are those of all threads: they say more
than seconds on a processor that is shared.

Joint trainings compute convolutions as matrix products of patches. ``--convolutions grouped``
leaves them to Keras, so that they become convolutions with groups.

`gpu.py --parts joint` runs this on a GPU.
"""

import argparse
import statistics
import time

import numpy as np
from _report import print_header, print_table
from sklearn.model_selection import GridSearchCV

from digitcnn import DigitCNNClassifier
from digitcnn.search import JointGridSearchCV
from digitcnn.training import clear_cache

GRID = {"learning_rate": [0.003, 0.006, 0.009, 0.015], "weight_decay": [0.005, 0.02, 0.05]}
CONVOLUTIONS = ("products", "grouped")


def choose_convolutions(name):
    """What computes the convolutions of the joint trainings that are compiled from now on."""
    from digitcnn.backend import joint_steps

    if not hasattr(joint_steps, "own"):
        joint_steps.own = joint_steps.multiply_patches
    joint_steps.multiply_patches = joint_steps.own if name == "products" else None
    clear_cache()


def timed(search, X, y):
    """Seconds, CPU seconds and scores of a search."""
    start, cpu = time.perf_counter(), time.process_time()
    search.fit(X, y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return seconds, cpu, search.cv_results_["mean_test_score"]


def compare(X, y, pairs, *, epochs, max_together):
    """Seconds and CPU seconds of joint and ordinary searches, and how far their scores differ."""
    clf = DigitCNNClassifier(epochs=epochs, random_state=0)
    joint = JointGridSearchCV(clf, GRID, cv=2, refit=False, max_together=max_together)
    ordinary = GridSearchCV(clf, GRID, cv=2, refit=False)
    found = []
    for number in range(pairs + 1):
        turns = [joint, ordinary] if number % 2 == 0 else [ordinary, joint]
        taken = {search: timed(search, X, y) for search in turns}
        found.append((taken[joint], taken[ordinary]))
        seconds = [f"{x:.1f}" for pair in found[-1] for x in pair[:2]]
        print(f"pair {number}: s and CPU s together, s and CPU s one by one: {', '.join(seconds)}")
    return found, joint.n_trained_together_


def rows_of(found, kind):
    """Rows of a table: the first pair, and the medians of the others."""
    for what, part in (("first", found[:1]), ("compiled", found[1:])):
        if not part:
            continue
        columns = [[pair[who][i] for pair in part] for i in (0, 1) for who in (0, 1)]
        ratios = [[pair[1][i] / pair[0][i] for pair in part] for i in (0, 1)]
        apart = max(float(np.abs(pair[0][2] - pair[1][2]).max()) for pair in part)
        seconds = [f"{statistics.median(one):.1f}" for one in columns]
        yield [
            kind,
            what,
            *seconds,
            *(f"{statistics.median(r):.2f}" for r in ratios),
            f"{apart:.4f}",
        ]


COLUMNS = [
    "convolutions",
    "search",
    "together s",
    "one by one s",
    "together CPU s",
    "one by one CPU s",
    "ratio",
    "ratio of CPU s",
    "largest difference of scores",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--max-together", type=int, default=32)
    parser.add_argument("--convolutions", nargs="+", default=["products"], choices=CONVOLUTIONS)
    options = parser.parse_args()
    with np.load(options.npz) as file:
        X, y = file["x_train"][: options.images], file["y_train"][: options.images]
    print_header("keras", "jax", "scikit-learn")
    rows = []
    for kind in options.convolutions:
        choose_convolutions(kind)
        found, n = compare(
            X, y, options.pairs, epochs=options.epochs, max_together=options.max_together
        )
        print(f"{kind}: {n} of 24 networks were trained together", flush=True)
        rows += rows_of(found, kind)
    print_table(COLUMNS, rows)


if __name__ == "__main__":
    main()
