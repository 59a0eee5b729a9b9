"""A classifier that leaves unanswered what it is not sure of."""

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

from digitcnn._utils.images import hold_out
from digitcnn.calibration import choose_threshold, note_confidence


class AbstainingClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Answer where the answers are wrong no more often than wanted, and nowhere else.

    It holds a part of the training data out, trains a classifier on the rest, and learns from the
    part held out how sure the classifier has to be. Where it is less sure, `predict` gives
    `no_answer`.

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
    no_answer : object, default=None
        The label that stands for none. It may not be one of the labels. None is the empty string
        where labels are strings, and where they are numbers -1, or if that is a label the next
        whole number below that is not.
    random_state : int, RandomState instance or None, default=None
        Which part is held out.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, without `no_answer`.
    classifier_ : estimator
        The fitted classifier.
    threshold_ : float
        The least probability that is an answer. Infinity, so that nothing is answered, where no
        probability was enough.
    no_answer_ : object
        The label that stands for none.
    n_features_in_ : int
        Of the fitted classifier, where it has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Likewise.

    See Also
    --------
    DigitCNNClassifier.confidence_threshold : The threshold alone.

    Notes
    -----
    The threshold holds for images like those that it was learned from. On digits from elsewhere the
    errors among the answers are more.

    `score` is the part of all images that was answered rightly: no answer is a wrong one. For the
    accuracy of what was answered, leave out where `predict` gave `no_answer_`.

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
        no_answer: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.classifier = classifier
        self.target_error_rate = target_error_rate
        self.validation_fraction = validation_fraction
        self.no_answer = no_answer
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
            If the part held out is too small for `target_error_rate`, or `no_answer` is a label.
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
        no_answer = self._choose_no_answer(np.unique(y))
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
        codes = np.searchsorted(classifier.classes_, y_val)
        self.threshold_ = choose_threshold(
            *note_confidence(probabilities, codes), target_error_rate=self.target_error_rate
        )
        self.no_answer_ = no_answer
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
        """The likeliest label of each image, or `no_answer_`.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            What the classifier takes.

        Returns
        -------
        ndarray of shape (n,)
        """
        probabilities = self.predict_proba(X)
        return with_no_answer(
            self.classes_[probabilities.argmax(axis=1)],
            probabilities.max(axis=1) >= self.threshold_,
            self.no_answer_,
        )

    def _choose_no_answer(self, classes: np.ndarray) -> Any:
        no_answer = self.no_answer
        if no_answer is None and classes.dtype.kind not in "biuf":
            no_answer = ""
        elif no_answer is None:
            no_answer = -1
            while no_answer in classes:
                no_answer -= 1
        if any(no_answer == label for label in classes.tolist()):
            raise ValueError(
                f"{no_answer!r} stands for no answer and is one of the labels too: give another "
                "no_answer"
            )
        return no_answer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = getattr(self.classifier, "__sklearn_tags__", None)
        if inner is not None:
            tags.input_tags = inner().input_tags
        # Leaving an answer out is the opposite of scoring well on every row.
        tags.classifier_tags.poor_score = True
        return tags


def with_no_answer(labels: np.ndarray, is_answered: np.ndarray, no_answer: Any) -> np.ndarray:
    """Labels, with `no_answer` in the place of those that are not answered.

    The type is one that holds both.
    """
    kind, is_one = labels.dtype.kind, not np.ndim(no_answer)
    if kind in "UM" and is_one and np.asarray(no_answer).dtype.kind == kind:
        return np.where(is_answered, labels, no_answer)
    if kind in "biuf" and isinstance(no_answer, Real):
        is_whole = isinstance(no_answer, Integral)
        number: Any = no_answer
        own = np.min_scalar_type(number) if is_whole else np.asarray(number).dtype
        dtype = np.result_type(labels.dtype, own)
        if is_whole and kind != "f" and dtype.kind == "f":
            dtype = np.dtype(object)  # of uint64 and -1 NumPy makes float64, which rounds
        return np.where(is_answered, labels.astype(dtype), np.array(no_answer, dtype))
    filling = np.empty((), object)
    filling[()] = no_answer
    return np.where(is_answered, labels.astype(object), filling)


def _rows(X: Any, indices: np.ndarray) -> Any:
    """Some rows of whatever holds them."""
    # scikit-learn 1.6 takes an Arrow table for an array.
    return X.take(indices) if hasattr(X, "combine_chunks") else _safe_indexing(X, indices)
