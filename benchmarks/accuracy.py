"""The accuracy of each recipe on digits that it was not trained on, and its cost.

    python benchmarks/accuracy.py MNIST_NPZ [--rows NAME ...] [--seeds 0 1 2 3 4] [--kaggle FOLDER]
                                  [--checkpoint FOLDER] [--jobs N]

Each recipe is trained on MNIST's 60,000 digits and scored once, at the end of the training, on its
10,000 test digits and, through `DigitNormalizer`, on scikit-learn's 1,797. Neither set chooses
anything. A recipe without test-time augmentation is scored in sixteen views as well, and one with
it in a single view. The networks of an ensemble are scored separately too, and the share of digits
that none of them reads is recorded. The Kaggle rows are trained on FOLDER/train.csv, split with the
shares and seeds of the two notebooks, which also use the holdout for validation. The score is that
of the 28,000 digits of FOLDER/test.csv; the score of the holdout is recorded beside it.

Every run is a line in benchmarks/results/accuracy.jsonl and is not repeated. So long tables can be
made in pieces, and on several machines; the tables are made from all lines. With --checkpoint a run
that was killed continues after its last epoch, and its seconds are added up.
"""

import argparse
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from _networks import network
from _report import add_result, print_table, processor, read_results
from _settings import STILL, VIEWS
from joblib import parallel_config

RESULTS = Path(__file__).parent / "results" / "accuracy.jsonl"
COMPACT = {"architecture": "compact"}
HELD_OUT = {"validation_fraction": 0.1}
# All epochs; the weights are those of the best epoch on the holdout.
BEST_EPOCH = {"early_stopping": True, "n_iter_no_change": 20}
# The first of the three networks of S. An, M. Lee, S. Park, H. Yang, J. So, "An ensemble of simple
# convolutional neural network models for MNIST digit recognition", 2020, with a global maximum in
# the place of its last layer's 11,264 inputs: nine times the arithmetic of `compact`.
TEN_CONVOLUTIONS = {
    "architecture": partial(network, body=[(n, 3, 1, "valid") for n in range(32, 177, 16)]),
    "epochs": 18,
    "learning_rate": 0.006,
    "validation_fraction": 0.1,
    "test_time_augmentation": 16,
}
# Row -> recipe, and the parameters that replace the recipe's.
ROWS: dict[str, tuple[str, dict]] = {
    "fast": ("fast", {}),
    "compact": ("fast", COMPACT),
    "compact, a tenth held out": ("fast", {**COMPACT, **HELD_OUT}),
    "compact, no corruption": ("fast", {**COMPACT, "corruption_rate": 0.0}),
    "best": ("best", {}),
    "ten convolutions": ("fast", TEN_CONVOLUTIONS),
    "ten convolutions, 20 epochs, a twentieth held out": (
        "fast",
        {**TEN_CONVOLUTIONS, "epochs": 20, "validation_fraction": 0.05},
    ),
    "ensemble": ("ensemble", {}),
    "notebook-relu": ("notebook-relu", {}),
    "notebook-relu, best epoch": ("notebook-relu", BEST_EPOCH),
    "notebook-elu": ("notebook-elu", {}),
    "notebook-elu, not distorted": ("notebook-elu", STILL),
    "Kaggle: notebook-elu": ("notebook-elu", {}),
    "Kaggle: notebook-elu, not distorted": ("notebook-elu", STILL),
    "Kaggle: notebook-relu": ("notebook-relu", {}),
    "Kaggle: notebook-relu, best epoch": ("notebook-relu", BEST_EPOCH),
}
# The share of the data that each notebook held out, and the seed that it did so with.
SPLITS = {"notebook-elu": (0.0001, 894), "notebook-relu": (0.2, 0)}
MAX_ERROR = 0.001


def measure(clf, X, codes: np.ndarray) -> dict[str, float]:
    """Accuracy and calibration, with and without rejection of unsure answers."""
    from digitcnn.calibration import (
        calibration_error,
        confidence_and_correctness,
        confidence_threshold,
    )

    probabilities = clf.predict_proba(X)
    confidences, hits = confidence_and_correctness(probabilities, codes)
    result = {
        "accuracy": float(hits.mean()),
        "calibration_error": calibration_error(probabilities, codes),
    }
    if getattr(clf, "validation_correct_", None) is not None:
        answered = confidences >= confidence_threshold(clf, MAX_ERROR)
        result["coverage"] = float(answered.mean())
        result["answered_wrong"] = float((~hits[answered]).mean()) if answered.any() else 0.0
    return result


@contextlib.contextmanager
def stopwatch(folder: Path | None) -> Iterator[Callable[[], float]]:
    """Seconds since the start; with a folder, those of earlier processes that were killed too."""
    path = folder / "seconds" if folder else None
    before = float(path.read_text()) if path and path.exists() else 0.0
    start, ended = time.perf_counter(), threading.Event()

    def seconds() -> float:
        return before + time.perf_counter() - start

    def keep() -> None:
        while not ended.wait(10):
            path.write_text(str(seconds()))

    if path:
        folder.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=keep, daemon=True).start()
    try:
        yield seconds
    finally:
        ended.set()


def trained(recipe: str, parameters: dict, X, y, **validation) -> tuple:
    """A recipe's classifier, fitted, and the seconds that this took."""
    from digitcnn.recipes import make_classifier

    clf = make_classifier(recipe, **parameters)
    with stopwatch(parameters["checkpoint_dir"]) as seconds:
        clf.fit(X, y, **validation)
        return clf, round(seconds(), 1)


def run_mnist(recipe: str, parameters: dict, path: str) -> dict:
    from sklearn.datasets import load_digits

    from digitcnn import DigitNormalizer

    with np.load(path) as arrays:
        X, y, X_test, y_test = (arrays[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    clf, seconds = trained(recipe, parameters, X.reshape(len(X), -1), y)
    foreign, foreign_y = load_digits(return_X_y=True)
    sets = {
        "test": (X_test.reshape(len(X_test), -1), y_test),
        "foreign": (DigitNormalizer().fit_transform(foreign), foreign_y),
    }
    result = {name: measure(clf, *data) for name, data in sets.items()}
    networks = getattr(clf, "estimators_", [clf])
    if len(networks) > 1:
        for name, (images, codes) in sets.items():
            # The labels are their own indices, on which an ensemble trains its networks.
            hits = np.array([one.predict(images) == codes for one in networks])
            result[name]["each_network"] = hits.mean(axis=1).tolist()
            result[name]["read_by_none"] = float((~hits).all(axis=0).mean())
    # Both ways, whichever is the recipe's own.
    has_views = any(one.test_time_augmentation for one in networks)
    for one in networks:
        one.set_params(test_time_augmentation=0 if has_views else VIEWS)
    for name, data in sets.items():
        other = "accuracy_in_one_view" if has_views else "accuracy_in_views"
        result[name][other] = float(clf.score(*data))
    return {"seconds": seconds, **result}


def run_kaggle(recipe: str, parameters: dict, data: str) -> dict:
    import pandas as pd
    from sklearn.model_selection import train_test_split

    from digitcnn import DigitCSVTransformer
    from digitcnn.datasets import read_digits_csv

    X, y = read_digits_csv(f"{data}/train.csv")
    fraction, split_seed = SPLITS[recipe]
    X, X_val, y, y_val = train_test_split(X, y, test_size=fraction, random_state=split_seed)
    clf, seconds = trained(recipe, parameters, X, y, X_val=X_val, y_val=y_val)
    X_test = DigitCSVTransformer().fit_transform(f"{data}/test.csv")
    answers = pd.read_csv(f"{data}/test_labels.csv")["Label"].to_numpy()
    return {
        "seconds": seconds,
        "test": {"accuracy": float(clf.score(X_test, answers))},
        "held_out": {"digits": len(y_val), "accuracy": float(clf.score(X_val, y_val))},
    }


def print_results(results: list[dict]) -> None:
    """Print the mean of each row over its seeds, with the standard deviation of the accuracy."""

    def shown(runs: list[dict], kind: str, name: str, form: Callable[[float], str]) -> str:
        values = [run[kind][name] for run in runs if name in run.get(kind, {})]
        return form(float(np.mean(values))) if values else ""

    def percent(value: float) -> str:
        return f"{value:.2%}"

    rows = []
    groups = sorted(
        {(list(ROWS).index(r["row"]), r["row"], r["precision"], r["machine"]) for r in results}
    )
    for _, name, precision, machine in groups:
        runs = [
            r
            for r in results
            if (r["row"], r["precision"], r["machine"]) == (name, precision, machine)
        ]
        accuracies = [run["test"]["accuracy"] for run in runs]
        spread = f" ± {np.std(accuracies, ddof=1):.3%}" if len(runs) > 1 else ""
        rows.append(
            (
                name,
                len(runs),
                f"{np.mean(accuracies):.3%}{spread}",
                shown(runs, "test", "accuracy_in_one_view", lambda v: f"{v:.3%}"),
                shown(runs, "test", "accuracy_in_views", lambda v: f"{v:.3%}"),
                shown(runs, "test", "calibration_error", lambda v: f"{v:.4f}"),
                shown(runs, "test", "coverage", percent),
                shown(runs, "test", "answered_wrong", percent),
                shown(runs, "foreign", "accuracy", percent),
                shown(runs, "foreign", "coverage", percent),
                shown(runs, "foreign", "answered_wrong", percent),
                f"{np.median([run['seconds'] for run in runs]):.0f}",
                f"{precision}, {machine}",
            )
        )
    print_table(
        (
            "recipe",
            "seeds",
            "accuracy",
            "in 1 view",
            f"in {VIEWS} views",
            "calibration error",
            "answered at 99.9%",
            "of these wrong",
            "scikit-learn's digits",
            "of these answered",
            "of these wrong",
            "training s",
            "machine",
        ),
        rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", help="MNIST as one .npz file")
    parser.add_argument(
        "--rows",
        nargs="*",
        choices=ROWS,
        default=list(ROWS),
        metavar="NAME",
        help=f"all by default; there are {str(list(ROWS))[1:-1]}",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2, 3, 4],
        metavar="SEED",
        help="the seeds themselves, 0 to 4 by default; what was run before is not run again",
    )
    parser.add_argument("--kaggle", metavar="FOLDER", help="for the rows 'Kaggle: ...'")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FOLDER",
        help="where trainings that were killed go on from",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that train an ensemble")
    options = parser.parse_args()
    from digitcnn.backend.devices import choose_precision

    precision = choose_precision("auto")
    for seed in options.seeds:
        for name in options.rows:
            done = {(r["row"], r["seed"], r["precision"]) for r in read_results(RESULTS)}
            is_kaggle = name.startswith("Kaggle")
            if (name, seed, precision) in done or (is_kaggle and not options.kaggle):
                continue
            recipe, parameters = ROWS[name]
            run, source = (run_kaggle, options.kaggle) if is_kaggle else (run_mnist, options.mnist)
            folder = options.checkpoint and options.checkpoint / f"{name}, {seed}"
            begun = " (goes on)" if folder and any(folder.glob("*.checkpoint")) else ""
            print(f"{name}, seed {seed}{begun}", flush=True)
            parameters = {**parameters, "random_state": seed, "checkpoint_dir": folder}
            with parallel_config(n_jobs=options.jobs):
                result = run(recipe, parameters, source)
            result = {"row": name, "seed": seed, "precision": precision, **result}
            result["machine"] = processor()
            print(json.dumps(result), flush=True)
            add_result(RESULTS, result)
    print_results(read_results(RESULTS))


if __name__ == "__main__":
    main()
