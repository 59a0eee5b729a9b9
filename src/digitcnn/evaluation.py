"""What a classifier's answers are worth, in figures that JSON can hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from digitcnn._utils.text import some_of

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
    # As Python compares: NumPy would take 1 and "1" for one.
    known = set(classes.tolist())
    unknown = [label for label in dict.fromkeys(y.tolist()) if label not in known]
    if unknown:
        raise ValueError(
            f"expected labels that the model knows ({some_of(classes.tolist())}), got "
            f"{some_of(unknown)}. Correct the labels, or train a model with them"
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
        recall of each class, and the most confident errors: those where the prediction's
        probability exceeds the true label's by most.
    """
    probabilities = probabilities.astype(float)
    truth = np.searchsorted(classes, y)
    predicted = probabilities.argmax(axis=1)
    of_truth = np.take_along_axis(probabilities, truth[:, None], axis=1)[:, 0]
    of_predicted = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    listed = wrong[np.argsort((of_truth - of_predicted)[wrong], kind="stable")][:_LISTED_ERRORS]
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
        "most_confident_errors": [
            {
                "row": int(rows[i]),
                "truth": names[truth[i]],
                "prediction": names[predicted[i]],
                "truth_probability": float(of_truth[i]),
                "prediction_probability": float(of_predicted[i]),
            }
            for i in listed
        ],
    }


def encode_labels(y: Any, classes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Labels as the columns of their probabilities.

    Parameters
    ----------
    y : array-like of shape (n,)
    classes : ndarray of shape (n_classes,)
        The label of each column.
    probabilities : ndarray of shape (n, n_classes)

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If the lengths do not fit, or if there are labels that are no class.
    """
    y = np.asarray(y)
    if not len(y) or probabilities.shape != (len(y), len(classes)):
        raise ValueError(
            f"there are {len(y)} labels and {len(classes)} classes, but probabilities of shape "
            f"{probabilities.shape}; wanted is a row for each label and a column for each class"
        )
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y holds labels that are not among the {len(classes)} classes: {unknown[:5].tolist()}"
        )
    order = np.argsort(classes)
    columns: np.ndarray = order[np.searchsorted(classes, y, sorter=order)]
    return columns
