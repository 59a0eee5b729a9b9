"""What a model is worth, and what a table holds, in figures that JSON can hold."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from digitcnn.model_content import read_model

# The errors that are listed: the most confident ones.
_LISTED_ERRORS = 6


def measure(
    clf: Any, X: np.ndarray, y: np.ndarray, rows: Sequence[int] | np.ndarray
) -> dict[str, Any]:
    """How well a classifier reads labelled digits.

    Parameters
    ----------
    clf : estimator
        Fitted, with `predict_proba`.
    X : ndarray of shape (n, pixels)
    y : ndarray of shape (n,)
    rows : sequence of int of length n
        The rows of the data that these are, to name the errors by.

    Returns
    -------
    dict
        As of `measure_answers`.

    Raises
    ------
    ValueError
        If there are labels that the classifier does not know.
    """
    check_labels_known(y, clf.classes_)
    return measure_answers(y, clf.predict_proba(X), clf.classes_, rows)


def check_labels_known(y: np.ndarray, classes: np.ndarray) -> None:
    """Hold labels against those that a model knows.

    Raises
    ------
    ValueError
        If there are others.
    """
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"the data holds labels that the model does not know: {unknown[:5].tolist()}; "
            f"it knows {classes.tolist()}"
        )


def measure_answers(
    y: np.ndarray,
    probabilities: np.ndarray,
    classes: np.ndarray,
    rows: Sequence[int] | np.ndarray,
) -> dict[str, Any]:
    """How good a classifier's answers are.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The true labels, all of them among the classes.
    probabilities : ndarray of shape (n, n_classes)
        What was answered.
    classes : ndarray of shape (n_classes,)
        The label of each column of `probabilities`, sorted.
    rows : sequence of int of length n
        The rows of the data that these are, to name the errors by.

    Returns
    -------
    dict
        Accuracy, number of errors, log loss, confusion matrix (rows are the truth), precision and
        recall of each class, and the errors of which the classifier was surest: those where its
        answer's probability leads the truth's the most.
    """
    probabilities = probabilities.astype(float)
    truth = np.searchsorted(classes, y)
    predicted = probabilities.argmax(axis=1)
    of_truth = np.take_along_axis(probabilities, truth[:, None], axis=1)[:, 0]
    of_predicted = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    surest = wrong[np.argsort((of_truth - of_predicted)[wrong], kind="stable")][:_LISTED_ERRORS]
    names = classes.tolist()
    places = np.arange(len(names))
    precision, recall, _, _ = precision_recall_fscore_support(
        truth, predicted, labels=places, zero_division=0
    )
    return {
        "digits": len(y),
        "accuracy": float(np.mean(predicted == truth)),
        "errors": len(wrong),
        "log_loss": float(-np.log(np.clip(of_truth, 1e-12, 1.0)).mean()),
        "classes": names,
        "confusion_matrix": confusion_matrix(truth, predicted, labels=places).tolist(),
        "class_precision": precision.tolist(),
        "class_recall": recall.tolist(),
        "surest_errors": [
            {
                "row": int(rows[i]),
                "truth": names[truth[i]],
                "prediction": names[predicted[i]],
                "truth_probability": float(of_truth[i]),
                "prediction_probability": float(of_predicted[i]),
            }
            for i in surest
        ],
    }


def describe_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file's header says; the network is not built.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    FileNotFoundError, ValueError
        As `digitcnn.load`.
    """
    model = read_model(path)
    # Of an ensemble the networks differ in their seeds alone.
    first = model.networks[0]
    classes = first.classes if model.classes is None else model.classes
    summary = {
        "model": str(path),
        "written_by": f"digitcnn {model.written_by}",
        "architecture": first.parameters.get("architecture", "compact"),
        "networks": len(model.networks),
        "weights": sum(array.size for network in model.networks for array in network.weights),
        "image_shape": " x ".join(map(str, first.image_shape)),
        "pixel_range": "{:g}..{:g}".format(*first.pixel_range),
        "classes": classes.tolist(),
        "epochs": len(first.history["loss"]),
        "training_loss": round(first.history["loss"][-1], 5),
        "training_accuracy": round(first.history["accuracy"][-1], 5),
        "temperature": round(first.temperature, 4),
    }
    if model.validation is not None:
        _, hits = model.validation
        summary["validation_digits"] = len(hits)
        summary["validation_accuracy"] = round(float(np.mean(hits)), 5)
    summary["parameters"] = first.parameters
    return summary


def describe_table(pixels: Any, labels: Any = None) -> dict[str, Any]:
    """What is in a table of digits, good or bad: training might refuse it.

    Parameters
    ----------
    pixels : pandas.DataFrame
        Its pixel columns, of any dtype.
    labels : pandas.Series or None, default=None

    Returns
    -------
    dict
        Rows, image shape, pixel range, missing values, values that are no numbers, images that
        another row has already, and the count of each class.
    """
    import pandas as pd

    numbers = pixels.apply(pd.to_numeric, errors="coerce")
    missing = int(pixels.isna().to_numpy().sum())
    side = int(np.sqrt(pixels.shape[1]))
    summary: dict[str, Any] = {
        "rows": len(pixels),
        "pixels": pixels.shape[1],
        "image_shape": f"{side} x {side}" if side**2 == pixels.shape[1] else "not square",
        "pixel_range": f"{numbers.min(axis=None):g}..{numbers.max(axis=None):g}",
        "missing_values": missing,
        "not_numbers": int(numbers.isna().to_numpy().sum()) - missing,
        "exact_duplicates": int(pixels.duplicated().sum()),
    }
    if labels is not None:
        counts = labels.dropna().value_counts().sort_index()
        summary["class_counts"] = {str(name): int(count) for name, count in counts.items()}
        if labels.isna().any():
            summary["class_counts"]["missing"] = int(labels.isna().sum())
    return summary
