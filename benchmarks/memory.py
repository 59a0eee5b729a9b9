"""Peak resident memory of training and of prediction.

    python benchmarks/memory.py

Each measurement has its own process. First a fit on 256 digits, with TensorFlow loaded, measures
what compiling adds, once. Then the peak during training or predicting X is measured, less what the
process held before, with X in memory as uint8.
"""

import argparse
import json
import subprocess
import sys
import threading
import time

import numpy as np
from _report import print_header, print_table, resident_megabytes


def peak_of(call) -> tuple[float, float]:
    """Megabytes held at most during a call, and at its end, less those before it."""
    before, highest, is_over = resident_megabytes(), [0.0], threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            highest[0] = max(highest[0], resident_megabytes())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    kept = call()  # so that the result counts
    is_over.set()
    watcher.join()
    after = resident_megabytes()
    del kept
    return max(highest[0], after) - before, after - before


def child(what: str, architecture: str, n: int, side: int) -> None:
    import digitcnn.training.scikeras  # noqa: F401  Loads TensorFlow, which fit would do otherwise.
    from digitcnn import DigitCNNClassifier

    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, side * side), dtype=np.uint8)
    y = np.arange(n) % 10
    clf = DigitCNNClassifier(architecture, epochs=1, random_state=0)
    some = max(16, 256 * 784 // side**2)
    _, compiled = peak_of(lambda: clf.fit(X[:some], y[:some]).predict_proba(X[:some]))
    call = {"training": lambda: clf.fit(X, y), "prediction": lambda: clf.predict_proba(X)}[what]
    peak, end = peak_of(call)
    print(json.dumps([compiled, peak, end]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=4)
    options = parser.parse_args()
    if options.child:
        what, architecture, n, side = options.child
        child(what, architecture, int(n), int(side))
        return
    print_header("keras", "tensorflow")
    rows = []
    for what, architecture, n, side in (
        ("training", "compact", 10_000, 28),
        ("training", "compact", 60_000, 28),
        ("training", "relu-dropout", 60_000, 28),
        ("training", "elu-bn", 20_000, 28),
        ("prediction", "compact", 10_000, 28),
        ("prediction", "compact", 60_000, 28),
        ("prediction", "compact", 240_000, 28),
        ("prediction", "relu-dropout", 240_000, 28),
        ("prediction", "compact", 1_000, 224),
        ("prediction", "compact", 4_000, 224),
    ):
        command = [sys.executable, __file__, "--child", what, architecture, str(n), str(side)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        compiled, peak, end = json.loads(done.stdout.splitlines()[-1])
        size = n * side**2 / 1e6
        rows.append([what, architecture, f"{n:,}", side, f"{size:.0f}"])
        rows[-1] += [f"{compiled:.0f}", f"{peak:.0f}", f"{end:.0f}", f"{peak / size:.2f}"]
    columns = [
        "what",
        "network",
        "images",
        "side",
        "X MB",
        "compiling MB",
        "peak MB",
        "at the end MB",
    ]
    columns.append("peak / X")
    print_table(columns, rows)


if __name__ == "__main__":
    main()
