"""``digitcnn predict``: digits to labels."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from digitcnn.command_support import (
    check_can_write,
    find_paths,
    load_model,
    read_labelled,
    say,
)
from digitcnn.confidence import confidence_threshold
from digitcnn.tables import iter_table
from digitcnn.whole_files import write_whole


def predict(options: argparse.Namespace) -> None:
    """Read digits, and write their labels."""
    if options.out is not None:
        check_can_write(options.out)
    clf = load_model(options.model)
    threshold = 0.0
    if options.max_error is not None:
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
        write_whole(options.out, lambda file: _write_csv(tables(), file))
    elif options.json:
        found = list(tables())
    else:
        _write_csv(tables(), sys.stdout)
    if options.max_error is not None:
        say(
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
    clf: Any, images: np.ndarray, first: int, threshold: float, options: argparse.Namespace
) -> Any:
    """A table with a row for each image, as Kaggle takes them."""
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


def _images(options: argparse.Namespace) -> Iterator[np.ndarray]:
    """Digits, whether they are labelled or not, some at a time."""
    if options.data in ("sample", "mnist"):
        yield read_labelled(options)[0]
        return
    for part in iter_table(find_paths(options.data), label=options.label):
        yield part.pixels
