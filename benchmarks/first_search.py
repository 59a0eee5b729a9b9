"""The first search of a process, and the next one, with several ways to start its workers.

    python benchmarks/first_search.py [--rounds 3] [--epochs 1 4 16]

Six fits of the default network on the bundled digits (three learning rates, two folds), in a new
Python each time: in that process alone, in two workers of joblib's default backend, and in two that
a fork server makes which has imported TensorFlow and Keras once. The ways take turns; medians over
the rounds. "Import" is how long the process takes to import TensorFlow and Keras alone.
"""

import argparse
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from _report import print_header, print_table
from _settings import STILL

WAYS = ("import", "one process", "two workers", "two forked workers")
LEARNERS = ["tensorflow", "keras", "digitcnn.training.trainer"]


def child(way: str, epochs: int) -> None:
    """A new process: print how long its searches take."""
    start = time.perf_counter()
    if way == "import":
        import keras  # noqa: F401
        import tensorflow  # noqa: F401

        print(time.perf_counter() - start, 0.0)
        return
    import joblib
    from sklearn.model_selection import GridSearchCV

    from digitcnn import DigitCNNClassifier
    from digitcnn.datasets import load_sample_digits

    X, y = load_sample_digits()
    X, y = X[:600], y[:600]
    search = GridSearchCV(
        DigitCNNClassifier(epochs=epochs, batch_size=64, random_state=0, **STILL),
        {"learning_rate": [0.0005, 0.001, 0.002]},
        cv=2,
        refit=False,
        error_score="raise",
        n_jobs=1 if way == "one process" else 2,
    )
    backend = {"backend": "loky"}
    if way == "two forked workers":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LEARNERS)
        backend = {"backend": "multiprocessing", "context": context}
    seconds = []
    for _ in range(2):
        with joblib.parallel_config(**backend):
            search.fit(X, y)
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    print(*seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        way, epochs = options.child
        child(way, int(epochs))
        return
    print_header("scikit-learn", "joblib", "keras", "tensorflow")
    rows = []
    for epochs in options.epochs:
        found = defaultdict(list)
        for _ in range(options.rounds):
            for way in WAYS:
                command = [sys.executable, "-W", "ignore", __file__, "--child", way, str(epochs)]
                done = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                found[way].append([float(one) for one in done.stdout.split()[-2:]])
        for way in WAYS[1:] if rows else WAYS:
            first, second = (statistics.median(one) for one in zip(*found[way], strict=True))
            cells = ["", way, f"{first:.1f}", ""]
            if way != "import":
                cells[0], cells[3] = str(epochs), f"{second:.1f}"
            rows.append(cells)
    print_table(["epochs", "way", "first search, s", "the next, s"], rows)


if __name__ == "__main__":
    main()
