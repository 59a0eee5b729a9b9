"""``digitcnn evaluate``: evaluates a model on labelled digits."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._utils.ensembles import last_step
from digitcnn._utils.labels import check_labels_known
from digitcnn.cli._common import check_files, load_model, read_labelled
from digitcnn.cli._files import name_errors, open_images
from digitcnn.cli._measures import print_measures
from digitcnn.cli._output import show
from digitcnn.cli._table import Table, check_ending, write_table
from digitcnn.evaluation import measure_answers
from digitcnn.report import check_libraries, write_report


def evaluate(options: argparse.Namespace) -> None:
    """Evaluate a model on labelled digits, and write the report that `options.report` names."""
    if options.report is not None:
        check_libraries("--report")
    outputs = {"page": options.report, "table": options.errors}
    check_files(model=options.model, data=options.data, outputs=outputs)
    if options.errors is not None:
        check_ending(options.errors)
    reader = open_images(options, with_labels=True)
    start = time.perf_counter()
    clf = load_model(options.model)
    loaded = time.perf_counter()
    X, y, files, _ = read_labelled(options, clf, reader)
    if reader is not None:  # it has already done the work of a pipeline's normaliser
        clf = last_step(clf)
    seconds = {
        "loading the model": loaded - start,
        "reading the data": time.perf_counter() - loaded,
    }
    result: dict[str, Any] = {"model": options.model, "data": options.data}
    probabilities = None
    if options.report is None:
        check_labels_known(y, clf.classes_)
        probabilities = clf.predict_proba(X)
        result |= measure_answers(y, probabilities, clf.classes_, range(len(y)))
    else:
        # Only names: a report is shared with others, who need not know the folders.
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
    name_errors(result, files)
    if options.errors is not None:
        if probabilities is None:  # write_report does not return them
            probabilities = clf.predict_proba(X)
        write_table(options.errors, [_errors(y, probabilities, clf.classes_, files)])
        result["errors_table"] = options.errors
    if options.json:
        show(json.dumps(result))
        return
    print_measures(result)
    if options.errors is not None:
        show(f"errors written to {options.errors}")
    if options.report is not None:
        show(f"report written to {options.report}")


def _errors(
    y: np.ndarray, probabilities: np.ndarray, classes: np.ndarray, files: list[str] | None
) -> Table:
    """The misclassified digits, in the order of the data.

    Each has its row, counted from 0 as in printed errors, and its image number, counted from 1 as
    in the table of ``digitcnn predict``, or the name of its file.
    """
    answers = classes[probabilities.argmax(axis=1)]
    wrong = np.flatnonzero(answers != y)
    names: Table = {"ImageId": (wrong + 1).tolist()}
    if files is not None:
        names = {"File": [files[i] for i in wrong]}
    return {
        "Row": wrong.tolist(),
        **names,
        "Truth": y[wrong].tolist(),
        "Answer": answers[wrong].tolist(),
        "Confidence": np.round(probabilities.max(axis=1)[wrong].astype(float), 6).tolist(),
    }
