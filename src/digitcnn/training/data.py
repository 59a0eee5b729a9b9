"""Validation of images, labels and weights.

Each function takes the estimator, as scikit-learn's `validate_data` does. `check_training_data`
sets the attributes that describe the data on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight, validate_data

from digitcnn._typing import ArrayLike
from digitcnn._utils.images import (
    check_image_shape,
    check_images,
    refuse_single_image,
    resolve_image_shape,
    size_hint,
    to_images,
)
from digitcnn._utils.labels import check_labels, hold_out
from digitcnn._utils.pixel_range import check_pixel_scale, resolve_pixel_range


class TrainingData(NamedTuple):
    """Checked training data.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    y_encoded : ndarray of shape (n,), int32
        Labels encoded as indices of the classes.
    weights : ndarray of shape (n,), float32, or None
        Sample weights with mean 1.
    rows : ndarray of int
        Indices of the images to train on.
    validation : tuple of two ndarrays or None
        Images and encoded labels for validation.
    """

    images: np.ndarray
    y_encoded: np.ndarray
    weights: np.ndarray | None
    rows: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None

    def hold_out(self, fraction: float | None, seed: int) -> "TrainingData":
        """Hold out a fraction of the images, stratified by class, unless there is validation data.

        The seed is the network's, so a training that continues with the same data never holds out
        images that the network was trained on.
        """
        if fraction is None or self.validation is not None:
            return self
        kept, held = hold_out(self.y_encoded, fraction, seed)
        return self._replace(rows=kept, validation=(self.images[held], self.y_encoded[held]))


def check_training_data(
    clf: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    *,
    classes: ArrayLike | None = None,
    goes_on: bool,
) -> TrainingData:
    """Check the images, labels and weights of a fit.

    Parameters
    ----------
    clf : DigitCNNClassifier
        For a new training, `classes_`, `image_shape_`, `pixel_range_` and the attributes of
        `validate_data` are set on it.
    X, y, sample_weight : array-like
        As given to `fit`.
    classes : array-like or None, default=None
        As given to `partial_fit`.
    goes_on : bool
        Whether the training continues, so that the data must fit the fitted network.

    Raises
    ------
    ValueError
        If the data is not as `fit` describes it.
    """
    rows, given_shape = check_images(X)
    refuse_single_image(rows, y)
    with _explained(clf, rows) if goes_on else nullcontext():
        rows, labels = validate_data(clf, rows, y, reset=not goes_on, dtype="numeric")
    check_labels(labels)
    if goes_on:
        _check_image_shape(clf, given_shape)
        if classes is not None and not np.array_equal(np.unique(classes), clf.classes_):
            raise ValueError(
                f"expected the classes of the first call, {clf.classes_!r}, got {classes!r}"
            )
    else:
        shape = resolve_image_shape(clf.image_shape, rows.shape[1], given_shape)
        height, width, channels = map(int, shape)  # they may be NumPy's
        clf.image_shape_ = height, width, channels
        clf.pixel_range_ = resolve_pixel_range(clf.pixel_range, rows)
        clf.classes_ = np.unique(labels if classes is None else column_or_1d(classes))
    pixel_range = clf._fit_parameters["pixel_range"] if goes_on else clf.pixel_range
    rows = check_pixel_scale(rows, clf.pixel_range_, pixel_range, "X")
    y_encoded = _encode(clf.classes_, labels, "y")
    weights = _check_weights(clf.class_weight, sample_weight, rows, labels)
    if weights is not None and not weights.all():
        kept = weights > 0
        rows, y_encoded, weights = rows[kept], y_encoded[kept], weights[kept]
    images = to_images(rows, clf.image_shape_)
    return TrainingData(images, y_encoded, weights, np.arange(len(images)), None)


def check_validation_data(
    clf: Any, X: ArrayLike | None, y: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Check the validation data that is given to `fit`.

    Parameters
    ----------
    clf : DigitCNNClassifier
    X, y : array-like or None

    Raises
    ------
    ValueError
        If one is missing, or they do not match the training data.
    """
    if X is None and y is None:
        return None
    if X is None or y is None:
        raise ValueError("expected X_val and y_val to go together, got one of them. Give both")
    images = check_prediction_data(clf, X, "X_val")
    labels = column_or_1d(y)
    if len(images) != len(labels):
        raise ValueError(f"X_val has {len(images)} images, but y_val has {len(labels)} labels")
    return images, _encode(clf.classes_, labels, "y_val")


def check_prediction_data(clf: Any, X: ArrayLike, name: str) -> np.ndarray:
    """Check images for prediction: size and pixel range of the training data.

    Parameters
    ----------
    clf : DigitCNNClassifier
    X : array-like
    name : str
        Name of the images in error messages.

    Returns
    -------
    ndarray of shape (n, height, width, channels)

    Raises
    ------
    ValueError
        If they are of another size or plainly on another scale.
    """
    rows, given_shape = check_images(X)
    _check_image_shape(clf, given_shape)
    # For bytes of the right shape without column names, scikit-learn's checks cannot fail, but take
    # a tenth of the time of the prediction of one image.
    is_plain = (
        type(rows) is np.ndarray
        and rows.dtype == np.uint8
        and rows.shape[1:] == (clf.n_features_in_,)
        and len(rows) > 0
        and not hasattr(clf, "feature_names_in_")
    )
    if not is_plain:
        with _explained(clf, rows):
            rows = validate_data(clf, rows, reset=False, dtype="numeric")
    rows = check_pixel_scale(rows, clf.pixel_range_, clf._fit_parameters["pixel_range"], name)
    return to_images(rows, clf.image_shape_)


def _check_image_shape(clf: Any, given_shape: tuple[int, ...] | None) -> None:
    if given_shape is not None and clf._fit_parameters["image_shape"] != "pad":
        check_image_shape(given_shape, clf.image_shape_, "as in training")


@contextmanager
def _explained(clf: Any, rows: Any) -> Iterator[None]:
    """Add advice to scikit-learn's errors about rows that differ from those of the fit."""
    try:
        yield
    except ValueError as error:
        if "feature names" in str(error):
            # The user of a loaded model may not know the columns that it was fitted with.
            raise ValueError(
                f"{str(error).rstrip()}\nThe expected columns are clf.feature_names_in_: give "
                "X[clf.feature_names_in_]"
            ) from None
        shape: tuple[int, ...] = getattr(rows, "shape", ())
        is_padded = clf._fit_parameters["image_shape"] == "pad"
        if is_padded or len(shape) != 2 or shape[1] == clf.n_features_in_:
            raise
        raise ValueError(f"{error} {size_hint(shape, clf.image_shape_)}") from error


def _check_weights(
    class_weight: Any, sample_weight: Any, rows: np.ndarray, y: Any
) -> np.ndarray | None:
    """Sample weights with mean 1, or None if all are equal."""
    if sample_weight is None and class_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    weights = weights * compute_sample_weight(class_weight, y)
    if not weights.any():
        raise ValueError("expected a sample weight above zero, got zeros alone")
    weights /= weights[weights > 0].mean()
    normalized: np.ndarray = weights.astype(np.float32)
    return normalized


def _encode(classes: np.ndarray, y: np.ndarray, name: str) -> np.ndarray:
    """Encode labels as indices of the classes."""
    labels, indices = np.unique(y, return_inverse=True)
    unknown = labels[~np.isin(labels, classes)]
    if len(unknown):
        raise ValueError(
            f"{name} holds labels that are not among the {len(classes)} classes trained on: "
            f"{unknown[:5].tolist()}"
        )
    return np.searchsorted(classes, labels).astype(np.int32)[indices]
