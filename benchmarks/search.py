"""A grid search in one process and in two, and the same search through SciKeras.

    python benchmarks/search.py [--rounds 3]

Six fits, of three learning rates in two folds, of the default's network on the bundled digits:
short ones, which are nearly all overhead, and longer ones. This estimator without distortions and
SciKeras's KerasClassifier with the same network, folds, batches, epochs and optimizer, each in a
process of its own with workers of its own, taking turns. In the timed rounds the workers are there
and have compiled their networks; the columns "first" have the first search of each, with everything
that is done once. Ratios are medians over the rounds.

Then thirteen short fits, a grid over the parameters of a user's own network: this estimator, the
same without reuse of earlier fits (the scores must be equal), and SciKeras's.

Then the difference between the scores of two processes and of one, with the default threads of each
and with one thread each. Last the memory of a worker for a large X: memory that it shares with no
other process, less what it holds for a small X.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
from _contender import Contender, answer_lines
from _report import in_turn, own_megabytes, print_header, print_table, ratio
from _settings import STILL
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits
from digitcnn.training import clear_cache

RATES = [0.0005, 0.001, 0.002]
# Digits and epochs.
FITS = {"short": (256, 1), "longer": (600, 4)}
PLAIN = {**STILL, "random_state": 0}


def compact(learning_rate: float):
    """The default's network, compiled, for SciKeras."""
    import keras

    from digitcnn.backend.build import build

    model = build("compact", (28, 28, 1), 10, dropout=None, seed=0, dtype="float32")
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def four_pixels(image_shape, n_classes):
    """A network that costs next to nothing."""
    import keras

    stack = [keras.Input(image_shape), keras.layers.AveragePooling2D(14), keras.layers.Flatten()]
    return keras.Sequential([*stack, keras.layers.Dense(n_classes, activation="softmax")])


def make_search(who: str, epochs: int, n_jobs: int, **options) -> GridSearchCV:
    if who == "digitcnn":
        clf = DigitCNNClassifier(
            epochs=epochs,
            batch_size=64,
            optimizer="adam",
            weight_decay=0.0,
            schedule=None,
            precision="float32",
            **PLAIN,
        )
        grid = {"learning_rate": RATES}
    else:
        from scikeras.wrappers import KerasClassifier

        clf = KerasClassifier(
            compact, model__learning_rate=0.001, epochs=epochs, batch_size=64, verbose=0
        )
        grid = {"model__learning_rate": RATES}
    cv = StratifiedKFold(2)  # SciKeras's is not seen as a classifier
    options = {"cv": cv, "n_jobs": n_jobs, "refit": False, "error_score": "raise", **options}
    return GridSearchCV(clf, grid, **options)


def data_for(who: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = load_sample_digits()
    if who == "digitcnn":
        return X[:n], y[:n]
    return (X[:n] / 255).astype(np.float32).reshape(-1, 28, 28, 1), y[:n]


def child(who: str, n: int, epochs: int) -> None:
    """A contender's process: run a search with as many processes as each line says."""
    X, y = data_for(who, n)
    answer_lines(lambda n_jobs: len(make_search(who, epochs, int(n_jobs)).fit(X, y).cv_results_))


def speed(rounds: int) -> Iterator[list[str]]:
    for name, (n, epochs) in FITS.items():
        contenders = {who: Contender("--child", who, n, epochs) for who in ("digitcnn", "SciKeras")}
        calls = {
            (who, n_jobs): lambda one=one, n_jobs=n_jobs: one.ask(n_jobs)
            for who, one in contenders.items()
            for n_jobs in (1, 2)
        }
        first = in_turn(calls, repeats=1, warm_up=0)
        seconds = in_turn(calls, rounds, warm_up=0)
        for who, one in contenders.items():
            one.end()
            cells = [name, who]
            for n_jobs in (1, 2):
                cells.append(f"{first[who, n_jobs][0]:.1f}")
                cells.append(f"{statistics.median(seconds[who, n_jobs]):.2f}")
            cells.append(f"{ratio(seconds, (who, 2), (who, 1)):.2f}")
            cells += [f"{ratio(seconds, (who, k), ('digitcnn', k)):.1f}" for k in (1, 2)]
            yield cells


def own_network(image_shape, n_classes, units):
    """A network of a user's own."""
    from keras import Input, Sequential, layers

    stack = [
        Input(image_shape),
        layers.Conv2D(8, 5, strides=2, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(units, activation="relu"),
        layers.Dropout(0.2, seed=0),
        layers.Dense(n_classes, activation="softmax"),
    ]
    return Sequential(stack)


def compiled_own_network(units: int, learning_rate: float):
    """The same, compiled, for SciKeras."""
    import keras

    model = own_network((28, 28, 1), 10, units)
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Forgetful(DigitCNNClassifier):
    """Compiles its network for each fit."""

    def fit(self, X, y):
        clear_cache()
        return super().fit(X, y)


def own_networks(rounds: int) -> None:
    from scikeras.wrappers import KerasClassifier

    cv, rates, units = StratifiedKFold(2), RATES, [16, 32]
    common = {"epochs": 1, "batch_size": 64}
    options = {"optimizer": "adam", "weight_decay": 0.0, "schedule": None, "precision": "float32"}
    mine = {"architecture": [partial(own_network, units=n) for n in units], "learning_rate": rates}
    its = {"model__units": units, "model__learning_rate": rates}
    scikeras = KerasClassifier(
        compiled_own_network, model__units=16, model__learning_rate=0.001, verbose=0, **common
    )
    searches = {
        "digitcnn": ("digitcnn", DigitCNNClassifier(**common, **options, **PLAIN), mine),
        "each compiled": ("digitcnn", Forgetful(**common, **options, **PLAIN), mine),
        "SciKeras": ("SciKeras", scikeras, its),
    }
    scores = {}

    def call(who):
        kind, clf, grid = searches[who]
        X, y = data_for(kind, 256)
        found = GridSearchCV(clf, grid, cv=cv, error_score="raise").fit(X, y).cv_results_
        scores[who] = [found[f"split{fold}_test_score"].tolist() for fold in range(2)]

    calls = {who: partial(call, who) for who in searches}
    seconds = in_turn(calls, rounds, warm_up=1)
    rows = [
        [who, f"{statistics.median(seconds[who]):.2f}", f"{ratio(seconds, who, 'digitcnn'):.1f}"]
        for who in searches
    ]
    print_table(["who", "s", "who / digitcnn"], rows)
    print(f"\nScores equal those of fits that each compile: {equal(scores)}")


def equal(scores: dict[str, list[list[float]]]) -> str:
    return "yes" if scores["digitcnn"] == scores["each compiled"] else "NO"


def differences(n: int, epochs: int) -> dict[str, float]:
    """The largest differences between the scores of two processes and those of one."""
    X, y = data_for("digitcnn", n)
    scoring = ["accuracy", "neg_log_loss"]
    one, two = (
        make_search("digitcnn", epochs, n_jobs, scoring=scoring).fit(X, y).cv_results_
        for n_jobs in (1, 2)
    )
    names = [f"split{fold}_test_{score}" for score in scoring for fold in range(2)]
    found = {name: float(np.abs(one[name] - two[name]).max()) for name in names}
    return {score: max(found[name] for name in names if score in name) for score in scoring}


def agreement() -> None:
    rows = []
    for threads in ("each its own", "1 in each"):
        environment = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
        if threads == "1 in each":
            environment["TF_NUM_INTRAOP_THREADS"] = "1"
        for name, (n, epochs) in FITS.items():
            done = subprocess.run(
                [sys.executable, __file__, "--differences", str(n), str(epochs)],
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
            )
            found = json.loads(done.stdout.splitlines()[-1])
            rows.append([threads, name, f"{found['accuracy']:.2g}", f"{found['neg_log_loss']:.2g}"])
    columns = ["threads", "fits", "largest difference in accuracy", "in log loss"]
    print_table(columns, rows)


def report(clf, X, y) -> float:
    """A score: what the worker holds, with scikit-learn's copies of the rows of a fold."""
    return own_megabytes()


class Reporting(DigitCNNClassifier):
    def fit(self, X, y):
        super().fit(X, y)
        self.megabytes_ = own_megabytes()
        return self


def memory(n: int = 120_000) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (n, 784), dtype=np.uint8), np.arange(n) % 10
    settings = {"epochs": 1, "batch_size": 1000, **PLAIN}

    def search(X, y):
        clf = DigitCNNClassifier(four_pixels, **settings)
        grid = {"learning_rate": RATES}
        found = GridSearchCV(clf, grid, scoring=report, cv=2, n_jobs=2, refit=False).fit(X, y)
        return max(found.cv_results_[f"split{i}_test_score"].max() for i in range(2))

    def voting(X, y):
        members = [(f"m{i}", Reporting(four_pixels, **settings)) for i in range(4)]
        fitted = VotingClassifier(members, voting="soft", n_jobs=2).fit(X, y)
        return max(clf.megabytes_ for clf in fitted.estimators_)

    rows = []
    for name, call in {"VotingClassifier": voting, "GridSearchCV": search}.items():
        small = call(X[:4_000], y[:4_000])
        large = call(X, y)
        size = X.nbytes / 1e6
        added = large - small
        rows.append([name, f"{size:.0f}", f"{small:.0f}", f"{large:.0f}", f"{added / size:.2f}"])
    columns = ["what", "X MB", "a worker's MB, small X", "large X", "more / X"]
    print_table(columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--differences", nargs=2, type=int)
    parser.add_argument("--child", nargs=3)
    options = parser.parse_args()
    if options.child:
        who, n, epochs = options.child
        child(who, int(n), int(epochs))
        return
    if options.differences:
        print(json.dumps(differences(*options.differences)))
        return
    print_header("scikit-learn", "joblib", "keras", "tensorflow", "scikeras")
    columns = ["fits", "who", "1 process, first s", "s", "2 processes, first s", "s", "2 / 1"]
    print_table([*columns, "who / digitcnn, 1 process", "2 processes"], speed(options.rounds))
    print("\nThirteen fits over the parameters of a user's own network:\n")
    own_networks(options.rounds)
    print("\nScores of two processes and of one:\n")
    agreement()
    print("\nMemory:\n")
    memory()


if __name__ == "__main__":
    main()
