"""Labels: checks, encoding as class indices, and stratified splits."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets

from digitcnn._utils.text import some_of


def check_labels(y: np.ndarray) -> None:
    """Refuse labels that a classifier cannot learn.

    Raises
    ------
    ValueError
        If a label is missing, or if they are continuous values, not classes.
    """
    if y.dtype.kind == "O":
        for row, label in enumerate(y):
            try:
                is_missing = label is None or bool(label != label)
            except TypeError:  # pandas' NA has no truth value
                is_missing = True
            if is_missing:
                raise ValueError(f"expected a label in each row of y, got {label} in row {row}")
    check_classification_targets(y)


def hold_out(y: np.ndarray, fraction: float, random_state: Any) -> list[np.ndarray]:
    """Split rows at random, stratified by class.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels, or their indices.
    fraction : float
        The fraction of the rows to hold out.
    random_state : int, RandomState instance or None

    Returns
    -------
    list of two ndarray of int
        The rows to train on and the rows to validate on.

    Raises
    ------
    ValueError
        If there are too few rows of a class.
    """
    rows = np.arange(len(y))
    try:
        parts: list[np.ndarray] = train_test_split(
            rows, test_size=fraction, stratify=y, random_state=random_state
        )
        return parts
    except ValueError as error:
        raise ValueError(
            f"expected enough images of each class to hold out validation_fraction={fraction}, got "
            f"{len(rows)} images: {error}"
        ) from error


def check_labels_known(y: np.ndarray, classes: np.ndarray) -> None:
    """Refuse labels that are not among the classes.

    Raises
    ------
    ValueError
        If there are unknown labels.
    """
    # Compared by Python: NumPy would treat 1 and "1" as equal.
    known = set(classes.tolist())
    unknown = [label for label in dict.fromkeys(y.tolist()) if label not in known]
    if unknown:
        raise ValueError(
            f"expected labels among the classes ({some_of(classes.tolist())}), got "
            f"{some_of(unknown)}. Correct the labels, or train a model with these classes"
        )


def encode_labels(y: Any, classes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Labels as indices of the columns of their probabilities.

    Parameters
    ----------
    y : array-like of shape (n,)
    classes : ndarray of shape (n_classes,)
        The label of each column, in any order.
    probabilities : ndarray of shape (n, n_classes)

    Returns
    -------
    ndarray of int of shape (n,)

    Raises
    ------
    ValueError
        If the lengths differ, or if a label is not among the classes.
    """
    y = np.asarray(y)
    if not len(y) or probabilities.shape != (len(y), len(classes)):
        raise ValueError(
            f"expected probabilities with a row for each label ({len(y)}) and a column for each "
            f"class ({len(classes)}), got shape {probabilities.shape}"
        )
    check_labels_known(y, classes)
    order = np.argsort(classes)
    y_encoded: np.ndarray = order[np.searchsorted(classes, y, sorter=order)]
    return y_encoded
