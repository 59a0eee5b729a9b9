"""``digitcnn evaluate``: how well a model reads labelled digits."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from digitcnn.cli._common import check_files, load_model, read_labelled
from digitcnn.cli._output import print_measures, show
from digitcnn.evaluation import measure
from digitcnn.report import check_libraries, write_report


def evaluate(options: argparse.Namespace) -> None:
    """Measure a model on labelled digits, and write a report if `options.report` names one."""
    if options.report is not None:
        check_libraries("--report")
    check_files(model=options.model, data=options.data, outputs={"page": options.report})
    start = time.perf_counter()
    clf = load_model(options.model)
    loaded = time.perf_counter()
    X, y = read_labelled(options, clf)
    seconds = {
        "loading the model": loaded - start,
        "reading the data": time.perf_counter() - loaded,
    }
    result: dict[str, Any] = {"model": options.model, "data": options.data}
    if options.report is None:
        result |= measure(clf, X, y, range(len(y)))
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
    if options.json:
        show(json.dumps(result))
        return
    print_measures(result)
    if options.report is not None:
        show(f"report written to {options.report}")
