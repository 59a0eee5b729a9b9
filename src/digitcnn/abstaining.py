"""A classifier with a reject option for predictions of low confidence."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import Tags, _safe_indexing, assert_all_finite, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    has_fit_parameter,
)

from digitcnn._typing import ArrayLike
from digitcnn._utils.labels import encode_labels, hold_out
from digitcnn.calibration import choose_threshold, confidence_and_correctness


class AbstainingClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier with a reject option [1]_ that keeps a target error rate.

    `fit` holds out a part of the training data, trains a classifier on the rest, and finds the
    smallest confidence on the holdout set at which the predictions keep the target error rate.
    Below that threshold, `predict` returns `reject_label`.

    Parameters
    ----------
    classifier : estimator
        A classifier with `predict_proba`. It is cloned. A `DigitCNNClassifier` also uses the
        holdout set as validation data, and fits its temperature to it.
    target_error_rate : float, default=0.001
        The largest accepted error rate among the images that are not rejected, between 0 and 1.
    validation_fraction : float, default=0.1
        Fraction of the training data that is held out, stratified by class. The holdout set needs
        at least ``1 / target_error_rate`` images.
    reject_label : object, default=None
        What `predict` returns for a rejected image. It must not be one of the labels. None chooses
        the empty string for string labels, and for numbers -1 or the next lower integer that is not
        a label.
    random_state : int, RandomState instance or None, default=None
        Seed of the split.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, without `reject_label`.
    classifier_ : estimator
        The fitted classifier.
    threshold_ : float
        The smallest confidence (largest probability of an image) that is not rejected. Infinity, so
        that everything is rejected, if no confidence suffices.
    reject_label_ : object
        What `predict` returns for a rejected image.
    n_features_in_ : int
        As of the fitted classifier, if it has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Likewise.

    See Also
    --------
    DigitCNNClassifier.confidence_threshold : Only the threshold.

    Notes
    -----
    The threshold is valid for images like those in the training data. Images from another source
    have a higher error rate.

    `score` counts a rejected image as an error. For the accuracy of the other images, leave out
    those with `reject_label_`.

    References
    ----------
    .. [1] C. K. Chow, "On optimum recognition error and reject tradeoff", IEEE Transactions on
       Information Theory 16(1), 1970.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from digitcnn import AbstainingClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = AbstainingClassifier(KNeighborsClassifier(9), target_error_rate=0.02, random_state=0)
    >>> labels = clf.fit(X[:1000], y[:1000]).predict(X[1000:])
    >>> answered = labels != -1
    >>> bool((labels == y[1000:])[answered].mean() > (labels == y[1000:]).mean())
    True
    """

    classes_: np.ndarray
    classifier_: Any
    threshold_: float
    reject_label_: Any

    def __init__(
        self,
        classifier: BaseEstimator,
        *,
        target_error_rate: float = 0.001,
        validation_fraction: float = 0.1,
        reject_label: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.classifier = classifier
        self.target_error_rate = target_error_rate
        self.validation_fraction = validation_fraction
        self.reject_label = reject_label
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier and its threshold.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Input of the classifier.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,) or None, default=None
            Sample weights for the classifier. The threshold is computed without weights.

        Returns
        -------
        AbstainingClassifier
            This estimator.

        Raises
        ------
        ValueError
            If the holdout set is too small for `target_error_rate`, or `reject_label` is a label.
        """
        for name in ("target_error_rate", "validation_fraction"):
            value: Any = getattr(self, name)
            if not isinstance(value, Real) or not 0 < float(value) < 1:
                raise ValueError(f"expected {name} between 0 and 1, got {value!r}")
        if not hasattr(self.classifier, "predict_proba"):
            raise ValueError(
                f"expected a classifier with predict_proba, got {self.classifier!r}. Put a "
                "sklearn.calibration.CalibratedClassifierCV around it"
            )
        if y is None:
            raise ValueError(
                "AbstainingClassifier requires y to be passed, but the target y is None"
            )
        rows: Any
        labels: np.ndarray
        rows, labels = indexable(X, column_or_1d(y, warn=True))
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        reject_label = self._choose_reject_label(np.unique(labels))
        kept, held = hold_out(labels, self.validation_fraction, self.random_state)
        # Fails before the training, which may take long.
        choose_threshold(np.ones(len(held)), np.ones(len(held), dtype=bool), self.target_error_rate)
        X_val, y_val = _rows(rows, held), labels[held]
        arguments: dict[str, Any] = {}
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, rows, ensure_non_negative=True)
            arguments["sample_weight"] = weights[kept]
        if has_fit_parameter(self.classifier, "X_val"):
            arguments |= {"X_val": X_val, "y_val": y_val}
        classifier = clone(self.classifier).fit(_rows(rows, kept), labels[kept], **arguments)
        probabilities = classifier.predict_proba(X_val)
        y_encoded = encode_labels(y_val, classifier.classes_, probabilities)
        confidences, correct = confidence_and_correctness(probabilities, y_encoded)
        self.threshold_ = choose_threshold(confidences, correct, self.target_error_rate)
        self.reject_label_ = reject_label
        self.classifier_ = classifier
        self.classes_ = classifier.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(classifier, name):
                setattr(self, name, getattr(classifier, name))
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the classifier's probabilities, for rejected images too.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Input of the classifier.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        check_is_fitted(self)
        probabilities: np.ndarray = self.classifier_.predict_proba(X)
        return probabilities

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the most probable label of each image, or `reject_label_`.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Input of the classifier.

        Returns
        -------
        ndarray of shape (n,)
        """
        probabilities = self.predict_proba(X)
        return with_reject_label(
            self.classes_[probabilities.argmax(axis=1)],
            probabilities.max(axis=1) >= self.threshold_,
            self.reject_label_,
        )

    def _choose_reject_label(self, classes: np.ndarray) -> Any:
        reject_label = self.reject_label
        if reject_label is None and classes.dtype.kind not in "biuf":
            reject_label = ""
        elif reject_label is None:
            reject_label = -1
            while reject_label in classes:
                reject_label -= 1
        if any(reject_label == label for label in classes.tolist()):
            raise ValueError(
                f"expected a reject_label that is not one of the labels, got {reject_label!r}. "
                "Give another"
            )
        return reject_label

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = getattr(self.classifier, "__sklearn_tags__", None)
        if inner is not None:
            tags.input_tags = inner().input_tags
        # Rejected images count as errors in `score`.
        tags.classifier_tags.poor_score = True
        return tags


def with_reject_label(labels: np.ndarray, is_answered: np.ndarray, reject_label: Any) -> np.ndarray:
    """Replace the labels of rejected images, in a type that can hold both."""
    kind, is_one = labels.dtype.kind, not np.ndim(reject_label)
    if kind in "UM" and is_one and np.asarray(reject_label).dtype.kind == kind:
        return np.where(is_answered, labels, reject_label)
    if kind in "biuf" and isinstance(reject_label, Real):
        is_whole = isinstance(reject_label, Integral)
        number: Any = reject_label
        own = np.min_scalar_type(number) if is_whole else np.asarray(number).dtype
        dtype = np.result_type(labels.dtype, own)
        if is_whole and kind != "f" and dtype.kind == "f":
            dtype = np.dtype(object)  # NumPy combines uint64 and -1 to float64, which rounds
        return np.where(is_answered, labels.astype(dtype), np.array(reject_label, dtype))
    filling = np.empty((), object)
    filling[()] = reject_label
    return np.where(is_answered, labels.astype(object), filling)


def _rows(X: Any, indices: np.ndarray) -> Any:
    """Select rows of an array or a table."""
    # scikit-learn 1.6 treats an Arrow table as an array.
    return X.take(indices) if hasattr(X, "combine_chunks") else _safe_indexing(X, indices)
