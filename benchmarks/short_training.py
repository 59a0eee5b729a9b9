"""Networks for a short training: errors, and milliseconds of a step.

    python benchmarks/short_training.py MNIST_NPZ [--rows NAME ...] [--seeds 0 1] [--speed]

Each network is trained on one half of MNIST's 60,000 training digits and scored on the other half,
then the other way round, so that the errors are among all 60,000; the test digits are not used. Ten
epochs of a half are as many batches as the default has for all digits.

Every training is a line in benchmarks/results/short_training.jsonl and is not repeated; the table
is made from all lines. --speed prints the milliseconds of a training step instead, in this
machine's precision, without distortions, while the networks take turns.
"""

import argparse
import re
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from _contender import Contender, answer_lines
from _report import add_result, print_header, print_table, processor, ratio, read_results
from _settings import STILL

RESULTS = Path(__file__).parent / "results" / "short_training.jsonl"
STEPS, BATCH, ROUNDS = 20, 256, 9
# c: a convolution with its number of filters, kernel k (3x3 if not given), stride s, without
# padding if it ends in v. n: normalisation, r: ReLU, p: pooling, g: the maximum of each map.
NETWORKS = {
    "compact": "c64k6s2v n r c64 n r c64 n p r c128 n r c128 n g r",
    "compact, pooling before norm": "c64k6s2v n r c64 n r c64 p n r c128 n r c128 n g r",
    "compact, both poolings before norm": "c64k6s2v n r c64 n r c64 p n r c128 n r c128 g n r",
    "32, 64, 64": "c32k6s2v n r c64 n r c64 p n r c128 n r c128 n g r",
    "32, 32, 64": "c32k6s2v n r c32 n r c64 p n r c128 n r c128 n g r",
    "32, 32, 32, 64": "c32k6s2v n r c32 n r c32 n r c64 p n r c128 n r c128 n g r",
    "64, 64": "c64k6s2v n r c64 p n r c128 n r c128 n g r",
    "32, 64, then three": "c32k6s2v n r c64 p n r c128 n r c128 n r c128 n g r",
    "32, 32, 64, then 96, 96": "c32k6s2v n r c32 n r c64 p n r c96 n r c96 n g r",
    "slim, padded": "c32k6s2v n r c32k5 n r c64 p n r c128 n r c128 n g r",
    "slim": "c32k6s2v n r c32k5 n r c64 p n r c128 n r c128v n g r",
    "slim, padded, 96, 128": "c32k6s2v n r c32k5 n r c64 p n r c96 n r c128 n g r",
    "slim, padded, first of 8x8": "c32k8s2v n r c32k5 n r c64 p n r c128 n r c128 n g r",
    "slim, padded, first without norm": "c32k6s2v r c32k5 n r c64 p n r c128 n r c128 n g r",
    "slim, padded, third without norm": "c32k6s2v n r c32k5 n r c64 p r c128 n r c128 n g r",
    "second unpadded": "c32k6s2v n r c32k5v n r c64 p n r c128 n r c128 n g r",
    "second unpadded, 48, 96": "c32k6s2v n r c48k5v n r c96 p n r c128 n r c128 n g r",
    "second unpadded, 64, 64": "c32k6s2v n r c64k5v n r c64 p n r c128 n r c128 n g r",
    "second unpadded, 64, 96": "c32k6s2v n r c64k5v n r c96 p n r c128 n r c128 n g r",
    "second unpadded, 64, 128": "c32k6s2v n r c64k5v n r c128 p n r c128 n r c128 n g r",
    "second of 3x3, unpadded": "c32k6s2v n r c32v n r c64 p n r c128 n r c128 n g r",
}
# Row -> its network, and the parameters that it has beside it.
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in NETWORKS},
    "compact, 8 epochs": ("compact", {"epochs": 8}),
    "slim, padded, 8 epochs": ("slim, padded", {"epochs": 8}),
    "slim, batches of 512": ("slim", {"batch_size": 512, "learning_rate": 0.0127}),
}


def use_network(name: str) -> None:
    """Make `name` the network of this process, with the package's own steps."""
    from digitcnn import architectures
    from digitcnn.layers import (
        BatchNormalization,
        Conv2D,
        Dense,
        Dropout,
        GlobalMaxPooling2D,
        Layer,
        MaxPooling2D,
        ReLU,
    )

    def layer(text: str) -> Layer:
        others = {"r": ReLU(), "p": MaxPooling2D(), "g": GlobalMaxPooling2D()}
        others["n"] = BatchNormalization(momentum=0.9)
        found = re.fullmatch(r"c(\d+)(?:k(\d+))?(?:s(\d+))?(v?)", text)
        if found is None:
            return others[text]
        filters, kernel, stride, valid = found.groups()
        padding = "valid" if valid else "same"
        return Conv2D(int(filters), int(kernel or 3), int(stride or 1), padding, use_bias=False)

    def describe(image_shape, n_classes, *, dropout=0.1):
        body = (layer(text) for text in NETWORKS[name].split())
        return (*body, Dropout(dropout), Dense(n_classes, "softmax"))

    architectures.ARCHITECTURES[architectures.DEFAULT] = describe


def run(name: str, fold: int, seed: int, path: str) -> dict[str, Any]:
    """Train on a half and score the other."""
    from digitcnn import DigitCNNClassifier

    network, parameters = ROWS[name]
    use_network(network)
    with np.load(path) as arrays:
        X, y = arrays["x_train"], arrays["y_train"]
    halves = np.split(np.random.default_rng(7).permutation(len(X)), 2)
    train, held_out = halves[fold], halves[1 - fold]
    clf = DigitCNNClassifier(random_state=seed, **{"epochs": 10, **parameters})
    start = time.perf_counter()
    clf.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    probabilities = clf.predict_proba(X[held_out]).astype(float)
    right = probabilities[np.arange(len(held_out)), y[held_out]]
    return {
        "row": name,
        "fold": fold,
        "seed": seed,
        "errors": int((probabilities.argmax(axis=1) != y[held_out]).sum()),
        "loss": round(float(-np.log(np.maximum(right, 1e-12)).mean()), 6),
        "seconds": round(seconds, 1),
        "machine": processor(),
    }


def time_steps(name: str) -> None:
    """A contender's process: milliseconds of a step for each line of input."""
    from digitcnn import DigitCNNClassifier

    network, parameters = ROWS[name]
    use_network(network)
    settings = {"epochs": 1, "batch_size": BATCH, "learning_rate": 0.001, "schedule": None}
    clf = DigitCNNClassifier(random_state=0, **{**settings, **STILL, **parameters})
    X = np.random.default_rng(0).integers(0, 256, (BATCH * STEPS, 784), dtype=np.uint8)
    y = np.arange(len(X)) % 10

    def step() -> float:
        start = time.perf_counter()
        clf.partial_fit(X, y)
        return 1000 * (time.perf_counter() - start) / STEPS

    for _ in range(5):  # compiled, for every number of batches so far
        step()
    answer_lines(lambda line: step())


def print_speed(names: list[str]) -> None:
    contenders = {name: Contender("-", "--contender", name) for name in names}
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            found[name].append(float(contender.ask("go")))
    for contender in contenders.values():
        contender.end()
    first = names[0]
    print_table(
        ["network", "ms a step", f"{first} / network"],
        [
            [name, f"{statistics.median(found[name]):.1f}", f"{ratio(found, first, name):.2f}"]
            for name in names
        ],
    )


def print_errors() -> None:
    results = read_results(RESULTS)
    rows = []
    for name in ROWS:
        own = [one for one in results if one["row"] == name]
        halves = [[one["errors"] for one in own if one["fold"] == fold] for fold in (0, 1)]
        if all(halves):
            loss = statistics.mean(one["loss"] for one in own)
            errors = sum(map(statistics.mean, halves))
            seconds = statistics.median(one["seconds"] for one in own)
            rows.append([name, len(halves[0]), f"{errors:.0f}", f"{loss:.5f}", f"{seconds:.0f}"])
    print_table(["network", "seeds", "errors among 60,000", "loss", "training s"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", help="MNIST as one .npz file")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="SEED")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--contender", metavar="NAME")
    parser.add_argument("--run", nargs=3, metavar=("NAME", "FOLD", "SEED"))
    options = parser.parse_args()
    if options.contender:
        time_steps(options.contender)
        return
    if options.run:
        name, fold, seed = options.run
        add_result(RESULTS, run(name, int(fold), int(seed), options.mnist))
        return
    print_header("keras", "tensorflow")
    if options.speed:
        print_speed(options.rows)
        return
    done = {(one["row"], one["fold"], one["seed"]) for one in read_results(RESULTS)}
    for seed in options.seeds:
        for name in options.rows:
            for fold in (0, 1):
                if (name, fold, seed) not in done:
                    # A process each: a network is set for a whole process.
                    Contender(options.mnist, "--run", name, fold, seed).end()
    print_errors()


if __name__ == "__main__":
    main()
