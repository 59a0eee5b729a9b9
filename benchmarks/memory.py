"""Peak resident memory of training and of prediction.

    python benchmarks/memory.py

A process of its own each time. Of training it is the peak less what the process held before, with
TensorFlow loaded and X in memory as uint8: the first fit, compiling included. Of prediction it is
that of the second one, with a network compiled and at work before.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from _report import print_header, print_table


def resident() -> float:
    """Megabytes held now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def peak_of(call) -> tuple[float, float]:
    """Megabytes held at most during a call, and at its end, less those before it."""
    before, highest, is_over = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            highest[0] = max(highest[0], resident())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    kept = call()  # so that the result counts
    is_over.set()
    watcher.join()
    after = resident()
    del kept
    return max(highest[0], after) - before, after - before


def child(what: str, architecture: str, n: int) -> None:
    import digitcnn.wrapper  # noqa: F401  Loads TensorFlow, which fit would do otherwise.
    from digitcnn import DigitCNNClassifier

    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, 784), dtype=np.uint8)
    y = np.arange(n) % 10
    clf = DigitCNNClassifier(architecture, epochs=1, random_state=0)
    if what == "training":
        peak, end = peak_of(lambda: clf.fit(X, y))
    else:
        clf.fit(X[:256], y[:256]).predict_proba(X[:1024])
        peak, end = peak_of(lambda: clf.predict_proba(X))
    print(json.dumps([peak, end]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=3)
    options = parser.parse_args()
    if options.child:
        what, architecture, n = options.child
        child(what, architecture, int(n))
        return
    print_header("keras", "tensorflow")
    rows = []
    for what, architecture, n in (
        ("training", "compact", 10_000),
        ("training", "compact", 60_000),
        ("training", "relu-dropout", 60_000),
        ("training", "elu-bn", 20_000),
        ("prediction", "compact", 10_000),
        ("prediction", "compact", 60_000),
        ("prediction", "compact", 240_000),
        ("prediction", "relu-dropout", 240_000),
    ):
        command = [sys.executable, __file__, "--child", what, architecture, str(n)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        peak, end = json.loads(done.stdout.splitlines()[-1])
        size = n * 784 / 1e6
        rows.append([what, architecture, f"{n:,}", f"{size:.0f}", f"{peak:.0f}", f"{end:.0f}"])
        rows[-1].append(f"{peak / size:.2f}")
    columns = ["what", "network", "images", "X MB", "peak above MB", "at the end MB", "peak / X"]
    print_table(columns, rows)


if __name__ == "__main__":
    main()
