"""``digitcnn train``: trains a model on a data set, and saves it."""

import argparse
import difflib
import json
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from digitcnn import datasets
from digitcnn._utils.array_file import is_model_file
from digitcnn._utils.atomic import folder_beside
from digitcnn._utils.ensembles import networks_of
from digitcnn._utils.identity import digest_arrays
from digitcnn._utils.parameters import check_parameters
from digitcnn._utils.text import some_of
from digitcnn._version import __version__
from digitcnn.architectures import PRETRAINED
from digitcnn.backend import import_keras
from digitcnn.calibration import confidence_and_correctness
from digitcnn.cli._common import (
    check_files,
    fast_kernels,
    read_labelled,
    with_names,
)
from digitcnn.cli._files import NAMED_DATA, data_paths, name_errors, open_images
from digitcnn.cli._interrupts import Interrupts
from digitcnn.cli._measures import count, print_measures
from digitcnn.cli._output import describe_os_error, say, show
from digitcnn.evaluation import measure
from digitcnn.recipes import get_recipe, make_classifier
from digitcnn.saving import save
from digitcnn.serialization.initial import read_initial
from digitcnn.tables.columns import is_order_named
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.readers import pixel_columns_of
from digitcnn.tables.streaming import take_rows_out
from digitcnn.training.checkpoints import claim_folder, hold_folder, release_folder
from digitcnn.training.data import check_training_data

# The estimator's parameters that are options of the command.
_PARAMETERS = ("init", "epochs", "learning_rate", "batch_size", "architecture", "class_weight")
# A fifth of the digits is held out, to evaluate and calibrate the model, but no more than these.
_HELD_OUT = 2000
INTERRUPTED = 130  # a shell's exit status of a command that Ctrl-C ended


def train(options: argparse.Namespace) -> int:
    """Train a model, evaluate it on held-out digits, and save it.

    Returns
    -------
    int
        The exit status: 0, or 130 after Ctrl-C, even if a model was saved.
    """
    get_recipe(options.recipe)
    is_named, options.data = options.data is not None, options.data or "sample"
    init = None if options.init == PRETRAINED else options.init
    if init is not None and not is_model_file(init):
        near = difflib.get_close_matches(init, [PRETRAINED], 1)
        raise ValueError(
            f"{init}: expected a model file or {PRETRAINED!r} after --from, got neither"
            + (f". Did you mean {PRETRAINED!r}?" if near else "")
        )
    outputs = {"model": options.out, "checkpoint": options.checkpoint_dir}
    check_files(model=init, data=options.data, outputs=outputs)
    if not is_named:
        say("no DATA given: training on 'sample', scikit-learn's digits")
    reader = open_images(options, with_labels=True)
    held = nullcontext() if options.checkpoint_dir is None else hold_folder(options.checkpoint_dir)
    with held, _folder_for_pixels(options) as folder:
        return _train_and_save(options, *_training_data(options, folder, reader))


def _train_and_save(
    options: argparse.Namespace,
    X: np.ndarray,
    y: np.ndarray,
    X_held: np.ndarray,
    y_held: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    rows: np.ndarray,
    files: list[str] | None,
    normalizer: Any,
) -> int:
    """Train and save a model; `rows` are the test digits' rows, `files` the names of all images."""
    recipe = get_recipe(options.recipe)
    parameters = {name: value for name, value in _chosen(options).items() if value is not None}
    if options.checkpoint_dir is not None:
        parameters["checkpoint_dir"] = options.checkpoint_dir
    clf = make_classifier(options.recipe, **parameters, random_state=options.seed, verbose=1)
    _check_data(clf, X, y)
    if options.checkpoint_dir is not None:
        _claim_folder(options, [X, y, X_held, y_held])
    say(f"training on {len(X):,} digits; {len(X_held):,} are held out")
    if "keras" not in sys.modules:
        say("importing Keras, which takes some seconds")
    with fast_kernels():
        import_keras()

    names = None if files is not None else _names_to_keep(options)
    X, X_held, X_test = (with_names(images, names) for images in (X, X_held, X_test))
    # A recipe with a validation fraction holds out validation data of its own.
    watched = {}
    if recipe.n_networks == 1 and recipe.parameters.get("validation_fraction") is None:
        watched = {"X_val": X_held, "y_val": y_held}
    start = time.perf_counter()
    with Interrupts() as interrupts:
        is_interrupted = interrupts.fit(clf, X, y, watched)
        if is_interrupted and not _is_fitted(clf):
            say("digitcnn train: stopped before there was a model to save")
            _tell_of_checkpoint(options)
            return INTERRUPTED
        seconds = time.perf_counter() - start
        networks = networks_of(clf)
        # Nothing is printed until the model is saved: a failing output must not lose it.
        for network in networks:
            network.set_params(verbose=0)  # a setting of this command, not of the model
        model = clf if normalizer is None else make_pipeline(normalizer, clf)
        _write(model, options.out)
        if not watched:  # otherwise fit has set them from X_val
            clf.validation_confidences_, clf.validation_correct_ = confidence_and_correctness(
                clf.predict_proba(X_held), np.searchsorted(clf.classes_, y_held)
            )
            _write(model, options.out)
        if not is_interrupted and options.checkpoint_dir is not None:
            release_folder(options.checkpoint_dir)
    try:
        if is_interrupted:
            say(
                f"digitcnn train: interrupted in epoch {networks[0].n_iter_}; the model has the "
                "weights trained so far"
            )
            _tell_of_checkpoint(options)
        measures = measure(clf, X_test, y_test, rows)
        name_errors(measures, files)
        _show_result(options, clf, len(X), seconds, measures)
    except KeyboardInterrupt:
        say(f"digitcnn train: stopped; the model is in {options.out}")
        return INTERRUPTED
    return INTERRUPTED if is_interrupted else 0


def _check_data(clf: Any, X: np.ndarray, y: np.ndarray) -> None:
    """Refuse data that `fit` would refuse, before Keras is imported for it."""
    network = clone(clf.estimators[0][1] if hasattr(clf, "estimators") else clf)
    check_parameters(network.get_params(deep=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `fit` warns
        check_training_data(network, X, y, None, goes_on=False)
        if network.init is not None:
            read_initial(network.init, network.architecture, network.image_shape_, network.classes_)


def _chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The estimator's parameters as given on the command line; None is the recipe's value."""
    return {name: getattr(options, name) for name in _PARAMETERS}


def _show_result(
    options: argparse.Namespace, clf: Any, n_digits: int, seconds: float, measures: dict[str, Any]
) -> None:
    network = networks_of(clf)[0]
    result = {
        "data": options.data,
        "recipe": options.recipe,
        "seed": options.seed,
        "epochs": network.n_iter_,
        "precision": network.precision_,
        "training_digits": n_digits,
        "seconds": round(seconds, 1),
        **measures,
        "model": options.out,
    }
    if options.json:
        show(json.dumps(result))
        return
    epochs, digits = count(result["epochs"], "epoch"), count(n_digits, "digit")
    show(f"trained {epochs} on {digits} in {seconds:.0f} s ({result['precision']})")
    print_measures(result)
    show(f"model written to {options.out}")


def _write(clf: Any, path: str) -> None:
    """Save the model; if that fails, to a temporary folder: training may have taken hours."""
    try:
        save(clf, path)
    except OSError as error:
        spare = Path(tempfile.mkdtemp(prefix="digitcnn-"), Path(path).name)
        try:
            save(clf, spare)
        except OSError:
            spare.parent.rmdir()
            raise error from None
        raise OSError(f"{describe_os_error(error)}. The model was saved to {spare}") from None


def _is_fitted(clf: Any) -> bool:
    """Whether there is a model to save: an incomplete ensemble is not one."""
    return hasattr(clf, "n_iter_") or hasattr(clf, "estimators_")


def _tell_of_checkpoint(options: argparse.Namespace) -> None:
    if options.checkpoint_dir is not None:
        say(f"the same command resumes from the checkpoint in {options.checkpoint_dir}")


def _names_to_keep(options: argparse.Namespace) -> list[str] | None:
    """The pixel columns' names, for the model to find them by; None if their numbers suffice."""
    paths = data_paths(options)
    if paths is None:
        return None
    names = pixel_columns_of(paths, options.label)
    return None if is_order_named(names) else names


@contextmanager
def _folder_for_pixels(options: argparse.Namespace) -> Iterator[Path | None]:
    """A temporary folder beside the model, for the pixels of --stream."""
    if not options.stream:
        yield None
        return
    if options.data in NAMED_DATA:
        raise ValueError(
            f"expected a file or a folder with --stream, got {options.data!r}. Leave --stream out"
        )
    with folder_beside(options.out) as folder:
        yield folder


def _claim_folder(options: argparse.Namespace, data: list[np.ndarray]) -> None:
    """Claim the checkpoint's folder for this training, and report the epochs already done."""
    X, y, X_held, y_held = data
    training = {
        "digitcnn": __version__,
        "--recipe": options.recipe,
        **{
            "--from" if name == "init" else f"--{name.replace('_', '-')}": value
            for name, value in _chosen(options).items()
        },
        "--seed": options.seed,
        "the data's digest": digest_arrays([X, y.astype(str), X_held, y_held.astype(str)]),
    }
    epochs = claim_folder(options.checkpoint_dir, training)
    if epochs:
        say(
            f"resuming from the checkpoint in {options.checkpoint_dir}: "
            f"{count(epochs, 'epoch')} done"
        )


def _training_data(
    options: argparse.Namespace, folder: Path | None, reader: ImageReader | None
) -> tuple[Any, ...]:
    """Training, held-out and test digits, as `_train_and_save` takes them.

    The held-out digits are stratified by class. They calibrate the model, and are its test set too,
    except for MNIST, which has one of its own. With a folder, the training images are in a file
    there, not in memory.
    """
    is_mnist = options.data == "mnist"
    files = normalizer = None
    if is_mnist:
        X, y, X_test, y_test = datasets.load_mnist()
    else:
        memory_map = None if folder is None else folder / "pixels.npy"
        X, y, files, normalizer = read_labelled(options, None, reader, memory_map)
    kept, held = train_test_split(
        np.arange(len(y)),
        test_size=_count_held_out(options, y),
        stratify=y,
        random_state=options.seed,
    )
    kept.sort()
    X_held, y_held = X[held], y[held]
    X = X[kept] if folder is None else take_rows_out(folder / "pixels.npy", held)[0]
    test = X_held, y_held, held
    if is_mnist:
        test = X_test, y_test, np.arange(len(y_test))
    return X, y[kept], X_held, y_held, *test, files, normalizer


def _count_held_out(options: argparse.Namespace, y: np.ndarray) -> int:
    """How many digits are held out. Each class must have one to hold out and one to train on."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"{options.data}: expected digits of at least two classes, got {len(y):,} digits of "
            f"the class {str(classes[0])!r} only"
        )
    rare = [str(name) for name in classes[counts < 2]]
    if rare:
        raise ValueError(
            f"{options.data}: expected at least two digits of each class, one to train on and one "
            f"to hold out, got one digit of {some_of(rare)}. Add digits, or remove the class"
        )
    if options.validation_fraction is None:
        return max(len(classes), min(len(y) // 5, _HELD_OUT))
    n_held = math.ceil(options.validation_fraction * len(y))
    if not len(classes) <= n_held <= len(y) - len(classes):
        raise ValueError(
            f"{options.data}: expected a --validation-fraction that holds out at least one digit "
            f"of each of the {len(classes)} classes and leaves one to train on, got "
            f"{options.validation_fraction:g} of {len(y):,} digits"
        )
    return int(n_held)
