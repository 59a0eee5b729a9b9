"""A classifier with a reject option: it gives no answer where it is not confident enough."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import _safe_indexing, assert_all_finite, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    has_fit_parameter,
)

from digitcnn._utils.labels import encode_labels, hold_out
from digitcnn.calibration import choose_threshold, confidence_and_correctness


class AbstainingClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Answer only where a target error rate is kept: classification with a reject option [1]_.

    It holds a part of the training data out, trains a classifier on the rest, and learns from the
    part held out the least confidence at which the answers keep the target error rate. Below it,
    `predict` gives `reject_label`.

    Parameters
    ----------
    classifier : estimator
        Any classifier with `predict_proba`. It is cloned. A `DigitCNNClassifier` watches its
        accuracy on the part held out and fits its temperature there.
    target_error_rate : float, default=0.001
        The largest share of wrong ones among the answers that you accept, between 0 and 1.
    validation_fraction : float, default=0.1
        Part of the training data, drawn by class, that is held out. At least
        ``1 / target_error_rate`` images are needed.
    reject_label : object, default=None
        What `predict` gives instead of a label. It must not be one of the labels. None chooses it:
        the empty string where labels are strings; where they are numbers, -1 or the next whole
        number below that is no label.
    random_state : int, RandomState instance or None, default=None
        Which part is held out.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, without `reject_label`.
    classifier_ : estimator
        The fitted classifier.
    threshold_ : float
        The least confidence that gives an answer: the largest probability of an image. Infinity,
        so that nothing is answered, where no confidence was enough.
    reject_label_ : object
        What `predict` gives instead of a label.
    n_features_in_ : int
        Of the fitted classifier, where it has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Likewise.

    See Also
    --------
    DigitCNNClassifier.confidence_threshold : The threshold alone.

    Notes
    -----
    The threshold holds for images like those that it was learned from. Digits from elsewhere have
    more errors among the answers.

    `score` is the share of all images that were answered correctly: a rejected image counts as an
    error. For the accuracy of the answers alone, leave out the images with `reject_label_`.

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

    def __init__(
        self,
        classifier: Any,
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "AbstainingClassifier":
        """Train the classifier, and learn its threshold.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            What the classifier takes.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,) or None, default=None
            For the classifier. The threshold weighs all images alike.

        Returns
        -------
        AbstainingClassifier
            This estimator.

        Raises
        ------
        ValueError
            If the part held out is too small for `target_error_rate`, or `reject_label` is a label.
        """
        for name in ("target_error_rate", "validation_fraction"):
            value: Any = getattr(self, name)
            is_number: Any = isinstance(value, Real)
            if not is_number or not 0 < value < 1:
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
        X, y = indexable(X, column_or_1d(y, warn=True))
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        reject_label = self._choose_reject_label(np.unique(y))
        kept, held = hold_out(y, self.validation_fraction, self.random_state)
        # Before the training, which may take long.
        choose_threshold(np.ones(len(held)), np.ones(len(held), dtype=bool), self.target_error_rate)
        X_val, y_val = _rows(X, held), y[held]
        arguments: dict[str, Any] = {}
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            arguments["sample_weight"] = weights[kept]
        if has_fit_parameter(self.classifier, "X_val"):
            arguments |= {"X_val": X_val, "y_val": y_val}
        classifier = clone(self.classifier).fit(_rows(X, kept), y[kept], **arguments)
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

    def predict_proba(self, X: Any) -> np.ndarray:
        """The classifier's probabilities, of answers and of none.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            What the classifier takes.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        check_is_fitted(self)
        probabilities: np.ndarray = self.classifier_.predict_proba(X)
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each image, or `reject_label_`.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            What the classifier takes.

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = getattr(self.classifier, "__sklearn_tags__", None)
        if inner is not None:
            tags.input_tags = inner().input_tags
        # Leaving an answer out is the opposite of scoring well on every row.
        tags.classifier_tags.poor_score = True
        return tags


def with_reject_label(labels: np.ndarray, is_answered: np.ndarray, reject_label: Any) -> np.ndarray:
    """Labels, with `reject_label` where there is no answer, in a type that holds both."""
    kind, is_one = labels.dtype.kind, not np.ndim(reject_label)
    if kind in "UM" and is_one and np.asarray(reject_label).dtype.kind == kind:
        return np.where(is_answered, labels, reject_label)
    if kind in "biuf" and isinstance(reject_label, Real):
        is_whole = isinstance(reject_label, Integral)
        number: Any = reject_label
        own = np.min_scalar_type(number) if is_whole else np.asarray(number).dtype
        dtype = np.result_type(labels.dtype, own)
        if is_whole and kind != "f" and dtype.kind == "f":
            dtype = np.dtype(object)  # of uint64 and -1 NumPy makes float64, which rounds
        return np.where(is_answered, labels.astype(dtype), np.array(reject_label, dtype))
    filling = np.empty((), object)
    filling[()] = reject_label
    return np.where(is_answered, labels.astype(object), filling)


def _rows(X: Any, indices: np.ndarray) -> Any:
    """Some rows of whatever holds them."""
    # scikit-learn 1.6 takes an Arrow table for an array.
    return X.take(indices) if hasattr(X, "combine_chunks") else _safe_indexing(X, indices)
