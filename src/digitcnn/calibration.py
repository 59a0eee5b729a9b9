"""Calibration of probabilities, and confidence thresholds that keep an error rate.

Both are learned from validation data: images that the network was not trained on.
"""

from typing import Any

import numpy as np

from digitcnn._utils.ensembles import last_step

# The prior of the temperature's logarithm is normal with mean 0 and this standard deviation. A
# hundred images hardly outweigh it; for ten thousand it makes no difference.
_DEVIATION = 0.5
# Search range of the temperature.
_BOUNDS = (0.05, 20.0)


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Scale the confidence of probabilities by a temperature.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float32
    temperature : float
        Divisor of the logarithms. Above 1 it lowers the confidence; 1 changes nothing.

    Returns
    -------
    ndarray of shape (n, n_classes), float32

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.calibration import with_temperature
    >>> with_temperature(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]], dtype=float32)
    """
    if temperature == 1.0:
        return probabilities
    logarithms = _logarithms(probabilities)
    with np.errstate(over="ignore"):  # a temperature near 0 leaves one class
        powers = np.exp((logarithms - logarithms.max(axis=1, keepdims=True)) / temperature)
    tempered: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return tempered


def fit_temperature(probabilities: np.ndarray, y_encoded: np.ndarray) -> float:
    """Fit the temperature with the largest posterior probability to labelled images [1]_.

    The prior favours temperatures near 1. Without it, a few images that are all classified
    correctly would make the network infinitely confident.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
        Predicted for images that the network was not trained on.
    y_encoded : ndarray of shape (n,)
        The columns of the true labels.

    Returns
    -------
    float

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks",
       ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.calibration import fit_temperature
    >>> overconfident = np.tile([[0.99, 0.01]], (100, 1))  # and correct in seven of ten
    >>> fit_temperature(overconfident, np.arange(100) % 10 >= 7) > 3
    True
    """
    from scipy.optimize import minimize_scalar  # slow to import, and needed by a fit alone

    logarithms = _logarithms(probabilities)
    own = logarithms[np.arange(len(y_encoded)), np.asarray(y_encoded, dtype=int)]

    def loss(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        largest = logarithms.max(axis=1, keepdims=True)
        sums = np.log(np.exp((logarithms - largest) * factor).sum(axis=1))
        losses = sums - (own - largest[:, 0]) * factor
        return float(losses.sum() + 0.5 * (log_temperature / _DEVIATION) ** 2)

    low, high = np.log(_BOUNDS)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def confidence_and_correctness(
    probabilities: np.ndarray, y_encoded: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How confident each answer is, and whether it is correct.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    y_encoded : ndarray of shape (n,)
        The columns of the true labels.

    Returns
    -------
    confidences : ndarray of shape (n,), float32
        The probability of the most probable class.
    correct : ndarray of shape (n,), bool
    """
    confidences = probabilities.max(axis=1).astype(np.float32)
    return confidences, probabilities.argmax(axis=1) == y_encoded


def choose_threshold(
    confidences: np.ndarray, correct: np.ndarray, target_error_rate: float
) -> float:
    """Choose the smallest confidence above which predictions keep a target error rate.

    The error rate of k predictions with e errors is estimated as (e + 1) / (k + 1), so that zero
    observed errors do not mean zero risk.

    Parameters
    ----------
    confidences : ndarray of shape (n,)
        Of images that the network was not trained on.
    correct : ndarray of shape (n,), bool
        Whether each prediction is correct.
    target_error_rate : float
        The largest accepted error rate among the predictions kept, between 0 and 1.

    Returns
    -------
    float
        The threshold; infinity, so that everything is rejected, if no confidence suffices.

    Raises
    ------
    ValueError
        If there are too few images, even if all were classified correctly.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.calibration import choose_threshold
    >>> correct = np.arange(100) >= 20  # the twenty least confident are wrong
    >>> choose_threshold(np.arange(100) / 100, correct, target_error_rate=0.1)
    0.13
    """
    needed = int(np.ceil(1 / target_error_rate)) - 1
    if len(correct) < needed:
        raise ValueError(
            f"expected at least {needed} validation images for target_error_rate="
            f"{target_error_rate:g}, got {len(correct)}. Hold more out, or accept a larger rate"
        )
    order = np.argsort(-confidences, kind="stable")
    sorted_confidences = confidences[order]
    answered = np.arange(1, len(order) + 1)
    rates = (np.cumsum(~correct[order]) + 1) / (answered + 1)
    # Images of equal confidence are kept or rejected together.
    is_last = np.append(sorted_confidences[1:] < sorted_confidences[:-1], True)
    enough = np.flatnonzero((rates <= target_error_rate) & is_last)
    return float(sorted_confidences[enough[-1]]) if len(enough) else float("inf")


def confidence_threshold(clf: Any, target_error_rate: float) -> float:
    """The smallest confidence above which a fitted classifier keeps a target error rate.

    Parameters
    ----------
    clf : object
        Its `validation_confidences_` and `validation_correct_` are from
        `confidence_and_correctness`.
    target_error_rate : float
        As of `choose_threshold`.

    Raises
    ------
    ValueError
        If the rate is out of range, or if there was no validation data or too little.
    """
    if not 0 < target_error_rate < 1:
        raise ValueError(f"expected target_error_rate between 0 and 1, got {target_error_rate!r}")
    clf = last_step(clf)  # the last step of a pipeline was calibrated
    if getattr(clf, "validation_correct_", None) is None:
        raise ValueError(
            "expected a classifier fitted with validation data, got one without. Give "
            "validation_fraction, or X_val and y_val to fit"
        )
    return choose_threshold(clf.validation_confidences_, clf.validation_correct_, target_error_rate)


def calibration_error(probabilities: np.ndarray, y_encoded: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error [1]_: the mean gap between confidence and accuracy.

    The images are divided into `n_bins` bins of equal width by their confidence. The error is the
    mean over the images of the absolute difference between mean confidence and accuracy in their
    bin.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    y_encoded : ndarray of shape (n,)
        The columns of the true labels.
    n_bins : int, default=15

    Returns
    -------
    float

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks",
       ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.calibration import calibration_error
    >>> calibration_error(np.tile([[0.9, 0.1]], (4, 1)), np.array([0, 0, 0, 1]))
    0.15
    """
    confidences, correct = confidence_and_correctness(
        np.asarray(probabilities), np.asarray(y_encoded)
    )
    bins = np.clip(np.ceil(confidences * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=confidences.astype(float) - correct, minlength=n_bins)
    return float(round(np.abs(gaps).sum() / len(correct), 7))


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval for a proportion with `correct` of `n` observed."""
    from scipy.stats import binomtest  # takes a second that the estimator need not wait for

    interval = binomtest(correct, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms, with the smallest positive float32 in place of probabilities of 0."""
    least = np.finfo(np.float32).tiny
    logarithms: np.ndarray = np.log(np.maximum(probabilities, least), dtype=np.float64)
    return logarithms
