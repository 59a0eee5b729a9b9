"""Labels that may be wrong, because a classifier confidently predicts another class."""

import numpy as np

from digitcnn._typing import ArrayLike
from digitcnn._utils.labels import encode_labels


def suspected_label_errors(
    y: ArrayLike, probabilities: ArrayLike, classes: ArrayLike
) -> np.ndarray:
    """Find labels that may be wrong, after confident learning [1]_.

    A label is suspected if the classifier predicts another class with a probability of at least the
    mean probability of that class over the images that have its label. Below that mean, a
    misclassification is the more likely explanation.

    Check the suspected labels yourself. Use probabilities for images that the classifier was not
    trained on: a classifier that has memorised a wrong label agrees with it. For training data,
    take the predictions of `sklearn.model_selection.cross_val_predict` with
    ``method="predict_proba"``.

    Parameters
    ----------
    y : array-like of shape (n,)
        The labels.
    probabilities : array-like of shape (n, n_classes)
        The predicted probabilities.
    classes : array-like of shape (n_classes,)
        The label of each column of `probabilities`.

    Returns
    -------
    ndarray of int
        Row numbers of the suspected labels, sorted by the predicted probability of the label, the
        smallest first.

    Raises
    ------
    ValueError
        If the lengths differ, or if y has labels that are not among the classes.

    Notes
    -----
    In [1]_ an image counts for the most probable of the classes whose thresholds it reaches. Here
    the most probable class of all must reach its own threshold, so that every suspected label is an
    error of the classifier too.

    References
    ----------
    .. [1] C. Northcutt, L. Jiang, I. Chuang, "Confident learning: estimating uncertainty in
       dataset labels", Journal of Artificial Intelligence Research 70, 2021.

    Examples
    --------
    >>> from digitcnn.label_errors import suspected_label_errors
    >>> probabilities = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.98, 0.02], [0.45, 0.55]]
    >>> suspected_label_errors(["a", "b", "b", "b", "a"], probabilities, ["a", "b"])
    array([3])

    The last image is misclassified too, but without confidence.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    y_encoded = encode_labels(y, np.asarray(classes), probabilities)
    answers = probabilities.argmax(axis=1)
    thresholds = class_thresholds(probabilities, y_encoded)
    is_sure = probabilities.max(axis=1) >= thresholds[answers]
    suspected = np.flatnonzero((answers != y_encoded) & is_sure)
    own = probabilities[suspected, y_encoded[suspected]]
    return suspected[np.argsort(own, kind="stable")]


def class_thresholds(probabilities: np.ndarray, y_encoded: np.ndarray) -> np.ndarray:
    """The probability above which a prediction of each class counts as confident.

    It is the mean predicted probability of the class over the images with its label: high for an
    easy class, low for a hard one.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    y_encoded : ndarray of shape (n,)
        The labels, encoded as columns of the probabilities.

    Returns
    -------
    ndarray of shape (n_classes,)
        Infinity for a class without images.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.label_errors import class_thresholds
    >>> class_thresholds(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([0, 0]))
    array([0.5, inf])
    """
    n_classes = probabilities.shape[1]
    counts = np.bincount(y_encoded, minlength=n_classes)
    own = probabilities[np.arange(len(y_encoded)), y_encoded].astype(float)
    sums = np.bincount(y_encoded, own, minlength=n_classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
