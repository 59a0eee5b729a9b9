"""Calibration of the string recogniser: how often lines of a given probability are right."""

import json
import math
from dataclasses import dataclass

_CLOSEST = 1e-6  # Least distance of a probability from 0 and 1.


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration that was measured on lines outside of the training data.

    Attributes
    ----------
    slope, offset : float
        A linear map of the logit of a line's probability, by Platt scaling [1]_.
    thresholds : tuple of pairs of float (error, confidence)
        The share of wrong lines among those with this confidence or a higher one. Errors increase.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to
       regularized likelihood methods", Advances in Large Margin Classifiers, MIT Press, 1999.
    """

    slope: float = 1.0
    offset: float = 0.0
    thresholds: tuple[tuple[float, float], ...] = ()

    def confidence(self, probability: float) -> float:
        """The calibrated confidence of a line from its probability."""
        p = min(max(probability, _CLOSEST), 1 - _CLOSEST)
        return 1 / (1 + math.exp(-(self.slope * math.log(p / (1 - p)) + self.offset)))

    def threshold(self, max_error: float) -> float:
        """The lowest confidence from which on at most this share of the lines is wrong."""
        least = 1.0
        for error, confidence in self.thresholds:
            if error <= max_error:
                least = min(least, confidence)
        return least

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps([self.slope, self.offset, self.thresholds])

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Read the result of `to_json`."""
        slope, offset, thresholds = json.loads(text)
        return cls(slope, offset, tuple((error, confidence) for error, confidence in thresholds))
