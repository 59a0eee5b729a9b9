"""Labels that may be wrong: those that a classifier is sure are not so."""

from typing import Any

import numpy as np

from digitcnn._utils.labels import encode_labels


def suspected_label_errors(y: Any, probabilities: Any, classes: Any) -> np.ndarray:
    """The images whose labels may be wrong, after confident learning [1]_.

    A label is suspected where the classifier's answer is another one, and the answer is as sure as
    that class's images usually are: its probability is at least the mean probability of the class
    over the images that have its label. Where the answer is less sure it is rather the classifier
    that errs.

    These are suspicions, for a human to check. They are useful only where the classifier
    was not trained on the images: one that has learned a wrong label by heart agrees with it. For
    training data take the answers of `sklearn.model_selection.cross_val_predict` with
    ``method="predict_proba"``.

    Parameters
    ----------
    y : array-like of shape (n,)
        The labels.
    probabilities : array-like of shape (n, n_classes)
        What the classifier answers.
    classes : array-like of shape (n_classes,)
        The label of each column of `probabilities`.

    Returns
    -------
    ndarray of int
        The rows of the labels that are suspected. The label to which the classifier gives
        the least probability stands first.

    Raises
    ------
    ValueError
        If the lengths do not fit, or if there are labels that are no class.

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
    """The probability from which on a classifier counts as confident of each class.

    It is the mean of the class's probability over the images with its label: high for a class that
    is easy for the classifier, low for one that is hard.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    y_encoded : ndarray of shape (n,)
        The columns of the labels.

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
