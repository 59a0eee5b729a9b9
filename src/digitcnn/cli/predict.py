"""``digitcnn predict``: digits to labels."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from digitcnn.calibration import confidence_threshold
from digitcnn.cli._common import check_files, iter_images, load_model
from digitcnn.cli._output import say, show, write_out
from digitcnn.cli._table import check_ending, write_csv, write_table


def predict(options: argparse.Namespace) -> None:
    """Read digits, and write their labels."""
    check_files(model=options.model, data=options.data, outputs={"table": options.out})
    if options.out is not None:
        check_ending(options.out)
    clf = load_model(options.model)
    threshold = 0.0
    if options.target_error_rate is not None:
        try:
            threshold = confidence_threshold(clf, options.target_error_rate)
        except ValueError as error:
            raise ValueError(f"{options.model}: {error}") from None
    n_digits = n_answered = 0

    def tables() -> Iterator[Any]:
        nonlocal n_digits, n_answered
        for images in iter_images(options, clf):
            table = _answers(clf, images, n_digits, threshold, options)
            n_digits += len(table)
            n_answered += int(table["Label"].notna().sum())
            yield table

    if options.out is not None:
        write_table(options.out, tables())
    elif options.json:
        found = list(tables())
    else:
        write_csv(tables(), write_out)
    if options.target_error_rate is not None:
        say(
            f"{n_answered:,} of {n_digits:,} digits are answered: those with a confidence of at "
            f"least {threshold:.4f}"
        )
    if options.json and options.out is None:
        _print_answers(found, clf, threshold, options)
    elif options.json:
        show(json.dumps({"digits": n_digits, "out": options.out}))
    elif options.out is not None:
        show(f"{n_answered:,} labels written to {options.out}")


def _answers(
    clf: Any, images: Any, first: int, threshold: float, options: argparse.Namespace
) -> Any:
    """A table with a row for each image, as Kaggle takes them."""
    probabilities = clf.predict_proba(images)
    confidences = probabilities.max(axis=1)
    labels = clf.classes_[probabilities.argmax(axis=1)].astype(object)
    labels[confidences < threshold] = None
    numbers = np.arange(first + 1, first + 1 + len(labels))
    table = pd.DataFrame({"ImageId": numbers, "Label": pd.Series(labels, dtype=object)})
    if options.target_error_rate is not None:
        table["Confidence"] = np.round(confidences.astype(float), 6)
    if options.proba:
        for name, column in zip(clf.classes_, probabilities.T, strict=True):
            table[f"p_{name}"] = np.round(column.astype(float), 6)
    return table


def _print_answers(
    tables: list[Any], clf: Any, threshold: float, options: argparse.Namespace
) -> None:
    table = pd.concat(tables)
    result: dict[str, Any] = {"digits": len(table), "labels": table["Label"].tolist()}
    if options.target_error_rate is not None:
        result["threshold"] = threshold if np.isfinite(threshold) else None
        result["confidences"] = table["Confidence"].tolist()
    if options.proba:
        result["classes"] = clf.classes_.tolist()
        columns = [f"p_{name}" for name in clf.classes_]
        result["probabilities"] = table[columns].to_numpy().tolist()
    show(json.dumps(result))
