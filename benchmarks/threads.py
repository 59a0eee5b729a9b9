"""One fitted estimator asked by many threads at once.

    python benchmarks/threads.py

10,000 predictions of a single image each, by 1, 4 and 16 threads: every answer is compared with the
single thread's, and memory is measured before and after.
"""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from _report import print_header, print_table, resident_megabytes

from digitcnn import DigitCNNClassifier
from digitcnn.backend import cache as training
from digitcnn.datasets import load_sample_digits

CALLS = 10_000
IMAGES = 500


def main() -> None:
    X, y = load_sample_digits()
    clf = DigitCNNClassifier(epochs=3, random_state=0).fit(X[:1000], y[:1000])
    images = [X[i : i + 1] for i in range(1000, 1000 + IMAGES)]
    expected = [clf.predict_proba(image) for image in images]
    wrong: list[int] = []

    def ask(i: int) -> float:
        start = time.perf_counter()
        answer = clf.predict_proba(images[i % IMAGES])
        seconds = time.perf_counter() - start
        if not np.array_equal(answer, expected[i % IMAGES]):
            wrong.append(i)
        return seconds

    print_header("keras", "tensorflow")
    rows = []
    for n_threads in (1, 4, 16):
        with ThreadPoolExecutor(n_threads) as threads:
            list(threads.map(ask, range(500)))  # so that the threads' own memory is there already
            gc.collect()
            before = resident_megabytes()
            start = time.perf_counter()
            latencies = list(threads.map(ask, range(CALLS)))
            seconds = time.perf_counter() - start
            gc.collect()
            grown = resident_megabytes() - before
        rows.append(
            [
                n_threads,
                f"{CALLS / seconds:,.0f}",
                f"{1e3 * np.median(latencies):.1f}",
                f"{1e3 * np.quantile(latencies, 0.99):.1f}",
                len(wrong),
                f"{grown:.1f}",
                len(training._cache) + len(training._shared),
            ]
        )
    assert threading.active_count() == 1
    columns = ["threads", "predictions/s", "median ms", "99% ms", "wrong answers"]
    print_table([*columns, "memory grown MB", "compiled networks"], rows)


if __name__ == "__main__":
    main()
