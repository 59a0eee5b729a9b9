"""TensorFlow's own kernels and oneDNN's: training and prediction in float32.

    python benchmarks/kernels.py [--rounds 5]

On x86 TensorFlow uses oneDNN's kernels by default if the processor has units for neural networks
(AVX512_VNNI and later). The environment variable TF_ENABLE_ONEDNN_OPTS overrides this for a whole
process. Two processes, one with 0 and one with 1, take turns at the same work: an epoch of training
without distortions, a prediction of many images, and of one image, a hundred times.
"""

import argparse
import json
import statistics
import time

import numpy as np
from _contender import Contender, answer_lines
from _report import print_header, print_table, ratio
from _settings import STILL

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
# Network -> batch size and number of images.
WORK = {"compact": (128, 1536), "relu-dropout": (256, 1536), "elu-bn": (64, 384)}
SINGLE = 100


def child() -> None:
    """For the name of a network: seconds of a training, of a prediction, and of one image's."""
    from digitcnn import DigitCNNClassifier

    classifiers = {}

    def timed(call) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    def work(name: str) -> str:
        batch, n = WORK[name]
        X = np.random.default_rng(0).integers(0, 256, (n, 784), dtype=np.uint8)
        y = np.arange(n) % 10
        if name not in classifiers:
            settings = {"batch_size": batch, "precision": "float32", **STILL}
            classifiers[name] = DigitCNNClassifier(name, epochs=1, random_state=0, **settings)
        clf = classifiers[name]
        training = timed(lambda: clf.fit(X, y))
        many = timed(lambda: clf.predict_proba(X))
        one = timed(lambda: [clf.predict_proba(X[:1]) for _ in range(SINGLE)])
        return json.dumps([training, many, one / SINGLE])

    answer_lines(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    if options.child:
        child()
        return
    print_header("keras", "tensorflow")
    contenders = {value: Contender("--child", environment={VARIABLE: value}) for value in "01"}
    rows = []
    for name, (_, n) in WORK.items():
        found = {value: [] for value in contenders}
        for number in range(options.rounds + 1):
            for value, contender in contenders.items():
                seconds = json.loads(contender.ask(name))
                if number:  # in the first turn it compiles
                    found[value].append(seconds)
        cells = [name]
        for part in range(3):
            seconds = {value: [turn[part] for turn in turns] for value, turns in found.items()}
            for value in contenders:
                median = statistics.median(seconds[value])
                cells.append(f"{1e3 * median:.1f}" if part == 2 else f"{n / median:,.0f}")
            cells.append(f"{ratio(seconds, '0', '1'):.2f}")
        rows.append(cells)
    for contender in contenders.values():
        contender.end()
    columns = [
        "network",
        "trained images/s",
        "oneDNN",
        "faster",
        "read images/s",
        "oneDNN",
        "faster",
    ]
    print_table([*columns, "one image ms", "oneDNN", "faster"], rows)


if __name__ == "__main__":
    main()
