"""``digitcnn evaluate``: how well a model reads labelled digits."""

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
    """Measure a model on labelled digits, and write a report if `options.report` names one."""
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
    if reader is not None:  # which has done what a pipeline's normaliser does
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
        # A page is shared with others, who need not know the folders.
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
        if probabilities is None:  # the report keeps its own
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
    """The digits that are read wrongly, in the order of the data.

    They have the rows' numbers as errors are printed with, from 0, and `predict`'s, from 1, or the
    names of their files.
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
