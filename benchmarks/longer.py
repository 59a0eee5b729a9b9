"""The gain from longer training, larger networks and other distortions.

    python benchmarks/longer.py MNIST_NPZ [--rows NAME ...] [--seeds 0] [--answers FOLDER]

Networks are trained on one half of MNIST's 60,000 training digits and scored on the other half; its
test digits are not used. A hundred or more of the 30,000 digits are misread, so that a difference
of a fifth is more than chance. With the usual tenth of the data it would not be.

Every run is a line in benchmarks/results/longer.jsonl and is not repeated; the table is made from
all lines. --answers keeps the probabilities, and trains again what has none. From them a second
table is made: what several networks misread together, by their mean probability.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from _networks import Layers, network
from _report import add_result, print_table, processor, read_results
from _settings import VIEWS
from scipy import ndimage

RESULTS = Path(__file__).parent / "results" / "longer.jsonl"


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


def straighten(images: np.ndarray) -> np.ndarray:
    """Digits that lean no way and are 14 pixels wide.

    By at most a third wider than they are, so that a one stays one. Networks for digits of one
    width each stand beside those for MNIST's own in D. Ciresan, U. Meier, J. Schmidhuber,
    "Multi-column deep neural networks for image classification", CVPR 2012.
    """
    rows, columns = np.mgrid[:28, :28].astype(float)
    drawn = np.empty_like(images)
    for i, image in enumerate(images):
        ink = image / 255.0
        middle = np.array([np.average(where, weights=ink) for where in (rows, columns)])
        below, beside = rows - middle[0], columns - middle[1]
        variance = np.average(below**2, weights=ink)
        slant = np.average(below * beside, weights=ink) / variance
        upright = np.array([[1, 0], [np.clip(slant, -0.8, 0.8), 1]])
        image = _resampled(image, upright, middle - upright @ middle)
        inked = np.flatnonzero(image.any(axis=0))
        scale = max((inked[-1] + 1 - inked[0]) / 14, 0.75)
        shift = (inked[0] + inked[-1]) / 2 - 13.5 * scale
        drawn[i] = _resampled(image, np.array([1, scale]), np.array([0, shift]))
    return drawn


def _resampled(image: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    values = ndimage.affine_transform(image.astype(float), matrix, offset=offset, order=1)
    return values.clip(0, 255).astype(np.uint8)


UNPADDED = undivided([[48, 48], [96, 96], [192, 192]], unpadded=2)
# Row -> parameters that replace the default's; "images" is applied to all images first.
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
    "rotation_range=20, shift_range=0.2, 48 epochs": {
        "rotation_range": 20.0,
        "shift_range": 0.2,
        "epochs": 48,
    },
    "straightened, 48 epochs": {"images": straighten, "epochs": 48},
}


def halves(path: str) -> tuple[np.ndarray, ...]:
    """Digits and labels to train on, digits and labels that are held out."""
    with np.load(path) as arrays:
        X, y = arrays["x_train"], arrays["y_train"]
    train, held_out = np.split(np.random.default_rng(7).permutation(len(X)), 2)
    return X[train], y[train], X[held_out], y[held_out]


def run(parameters: dict[str, Any], seed: int, path: str) -> tuple[dict[str, Any], np.ndarray]:
    """The result, and the held-out digits' probabilities."""
    from digitcnn import DigitCNNClassifier

    X_train, y_train, X, y = halves(path)
    parameters = {"architecture": "compact", "epochs": 12, **parameters}
    if "images" in parameters:
        done_before = parameters.pop("images")
        X_train, X = done_before(X_train), done_before(X)
    clf = DigitCNNClassifier(random_state=seed, **parameters)
    start = time.perf_counter()
    clf.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    probabilities = clf.predict_proba(X)
    right = probabilities[np.arange(len(y)), y]
    clf.set_params(test_time_augmentation=VIEWS)
    result = {
        # The labels are their own indices.
        "errors": int((probabilities.argmax(axis=1) != y).sum()),
        "errors_in_views": int((clf.predict(X) != y).sum()),
        "loss": round(float(-np.log(np.maximum(right, 1e-12)).mean()), 5),
        "seconds": round(seconds),
    }
    return result, probabilities


def print_together(answers: Sequence[np.ndarray], y: np.ndarray) -> None:
    """What the networks misread by their mean probability, over all the ways to take some."""
    rows = []
    for n in range(1, len(answers) + 1):
        errors = [
            int((np.mean(some, axis=0).argmax(axis=1) != y).sum())
            for some in combinations(answers, n)
        ]
        rows.append((n, len(errors), f"{np.mean(errors):.1f}", min(errors), max(errors)))
    print_table(("networks", "ways", "errors together", "least", "most"), rows)
    unread = np.all([one.argmax(axis=1) != y for one in answers], axis=0).sum()
    print(f"\nThat none of the {len(answers)} reads: {unread}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", help="MNIST as one .npz file")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="SEED")
    parser.add_argument(
        "--answers", type=Path, metavar="FOLDER", help="where the probabilities are kept"
    )
    options = parser.parse_args()
    if options.answers and len(options.rows) * len(options.seeds) > 12:
        parser.error("--answers: more than twelve networks; there are 2**n ways to take some of n")
    together = []
    for seed in options.seeds:
        for name in options.rows:
            has_result = (name, seed) in {(r["row"], r["seed"]) for r in read_results(RESULTS)}
            kept = options.answers and options.answers / f"{name}, {seed}.npy"
            if not has_result or (kept and not kept.exists()):
                result, probabilities = run(ROWS[name], seed, options.mnist)
                if kept:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    np.save(kept, probabilities.astype(np.float32))
                if not has_result:
                    result = {"row": name, "seed": seed, **result, "machine": processor()}
                    add_result(RESULTS, result)
            if kept:
                together.append(np.load(kept))
    results = sorted(read_results(RESULTS), key=lambda r: (list(ROWS).index(r["row"]), r["seed"]))
    columns = ("row", "seed", "errors", "errors_in_views", "loss", "seconds", "machine")
    print_table(columns, ([r.get(name, "") for name in columns] for r in results))
    if together:
        print()
        print_together(together, halves(options.mnist)[3])


if __name__ == "__main__":
    main()
