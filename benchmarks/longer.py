"""What longer training, larger networks and other distortions are worth.

    python benchmarks/longer.py MNIST_NPZ [--rows NAME ...] [--seeds 0]

Trained on a half of MNIST's 60,000 training digits and scored on the other half; its test digits
have no part in it. Of 30,000 digits a hundred and more are misread, so that a difference of a fifth
is more than chance; of the usual tenth of the data it is not.

Every run is a line in benchmarks/results/longer.jsonl, and what is there is not run again; the
table is made from all lines.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _networks import Layers, network
from _report import add_result, print_table, processor, read_results

RESULTS = Path(__file__).parent / "results" / "longer.jsonl"
VIEWS = 16


def like_compact(*filters: int, kernels: tuple[int, ...] = (6, 3, 3, 3, 3, 3)) -> dict[str, Any]:
    body: Layers = [
        (n, side, 1, "same") for n, side in zip(filters, kernels[: len(filters)], strict=True)
    ]
    body[0] = (filters[0], kernels[0], 2, "valid")
    body.insert(3, "pool")
    return {"architecture": partial(network, body=body)}


def undivided(stages: list[list[int]], unpadded: int) -> dict[str, Any]:
    """Convolutions of 3x3, the first ones of all the pixels, the stages divided by poolings."""
    body: Layers = []
    for number, stage in enumerate(stages):
        body += ["pool"] * (number > 0)
        body += [(filters, 3, 1, "same") for filters in stage]
    for i in range(unpadded):
        body[i] = (*body[i][:3], "valid")
    return {"architecture": partial(network, body=body)}


UNPADDED = undivided([[48, 48], [96, 96], [192, 192]], unpadded=2)
ROWS: dict[str, dict[str, Any]] = {
    "compact": {},
    "compact, 24 epochs": {"epochs": 24},
    "compact, 48 epochs": {"epochs": 48},
    "compact, 96 epochs": {"epochs": 96},
    "filters of compact x 1.5": like_compact(96, 96, 96, 192, 192),
    "filters of compact x 2": like_compact(128, 128, 128, 256, 256),
    "compact, a sixth convolution": like_compact(64, 64, 64, 128, 128, 128),
    "compact, two kernels of 5x5": like_compact(64, 64, 64, 128, 128, kernels=(6, 5, 5, 3, 3)),
    "six convolutions, padded": undivided([[48, 48], [96, 96], [192, 192]], unpadded=0),
    "six convolutions": UNPADDED,
    "six convolutions, 24 epochs": {**UNPADDED, "epochs": 24},
    "six convolutions, 48 epochs": {**UNPADDED, "epochs": 48},
    "six convolutions, 64 to 256": undivided([[64, 64], [128, 128], [256, 256]], unpadded=2),
    "dropout=0.3": {"dropout": 0.3},
    "label_smoothing=0.05": {"label_smoothing": 0.05},
    "weight_decay=0.1": {"weight_decay": 0.1},
    "learning_rate=0.015": {"learning_rate": 0.015},
    "batch_size=128, learning_rate=0.006": {"batch_size": 128, "learning_rate": 0.006},
    "elastic_alpha=8": {"elastic_alpha": 8.0},
    "elastic_alpha=32": {"elastic_alpha": 32.0},
    "rotation_range=12, shift_range=0.1": {"rotation_range": 12.0, "shift_range": 0.1},
    "zoom_range=0.2, shear_range=12": {"zoom_range": 0.2, "shear_range": 12.0},
    "corruption_rate=0": {"corruption_rate": 0.0},
    "elastic_alpha=24, 48 epochs": {"elastic_alpha": 24.0, "epochs": 48},
    "rotation_range=12, shift_range=0.1, 48 epochs": {
        "rotation_range": 12.0,
        "shift_range": 0.1,
        "epochs": 48,
    },
}


def run(parameters: dict[str, Any], seed: int, path: str) -> dict[str, Any]:
    from digitcnn import DigitCNNClassifier

    with np.load(path) as arrays:
        X, y = arrays["x_train"], arrays["y_train"]
    train, held_out = np.split(np.random.default_rng(7).permutation(len(X)), 2)
    clf = DigitCNNClassifier(random_state=seed, **{"epochs": 12, **parameters})
    start = time.perf_counter()
    clf.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    X, y = X[held_out], y[held_out]
    probabilities = clf.predict_proba(X)
    right = probabilities[np.arange(len(y)), y]
    clf.set_params(test_time_augmentation=VIEWS)
    return {
        # The labels are their own codes.
        "errors": int((probabilities.argmax(axis=1) != y).sum()),
        "errors_in_views": int((clf.predict(X) != y).sum()),
        "loss": round(float(-np.log(np.maximum(right, 1e-12)).mean()), 5),
        "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", help="MNIST as one .npz file")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="SEED")
    options = parser.parse_args()
    for seed in options.seeds:
        for name in options.rows:
            if (name, seed) in {(r["row"], r["seed"]) for r in read_results(RESULTS)}:
                continue
            result = {"row": name, "seed": seed, **run(ROWS[name], seed, options.mnist)}
            result["machine"] = processor()
            add_result(RESULTS, result)
    results = sorted(read_results(RESULTS), key=lambda r: (list(ROWS).index(r["row"]), r["seed"]))
    columns = ("row", "seed", "errors", "errors_in_views", "loss", "seconds", "machine")
    print_table(columns, ([r.get(name, "") for name in columns] for r in results))


if __name__ == "__main__":
    main()
