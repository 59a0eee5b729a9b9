"""Searches that give up poor candidates early, and the same searches without that.

    python benchmarks/pruning.py [--only NAME] [--seeds 3] [--trials 12] [--epochs 12]

All draw candidates of a recipe's space, train them on the bundled digits and score them on a
quarter of these. With Optuna, one search ends a training whose validation accuracy is below the
median of the earlier ones after as many epochs. With scikit-learn, a halving search trains all
candidates for a third of the epochs, and the best third for all of them. Both searches of a pair
draw the same candidates and take turns, after one fit that imports and starts everything. For each
seed: the epochs that were trained, the seconds, and the best validation accuracy. Needs optuna.
"""

import argparse
import statistics
import time

import keras
import optuna
from _report import print_header, print_table
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    StratifiedShuffleSplit,
)

from digitcnn.datasets import load_sample_digits
from digitcnn.recipes import make_classifier, search_space


class Pruning(keras.callbacks.Callback):
    """Tells a trial the validation accuracy of each epoch, and ends the training if it is poor."""

    def __init__(self, trial: optuna.Trial) -> None:
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs["val_accuracy"], epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def draw(trial: optuna.Trial) -> dict:
    """A candidate from the recipe's space."""
    values = {}
    for name, choice in search_space("fast").items():
        if isinstance(choice, list):
            values[name] = trial.suggest_categorical(name, choice)
        else:
            low, high = choice.support()
            is_logarithmic = choice.dist.name == "loguniform"
            values[name] = trial.suggest_float(name, low, high, log=is_logarithmic)
    return values


def search(seed: int, n_trials: int, epochs: int, pruner: optuna.pruners.BasePruner):
    X, y = load_sample_digits()

    def objective(trial: optuna.Trial) -> float:
        clf = make_classifier("fast", epochs=epochs, random_state=0)
        clf.set_params(validation_fraction=0.25, callbacks=[Pruning(trial)], **draw(trial))
        return clf.fit(X, y).history_["val_accuracy"][-1]

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed), pruner=pruner
    )
    study.optimize(objective, n_trials)
    return study


def with_optuna(seed: int, n_trials: int, epochs: int, is_pruned: bool) -> tuple[int, float]:
    """The number of epochs that were trained, and the best validation accuracy."""
    pruner = optuna.pruners.NopPruner()
    if is_pruned:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3)
    study = search(seed, n_trials, epochs, pruner)
    return sum(len(trial.intermediate_values) for trial in study.trials), study.best_value


def with_halving(seed: int, n_trials: int, epochs: int, is_pruned: bool) -> tuple[int, float]:
    """The number of epochs that were trained, and the best validation accuracy."""
    X, y = load_sample_digits()
    clf, space = make_classifier("fast", epochs=epochs, random_state=0), search_space("fast")
    options = {
        "cv": StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
        "random_state": seed,
        "refit": False,
    }
    if not is_pruned:
        found = RandomizedSearchCV(clf, space, n_iter=n_trials, **options).fit(X, y)
        return n_trials * epochs, found.cv_results_["mean_test_score"].max()
    found = HalvingRandomSearchCV(
        clf,
        space,
        resource="epochs",
        n_candidates=n_trials,
        min_resources=epochs // 3,
        max_resources=epochs,
        factor=3,
        **options,
    ).fit(X, y)
    results = found.cv_results_
    is_whole = results["n_resources"] == epochs
    return int(results["n_resources"].sum()), results["mean_test_score"][is_whole].max()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ways = {"Optuna": with_optuna, "halving": with_halving}
    parser.add_argument("--only", choices=ways)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print_header("optuna", "scikit-learn", "keras", "tensorflow")
    with_halving(0, 1, 3, False)
    for name, run in ways.items():
        if options.only not in (None, name):
            continue
        rows, saved = [], []
        for seed in range(options.seeds):
            seconds = []
            for is_pruned in (False, True):
                start = time.perf_counter()
                n_epochs, best = run(seed, options.trials, options.epochs, is_pruned)
                seconds.append(time.perf_counter() - start)
                trainings = "given up early" if is_pruned else "all"
                rows.append([seed, trainings, n_epochs, f"{seconds[-1]:.1f}", f"{best:.4f}"])
            saved.append(1 - seconds[1] / seconds[0])
        print(f"{name}:\n")
        print_table(["seed", "trainings", "epochs", "s", "best validation accuracy"], rows)
        print(f"\nTime saved, median: {statistics.median(saved):.0%}\n")


if __name__ == "__main__":
    main()
