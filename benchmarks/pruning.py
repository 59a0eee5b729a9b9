"""A search with Optuna that stops poor trainings early, and the same search without it.

    python benchmarks/pruning.py [--seeds 3] [--trials 12] [--epochs 12]

Both searches draw the same candidates of a recipe's space and train them on the bundled digits; one
stops a training whose validation accuracy is below the median of the earlier ones after as many
epochs. They take turns, after one fit that imports and starts everything. For each seed: the epochs
that were trained, the seconds, and the best validation accuracy. Needs optuna.
"""

import argparse
import statistics
import time

import keras
import optuna
from _report import print_header, print_table

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print_header("optuna", "keras", "tensorflow")
    pruners = {
        "all": lambda: optuna.pruners.NopPruner(),
        "pruned": lambda: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3),
    }
    search(0, 1, 1, pruners["all"]())
    rows, saved = [], []
    for seed in range(options.seeds):
        seconds = {}
        for name, make in pruners.items():
            start = time.perf_counter()
            study = search(seed, options.trials, options.epochs, make())
            seconds[name] = time.perf_counter() - start
            n_epochs = sum(len(trial.intermediate_values) for trial in study.trials)
            best = f"{study.best_value:.4f}"
            rows.append([seed, name, n_epochs, f"{seconds[name]:.1f}", best])
        saved.append(1 - seconds["pruned"] / seconds["all"])
    print_table(["seed", "trainings", "epochs", "s", "best validation accuracy"], rows)
    print(f"\nTime saved, median: {statistics.median(saved):.0%}")


if __name__ == "__main__":
    main()
