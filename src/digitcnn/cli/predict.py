"""``digitcnn predict``: classifies digits, and writes a table of labels."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from digitcnn.calibration import confidence_threshold
from digitcnn.cli._common import check_files, iter_pixels
from digitcnn.cli._files import open_images
from digitcnn.cli._measures import count
from digitcnn.cli._output import say, show, write_out
from digitcnn.cli._table import Table, check_ending, write_csv, write_table
from digitcnn.serialization.initial import model_path
from digitcnn.serialization.stored_model import StoredModel


def predict(options: argparse.Namespace) -> None:
    """Classify digits, and write their labels."""
    check_files(model=options.model, data=options.data, outputs={"table": options.out})
    if options.out is not None:
        check_ending(options.out)
    reader = open_images(options, with_labels=False)
    with model_path(options.model) as path:
        model = StoredModel(path)
    threshold = 0.0
    if options.target_error_rate is not None:
        if model.validation_correct_ is None:
            raise ValueError(
                f"{options.model}: expected a model with validation data for --target-error-rate, "
                "got one without. Fine-tune it on your digits: digitcnn train DATA --from "
                f"{options.model}"
            )
        try:
            threshold = confidence_threshold(model, options.target_error_rate)
        except ValueError as error:
            raise ValueError(f"{options.model}: {error}") from None
    n_digits = n_answered = n_blank = 0

    def tables() -> Iterator[Table]:
        nonlocal n_digits, n_answered, n_blank
        for pixels, files in iter_pixels(options, model, reader):
            is_blank = np.zeros(len(pixels), dtype=bool)
            if files is not None:  # a picture without a digit is blank after normalisation
                is_blank = (pixels == model.pixel_range_[0]).all(axis=1)
            n_blank += int(is_blank.sum())
            table = _answers(model, pixels, files, is_blank, n_digits, threshold, options)
            n_digits += len(table["Label"])
            n_answered += sum(label is not None for label in table["Label"])
            yield table

    if options.out is not None:
        write_table(options.out, tables())
    elif options.json:
        found = list(tables())
    else:
        write_csv(tables(), write_out)
    if n_blank:
        say(f"{count(n_blank, 'image')} without a digit: label left empty")
    if options.target_error_rate is not None:
        say(
            f"{n_answered:,} of {n_digits:,} digits have a confidence of at least {threshold:.4f} "
            "and get a label"
        )
    if options.json and options.out is None:
        _print_answers(found, model, threshold, options)
    elif options.json:
        show(json.dumps({"digits": n_digits, "out": options.out}))
    elif options.out is not None:
        show(f"{n_answered:,} labels written to {options.out}")


def _answers(
    model: Any,
    pixels: np.ndarray,
    files: list[str] | None,
    is_blank: np.ndarray,
    first: int,
    threshold: float,
    options: argparse.Namespace,
) -> Table:
    """A table with a row for each image: Kaggle's ImageId from 1 up, or the file's name."""
    probabilities = model.predict_proba(pixels, is_normalized=files is not None)
    confidences = probabilities.max(axis=1)
    labels = model.classes_[probabilities.argmax(axis=1)].astype(object)
    labels[(confidences < threshold) | is_blank] = None
    table: Table = {"ImageId": list(range(first + 1, first + 1 + len(labels)))}
    if files is not None:
        table = {"File": files}
    table["Label"] = labels.tolist()
    if options.target_error_rate is not None:
        table["Confidence"] = np.round(confidences.astype(float), 6).tolist()
    if options.proba:
        for name, column in zip(model.classes_, probabilities.T, strict=True):
            table[f"p_{name}"] = np.round(column.astype(float), 6).tolist()
    return table


def _print_answers(
    tables: list[Table], model: Any, threshold: float, options: argparse.Namespace
) -> None:
    table = {name: [cell for part in tables for cell in part[name]] for name in tables[0]}
    result: dict[str, Any] = {"digits": len(table["Label"]), "labels": table["Label"]}
    if "File" in table:
        result["files"] = table["File"]
    if options.target_error_rate is not None:
        result["threshold"] = threshold if np.isfinite(threshold) else None
        result["confidences"] = table["Confidence"]
    if options.proba:
        result["classes"] = model.classes_.tolist()
        columns = [table[f"p_{name}"] for name in model.classes_]
        result["probabilities"] = [list(row) for row in zip(*columns, strict=True)]
    show(json.dumps(result))
