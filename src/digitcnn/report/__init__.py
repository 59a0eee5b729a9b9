"""A report of a model's evaluation: one HTML page with figures and the misclassified digits.

The content comes from the other modules, the layout from ``templates/page.html`` with its
stylesheet and script. The page is a single file. It loads nothing, and its policy forbids the
browser to load anything.
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from digitcnn._typing import ArrayLike, FilePath, FittedClassifier
from digitcnn._utils.atomic import atomic_write
from digitcnn._utils.images import to_pictures
from digitcnn._utils.labels import check_labels_known, encode_labels
from digitcnn._utils.refusals import not_installed
from digitcnn._version import __version__
from digitcnn.abstaining import AbstainingClassifier
from digitcnn.calibration import wilson_interval
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.evaluation import measure_answers
from digitcnn.inspection._drawing import row_shape_of, split_pipeline
from digitcnn.report._facts import (
    describe_classes,
    describe_data,
    describe_parameters,
    describe_program,
    describe_settings,
    describe_timings,
    list_parts,
)
from digitcnn.report._figures import describe_confidence, describe_trainings
from digitcnn.report._pictures import arrange_pictures

_LIBRARIES = {"jinja2": "Jinja2", "matplotlib": "matplotlib"}
# The columns of the confusion matrix have room for labels of this many characters side by side.
_SHORT_LABEL = 3


def write_report(
    estimator: FittedClassifier,
    X: ArrayLike,
    y: ArrayLike,
    path: FilePath,
    *,
    rows: ArrayLike | None = None,
    image_shape: tuple[int, ...] | None = None,
    model: str | None = None,
    data: str | None = None,
    seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Evaluate a classifier on labelled digits, and write a report: one HTML file.

    The report shows accuracy, precision and recall, the confusion matrix with the digits of each
    cell, the most confident errors, labels that may be wrong, the calibration of the probabilities,
    the training curves, parameters, timings and versions. To view it you need no network and no
    other file.

    Parameters
    ----------
    estimator : classifier or Pipeline
        A fitted classifier with `predict_proba`. The report has the most details for a
        `DigitCNNClassifier`, for ensembles of them, and for estimators that contain one.
    X : array-like or DataFrame of n rows
        The images, as the estimator takes them. Use data that it was not trained on.
    y : array-like of shape (n,)
        The true labels.
    path : str or path-like
        The file to write. An existing file is replaced, completely or not at all.
    rows : array-like of int of shape (n,) or None, default=None
        The row number to show for each image. None counts from 0.
    image_shape : tuple of int or None, default=None
        The shape of a row of pixels, (height, width) or (height, width, channels), as the last step
        of a pipeline takes it. None is the shape that a `DigitCNNClassifier` was trained on; for
        other classifiers rows are square images.
    model, data : str or None, default=None
        The names of the model and of the data in the report.
    seconds : mapping of str to float or None, default=None
        Durations of earlier steps in seconds, by name, to list beside that of the prediction.

    Returns
    -------
    dict
        The measures that ``digitcnn evaluate --json`` prints.

    Raises
    ------
    ImportError
        If the libraries of the extra ``plots`` are not installed.
    OSError
        If the file cannot be written.
    ValueError
        If there are no images, if X, y and rows differ in length, if a label is unknown to the
        estimator, or if the shape of the images cannot be determined.

    See Also
    --------
    digitcnn.inspection : The single figures.
    digitcnn.label_errors.suspected_label_errors : Finds labels that may be wrong.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from digitcnn.report import write_report
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB(var_smoothing=0.1).fit(X[:1200], y[:1200])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "report.html")
    ...     figures = write_report(clf, X[1200:], y[1200:], path, rows=range(1200, 1797))
    >>> figures["digits"]
    597
    """
    check_libraries("write_report")
    check_is_fitted(estimator)
    y_true: np.ndarray = column_or_1d(y)
    check_labels_known(y_true, estimator.classes_)
    start = time.perf_counter()
    classifier, given = split_pipeline(estimator, X)
    prepared = time.perf_counter()
    parts = list_parts(estimator)
    networks = [part for part in parts if isinstance(part, DigitCNNClassifier)]
    pictures = _find_pictures(given, image_shape, networks)
    row_note = " Rows are counted from 0." if rows is None else ""
    numbers = np.arange(len(y_true)) if rows is None else np.asarray(rows)
    if not len(pictures) == len(y_true) == len(numbers) > 0:
        raise ValueError(
            "expected at least one image, and a label and a row number for each, got "
            f"{len(pictures)} images in X, {len(y_true)} labels in y and {len(numbers)} numbers in "
            "rows"
        )
    timings = dict(seconds or {})
    if classifier is not estimator:
        timings["steps before the classifier"] = prepared - start
    start = time.perf_counter()
    probabilities = classifier.predict_proba(given)
    timings["prediction"] = time.perf_counter() - start
    figures = measure_answers(y_true, probabilities, classifier.classes_, numbers)
    limits = networks[0].pixel_range_ if networks else None
    y_encoded = encode_labels(y_true, classifier.classes_, probabilities)
    page = _render(
        title=f"Evaluation of {model}" if model else "Evaluation of a model",
        data=data,
        time=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        figures=figures,
        interval=wilson_interval(len(y_true) - figures["errors"], len(y_true)),
        classes=describe_classes(figures),
        has_long_labels=max(len(str(name)) for name in classifier.classes_) > _SHORT_LABEL,
        row_note=row_note,
        trainings=describe_trainings(networks),
        n_networks=len(networks),
        settings=describe_settings(parts, model),
        parameters=describe_parameters(parts),
        data_facts=describe_data(pictures, data),
        timings=describe_timings(timings, len(y_true)),
        program=describe_program(),
        **arrange_pictures(
            pictures, limits, y_encoded, probabilities, classifier.classes_, numbers
        ),
        **describe_confidence(
            y_true,
            probabilities,
            classifier.classes_,
            *_find_threshold(classifier),
        ),
    )
    # Labels and paths may contain surrogates, which UTF-8 cannot encode.
    atomic_write(path, lambda file: file.write(page.encode("utf-8", "backslashreplace")))
    return figures


def check_libraries(caller: str) -> None:
    """Check that a report's libraries are installed, before any work is done for it.

    Raises
    ------
    ImportError
        If one is not installed.
    """
    missing = [name for module, name in _LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise not_installed(caller, missing, "plots")


def _find_pictures(
    given: Any, image_shape: tuple[int, ...] | None, networks: list[DigitCNNClassifier]
) -> np.ndarray:
    if image_shape is not None:
        return to_pictures(given, image_shape)
    return to_pictures(given, row_shape_of(networks[0]) if networks else "auto")


def _find_threshold(classifier: Any) -> tuple[float | None, float | None]:
    """The confidence threshold of an `AbstainingClassifier`, and its target error rate."""
    if isinstance(classifier, AbstainingClassifier):
        return classifier.threshold_, classifier.target_error_rate
    return None, None


def _render(**content: Any) -> str:
    """Fill in the template. All text is escaped except the package's own files."""
    from jinja2 import Environment, StrictUndefined

    folder = files("digitcnn.report") / "templates"
    own = {
        kind: folder.joinpath(f"page.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    }
    # The policy allows this script by its hash; no other one runs, whatever the page contains.
    digest = base64.b64encode(hashlib.sha256(own["js"].encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; script-src 'sha256-{digest}'"
    )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda part: f"{part:.2%}"
    template = environment.from_string(own["html"])
    page: str = template.render(policy=policy, style=own["css"], script=own["js"], **content)
    return page
