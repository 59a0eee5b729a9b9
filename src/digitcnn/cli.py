"""The command ``digitcnn``: for those with a CSV and no wish to program.

Results go to standard output, everything else to standard error. A mistake of the user's ends in
one line and the exit status 2. What takes long to import is imported when it is needed.
"""

import argparse
import difflib
import glob
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from digitcnn import __version__

if TYPE_CHECKING:
    import numpy as np

_DATA_HELP = (
    "'sample' (scikit-learn's 1,797 digits), 'mnist', or the path of a CSV (.csv, .csv.gz, "
    ".csv.zip) or Parquet file with one image a row, or of several: 'part-*.csv'"
)
# Digits held out of training, to measure the accuracy and what the probabilities are worth: a
# fifth, but no more than this.
_HELD_OUT = 2000


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        choice = message.partition("invalid choice: '")[2].partition("'")[0]
        near = difflib.get_close_matches(choice, COMMANDS, 1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        self.exit(2, f"{self.prog}: {message}{hint} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None takes them from the command line.

    Returns
    -------
    int
        The exit status: 0, 2 after a mistake of the user's, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        COMMANDS[options.command](options)
    except BrokenPipeError:
        # Whoever read the output has read enough. Python would complain at exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # ImportError: a library that comes with one of the extras.
    except (ValueError, OSError, ImportError) as error:
        message = " ".join(str(error).split())
        print(f"digitcnn {options.command}: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"digitcnn {options.command}: stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="digitcnn", description="Train a network that reads handwritten digits, and use it."
    )
    parser.add_argument("--version", action="version", version=f"digitcnn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.add_argument(
            "--json", action="store_true", help="print one JSON object on standard output"
        )
        return made

    train = command(
        "train", "Train a model, measure it on digits held out, and write it to a file."
    )
    train.add_argument("data", nargs="?", default="sample", metavar="DATA", help=_DATA_HELP)
    train.add_argument("--recipe", default="fast", metavar="NAME", help="default: fast")
    train.add_argument("--epochs", type=_whole_number(1), metavar="N", help="default: the recipe's")
    train.add_argument("--seed", type=_whole_number(0), default=0, metavar="N", help="default: 0")
    train.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    train.add_argument(
        "--stream",
        action="store_true",
        help="keep the pixels in a file beside the model while it trains, not in memory",
    )
    train.add_argument(
        "--out", default="digits.digitcnn", metavar="FILE", help="default: digits.digitcnn"
    )
    train.add_argument(
        "--checkpoint",
        metavar="DIR",
        help="note each epoch in this folder; the same command goes on from there if it was "
        "stopped, and deletes the folder when the model is written",
    )

    evaluate = command("evaluate", "Measure a model on labelled digits.")
    evaluate.add_argument("model", metavar="MODEL", help="a file that 'digitcnn train' wrote")
    evaluate.add_argument("data", metavar="DATA", help=_DATA_HELP)
    evaluate.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    evaluate.add_argument(
        "--report",
        metavar="FILE",
        help="write a page about it too, with the digits that were read wrongly: one HTML file",
    )

    predict = command("predict", "Read digits, and write their labels as Kaggle takes them.")
    predict.add_argument("model", metavar="MODEL", help="a file that 'digitcnn train' wrote")
    predict.add_argument("data", metavar="DATA", help=_DATA_HELP)
    predict.add_argument("--out", metavar="FILE", help="a CSV; default: standard output")
    predict.add_argument(
        "--proba", action="store_true", help="add a column of probabilities for each class"
    )
    predict.add_argument(
        "--max-error",
        type=_error_rate,
        metavar="RATE",
        help="leave the label empty where the model is not sure enough for this error rate among "
        "its answers, and add a column of confidences",
    )
    predict.add_argument("--label", default="label", metavar="NAME", help="the label's column")

    export = command(
        "export", "Write a model as an ONNX file, and check that it reads as the model does."
    )
    export.add_argument("model", metavar="MODEL", help="a file that 'digitcnn train' wrote")
    export.add_argument("out", metavar="FILE", help="the ONNX file")

    info = command("info", "Describe a model file, or data, or the recipes.")
    info.add_argument(
        "source", nargs="?", metavar="MODEL_OR_DATA", help=f"a model file, {_DATA_HELP}"
    )
    info.add_argument("--recipes", action="store_true", help="list the recipes for --recipe")
    info.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    return parser


def _whole_number(low: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**32):
            raise argparse.ArgumentTypeError(f"{text!r}: wanted is a whole number from {low} up")
        return int(text)

    return parse


def _error_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted is a number between 0 and 1")
    return rate


def _train(options: argparse.Namespace) -> None:
    from digitcnn.recipes import get_recipe

    get_recipe(options.recipe)
    _check_can_write(options.out)
    with _folder_for_pixels(options) as folder:
        _train_and_save(options, *_training_data(options, folder))


def _train_and_save(
    options: argparse.Namespace,
    X: "np.ndarray",
    y: "np.ndarray",
    X_held: "np.ndarray",
    y_held: "np.ndarray",
    X_test: "np.ndarray",
    y_test: "np.ndarray",
    rows: "np.ndarray",
) -> None:
    import numpy as np

    from digitcnn.checkpoints import release_folder
    from digitcnn.confidence import note_confidence
    from digitcnn.recipes import get_recipe
    from digitcnn.summaries import measure

    recipe = get_recipe(options.recipe)
    parameters = {} if options.epochs is None else {"epochs": options.epochs}
    if options.checkpoint is not None:
        parameters["checkpoint_dir"] = options.checkpoint
        _claim_folder(options, [X, y, X_held, y_held])
    _say(f"training on {len(X):,} digits; {len(X_held):,} are held out")
    with _quiet_start_up():
        import keras  # noqa: F401

        from digitcnn.classifier import save
        from digitcnn.recipes import make_classifier
    clf = make_classifier(options.recipe, **parameters, random_state=options.seed, verbose=1)
    # A recipe's own validation data has a say in its training.
    watched = {}
    if recipe.n_networks == 1 and recipe.parameters.get("validation_fraction") is None:
        watched = {"X_val": X_held, "y_val": y_held}
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Of an interrupt: a line of its own, not Python's two with a place in the source.
        warnings.showwarning = lambda message, *_: _say(f"digitcnn train: {message}")
        clf.fit(X, y, **watched)
    seconds = time.perf_counter() - start
    # Of the running program, not of the model.
    networks = getattr(clf, "estimators_", [clf])
    for network in networks:
        network.set_params(verbose=0)
    if not watched:  # else fit has noted them
        clf.validation_confidences_, clf.validation_hits_ = note_confidence(
            clf.predict_proba(X_held), np.searchsorted(clf.classes_, y_held)
        )
    result = {
        "data": options.data,
        "recipe": options.recipe,
        "seed": options.seed,
        "epochs": networks[0].n_iter_,
        "precision": networks[0].precision_,
        "training_digits": len(X),
        "seconds": round(seconds, 1),
        **measure(clf, X_test, y_test, rows),
        "model": options.out,
    }
    save(clf, options.out)
    if options.checkpoint is not None:
        if any(network.wrapper_.is_interrupted_ for network in networks):
            _say(f"the same command goes on from the checkpoint in {options.checkpoint}")
        else:
            release_folder(options.checkpoint)
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"trained {result['epochs']} epochs on {len(X):,} digits in {seconds:.0f} s "
        f"({result['precision']})"
    )
    _print_measures(result)
    print(f"model written to {options.out}")


@contextmanager
def _folder_for_pixels(options: argparse.Namespace) -> Iterator[Path | None]:
    """Where --stream keeps pixels for the time of a training: beside the model."""
    if not options.stream:
        yield None
        return
    if options.data in ("sample", "mnist"):
        raise ValueError(f"--stream is for files; {options.data!r} is none")
    with tempfile.TemporaryDirectory(
        prefix=".digitcnn-", dir=Path(options.out).parent, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _claim_folder(options: argparse.Namespace, data: "list[np.ndarray]") -> None:
    """Make the checkpoint's folder this training's own, and say how far it has come."""
    from digitcnn.checkpoints import claim_folder, digest_arrays

    X, y, X_held, y_held = data
    training = {
        "digitcnn": __version__,
        "--recipe": options.recipe,
        "--epochs": options.epochs,
        "--seed": options.seed,
        "the data's digest": digest_arrays([X, y.astype(str), X_held, y_held.astype(str)]),
    }
    epochs = claim_folder(options.checkpoint, training)
    if epochs:
        _say(f"going on from the checkpoint in {options.checkpoint}: {epochs} epochs are done")


def _training_data(options: argparse.Namespace, folder: Path | None) -> "tuple[np.ndarray, ...]":
    """Images and labels to train on, to hold out and to measure on, with the rows of the last.

    What is held out is drawn by class. It tells what the model's probabilities are worth. It is
    measured on as well, but for MNIST, which has a test set of its own. Where there is a folder,
    the images to train on are in a file there, not in memory.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    from digitcnn import datasets
    from digitcnn.streaming import take_rows_out

    is_mnist = options.data == "mnist"
    if is_mnist:
        X, y, X_test, y_test = datasets.load_mnist()
    elif folder is not None:
        X, y = datasets.read_digits_csv(
            _paths(options.data), label=options.label, memory_map=folder / "pixels.npy"
        )
    else:
        X, y = _labelled(options)
    try:
        kept, held = train_test_split(
            np.arange(len(y)),
            test_size=min(len(y) // 5, _HELD_OUT),
            stratify=y,
            random_state=options.seed,
        )
    except ValueError as error:
        raise ValueError(
            f"{options.data}: {len(y)} digits are too few to hold some of each class out: {error}"
        ) from None
    kept.sort()
    X_held, y_held = X[held], y[held]
    X = X[kept] if folder is None else take_rows_out(folder / "pixels.npy", held)[0]
    if is_mnist:
        return X, y[kept], X_held, y_held, X_test, y_test, np.arange(len(y_test))
    return X, y[kept], X_held, y_held, X_held, y_held, held


def _labelled(options: argparse.Namespace) -> "tuple[np.ndarray, np.ndarray]":
    """Digits and their labels; of MNIST the test set."""
    from digitcnn import datasets

    if options.data == "sample":
        return datasets.load_sample_digits()
    if options.data == "mnist":
        X, y = datasets.load_mnist(split="test")
        return X, y
    return datasets.read_digits_csv(_paths(options.data), label=options.label)


def _paths(data: str) -> str | list[str]:
    """The files that a pattern as 'part-*.csv' stands for, or the one file of that name."""
    if Path(data).exists() or not any(sign in data for sign in "*?["):
        return data
    found = sorted(glob.glob(data))
    if not found:
        raise FileNotFoundError(f"{data}: no file has such a name")
    return found


def _load(path: str) -> Any:
    """A model, with the backend's start-up messages kept back."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such model file")
    with _quiet_start_up():
        import digitcnn

        return digitcnn.load(path)


def _evaluate(options: argparse.Namespace) -> None:
    from digitcnn.summaries import measure

    if options.report is not None:
        from digitcnn.report import check_libraries

        check_libraries("--report")
        _check_can_write(options.report)
    start = time.perf_counter()
    clf = _load(options.model)
    loaded = time.perf_counter()
    X, y = _labelled(options)
    seconds = {
        "loading the model": loaded - start,
        "reading the data": time.perf_counter() - loaded,
    }
    result: dict[str, Any] = {"model": options.model, "data": options.data}
    if options.report is None:
        result |= measure(clf, X, y, range(len(y)))
    else:
        from digitcnn.report import write_report

        # A page is given away: folders are nobody's business.
        result |= write_report(
            clf,
            X,
            y,
            options.report,
            model=Path(options.model).name,
            data=Path(options.data).name,
            seconds=seconds,
        )
        result["report"] = options.report
    if options.json:
        print(json.dumps(result))
        return
    _print_measures(result)
    if options.report is not None:
        print(f"report written to {options.report}")


def _print_measures(result: dict[str, Any]) -> None:
    print(
        f"accuracy {result['accuracy']:.2%}: {result['errors']} errors in {result['digits']:,} "
        f"digits; log loss {result['log_loss']:.4f}"
    )
    names = [str(name) for name in result["classes"]]
    counts = (len(str(n)) for row in result["confusion_matrix"] for n in row)
    width = 1 + max(len("recall"), *map(len, names), *counts)
    print("\nconfusion matrix (rows: truth, columns: prediction)")
    print(" " * width + "".join(f"{name:>{width}}" for name in [*names, "recall"]))
    rows = zip(names, result["confusion_matrix"], result["class_recall"], strict=True)
    for name, row, recall in rows:
        cells = "".join(f"{n or '.':>{width}}" for n in row)
        print(f"{name:>{width}}{cells}{recall:>{width}.3f}")
    print(f"{'prec.':>{width}}" + "".join(f"{p:>{width}.3f}" for p in result["class_precision"]))
    if result["surest_errors"]:
        print("\nsurest errors")
        for error in result["surest_errors"]:
            print(
                f"  row {error['row']}: {error['truth']} ({error['truth_probability']:.3f}) "
                f"read as {error['prediction']} ({error['prediction_probability']:.3f})"
            )
    print()


def _predict(options: argparse.Namespace) -> None:
    if options.out is not None:
        _check_can_write(options.out)
    clf = _load(options.model)
    threshold = 0.0
    if options.max_error is not None:
        from digitcnn.confidence import confidence_threshold

        try:
            threshold = confidence_threshold(clf, options.max_error)
        except ValueError as error:
            raise ValueError(f"{options.model}: {error}") from None
    n_digits = n_answered = 0

    def tables() -> Iterator[Any]:
        nonlocal n_digits, n_answered
        for images in _images(options):
            table = _answers(clf, images, n_digits, threshold, options)
            n_digits += len(table)
            n_answered += int(table["Label"].notna().sum())
            yield table

    if options.out is not None:
        from digitcnn.whole_files import write_whole

        write_whole(options.out, lambda file: _write_csv(tables(), file))
    elif options.json:
        found = list(tables())
    else:
        _write_csv(tables(), sys.stdout)
    if options.max_error is not None:
        _say(
            f"{n_answered:,} of {n_digits:,} digits are answered: those with a confidence of at "
            f"least {threshold:.4f}"
        )
    if options.json and options.out is None:
        _print_answers(found, clf, threshold, options)
    elif options.json:
        print(json.dumps({"digits": n_digits, "out": options.out}))
    elif options.out is not None:
        print(f"{n_answered:,} labels written to {options.out}")


def _answers(
    clf: Any, images: "np.ndarray", first: int, threshold: float, options: argparse.Namespace
) -> Any:
    """A table with a row for each image, as Kaggle takes them."""
    import numpy as np
    import pandas as pd

    probabilities = clf.predict_proba(images)
    confidences = probabilities.max(axis=1)
    labels = clf.classes_[probabilities.argmax(axis=1)].astype(object)
    labels[confidences < threshold] = None
    numbers = np.arange(first + 1, first + 1 + len(labels))
    table = pd.DataFrame({"ImageId": numbers, "Label": pd.Series(labels, dtype=object)})
    if options.max_error is not None:
        table["Confidence"] = np.round(confidences.astype(float), 6)
    if options.proba:
        for name, column in zip(clf.classes_, probabilities.T, strict=True):
            table[f"p_{name}"] = np.round(column.astype(float), 6)
    return table


def _write_csv(tables: Iterator[Any], file: Any) -> None:
    for i, table in enumerate(tables):
        table.to_csv(file, index=False, header=i == 0)


def _print_answers(
    tables: list[Any], clf: Any, threshold: float, options: argparse.Namespace
) -> None:
    import numpy as np
    import pandas as pd

    table = pd.concat(tables)
    result: dict[str, Any] = {"digits": len(table), "labels": table["Label"].tolist()}
    if options.max_error is not None:
        result["threshold"] = threshold if np.isfinite(threshold) else None
        result["confidences"] = table["Confidence"].tolist()
    if options.proba:
        result["classes"] = clf.classes_.tolist()
        columns = [f"p_{name}" for name in clf.classes_]
        result["probabilities"] = table[columns].to_numpy().tolist()
    print(json.dumps(result))


def _images(options: argparse.Namespace) -> "Iterator[np.ndarray]":
    """Digits, whether they are labelled or not, some at a time."""
    if options.data in ("sample", "mnist"):
        yield _labelled(options)[0]
        return
    from digitcnn.tables import iter_table

    for part in iter_table(_paths(options.data), label=options.label):
        yield part.pixels


def _export(options: argparse.Namespace) -> None:
    from digitcnn.onnx_export import TOLERANCE, compare, to_onnx
    from digitcnn.whole_files import write_whole

    _check_can_write(options.out)
    clf = _load(options.model)
    X, name = _digits_like(clf)
    data = to_onnx(clf)
    n_differing, difference = compare(clf, data, X)
    networks = getattr(clf, "estimators_", [clf])
    # A network that computes in bfloat16 is not as exact as its file.
    is_exact = all(network.precision_ == "float32" for network in networks)
    if is_exact and (n_differing or difference > TOLERANCE):
        raise ValueError(
            f"the ONNX file would not read as {options.model} does: of {len(X):,} {name} "
            f"{n_differing} get another label, and probabilities differ by up to {difference:.1e}. "
            "Nothing is written"
        )
    write_whole(options.out, lambda file: file.write(data))
    result = {
        "model": options.model,
        "out": options.out,
        "bytes": len(data),
        "checked_on": len(X),
        "differing_labels": n_differing,
        "largest_difference": difference,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"checked on {len(X):,} {name}: {n_differing or 'no'} labels differ, probabilities by up "
        f"to {difference:.1e}"
    )
    print(f"ONNX model written to {options.out}")


def _digits_like(clf: Any) -> "tuple[np.ndarray, str]":
    """Images that a model takes: the bundled sample where it fits."""
    import numpy as np

    from digitcnn import datasets
    from digitcnn.onnx_export import input_dtype

    member = getattr(clf, "estimators_", [clf])[0]
    low, high = member.pixel_range_
    if member.image_shape_ == (28, 28, 1) and (low, high) == (0.0, 255.0):
        return datasets.load_sample_digits()[0], "digits of the sample"
    pixels = np.random.default_rng(0).uniform(low, high, (256, member.n_features_in_))
    dtype = input_dtype([member])
    pixels = np.ceil(pixels) if dtype == np.uint8 else pixels
    return pixels.astype(dtype), "images of random pixels"


def _info(options: argparse.Namespace) -> None:
    from digitcnn.model_file import is_model_file
    from digitcnn.summaries import describe_model, describe_table

    if options.recipes:
        _print_recipes(options)
        return
    if options.source is None:
        raise ValueError("wanted is a model file, data, or --recipes")
    if is_model_file(options.source):
        result = describe_model(options.source)
    else:
        result = {"data": options.source, **describe_table(*_raw_table(options))}
    if options.json:
        print(json.dumps(result))
        return
    width = max(map(len, result))
    for name, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key}: {number}" for key, number in value.items())
        print(f"{name.replace('_', ' '):<{width}}  {value}")


def _print_recipes(options: argparse.Namespace) -> None:
    from digitcnn.recipes import RECIPES

    if options.json:
        print(json.dumps({name: recipe._asdict() for name, recipe in RECIPES.items()}))
        return
    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        print(f"{name:<{width}}  {recipe.summary}")


def _raw_table(options: argparse.Namespace) -> tuple[Any, Any]:
    """Pixels and labels as they stand, unchecked."""
    import numpy as np
    import pandas as pd

    from digitcnn import datasets
    from digitcnn.columns import find_pixel_columns
    from digitcnn.tables import read_raw_frame

    if options.source == "sample":
        X, y = datasets.load_sample_digits()
        return pd.DataFrame(X), pd.Series(y)
    if options.source == "mnist":
        parts = datasets.load_mnist()
        return pd.DataFrame(np.concatenate(parts[::2])), pd.Series(np.concatenate(parts[1::2]))
    frame = read_raw_frame(options.source)
    names = find_pixel_columns(list(frame.columns), options.label, options.source)
    return frame[names], frame.get(options.label)


def _check_can_write(path: str) -> None:
    """Find out before the work, not after it, that the result has nowhere to go."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; wanted is a file's name")
    if target.exists() and not target.is_file():
        raise OSError(f"{path}: is no regular file, and cannot be replaced by one")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {target.parent} cannot be written to")


def _say(message: str) -> None:
    print(message, file=sys.stderr)


@contextmanager
def _quiet_start_up() -> Iterator[None]:
    """Keep back what TensorFlow prints when it is imported.

    Its native code writes to the process's standard error before it reads any setting. This is
    done in the command alone, whose process is its own.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)


COMMANDS = {
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
    "export": _export,
    "info": _info,
}

if __name__ == "__main__":
    sys.exit(main())
