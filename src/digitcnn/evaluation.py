"""Accuracy, errors and other figures of a classifier's predictions, as JSON types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from digitcnn._typing import FittedClassifier
from digitcnn._utils.labels import check_labels_known, encode_labels

# Number of most confident errors that are listed.
_LISTED_ERRORS = 6


def measure(
    clf: FittedClassifier, X: np.ndarray, y: np.ndarray, rows: Sequence[int] | np.ndarray
) -> dict[str, Any]:
    """Evaluate a classifier on labelled digits.

    Parameters
    ----------
    clf : estimator
        A fitted classifier with `predict_proba`.
    X : ndarray of shape (n, pixels)
    y : ndarray of shape (n,)
    rows : sequence of int of length n
        Row numbers in the data, to identify the errors.

    Returns
    -------
    dict
        As from `measure_answers`.

    Raises
    ------
    ValueError
        If y has labels that are not among the classes of the classifier.
    """
    check_labels_known(y, clf.classes_)
    return measure_answers(y, clf.predict_proba(X), clf.classes_, rows)


def measure_answers(
    y: np.ndarray,
    probabilities: np.ndarray,
    classes: np.ndarray,
    rows: Sequence[int] | np.ndarray,
) -> dict[str, Any]:
    """Evaluate predicted probabilities.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The true labels.
    probabilities : ndarray of shape (n, n_classes)
        The predicted probabilities.
    classes : ndarray of shape (n_classes,)
        The label of each column of `probabilities`.
    rows : sequence of int of length n
        Row numbers in the data, to identify the errors.

    Returns
    -------
    dict
        Accuracy, number of errors, log loss, confusion matrix (rows are the truth), precision and
        recall of each class, and the most confident errors: those where the prediction's
        probability exceeds the true label's by most.
    """
    probabilities = probabilities.astype(float)
    y_encoded = encode_labels(y, classes, probabilities)
    predicted = probabilities.argmax(axis=1)
    of_truth = np.take_along_axis(probabilities, y_encoded[:, None], axis=1)[:, 0]
    of_predicted = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != y_encoded)
    listed = wrong[np.argsort((of_truth - of_predicted)[wrong], kind="stable")][:_LISTED_ERRORS]
    names = classes.tolist()
    indices = np.arange(len(names))
    precision, recall, _, _ = precision_recall_fscore_support(
        y_encoded, predicted, labels=indices, zero_division=0
    )
    return {
        "digits": len(y),
        "accuracy": float(np.mean(predicted == y_encoded)),
        "errors": len(wrong),
        "log_loss": float(-np.log(np.clip(of_truth, 1e-12, 1.0)).mean()),
        "classes": names,
        "confusion_matrix": confusion_matrix(y_encoded, predicted, labels=indices).tolist(),
        "class_precision": precision.tolist(),
        "class_recall": recall.tolist(),
        "most_confident_errors": [
            {
                "row": int(rows[i]),
                "truth": names[y_encoded[i]],
                "prediction": names[predicted[i]],
                "truth_probability": float(of_truth[i]),
                "prediction_probability": float(of_predicted[i]),
            }
            for i in listed
        ],
    }
