"""What the commands share: their data, their model, what they print."""

import argparse
import glob
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn import datasets
from digitcnn.classifier import load

_FAST_KERNELS = "TF_ENABLE_ONEDNN_OPTS"


def read_labelled(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Digits and their labels; of MNIST the test set."""
    if options.data == "sample":
        return datasets.load_sample_digits()
    if options.data == "mnist":
        X, y = datasets.load_mnist(split="test")
        return X, y
    return datasets.read_digits_csv(find_paths(options.data), label=options.label)


def find_paths(data: str) -> str | list[str]:
    """The files that a pattern as 'part-*.csv' stands for, or the one file of that name."""
    if Path(data).exists() or not any(sign in data for sign in "*?["):
        return data
    found = sorted(glob.glob(data))
    if not found:
        raise FileNotFoundError(f"{data}: no file has such a name")
    return found


def load_model(path: str) -> Any:
    """A model, with the backend's start-up messages kept back."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such model file")
    with tensorflow_start_up():
        return load(path)


def print_measures(result: dict[str, Any]) -> None:
    """What `summaries.measure` found, for a reader."""
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


def check_can_write(path: str) -> None:
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


def say(message: str) -> None:
    """Tell the user something that is no result."""
    print(message, file=sys.stderr)


@contextmanager
def tensorflow_start_up() -> Iterator[None]:
    """Import TensorFlow in here: with its faster kernels, and without what it prints then.

    Both are settings of the whole process, and so for the command alone, whose process is its own.
    """
    # Left to itself, TensorFlow takes oneDNN's kernels on x86 only where there are units like
    # AVX512_VNNI. It reads this when it is imported; processes that are started later may do
    # otherwise.
    is_ours = platform.machine() in ("x86_64", "AMD64") and _FAST_KERNELS not in os.environ
    if is_ours:
        os.environ[_FAST_KERNELS] = "1"
    try:
        with _quiet_standard_error():
            yield
    finally:
        if is_ours:
            del os.environ[_FAST_KERNELS]


@contextmanager
def _quiet_standard_error() -> Iterator[None]:
    # TensorFlow's native code writes to it before it reads any setting.
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
