"""What probabilities are worth, and from which one on an answer may be given.

All of it is learned from validation data: images that the network was not trained on.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

# Of the temperature's logarithm, before anything was seen: a normal distribution about 0 of this
# deviation. A hundred images hardly outweigh it, ten thousand do not notice it.
_DEVIATION = 0.5
# Temperatures that are looked at.
_BOUNDS = (0.05, 20.0)


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities made less sure of themselves, or surer.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float32
    temperature : float
        What the logarithms are divided by: above 1 takes sureness away. 1 changes nothing.

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
    with np.errstate(over="ignore"):  # a temperature near 0 leaves the likeliest class alone
        powers = np.exp((logarithms - logarithms.max(axis=1, keepdims=True)) / temperature)
    tempered: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return tempered


def fit_temperature(probabilities: np.ndarray, codes: np.ndarray) -> float:
    """The temperature under which the true labels are the likeliest [1]_.

    With few images, or none read wrongly, a temperature near 1 is taken to be likelier than others,
    so that ten images do not make the network infinitely sure of itself.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
        Of images that the network was not trained on.
    codes : ndarray of shape (n,)
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
    >>> boastful = np.tile([[0.99, 0.01]], (100, 1))  # and right in seven of ten
    >>> fit_temperature(boastful, np.arange(100) % 10 >= 7) > 3
    True
    """
    logarithms = _logarithms(probabilities)
    own = logarithms[np.arange(len(codes)), np.asarray(codes, dtype=int)]

    def surprise(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        largest = logarithms.max(axis=1, keepdims=True)
        sums = np.log(np.exp((logarithms - largest) * factor).sum(axis=1))
        losses = sums - (own - largest[:, 0]) * factor
        return float(losses.sum() + 0.5 * (log_temperature / _DEVIATION) ** 2)

    low, high = np.log(_BOUNDS)
    return float(np.exp(minimize_scalar(surprise, bounds=(low, high), method="bounded").x))


def note_confidence(probabilities: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How sure each answer was, and whether it was right.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    codes : ndarray of shape (n,)
        The columns of the true labels.

    Returns
    -------
    confidences : ndarray of shape (n,), float32
        The probability of the likeliest class.
    hits : ndarray of shape (n,), bool
    """
    confidences = probabilities.max(axis=1).astype(np.float32)
    return confidences, probabilities.argmax(axis=1) == codes


def choose_threshold(confidences: np.ndarray, hits: np.ndarray, target_error_rate: float) -> float:
    """The least confidence from which on answers are wrong no more often than wanted.

    Of k answers with e errors the error rate is put at (e + 1) / (k + 1): one more error than was
    seen, for what is seen once in so many may not have been seen yet.

    Parameters
    ----------
    confidences : ndarray of shape (n,)
        Of images that the network was not trained on.
    hits : ndarray of shape (n,), bool
        Whether their answers were right.
    target_error_rate : float
        The error rate wanted among the answers, between 0 and 1.

    Returns
    -------
    float
        Infinity, so that nothing is answered, where no confidence is enough.

    Raises
    ------
    ValueError
        If there are too few images to tell, were they all read rightly.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.calibration import choose_threshold
    >>> hits = np.arange(100) >= 20  # the twenty least sure ones are wrong
    >>> choose_threshold(np.arange(100) / 100, hits, target_error_rate=0.1)
    0.13
    """
    needed = int(np.ceil(1 / target_error_rate)) - 1
    if len(hits) < needed:
        raise ValueError(
            f"expected at least {needed} validation images for target_error_rate="
            f"{target_error_rate:g}, got {len(hits)}. Hold more out, or accept a larger rate"
        )
    order = np.argsort(-confidences, kind="stable")
    sorted_confidences = confidences[order]
    answered = np.arange(1, len(order) + 1)
    rates = (np.cumsum(~hits[order]) + 1) / (answered + 1)
    # Equal confidences are answered together or not at all.
    is_last = np.append(sorted_confidences[1:] < sorted_confidences[:-1], True)
    enough = np.flatnonzero((rates <= target_error_rate) & is_last)
    return float(sorted_confidences[enough[-1]]) if len(enough) else float("inf")


def confidence_threshold(clf: Any, target_error_rate: float) -> float:
    """The confidence from which on a fitted classifier's answers are wrong no more often.

    Parameters
    ----------
    clf : object
        With `validation_confidences_` and `validation_hits_`, as `note_confidence` gives them.
    target_error_rate : float
        The error rate wanted among the answers, between 0 and 1.

    Raises
    ------
    ValueError
        If it is no such number, if there was no validation data, or too little.
    """
    if not 0 < target_error_rate < 1:
        raise ValueError(f"expected target_error_rate between 0 and 1, got {target_error_rate!r}")
    if getattr(clf, "validation_hits_", None) is None:
        raise ValueError(
            "a confidence for an error rate is learned from validation data, and there was none: "
            "give validation_fraction, or X_val and y_val to fit"
        )
    return choose_threshold(clf.validation_confidences_, clf.validation_hits_, target_error_rate)


def calibration_error(probabilities: np.ndarray, codes: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error [1]_: how far confidence and accuracy lie apart.

    The images are put into `n_bins` bins of equal width by their confidence. The error is the mean
    over the images of the distance between their bin's mean confidence and its accuracy.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    codes : ndarray of shape (n,)
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
    confidences, hits = note_confidence(np.asarray(probabilities), np.asarray(codes))
    bins = np.clip(np.ceil(confidences * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=confidences.astype(float) - hits, minlength=n_bins)
    return float(round(np.abs(gaps).sum() / len(hits), 7))


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's interval, of 95%, for a part of which `hits` of `n` were seen."""
    from scipy.stats import binomtest  # takes a second that the estimator need not wait for

    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Of what underflowed to 0 as of the least number that did not."""
    least = np.finfo(np.float32).tiny
    return np.log(np.maximum(probabilities, least), dtype=np.float64)
